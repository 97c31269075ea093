"""The scalar mix against its formula in NumPy."""

import numpy as np
import pytest
import torch

from wordladder.layers.sequence import ScalarMix


def layers(count=4):
    return list(torch.randn(count, 2, 5, 3, generator=torch.Generator().manual_seed(1)).unbind())


def test_it_starts_as_the_mean():
    torch.testing.assert_close(ScalarMix(4)(layers()), torch.stack(layers()).mean(dim=0))


def test_it_is_the_formula():
    mix, scalars = ScalarMix(4), np.array([0.3, -2.0, 1.5, 0.0], np.float32)
    with torch.no_grad():
        mix.scalars.copy_(torch.from_numpy(scalars))
        mix.gamma.fill_(1.7)
    shares = np.exp(scalars) / np.exp(scalars).sum()
    expected = 1.7 * sum(share * layer.numpy() for share, layer in zip(shares, layers()))
    np.testing.assert_allclose(mix(layers()).detach().numpy(), expected, rtol=1e-5, atol=1e-6)
    assert mix.weights.sum().item() == pytest.approx(1.7)


def test_gradients_reach_weights_and_layers():
    mix, given = ScalarMix(4), [layer.requires_grad_() for layer in layers()]
    mix(given).square().sum().backward()
    assert mix.scalars.grad.all()
    assert mix.gamma.grad
    assert all(layer.grad.all() for layer in given)


def test_the_number_of_layers_must_be_right():
    with pytest.raises(ValueError, match="zip"):
        ScalarMix(3)(layers())
