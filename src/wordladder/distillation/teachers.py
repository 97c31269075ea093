"""What teachers say of texts: their scores, the mean of several, in the order of a student's labels."""

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import SettingError
from ..files.streams import atomic_write
from ..interop.no_task import NoTask
from ..model.model import Model
from ..tasks._decoding import sigmoid, softmax

TASKS = ("classification", "pairs", "regression", "similarity", "tagging")
NUMBERS = ("regression", "similarity")  # the tasks whose answers are numbers
_PROBE = 4  # texts that a teacher is recognised by


class Teachers:
    """One model or several, with the same task and labels.

    Args:
        models: The models.
        cache: The folder that keeps their scores of texts; None keeps none.

    Raises:
        SettingError: they do not answer the same question.

    Attributes:
        task: The kind of their task.
        columns: The labels or tags that the first one scores, in its order.
    """

    def __init__(self, models: Sequence[Model], cache: Path | None = None) -> None:
        self.models, self.cache = list(models), cache
        self.task = self.models[0].recipe_.task
        for one in self.models:
            if isinstance(one.task_, NoTask):
                raise SettingError(
                    f"{one.recipe_.name}: this encoder has no task; it teaches vectors: "
                    'objective = "vectors", and a student of similarity'
                )
        if self.task not in TASKS:
            raise SettingError(f"a teacher of {self.task} cannot be distilled; of {', '.join(TASKS)} it can")
        self.columns = self._names(self.models[0])
        for one in self.models[1:]:
            if one.recipe_.task != self.task or sorted(self._names(one)) != sorted(self.columns):
                raise SettingError("the teachers have different tasks or labels")

    @staticmethod
    def _names(model: Model) -> list[str]:
        """What the columns of its scores are."""
        return list(model.task_.tag_set.names if model.task_.per_word else model.task_.labels)

    def ask(self, examples: Examples) -> list[Any]:
        """The scores of each teacher."""
        return [self._scores(model, examples) for model in self.models]

    def labels(self, asked: list[Any]) -> list[Any]:
        """What they would answer: the mean of their numbers, or the labels or spans of the first one."""
        found = [model.task_.predictions(scores) for model, scores in zip(self.models, asked)]
        if self.task in NUMBERS:
            return [float(one) for one in np.mean(found, axis=0)]
        return list(map(tuple, found[0])) if self.task == "tagging" else list(found[0])

    def scores(self, asked: list[Any], columns: Sequence[str]) -> list[NDArray[np.float32]]:
        """The mean scores of each text, or of its words, in the order of the student's columns."""
        parts = []
        for model, found in zip(self.models, asked):
            own, values = self._names(model), found.values if self.task == "tagging" else found
            parts.append(values[:, [own.index(name) for name in columns]] if columns else values)
        mean = (parts[0] if len(parts) == 1 else self._mean(np.stack(parts))).astype(np.float32)
        return np.split(mean, asked[0].tokens.offsets[1:-1]) if self.task == "tagging" else list(mean)

    def starts(self, asked: list[Any]) -> list[NDArray[np.int32]] | None:
        """Where the words of each text begin; None where whole texts have scores.

        Raises:
            SettingError: the teachers find different words.
        """
        if self.task != "tagging":
            return None
        tokens = [found.tokens for found in asked]
        if any(not np.array_equal(one.starts, tokens[0].starts) for one in tokens):
            raise SettingError("the teachers find different words, so their scores have no mean")
        return np.split(tokens[0].starts, tokens[0].offsets[1:-1])

    def _mean(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """The scores of mean probabilities."""
        several = getattr(self.models[0].task_, "multi_label", False)
        shares = np.mean(
            [(sigmoid if several else softmax)(one.astype(np.float64)) for one in scores], axis=0
        )
        shares = shares.clip(1e-7, 1 - 1e-7)
        return np.log(shares) - several * np.log1p(-shares)

    def _scores(self, model: Model, examples: Examples) -> Any:
        """The scores of a teacher; of texts from the cache, if it has them."""
        if self.task == "tagging":
            return model.scores(examples)
        rows = range(len(examples))
        return kept_answers(
            lambda some: model.scores(examples.take(some)), rows, self.cache, examples.segments
        )


def kept_answers(
    ask: Callable[[Any], Any], rows: Sequence[Any], cache: Path | None, texts: Any = None
) -> Any:
    """What a teacher says of rows, from the cache if it is there.

    Args:
        ask: Asks it; the answers are an array.
        rows: The texts, or what `ask` takes instead.
        cache: The folder; None keeps nothing.
        texts: The texts.
    """
    if cache is None:
        return ask(rows)
    named = json.dumps(rows if texts is None else texts).encode("ascii")
    known = ask(rows[:_PROBE])
    path = cache / f"teacher-{sha256(known.tobytes() + named).hexdigest()[:32]}.npy"
    if path.exists():
        return np.load(path, allow_pickle=False)
    found = ask(rows)
    cache.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.save(file, found, allow_pickle=False)
    return found
