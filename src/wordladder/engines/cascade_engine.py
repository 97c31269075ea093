"""Several models that answer in turn: each text goes on to the next one until one is sure enough.

cascade.json  how sure each stage has to be
stages/N/     the models, the cheapest first
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import ModelError
from ..files.json_files import read_validated, write_json
from ..recipe import Recipe, build
from ..tasks._decoding import sigmoid, softmax
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


class CascadeEngine(Engine):
    """The stages and the task that they share; of classification and pairs.

    Args:
        recipe: The recipe of the last stage.
        open_stage: Opens the `Model` in a folder; only needed to restore a cascade.
    """

    def __init__(self, recipe: Recipe, open_stage: Callable[[Path], Any] | None = None) -> None:
        self.recipe, self._open_stage = recipe, open_stage
        # Sets of labels are calibrated for a single model, so a cascade promises none.
        self.task = build("tasks", recipe.tables["task"] | {"guarantee": None})
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
        self.task.set_labels(list(last.labels), multi_label=last.multi_label)
        self._columns = [[stage.task_.labels.index(label) for label in last.labels] for stage in stages]

    def scores(self, examples: Examples) -> NDArray[np.float64]:
        """Scores `(rows, labels)`, comparable between the stages."""
        return self.route(examples)[0]

    def route(self, examples: Examples) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The scores, and the number of the stage that answered each row."""
        rows, stages = np.arange(len(examples)), np.zeros(len(examples), np.int64)
        found = np.zeros((len(examples), len(self.task.labels)))
        for number, stage in enumerate(self.stages):
            own = stage.task_.decisions(stage.scores(examples.take(rows)))[:, self._columns[number]]
            found[rows], stages[rows] = own, number
            if number < len(self.stages) - 1:
                sure = confidence(own, several=self.task.multi_label) >= self.cascade.thresholds[number]
                rows = rows[~sure]
            if not len(rows):
                break
        return found, stages

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """Vectors of texts, which there are none of.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self.recipe.name}: a cascade has no vectors of texts; its stages may have some")

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


def confidence(scores: NDArray[np.float64], *, several: bool | None) -> NDArray[np.float64]:
    """How sure a model is of its answer, `(rows,)`: the probability of the label; of several labels a text
    that of the least certain decision.

    Args:
        scores: The `decisions` of a task, `(rows, labels)`.
        several: Whether a text may have several labels.
    """
    if not several:
        return softmax(scores).max(axis=1) if len(scores) else np.zeros(0)
    positive = sigmoid(scores)
    return np.maximum(positive, 1 - positive).min(axis=1, initial=1.0)
