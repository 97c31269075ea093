"""Scores and targets of words: one row a word, text after text, without padding."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..layers.padding import pad
from ..text import Tokens

__all__ = ["IGNORED", "WordScores", "WordTargets"]

IGNORED = -100  # the target of a place that has none, as torch counts it


@dataclass(frozen=True, eq=False)
class WordScores:
    """What a network says of every word.

    Attributes:
        values: `(words, width)` float32, unnormalised.
        tokens: The words.
    """

    values: NDArray[np.float32]
    tokens: Tokens

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

    def __getitem__(self, rows: NDArray[np.int64]) -> Tensor:
        """The tags of some examples, `(batch, time)`, `IGNORED` behind each end."""
        lengths = np.diff(self.offsets)[rows]
        ends = np.concatenate([[0], np.cumsum(lengths)])
        words = np.arange(ends[-1]) + np.repeat(self.offsets[rows] - ends[:-1], lengths)
        padded, mask = pad(torch.from_numpy(self.values[words]), ends)
        return padded.masked_fill(~mask, IGNORED)
