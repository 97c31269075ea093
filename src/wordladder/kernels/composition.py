# mypy: ignore-errors
"""Vectors of words from their parts, summed in the order in which fastText sums them.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3.2.
"""

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def means(own: np.ndarray, rows: np.ndarray, offsets: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """The mean of each word's row of `own` and the rows of its parts: (words, dim) float32.

    Word `i` has the rows `parts[offsets[i]:offsets[i + 1]]` of `rows`; a part below zero is none. The sum is
    one float32 addition after the other: another order gives other last bits.
    """
    found = np.empty(own.shape, np.float32)
    dim = own.shape[1]
    for i in range(len(found)):
        count = 1
        for j in range(dim):
            found[i, j] = own[i, j]
        for at in range(offsets[i], offsets[i + 1]):
            part = parts[at]
            if part < 0:
                continue
            count += 1
            for j in range(dim):
                found[i, j] += rows[part, j]
        share = np.float32(1.0 / count)
        for j in range(dim):
            found[i, j] *= share
    return found
