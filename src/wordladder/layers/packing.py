"""The packed order of texts of different lengths, without padding, for a forward and a backward reader.

Packed order has the first words of all texts, then the second words, and so on, the longest text first, as in
torch's `PackedSequence`. A text that has ended does not come back, so row r of a step continues row r of the
step before.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Packing(NamedTuple):
    """Where packed words are in a batch `(texts, time)` that is read row after row.

    Attributes:
        places: The place of each packed word, for the forward and for the backward reader, `(2, words)`.
        counts: Words of each step, `(steps,)`, never rising.
    """

    places: NDArray[np.int64]
    counts: NDArray[np.int64]


def pack(lengths: NDArray[np.int64], time: int, texts: NDArray[np.int64] | None = None) -> Packing:
    """The packed order of texts with so many words each, in a batch that is `time` wide.

    Args:
        lengths: Words of each text of the batch.
        time: Words in a row of the batch.
        texts: The rows that are packed, the longest text first; left out, all.
    """
    texts = np.argsort(-lengths, kind="stable") if texts is None else texts
    own = lengths[texts]
    steps, rows = (np.arange(own.max(initial=0))[:, None] < own).nonzero()
    starts = texts[rows] * time
    return Packing(np.stack([starts + steps, starts + own[rows] - 1 - steps]), np.bincount(steps))
