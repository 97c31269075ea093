# mypy: ignore-errors
"""The softmax of one right class of each row among sampled ones: loss and gradient in one pass over scores in
bfloat16, where a chain of operations on float32 takes ten.
"""

import numpy as np
from numba import njit

from .half import narrowed, widened
from .recurrent_cells import exponential

_0, _LEAST = np.float32(0), np.float32(-1e30)
_LANES = 16  # maxima that are kept side by side, as no vector code is made of a single one


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def compete(scores, bias, right, hits, share, d_right):
    """Overwrite scores by the gradient of the loss.

    Args:
        scores: Of the sampled classes without their bias, `(rows, samples)`, bfloat16 as int16; overwritten.
        bias: `(samples,)`.
        right: The score of each row's right class, bias included, `(rows,)`.
        hits: The sampled class that is the right one, and does not count, or -1: `(rows,)`.
        share: What each row counts in the loss, `(rows,)`.
        d_right: The gradient of `right` is written here.

    Returns:
        The loss, and the gradient of `bias`.
    """
    samples, loss = len(bias), 0.0
    sums, d_bias = np.full(-(-samples // _LANES) * _LANES, _LEAST), np.zeros(samples, np.float32)
    lanes = np.empty(_LANES, np.float32)
    for r in range(len(scores)):
        row, own = scores[r], right[r]
        for j in range(samples):
            sums[j] = widened(row[j]) + bias[j]
        if hits[r] >= 0:
            sums[hits[r]] = _LEAST
        lanes[:] = own
        for j in range(0, samples, _LANES):
            for k in range(_LANES):
                lanes[k] = max(lanes[k], sums[j + k])
        most = lanes.max()
        total = exponential(own - most)
        d_right[r] = total
        for j in range(samples):
            sums[j] = exponential(sums[j] - most)
        if hits[r] >= 0:
            sums[hits[r]] = _0
        for j in range(samples):
            total += sums[j]
        scale = share[r] / total
        d_right[r] = d_right[r] * scale - share[r]
        loss += share[r] * (np.log(total) + most - own)
        for j in range(samples):
            d_score = sums[j] * scale
            d_bias[j] += d_score
            row[j] = narrowed(d_score)
    return loss, d_bias
