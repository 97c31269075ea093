"""Attention in half precision on a processor, as three matrix products.

For rows of up to a few hundred pieces that is faster there than torch's fused attention, which does not use
the processor's bfloat16 units well. The weights (rows · heads, time, time) are kept for the way back.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ..extras import require

NAME = "wordladder"


class _Attention(torch.autograd.Function):
    """softmax(q kᵀ · scale + bias) v, for q, k, v (batch, time, dim) and a bias (batch, 1, time)."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float) -> Tensor:
        weights = torch.baddbmm(bias, query, key.transpose(1, 2), alpha=scale)
        weights = torch._softmax(weights, -1, False)
        ctx.save_for_backward(query, key, value, weights)
        ctx.scale = scale
        return torch.bmm(weights, value)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, weights = ctx.saved_tensors
        grad = grads[0].contiguous()
        by_value = torch.bmm(weights.transpose(1, 2), grad)
        by_score = torch._softmax_backward_data(
            torch.bmm(grad, value.transpose(1, 2)), weights, -1, weights.dtype
        )
        by_query = torch.bmm(by_score, key).mul_(ctx.scale)
        by_key = torch.bmm(by_score.transpose(1, 2), query).mul_(ctx.scale)
        return by_query, by_key, by_value, None, None


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it, from (batch, heads, time, dim) to (batch, time, heads, dim).

    What it is not made for goes to torch's own.

    Args:
        module: Not looked at.
        query, key, value: As said.
        attention_mask: Which places may be looked at (batch, 1, time, time), the same from each; None: all.
        dropout: Share of the weights set to zero.
        scaling: Factor on the scores.
        others: Not looked at.
    """
    batch, heads, time, dim = query.shape
    scale = dim**-0.5 if scaling is None else scaling
    if dropout or query.device.type != "cpu" or query.dtype != torch.bfloat16:
        out = nn.functional.scaled_dot_product_attention(
            query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scale
        )
        return out.transpose(1, 2), None
    bias = query.new_zeros((batch, 1, time))
    if attention_mask is not None:
        bias.masked_fill_(~attention_mask[:, 0, :1], torch.finfo(query.dtype).min)
    with torch.autocast("cpu", enabled=False):
        flat = (part.reshape(batch * heads, time, dim) for part in (query, key, value))
        out = _Attention.apply(*flat, bias.repeat_interleave(heads, dim=0), scale)
    return out.view(batch, heads, time, dim).transpose(1, 2), None


def use_fast_attention(model: Any) -> None:
    """Have a model of transformers compute its attention here."""
    masking = require("transformers.masking_utils", "train", "training an encoder")
    transformers = require("transformers", "train", "training an encoder")
    if NAME not in transformers.AttentionInterface._global_mapping:
        transformers.AttentionInterface.register(NAME, attention)
        masking.AttentionMaskInterface.register(NAME, partial(_mask, masking.sdpa_mask))
    model.set_attn_implementation(NAME)


def _mask(usual: Callable[..., Tensor | None], *given: Any, **named: Any) -> Tensor | None:
    """The usual mask. Whether there is padding at all is looked at on a processor only: another device would
    be waited for.
    """
    mask = named.get("attention_mask")
    if mask is not None and mask.device.type != "cpu":
        named["allow_is_bidirectional_skip"] = False
    return usual(*given, **named)
