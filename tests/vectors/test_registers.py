"""Each register operation against the same thing in NumPy."""

import numpy as np
import pytest
from numba import njit

from wordladder.kernels import simd as r
from wordladder.kernels.simd import LANES, ROWS

WIDTH = 2 * LANES


@njit
def _products(array, rows, row, sums):
    total = r.zeros(ROWS)
    for at in range(0, WIDTH, LANES):
        total = r.multiply_add(r.gather(array, rows, 1, at, total), r.load(array, row + at), total)
    r.store(sums, 0, r.sums(total))


@njit
def _spread(array, rows, weights, row):
    """Add weights · row to the rows, and weights · rows to the row."""
    for at in range(0, WIDTH, LANES):
        shares = r.broadcast(weights, 1, r.zeros(ROWS))
        old, here = r.gather(array, rows, 0, at, shares), r.load(array, row + at)
        r.scatter_add(array, rows, 0, at, r.multiply_add(shares, here, r.zeros(ROWS)))
        r.store(array, row + at, r.add(r.weighted(shares, old, here), r.zeros(1)))
        r.prefetch(array, row + at)


@njit
def _gradients(dots, labels, rates, out):
    for at in range(0, len(dots), LANES):
        r.store(out, at, r.gradients(r.load(dots, at), r.load(labels, at), r.load(rates, at)))


@pytest.fixture
def array():
    return np.random.default_rng(0).normal(size=12 * WIDTH).astype(np.float32)


def test_scalar_products(array):
    rows = np.array([0, *np.random.default_rng(1).integers(0, 12, ROWS)]) * WIDTH
    sums = np.full(LANES, 9, np.float32)
    _products(array, rows, 3 * WIDTH, sums)
    table = array.reshape(12, WIDTH)
    np.testing.assert_allclose(sums[:ROWS], table[rows[1:] // WIDTH] @ table[3], rtol=1e-4, atol=1e-5)
    assert not sums[ROWS:].any()


def test_a_row_named_twice_gets_both(array):
    rows = np.array([5, *range(6, 4 + ROWS), 5]) * WIDTH
    weights = np.arange(ROWS + 1, dtype=np.float32)
    table = array.reshape(12, WIDTH).astype(np.float64)
    expected, numbers = table.copy(), rows // WIDTH
    np.add.at(expected, numbers, weights[1:, None] * table[1])
    expected[1] += weights[1:] @ table[numbers]
    _spread(array, rows, weights, WIDTH)
    np.testing.assert_allclose(array.reshape(12, WIDTH), expected, rtol=1e-5, atol=1e-5)


def test_the_sigmoid_is_right_everywhere():
    dots = np.concatenate([np.linspace(-20, 20, 4096 - 2), [-1e30, 1e30]]).astype(np.float32)
    labels, rates = np.zeros_like(dots), np.ones_like(dots)
    labels[::2], rates[::3] = 1, 0.5
    out = np.empty_like(dots)
    _gradients(dots, labels, rates, out)
    with np.errstate(over="ignore"):
        expected = (labels - 1 / (1 + np.exp(-dots.astype(np.float64)))) * rates
    np.testing.assert_allclose(out, expected, atol=1e-6)
