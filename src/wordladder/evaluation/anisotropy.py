"""How alike the vectors of any two texts are: the mean cosine of random pairs (Ethayarajh 2019)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

HIGH = 0.5
MEANING = (
    "the vectors of all texts point in similar directions: judge a cosine by how far it is above the mean of "
    "random pairs, not by its size"
)
_ROWS = 8192  # vectors scaled to length one at once


def anisotropy(texts: Sequence[str], vectors: NDArray[np.float32]) -> float | None:
    """The mean cosine of all pairs of distinct texts, which is what random pairs have on average.

    If it is high (above 0.5, say), the vectors of all texts point in similar directions: then a cosine is to
    be judged by how far it is above this mean, not by its size. The squared length of the sum of all unit
    vectors is the sum of all cosines, so no pair is computed by itself. Zero vectors are left out.

    Source: Ethayarajh 2019, "How Contextual are Contextualized Word Representations?"

    Args:
        texts: The texts; of one that is repeated, a single vector counts.
        vectors: Their vectors `(texts, dim)`.

    Returns:
        The mean; None if there are fewer than two vectors.
    """
    rows = np.array([*{text: row for row, text in enumerate(texts)}.values()], np.int64)
    total, count = np.zeros(vectors.shape[1]), 0
    for start in range(0, len(rows), _ROWS):
        block = vectors[rows[start : start + _ROWS]].astype(np.float64)
        lengths = np.linalg.norm(block, axis=1)
        total += (block[lengths > 0] / lengths[lengths > 0, None]).sum(axis=0)
        count += int((lengths > 0).sum())
    return None if count < 2 else float((total @ total - count) / (count * (count - 1)))
