"""The packed order of texts of different lengths, without padding, for a forward and a backward reader.

Packed order has the first words of all texts, then the second words, and so on, the longest text first, as in
torch's `PackedSequence`. A text that has ended does not come back, so row r of a step continues row r of the
step before.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def pack(lengths: Ints, time: int, texts: Ints | None = None) -> tuple[Ints, Ints]:
    """The packed order of texts with so many words each, in a batch that is `time` wide.

    Args:
        lengths: Words of each text of the batch.
        time: Words in a row of the batch.
        texts: The rows that are packed, the longest text first; left out, all.

    Returns:
        The place of each packed word in the batch `(texts, time)`, read row after row, for the forward and
        for the backward reader, `(2, words)`; and the words of each step, `(steps,)`, never rising.
    """
    texts = np.argsort(-lengths, kind="stable") if texts is None else texts
    own = lengths[texts]
    steps, rows = (np.arange(own.max(initial=0))[:, None] < own).nonzero()
    starts = texts[rows] * time
    return np.stack([starts + steps, starts + own[rows] - 1 - steps]), np.bincount(steps)
