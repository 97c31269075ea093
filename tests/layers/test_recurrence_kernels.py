"""The kernels under the recurrent layers, piece by piece against NumPy and torch in double precision."""

import numpy as np
import pytest
import torch

from wordladder.kernels import recurrence
from wordladder.kernels import recurrent_cells as gates


def random(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("rows", [1, 2, 5, 8])
@pytest.mark.parametrize("depth", [1, 2, 7, 64])
@pytest.mark.parametrize("width", [1, 2 * recurrence.PANEL, 2 * recurrence.PANEL + 3])
def test_product_is_a_matrix_product(rows, depth, width):
    a, w = random(rows, depth), random(depth, width)
    packed = recurrence.panels(w)
    c = random(rows, len(packed) * recurrence.PANEL)
    expected = c[:, :width] + a @ w
    upright, lying = c.copy(), c.copy()
    place = (0, depth * recurrence.PANEL, recurrence.PANEL)
    recurrence.product(a, 0, depth, 1, rows, packed, *place, depth, width, upright, 0)
    recurrence.product(a.T.copy(), 0, 1, rows, rows, packed, *place, depth, width, lying, 0)
    np.testing.assert_allclose(upright[:, :width], expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(lying, upright)


def test_panels_hold_every_column_once():
    matrix = random(3, recurrence.PANEL + 5)
    packed = recurrence.panels(matrix)
    assert packed.shape == (2, 3, recurrence.PANEL)
    np.testing.assert_array_equal(np.concatenate(packed, axis=1)[:, : matrix.shape[1]], matrix)
    assert not packed[1, :, 5:].any()


def test_activations_are_those_of_torch_over_the_whole_range():
    x = np.concatenate([np.linspace(-20, 20, 40_000), [-1e4, -88, 88, 1e4, np.inf, -np.inf]]).astype(
        np.float32
    )
    tanh, memory = x.copy(), np.zeros_like(x)
    gates.rnn_forward(tanh, np.empty_like(x))
    np.testing.assert_allclose(tanh, np.tanh(x.astype(np.float64)), rtol=0, atol=1.3e-7)
    sums = np.concatenate([x, x, np.full_like(x, 50), x])  # what is new is one: c is the input gate
    gates.lstm_forward(sums, memory, memory, np.empty_like(x))
    exact = torch.sigmoid(torch.from_numpy(x).double()).numpy()
    np.testing.assert_allclose(memory, exact, rtol=0, atol=1.3e-7)


def test_nan_stays_nan():
    hidden = np.zeros(3, np.float32)
    gates.rnn_forward(np.array([np.nan, 1, np.nan], np.float32), hidden)
    assert np.isnan(hidden).tolist() == [True, False, True]
