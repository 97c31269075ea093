"""Optimizers, the arithmetic of the forward pass, gradient clipping, and the learning-rate schedule, a pure
function of the step.
"""

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer, SparseAdam

from ..layers.devices import has_bfloat16
from .settings import TrainingSettings

USUAL_RATE = 1e-3  # of everything but a pretrained encoder


def build_optimizers(network: nn.Module, settings: TrainingSettings) -> list[Optimizer]:
    """AdamW over the tunable parameters, grouped by learning rate and weight decay, and lazy Adam for
    sparse tables.

    Biases, norms and embedding tables are never decayed. Of a table with sparse gradients only the rows of
    the batch's words are touched, which makes a step's price independent of the vocabulary.
    """
    tables = {f"{n}.weight": m.sparse for n, m in network.named_modules() if isinstance(m, nn.Embedding)}
    dense: dict[tuple[float, float], dict[str, Any]] = {}
    sparse: dict[tuple[float, float], dict[str, Any]] = {}
    parameters = dict(network.named_parameters())
    for name, peak in peak_rates(network, settings).items():
        decay = 0.0 if parameters[name].ndim < 2 or name in tables else settings.weight_decay
        group = {"params": [], "lr": peak, "peak": peak, "weight_decay": decay}
        groups = sparse if tables.get(name) else dense
        groups.setdefault((peak, decay), group)["params"].append(parameters[name])
    adam = [AdamW([*dense.values()], fused=True)] if dense else []
    return [*adam, *([SparseAdam([*sparse.values()])] if sparse else [])]


def peak_rates(network: nn.Module, settings: TrainingSettings) -> dict[str, float]:
    """The highest learning rate of each tunable parameter.

    A module with `learning_rates`, a tuned encoder, has rates of its own, made from `learning_rate` or, left
    out, from its shape. Where there is none, all under `embedders.` learn at `learning_rate`. The others
    learn at `head_learning_rate` where it is given.
    """
    usual = USUAL_RATE if settings.learning_rate is None else settings.learning_rate
    head = usual if settings.head_learning_rate is None else settings.head_learning_rate
    own = {
        f"{place}.{name}": peak
        for place, module in network.named_modules()
        if hasattr(module, "learning_rates")
        for name, peak in module.learning_rates(settings.learning_rate).items()
    }
    names = [name for name, parameter in network.named_parameters() if parameter.requires_grad]
    own = own or {name: usual for name in names if name.startswith("embedders.")}
    return {name: own.get(name, head) for name in names}


def rates_by_part(network: nn.Module, settings: TrainingSettings) -> dict[str, dict[str, float]]:
    """The lowest and the highest of `peak_rates` in each part of a network: `embedders.0`, `task`, …"""
    parts: dict[str, list[float]] = {}
    for name, peak in peak_rates(network, settings).items():
        first, second, *_ = name.split(".")
        parts.setdefault(f"{first}.{second}" if second.isdigit() else first, []).append(peak)
    return {part: {"lowest": min(peaks), "highest": max(peaks)} for part, peaks in parts.items()}


def autocast(settings: TrainingSettings, device: torch.device) -> AbstractContextManager[object]:
    """The context of the forward pass: bfloat16 where that is set, or the hardware computes in it."""
    half = computes_in_half(settings, device)
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


def computes_in_half(settings: TrainingSettings, device: torch.device) -> bool:
    """Whether that is bfloat16."""
    return settings.precision == "bfloat16" or (settings.precision == "auto" and has_bfloat16(device))


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
    if norm.device.type != "cpu" or norm > limit:  # another device would have to be waited for
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
