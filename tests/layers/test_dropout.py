"""Dropout by bytes: the share, the scale, the gradient, and where it is torch's own."""

import pytest
import torch
from torch import nn

from wordladder.layers.dropout import ByteDropout, use_byte_dropout


@pytest.mark.parametrize("share", [0.1, 0.5, 0.003, 1.0])
def test_a_share_is_dropped_and_the_rest_scaled(share):
    torch.manual_seed(1)
    vectors = torch.ones(301, 1003, requires_grad=True)
    out = ByteDropout(share)(vectors)
    rounded = round(share * 256) / 256
    dropped = (out == 0).float().mean().item()
    assert dropped == pytest.approx(rounded, abs=0.003)
    if share < 1:
        assert out.max().item() == pytest.approx(1 / (1 - rounded))
        assert out.mean().item() == pytest.approx(1, abs=0.01)
        by_column = (out == 0).float().mean(dim=0)  # no place of the eight is dropped more than others
        assert by_column.std().item() == pytest.approx((rounded * (1 - rounded) / 301) ** 0.5, rel=0.2)
    out.sum().backward()
    torch.testing.assert_close(vectors.grad, out.detach())


def test_it_is_a_function_of_the_seed_and_off_in_evaluation():
    vectors, dropout = torch.randn(5, 7), ByteDropout(0.3)
    torch.manual_seed(2)
    first = dropout(vectors)
    torch.manual_seed(2)
    torch.testing.assert_close(dropout(vectors), first)
    assert dropout(vectors.bfloat16()).dtype == torch.bfloat16
    assert dropout.eval()(vectors) is vectors or torch.equal(dropout(vectors), vectors)


def test_all_dropout_layers_of_a_model_are_replaced():
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(0.2), nn.ReLU()), nn.Dropout(0.1))
    use_byte_dropout(model)
    found = [module for module in model.modules() if isinstance(module, nn.Dropout)]
    assert [(type(one), one.p) for one in found] == [(ByteDropout, 0.2), (ByteDropout, 0.1)]
