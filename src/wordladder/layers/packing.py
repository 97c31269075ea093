"""Texts of different lengths without padding: their words in packed order, for one reader from the start and
one from the end.

Packed order has the first words of all texts, then the second words, and so on, the longest text first. Since
a text that has ended never comes back, row r of a step goes on from row r of the step before. It is the order
of torch's `PackedSequence`.
"""

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Packing(NamedTuple):
    """Where packed words stand in a batch `(texts, time)` that is read row after row.

    Attributes:
        places: The place of each packed word, for the reader from the start and for the one from the end,
            `(2, words)`.
        counts: Words of each step, `(steps,)`, never rising.
    """

    places: Tensor
    counts: Tensor


def pack(lengths: NDArray[np.int64], time: int) -> Packing:
    """The packed order of texts with so many words each, in a batch that is `time` wide."""
    order = np.argsort(-lengths, kind="stable")
    own = lengths[order]
    steps, rows = (np.arange(max(own, default=0))[:, None] < own).nonzero()
    starts = order[rows] * time
    places = np.stack([starts + steps, starts + own[rows] - 1 - steps])
    return Packing(torch.from_numpy(places), torch.from_numpy(np.bincount(steps).astype(np.int64)))
