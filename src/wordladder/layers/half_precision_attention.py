"""Attention in half precision: on a CPU as three matrix products, on a GPU torch's own without cuDNN's.

For rows of up to a few hundred pieces the products are faster than torch's fused attention, which uses the
CPU's bfloat16 units poorly. The weights (rows · heads, time, time) are kept for the backward pass. On a GPU
cuDNN plans anew for each shape, which took tens of milliseconds a call on an H200, and few batches of text
have the same shape.
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..extras import require

NAME = "wordladder"
_BACKENDS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


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

    With dropout, on other devices and in other precisions, torch's own attention runs.

    Args:
        module: Not used.
        query, key, value: As above.
        attention_mask: Which places may be attended to (batch, 1, time, time), the same from each; None: all.
        dropout: Share of the weights set to zero.
        scaling: Factor on the scores.
        others: Not used.
    """
    scale = query.shape[3] ** -0.5 if scaling is None else scaling
    if dropout or query.device.type != "cpu" or query.dtype != torch.bfloat16:
        with sdpa_kernel(_BACKENDS) if query.device.type == "cuda" else nullcontext():
            out = nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=attention_mask, dropout_p=dropout, scale=scale
            )
        return out.transpose(1, 2), None
    visible = None if attention_mask is None else attention_mask[:, 0, :1]
    return by_products(query, key, value, visible, scale).transpose(1, 2), None


def by_products(query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, scale: float) -> Tensor:
    """Attention as two products and a softmax, `(batch, heads, time, dim)`.

    Args:
        query: `(batch, heads, time, dim)`, bfloat16.
        key, value: `(batch, heads, seen, dim)`, bfloat16.
        visible: Which places may be attended to, `(batch or 1, time or 1, seen)`; None: all.
        scale: Factor on the scores.
    """
    batch, heads, time, _ = query.shape
    bias = query.new_zeros((batch, 1, key.shape[2]))
    if visible is not None:
        bias = bias.masked_fill(~visible, torch.finfo(query.dtype).min)
    with torch.autocast("cpu", enabled=False):
        q, k, v = (part.flatten(0, 1) for part in (query, key, value))
        scores = torch.baddbmm(bias.repeat_interleave(heads, dim=0), q, k.transpose(1, 2), alpha=scale)
        return torch.bmm(scores.softmax(dim=-1), v).view(batch, heads, time, -1)


def use_fast_attention(model: Any) -> None:
    """Have a model of transformers compute its attention here."""
    masking = require("transformers.masking_utils", "train", "training an encoder")
    transformers = require("transformers", "train", "training an encoder")
    if NAME not in transformers.AttentionInterface._global_mapping:
        transformers.AttentionInterface.register(NAME, attention)
        masking.AttentionMaskInterface.register(NAME, partial(_mask, masking.sdpa_mask))
    model.set_attn_implementation(NAME)


def _mask(sdpa_mask: Callable[..., Tensor | None], *arguments: Any, **options: Any) -> Tensor | None:
    """The usual mask. Whether there is padding at all is checked on a CPU only: on another device, the check
    would wait for it.
    """
    mask = options.get("attention_mask")
    if mask is not None and mask.device.type != "cpu":
        options["allow_is_bidirectional_skip"] = False
    return sdpa_mask(*arguments, **options)
