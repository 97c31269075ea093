"""Scores and targets of words: one row for each word, one text after the other, without padding; and what
tasks on words share.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError
from ..text.words import Tokens

IGNORED = -100  # the target of a position that has none, as in torch


@dataclass(frozen=True, eq=False)
class WordScores:
    """A model's scores of every word.

    Attributes:
        values: `(words, width)` float32, unnormalised.
        tokens: The words.
        chain: The TagChain with the scores of neighbouring tags, if there are any.
        decoded: A cache of what was decoded from the scores.
    """

    values: NDArray[np.float32]
    tokens: Tokens
    chain: Any = None
    decoded: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.tokens)


@dataclass(frozen=True, eq=False)
class WordTargets:
    """The gold tag of every word.

    Attributes:
        values: `(words,)` int64.
        offsets: The words of example `i` are `[i]:[i + 1]`, `(examples + 1,)`.
    """

    values: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tags of some examples, `(batch, time)`, padded with `IGNORED`."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        steps = np.arange(max(1, lengths.max(initial=0)))
        tags = np.full((len(rows), len(steps)), IGNORED)
        is_word = steps < lengths[:, None]
        tags[is_word] = self.values[(starts[:, None] + steps)[is_word]]
        return tags


class WordTask:
    """What tasks on words share."""

    per_word = True
    higher_is_better = True

    def criterion(self, metric: float, scores: WordScores, examples: Examples) -> float:
        """The primary metric."""
        return metric

    def _gold(self, examples: Examples) -> list[tuple[Any, ...]]:
        """The gold spans or answers of each row."""
        return [row if isinstance(row, tuple) else () for row in examples.labels or ()]

    def _check_labels(self, examples: Examples, kind: type, missing: str, expected: str) -> None:
        """Raise a DataError where the labels are not lists of `kind`."""
        if examples.labels is None:
            raise DataError(f"{examples.source}: {missing}, and there are none to learn from")
        for row, label in enumerate(examples.labels):
            if not isinstance(label, list | tuple) or not all(isinstance(part, kind) for part in label):
                raise DataError(f"{examples.location(row)}: {expected}, not {label!r}")
