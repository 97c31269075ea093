"""Checkpoints: one safetensors file that holds all that a training run needs to go on exactly where it was.

Weights that training changes, their running mean, the optimizer's moments, the best weights so far, and as
JSON in the file's header the place in the run and its history. Nothing random is stored: batch order and
dropout are pure functions of the seed and the place. Frozen weights are not here; they are in the folder that
was written when the run began.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import ModelError
from ..files.streams import atomic_path


@dataclass
class Place:
    """Where a run is: the next batch to read, and what has happened so far.

    Attributes:
        epoch, batch: The next batch, counted from 0.
        step: Optimizer steps made.
        loss: Sum of this epoch's losses so far.
        best: What the best epoch so far reached on dev, by the measure that epochs are chosen by.
        best_epoch: The epoch (counted from 1) that reached it.
        history: One entry an epoch: `epoch`, `loss`, `dev`, `criterion`, `seconds`.
        seconds: Training time so far.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0


def tunable(network: nn.Module) -> dict[str, Tensor]:
    """What training changes: parameters that take gradients, and buffers."""
    parameters = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    return parameters | dict(network.named_buffers())


@dataclass
class Kept:
    """Other states of the weights that a run keeps.

    Attributes:
        best: Those of the best epoch so far.
        average: Their running mean.
    """

    best: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)


def save_checkpoint(
    path: Path, network: nn.Module, optimizers: list[Optimizer], kept: Kept, place: Place
) -> None:
    """Write a checkpoint; the old one stays whole until the new one is complete."""
    parts = {"network": tunable(network), "best": kept.best, "average": kept.average}
    tensors = {f"{part}/{name}": tensor for part, named in parts.items() for name, tensor in named.items()}
    for which, optimizer in enumerate(optimizers):
        for number, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer/{which}/{number}/{key}": value for key, value in state.items()}
    contiguous = {name: torch.as_tensor(t).detach().cpu().contiguous() for name, t in tensors.items()}
    with atomic_path(path) as fresh:
        save_file(contiguous, fresh, metadata={"place": json.dumps(asdict(place))})


def load_checkpoint(path: Path, network: nn.Module, optimizers: list[Optimizer]) -> tuple[Kept, Place]:
    """Put a checkpoint's weights and moments in place; returns the other weights and the place in the run.

    Raises:
        ModelError: the file cannot be read, or belongs to another network.
    """
    try:
        with safe_open(path, "pt") as file:
            place = Place(**json.loads(file.metadata()["place"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: the checkpoint cannot be read: {error}") from None
    parts: dict[str, dict[str, Tensor]] = {"network": {}, "best": {}, "average": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, rest = name.split("/", 1)
        parts[part][rest] = tensor
    current = tunable(network)
    if parts["network"].keys() != current.keys():
        raise ModelError(f"{path}: the checkpoint belongs to another network")
    with torch.no_grad():
        for name, tensor in parts["network"].items():
            current[name].copy_(tensor)
    for which, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in parts["optimizer"].items():
            owner, number, key = name.split("/")
            if int(owner) == which:
                # SparseAdam counts its steps in a plain integer, AdamW in a float tensor.
                plain = tensor.ndim == 0 and not tensor.is_floating_point()
                state.setdefault(int(number), {})[key] = tensor.item() if plain else tensor
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
    best, average = (
        {name: tensor.to(current[name].device) for name, tensor in parts[part].items()}
        for part in ("best", "average")
    )
    return Kept(best, average), place
