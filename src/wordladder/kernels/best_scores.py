# mypy: ignore-errors
"""The highest scores of many queries, kept while a matrix of scores is computed tile by tile.

Each query has a short list in falling order. A score that does not beat the last one of its list costs one
comparison; nearly all scores are like that, so going through a tile costs less than computing it.
"""

from numba import njit


@njit(nogil=True, inline="always")
def _insert(score, candidate, query, ids, scores):
    """Insert into the list of a query; of equal scores the one that came first stays in front."""
    at = len(scores) - 1
    while at > 0 and scores[at - 1, query] < score:
        scores[at, query], ids[at, query] = scores[at - 1, query], ids[at - 1, query]
        at -= 1
    scores[at, query], ids[at, query] = score, candidate


@njit(nogil=True, cache=True)
def keep_best(tile, row, column, both, ids, scores):
    """Put the scores of a tile into the lists of its rows and, where each score is also that of the column
    with the row, into those of its columns.

    Args:
        tile: `(rows, columns)` float32.
        row: The number of its first row: a query.
        column: The number of its first column: a candidate.
        both: Whether columns are queries too, and rows candidates.
        ids: The candidates of each list, `(k, queries)` int64, changed in place.
        scores: Their scores in falling order, −inf where there are none yet, `(k, queries)` float32, changed
            in place. The last row is what scores are compared with, one after another in memory.
    """
    last = len(scores) - 1
    for r in range(tile.shape[0]):
        least = scores[last, row + r]
        for c in range(tile.shape[1]):
            score = tile[r, c]
            if score > least:
                _insert(score, column + c, row + r, ids, scores)
                least = scores[last, row + r]
            if both and score > scores[last, column + c]:
                _insert(score, row + r, column + c, ids, scores)
