"""Means of the rows of a matrix by groups."""

from itertools import pairwise

import numpy as np

from ..text.words import offsets_of


def means_of_rows(matrix: np.ndarray, owners: np.ndarray, groups: int) -> np.ndarray:
    """The mean of the rows of each group, `(groups, dim)` float32; zero where there are none.

    A sum for each group is ten times as fast as `np.add.at`, with the same result.

    Args:
        matrix: The rows.
        owners: The number of the group of each row, in rising order.
        groups: The number of groups.
    """
    counts = np.bincount(owners, minlength=groups)
    means = np.zeros((groups, matrix.shape[1]), np.float32)
    for group, (low, high) in enumerate(pairwise(offsets_of(counts).tolist())):
        means[group] = matrix[low:high].sum(axis=0)
    means /= np.maximum(1, counts)[:, None].astype(np.float32)
    return means
