"""Optimizers, gradient clipping, and the learning-rate schedule, a pure function of the step."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, SparseAdam

from .settings import TrainingSettings

__all__ = ["build_optimizers", "clip_gradients", "rate"]


def build_optimizers(network: nn.Module, settings: TrainingSettings) -> list[Optimizer]:
    """AdamW over the tunable parameters, grouped by learning rate and weight decay, and lazy Adam for
    sparse tables.

    Parameters that modules name in `rate_shares`, or else all under `embedders.`, learn at `learning_rate`,
    the others at `head_learning_rate` where it is given. Biases, norms and embedding tables are never
    decayed. Of a table with sparse gradients only the rows of the batch's words are touched, which makes a
    step's price independent of the vocabulary.
    """
    tables = {f"{n}.weight": m.sparse for n, m in network.named_modules() if isinstance(m, nn.Embedding)}
    shares = _rate_shares(network)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    sparse: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        peak = settings.learning_rate * shares.get(name, 1.0)
        if settings.head_learning_rate is not None and name not in shares:
            peak = settings.head_learning_rate
        if tables.get(name):
            sparse.setdefault(peak, []).append(parameter)
        else:
            decay = 0.0 if parameter.ndim < 2 or name in tables else settings.weight_decay
            groups.setdefault((peak, decay), []).append(parameter)
    dense = [
        {"params": p, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), p in groups.items()
    ]
    lazy = [{"params": p, "lr": peak, "peak": peak} for peak, p in sparse.items()]
    return [*([AdamW(dense, fused=True)] if dense else []), *([SparseAdam(lazy)] if lazy else [])]


def _rate_shares(network: nn.Module) -> dict[str, float]:
    """The share of `learning_rate` of each parameter that learns at it even where there is another rate."""
    named = {
        f"{place}.{name}": share
        for place, module in network.named_modules()
        if hasattr(module, "rate_shares")
        for name, share in module.rate_shares().items()
    }
    return named or {name: 1.0 for name, _ in network.named_parameters() if name.startswith("embedders.")}


@torch.no_grad()
def clip_gradients(parameters: Iterable[nn.Parameter], limit: float) -> Tensor:
    """Scale all gradients, sparse ones too, so that their common norm is at most `limit`; returns the norm
    before.
    """
    gradients = []
    for parameter in parameters:
        if parameter.grad is None:
            continue
        if parameter.grad.is_sparse:
            parameter.grad = parameter.grad.coalesce()
            gradients.append(parameter.grad.values())
        else:
            gradients.append(parameter.grad)
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
    torch._foreach_mul_(gradients, (limit / (norm + 1e-6)).clamp(max=1.0))
    return norm


def rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """The factor on the highest learning rate at `step` of `steps`: linear warm-up, then the decay."""
    warm = max(1, round(settings.warmup * steps))
    if step < warm:
        return (step + 1) / warm
    if settings.decay == "constant":
        return 1.0
    left = max(0.0, (steps - step) / max(1, steps - warm))
    return left if settings.decay == "linear" else 0.5 * (1.0 - math.cos(math.pi * left))
