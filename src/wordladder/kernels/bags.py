# mypy: ignore-errors
"""A bag of rows that learns as one: its mean, or sum, meets the targets, and all its rows move alike.

The bag is the neighbours of a word in CBOW, the parts of a word in fastText, a whole text in its classifier.
"""

import numpy as np

from .compiling import inlined
from .sampling import Draws, Weights
from .simd import LANES, ROWS, add, broadcast, gather, load, multiply_add, scatter_add, store, weighted, zeros


@inlined
def pool_rows(
    matrix: np.ndarray,
    rows: np.ndarray,
    begin: int,
    end: int,
    width: int,
    factor: np.ndarray,
    hidden: np.ndarray,
) -> None:
    """Write the sum of `rows[begin:end]` of the matrix, times `factor[0]`, to `hidden`."""
    for at in range(0, width, LANES):
        total, more = zeros(1), zeros(1)
        for i in range(begin, end - 1, 2):  # two sums: an addition does not wait for the one before
            total = add(total, load(matrix, rows[i] + at))
            more = add(more, load(matrix, rows[i + 1] + at))
        if (end - begin) & 1:
            total = add(total, load(matrix, rows[end - 1] + at))
        store(hidden, at, multiply_add(add(total, more), broadcast(factor, 0, total), zeros(1)))


@inlined
def learn_targets(
    hidden: np.ndarray, weights: Weights, draws: Draws, side: int, scores: np.ndarray, move: np.ndarray
) -> None:
    """Move every target by score · hidden, and write to `move` the sum of scores · targets as they were."""
    outputs, first = weights.outputs, side * draws.size
    for at in range(0, weights.width, LANES):
        pooled, total = load(hidden, at), zeros(1)
        for block in range(0, draws.counts[side], ROWS):
            shares = broadcast(scores, block, zeros(ROWS))
            total = weighted(shares, gather(outputs, draws.targets, first + block, at, shares), total)
            scatter_add(outputs, draws.targets, first + block, at, multiply_add(shares, pooled, zeros(ROWS)))
        store(move, at, total)


@inlined
def move_rows(
    matrix: np.ndarray,
    rows: np.ndarray,
    begin: int,
    end: int,
    width: int,
    factor: np.ndarray,
    move: np.ndarray,
) -> None:
    """Add `move` times `factor[0]` to each of `rows[begin:end]`."""
    for at in range(0, width, LANES):
        step = load(move, at)
        step = multiply_add(step, broadcast(factor, 0, step), zeros(1))
        for i in range(begin, end):
            store(matrix, rows[i] + at, add(load(matrix, rows[i] + at), step))
