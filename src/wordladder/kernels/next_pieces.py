# mypy: ignore-errors
"""What a decoder needs of the scores of the next piece: the best few of each row, and what normalises all."""

import numpy as np
from numba import njit

from . import recurrent_cells
from .compiling import fingerprint
from .recurrent_cells import exponential

_INLINED = fingerprint(recurrent_cells.__file__)
_STRIDE = 512  # scores so far apart are passed over together where the highest of them is too low


@njit(inline="always")
def _insert(score, piece, best, ids):
    at = len(best) - 1
    while at > 0 and best[at - 1] < score:
        best[at], ids[at] = best[at - 1], ids[at - 1]
        at -= 1
    best[at], ids[at] = score, piece


@njit(nogil=True, cache=True, fastmath={"contract", "reassoc", "nnan", "nsz"}, error_model="numpy")
def best_of_rows(bits, shift, bias, first, last, room, best, ids, whole, _=_INLINED):
    """Find the highest scores of rows `first` to `last`, of equal ones any, and log Σ exp of each row.

    Args:
        bits: The bits of the scores without the bias, `(rows, pieces)`: uint32 of float32, uint16 of
            bfloat16.
        shift: By how much bits are shifted to be those of float32: 0 or 16.
        bias: Is added to each row, `(pieces,)` float32; −inf for what never comes.
        first, last: The rows.
        room: As `room_for` makes it.
        best: The scores, in falling order, `(rows, k)` float32.
        ids: Where they are, `(rows, k)` int64.
        whole: `(rows,)` float32.
    """
    pieces, k, size = len(bias), best.shape[1], len(room) - _STRIDE
    scores, tops = room[:size].view(np.float32), room[size:].view(np.float32)
    scores[pieces:] = -np.inf
    for row in range(first, last):
        for c in range(pieces):
            room[c] = np.uint32(bits[row, c]) << np.uint32(shift)
        for c in range(pieces):
            scores[c] += bias[c]
        tops[:] = -np.inf
        for start in range(0, size, _STRIDE):
            for j in range(_STRIDE):  # as many maxima side by side: one alone would wait for each comparison
                tops[j] = max(tops[j], scores[start + j])
        highest, total = tops.max(), np.float32(0)
        for c in range(pieces):
            total += exponential(scores[c] - highest)
        whole[row] = highest + np.log(total)
        best[row] = -np.inf
        ids[row] = 0
        for j in range(_STRIDE):
            if tops[j] > best[row, k - 1]:
                for c in range(j, pieces, _STRIDE):
                    if scores[c] > best[row, k - 1]:
                        _insert(scores[c], c, best[row], ids[row])


def room_for(pieces):
    """What one row needs: its scores, and the highest of those that are `_STRIDE` apart."""
    return np.empty(-(-pieces // _STRIDE) * _STRIDE + _STRIDE, np.uint32)
