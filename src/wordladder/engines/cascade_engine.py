"""Several models that answer in turn: each text goes on to the next one until one is sure enough.

cascade.json  how sure each stage has to be
stages/N/     the models, the cheapest first
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import ModelError
from ..files.json_files import read_validated, write_json
from ..recipe import Recipe, build
from ..text.listed import Piece
from .engine import Engine

CASCADE_FILE, STAGES = "cascade.json", "stages"


@dataclass(frozen=True)
class Cascade:
    """The content of `cascade.json`.

    Attributes:
        thresholds: How sure each stage but the last has to be to answer: a calibrated probability.
        names: What the stages are called.
        version: Of this layout.
    """

    thresholds: list[float]
    names: list[str]
    version: int = 1


class Part(NamedTuple):
    """What one model says, of the texts that it reads.

    Attributes:
        task: Its task.
        scores: Its scores.
        rows: The numbers of these texts, `(texts,)`.
        answered: Which of them it answers, `(texts,)`.
    """

    task: Any
    scores: Any
    rows: NDArray[np.int64]
    answered: NDArray[np.bool_]


@dataclass(frozen=True)
class RoutedScores:
    """The scores of several models, each for some of the texts.

    Attributes:
        parts: Those of each.
        count: The number of texts.
    """

    parts: Sequence[Part]
    count: int

    def __len__(self) -> int:
        """The number of texts."""
        return self.count


class CascadeEngine(Engine):
    """The stages and the task that they share; of classification, pairs and tagging.

    Args:
        recipe: The recipe of the last stage.
        open_stage: Opens the `Model` in a folder; only needed to restore a cascade.
    """

    def __init__(self, recipe: Recipe, open_stage: Callable[[Path], Any] | None = None) -> None:
        self.recipe, self._open_stage = recipe, open_stage
        # Sets of labels are calibrated for a single model, so a cascade promises none.
        settings = recipe.tables["task"] | {"guarantee": None}
        self.task: Any
        self._tags = settings["kind"] == "tagging"
        if self._tags:
            from .routed_tagging import RoutedTagging

            self.task = RoutedTagging(**{key: settings[key] for key in settings.keys() - {"kind"}})
        else:
            self.task = build("tasks", settings)
        self.stages: list[Any] = []
        self.cascade = Cascade([], [])

    def set_stages(self, stages: Sequence[Any], names: Sequence[str], thresholds: Sequence[float]) -> None:
        """Use these models, the cheapest first.

        Args:
            stages: Models that know the same labels.
            names: What they are called.
            thresholds: How sure all but the last have to be.

        Raises:
            ModelError: they answer different questions.
        """
        last = stages[-1].task_
        for name, stage in zip(names, stages):
            if stage.recipe_.task != self.recipe.task or sorted(stage.task_.labels) != sorted(last.labels):
                raise ModelError(f"{name}: it has another task or other labels than {names[-1]}")
        self.stages, self.cascade = list(stages), Cascade(list(thresholds), list(names))
        if self._tags:
            self.task.set_labels(list(last.labels), last.tag_set.scheme)
            return
        self.task.set_labels(list(last.labels), multi_label=last.multi_label)
        self._columns = [[stage.task_.labels.index(label) for label in last.labels] for stage in stages]

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, comparable between the stages; for tagging `RoutedScores`."""
        parts = list(self._parts(examples))
        if self._tags:
            return RoutedScores(parts, len(examples))
        found = np.zeros((len(examples), len(self.task.labels)))
        for part, columns in zip(parts, self._columns):
            found[part.rows] = part.task.decisions(part.scores)[:, columns]
        return found

    def route(self, examples: Examples) -> NDArray[np.int64]:
        """The number of the stage that answers each row."""
        stages = np.zeros(len(examples), np.int64)
        for number, part in enumerate(self._parts(examples)):
            stages[part.rows] = number
        return stages

    def _parts(self, examples: Examples) -> Iterator[Part]:
        """What each stage says of the rows that come to it."""
        rows = np.arange(len(examples))
        for number, stage in enumerate(self.stages):
            scores = stage.scores(examples.take(rows))
            answered = np.ones(len(rows), bool)
            if number < len(self.stages) - 1:
                answered = stage.task_.sure(scores) >= self.cascade.thresholds[number]
            yield Part(stage.task_, scores, rows, answered)
            rows = rows[~answered]
            if not len(rows):
                break

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """Vectors of texts, which there are none of.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self.recipe.name}: a cascade has no vectors of texts; its stages may have some")

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        """What the last stage reads."""
        return self.stages[-1].engine_.pieces(texts)

    def keep(self, folder: Path) -> None:
        """Write the stages."""
        (folder / STAGES).mkdir()
        for number, stage in enumerate(self.stages):
            stage.save(folder / STAGES / str(number))
        write_json(folder / CASCADE_FILE, vars(self.cascade))
        self.task.keep(folder)

    def restore(self, folder: Path) -> None:
        """Read the stages.

        Raises:
            ModelError: a stage is missing, or this was written by a later version.
        """
        saved = read_validated(folder / CASCADE_FILE, Cascade)
        if saved.version != 1:
            raise ModelError(f"{folder}: written by a later version of wordladder")
        assert self._open_stage is not None
        stages = [self._open_stage(folder / STAGES / str(number)) for number in range(len(saved.names))]
        self.set_stages(stages, saved.names, saved.thresholds)
