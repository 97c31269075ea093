"""Pooling against a loop over the texts."""

import pytest
import torch

from wordladder.layers.sequence import Pooling, Sequence

TWINS = {
    "max": lambda words: words.max(0).values,
    "mean": lambda words: words.mean(0),
    "sum": lambda words: words.sum(0),
    "first": lambda words: words[0],
    "last": lambda words: words[-1],
}


@pytest.mark.parametrize("kind", TWINS)
def test_each_text_alone(kind):
    lengths = torch.tensor([3, 0, 7, 1])
    mask = torch.arange(7) < lengths[:, None]
    vectors = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(0)) - 3
    vectors = (vectors * mask[..., None]).requires_grad_()
    pooled = Pooling(kind)(Sequence(vectors, mask))
    for row, length in enumerate(lengths.tolist()):
        expected = TWINS[kind](vectors[row, :length]) if length else torch.zeros(5)
        torch.testing.assert_close(pooled[row], expected)
    pooled.sum().backward()
    assert torch.isfinite(vectors.grad).all()
    assert not vectors.grad[~mask].any()
