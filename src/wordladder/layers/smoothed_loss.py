"""The cross-entropy of a softmax over many classes, in blocks of rows whose scores are not kept: the gradient
is computed at once, which saves the memory of the scores and half the passes over them.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

IGNORED = -100  # the class of a row that has none, as in torch
_SCORES = 1 << 23  # the most scores that are there at a time


def smoothed_loss(vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The mean cross-entropy of `softmax(vectors weightᵀ + bias)` with label smoothing, as
    `torch.nn.functional.cross_entropy` has it, over the rows whose class is known.

    Args:
        vectors: `(rows, dim)`.
        weight: A row a class, `(classes, dim)`.
        bias: `(classes,)`.
        targets: The class of each row, `(rows,)`, or `IGNORED`.
        smoothing: The share of the target that is spread evenly over all classes.
    """
    kind = vectors.device.type
    if kind == "cpu":  # selecting rows would wait for another device
        known = targets != IGNORED
        vectors, targets = vectors[known], targets[known]
    precision = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else vectors.dtype
    with torch.autocast(kind, enabled=False):
        loss: Tensor = _SmoothedLoss.apply(vectors.to(precision), weight, bias, targets, smoothing)
    return loss


class _SmoothedLoss(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, smoothing: float
    ) -> Tensor:
        rows, classes = len(vectors), len(weight)
        d_vectors, d_weight, d_bias = (
            torch.empty_like(vectors),
            torch.zeros_like(weight),
            torch.zeros_like(bias),
        )
        total = torch.zeros((), device=vectors.device)
        half = weight.to(vectors.dtype)
        for block in torch.arange(rows, device=vectors.device).split(max(1, _SCORES // classes)):
            some, known = vectors[block], targets[block, None] != IGNORED
            goal = targets[block, None].clamp(min=0)
            scores = (some @ half.T).float() + bias
            logs = scores.log_softmax(dim=1)
            smooth = smoothing / classes * logs.sum(dim=1, keepdim=True)
            total -= (((1 - smoothing) * logs.gather(1, goal) + smooth) * known).sum()
            d_scores = logs.exp_().sub_(smoothing / classes)
            d_scores.scatter_add_(1, goal, torch.full_like(goal, smoothing - 1, dtype=d_scores.dtype))
            d_scores *= known
            d_bias += d_scores.sum(dim=0)
            d_half = d_scores.to(some.dtype)
            d_vectors[block] = d_half @ half
            d_weight += d_half.T @ some
        count = (targets != IGNORED).sum().clamp(min=1)
        ctx.save_for_backward(d_vectors, d_weight, d_bias, count)
        return total / count

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        d_vectors, d_weight, d_bias, count = ctx.saved_tensors
        scale = d_loss / count
        return d_vectors * scale, d_weight * scale, d_bias * scale, None, None
