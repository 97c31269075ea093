"""Scores and targets of words: one row a word, text after text, without padding."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..text.words import Tokens

IGNORED = -100  # the target of a place that has none, as torch counts it


@dataclass(frozen=True, eq=False)
class WordScores:
    """What a model says of every word.

    Attributes:
        values: `(words, width)` float32, unnormalised.
        tokens: The words.
        chain: The TagChain of what it says of neighbouring tags, where it says anything.
        decoded: What has been found in the scores, for those who ask again.
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
    """The right tag of every word.

    Attributes:
        values: `(words,)` int64.
        offsets: The words of example `i` are `[i]:[i + 1]`, `(examples + 1,)`.
    """

    values: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tags of some examples, `(batch, time)`, `IGNORED` behind each end."""
        starts, lengths = self.offsets[rows], np.diff(self.offsets)[rows]
        places = np.arange(max(1, lengths.max(initial=0)))
        tags = np.full((len(rows), len(places)), IGNORED)
        is_word = places < lengths[:, None]
        tags[is_word] = self.values[(starts[:, None] + places)[is_word]]
        return tags
