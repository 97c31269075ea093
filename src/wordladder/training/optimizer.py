"""Optimizer groups and the learning-rate schedule, a pure function of the step."""

import math

from torch import nn
from torch.optim import AdamW

from .settings import TrainingSettings

__all__ = ["build_optimizer", "rate"]


def build_optimizer(network: nn.Module, settings: TrainingSettings) -> AdamW:
    """AdamW over the tunable parameters, grouped by learning rate and weight decay.

    Parameters under `embedders.` learn at `learning_rate`, all others at `head_learning_rate` where it
    is given. Biases, norms and embedding tables are never decayed.
    """
    tables = {f"{n}.weight" for n, m in network.named_modules() if isinstance(m, nn.Embedding)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if not parameter.requires_grad:
            continue
        above = settings.head_learning_rate is not None and not name.startswith("embedders.")
        peak = settings.head_learning_rate if above else settings.learning_rate
        decay = 0.0 if parameter.ndim < 2 or name in tables else settings.weight_decay
        groups.setdefault((peak, decay), []).append(parameter)
    return AdamW(
        [{"params": p, "lr": peak, "peak": peak, "weight_decay": decay} for (peak, decay), p in groups.items()],
        fused=True,
    )


def rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """The factor on the highest learning rate at `step` of `steps`: linear warm-up, then the decay."""
    warm = max(1, round(settings.warmup * steps))
    if step < warm:
        return (step + 1) / warm
    if settings.decay == "constant":
        return 1.0
    left = max(0.0, (steps - step) / max(1, steps - warm))
    return left if settings.decay == "linear" else 0.5 * (1.0 - math.cos(math.pi * left))
