"""The highest of many scores, block by block."""

import numpy as np

ROWS = 1 << 14  # taken at once: a memory-mapped matrix is never copied whole


def highest(scores: np.ndarray, count: int) -> np.ndarray:
    """The rows of the `count` highest scores in descending order; ties in the order of rows."""
    rows = np.zeros(0, np.int64)
    least = -np.inf
    for start in range(0, len(scores) if count else 0, ROWS):
        rows = np.append(rows, np.flatnonzero(scores[start : start + ROWS] > least) + start)
        if len(rows) > count:
            rows = rows[np.argsort(-scores[rows], kind="stable")[:count]]
            rows.sort()
            least = scores[rows].min()
    return rows[np.argsort(-scores[rows], kind="stable")]
