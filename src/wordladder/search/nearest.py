"""The nearest vectors by exact search: every score is computed, a tile of the matrix at a time."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, check_at_least
from ..progress import Progress, quiet

_ROWS = 1024  # of a tile, and columns: 4 MB of scores, whatever the number of vectors


class Nearest(NamedTuple):
    """The nearest vectors of each query, the nearest first.

    Attributes:
        ids: Their rows, `(queries, k)` int64.
        scores: Their dot products with the query, `(queries, k)` float32.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]


def nearest(
    vectors: NDArray[np.float32],
    queries: NDArray[np.float32] | None = None,
    k: int = 10,
    *,
    progress: Progress = quiet,
) -> Nearest:
    """The `k` vectors with the highest dot product with each query, all there are if there are fewer.

    Of vectors of length one (`unit_vectors`) these are cosines, and a zero vector has a cosine of 0 with all.
    Of equal scores the lower row comes first. If vectors are compared with each other, each tile serves
    its rows and its columns, so that half of the matrix is never computed.

    Args:
        vectors: `(rows, dim)`, perhaps memory-mapped.
        queries: `(queries, dim)`; None: each vector is compared with all others.
        k: The number of neighbours.
        progress: Called with the number of tiles.

    Raises:
        SettingError: `k` is below 1.
        DataError: queries and vectors differ in length.
    """
    from ..kernels.best_scores import keep_best

    check_at_least(1, k=k)
    each_other = queries is None
    queries = vectors if queries is None else queries
    if vectors.shape[1] != queries.shape[1]:
        raise DataError(f"vectors of {vectors.shape[1]} and of {queries.shape[1]} numbers cannot be compared")
    k = max(0, min(k, len(vectors) - each_other))
    ids = np.full((k, len(queries)), -1, np.int64)
    scores = np.full((k, len(queries)), -np.inf, np.float32)
    tiles = [
        (row, column)
        for row in range(0, len(queries) if k else 0, _ROWS)
        for column in range(row if each_other else 0, len(vectors), _ROWS)
    ]
    memory = np.empty(_ROWS * _ROWS, np.float32)
    for done, (row, column) in enumerate(tiles, start=1):
        rows = np.asarray(queries[row : row + _ROWS], np.float32)
        columns = np.asarray(vectors[column : column + _ROWS], np.float32)
        tile = memory[: len(rows) * len(columns)].reshape(len(rows), len(columns))
        np.matmul(rows, columns.T, out=tile)
        if each_other and row == column:
            np.fill_diagonal(tile, -np.inf)
        keep_best(tile, row, column, each_other and row != column, ids, scores)
        progress("comparing", done, len(tiles))
    return Nearest(np.ascontiguousarray(ids.T), np.ascontiguousarray(scores.T))
