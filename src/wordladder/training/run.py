"""What the loops of training and of pretraining share: the state of a run, optimizer steps, checkpoints and
progress reports.

A checkpoint is one safetensors file that holds all that a run needs to go on exactly where it was: the
weights that training changes, their running mean, the optimizer's moments, the best weights so far, and as
JSON in the file's header the state of the run and its history. Nothing random is stored: batch order and
dropout are pure functions of the seed and the step. Frozen weights are not stored; they are in the folder
that was written when the run began.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..errors import ModelError
from ..files.streams import atomic_path
from ..progress import Progress
from .optimizer import build_optimizers, clip_gradients
from .settings import TrainingSettings

PROGRESS_SECONDS = 0.2


@dataclass
class RunState:
    """How far a run is: the next batch to read, and what has happened so far.

    Attributes:
        epoch, batch: The next batch, counted from 0.
        epochs: The most epochs of the run, once they are planned.
        step: Optimizer steps made.
        loss: Sum of this epoch's losses so far.
        best: What the best epoch so far reached on dev, by the measure that epochs are chosen by.
        best_epoch: The epoch (counted from 1) that reached it.
        history: One entry an epoch: `epoch`, `loss`, `dev`, `criterion`, `seconds`.
        seconds: Training time so far.
        skipped: Steps whose gradients were not finite: they changed no weights.
    """

    epoch: int = 0
    batch: int = 0
    epochs: int = 0
    step: int = 0
    loss: float = 0.0
    best: float | None = None
    best_epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0
    skipped: int = 0


def tunable(network: nn.Module) -> dict[str, Tensor]:
    """What training changes: parameters that take gradients, and buffers."""
    parameters = {name: p.detach() for name, p in network.named_parameters() if p.requires_grad}
    return parameters | dict(network.named_buffers())


class Run:
    """A training run: its network, its optimizers and how far it is.

    Args:
        network: The network; it is moved to the device.
        settings: How to train.
        device: Where to train.
        checkpoint: The checkpoint file; an existing one is resumed, None writes none.
        progress: Called with the progress.

    Attributes:
        state: How far the run is.
        copies: Other weights that the checkpoint holds: the `best` ones so far and their running `average`.

    Raises:
        ModelError: the checkpoint cannot be read, or belongs to another network.
    """

    def __init__(
        self,
        network: nn.Module,
        settings: TrainingSettings,
        device: torch.device,
        checkpoint: Path | None,
        progress: Progress,
    ) -> None:
        self.network, self.device = network.to(device), device
        self.settings, self.checkpoint, self.progress = settings, checkpoint, progress
        self.optimizers = build_optimizers(network, settings)
        self.state = RunState()
        self.copies: dict[str, dict[str, Tensor]] = {"best": {}, "average": {}}
        if checkpoint is not None and checkpoint.is_file():
            self._load_checkpoint(checkpoint)
        self._progress_time, self.checkpoint_time = 0.0, time.monotonic()

    @contextmanager
    def optimizer_step(self, rate: float, *seed: int) -> Iterator[None]:
        """Make one optimizer step of the gradients that the block computes.

        Args:
            rate: The factor on the highest learning rates.
            seed: The numbers that all randomness of the step depends on.
        """
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for group in groups:
            group["lr"] = group["peak"] * rate
        # Neighbouring steps share no seed. On a processor only that is seeded: `torch.manual_seed` would
        # record the call with a stack trace for each missing accelerator, a tenth of a small step's time.
        number = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
        (torch.default_generator if self.device.type == "cpu" else torch).manual_seed(number)
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        yield
        self.state.step += 1
        if self.settings.clip:
            norm = clip_gradients((p for group in groups for p in group["params"]), self.settings.clip)
            if (
                self.device.type == "cpu" and not norm.isfinite()
            ):  # another device would have to be waited for
                self.state.skipped += 1
                return
        for optimizer in self.optimizers:
            optimizer.step()

    def progress_is_due(self) -> bool:
        """Whether to report progress now: on a processor always, on an accelerator a few times a second, as
        reading the loss waits for it.
        """
        now = time.monotonic()
        if self.device.type != "cpu" and now - self._progress_time < PROGRESS_SECONDS:
            return False
        self._progress_time = now
        return True

    def save_checkpoint(self) -> None:
        """Write a checkpoint; the old one stays until the new one is complete."""
        if self.checkpoint is not None:
            self._write_checkpoint(self.checkpoint)
        self.checkpoint_time = time.monotonic()

    def _write_checkpoint(self, path: Path) -> None:
        parts = {"network": tunable(self.network), **self.copies}
        for which, optimizer in enumerate(self.optimizers):
            for number, moments in optimizer.state_dict()["state"].items():
                parts[f"optimizer/{which}/{number}"] = moments
        tensors = {
            f"{part}/{name}": torch.as_tensor(value).detach().cpu().contiguous()
            for part, values in parts.items()
            for name, value in values.items()
        }
        with atomic_path(path) as fresh:
            save_file(tensors, fresh, metadata={"place": json.dumps(asdict(self.state))})

    def _load_checkpoint(self, path: Path) -> None:
        try:
            with safe_open(path, "pt") as file:
                self.state = RunState(**json.loads(file.metadata()["place"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, KeyError, ValueError, RuntimeError) as error:
            raise ModelError(f"{path}: the checkpoint cannot be read: {error}") from None
        current = tunable(self.network)
        saved: dict[str, Tensor] = {}
        moments: list[dict[int, dict[str, Any]]] = [{} for _ in self.optimizers]
        for key, tensor in tensors.items():
            part, name = key.split("/", 1)
            if part == "network":
                saved[name] = tensor
            elif part == "optimizer":
                which, number, name = name.split("/")
                # SparseAdam counts its steps in a plain integer, AdamW in a float tensor.
                plain = tensor.ndim == 0 and not tensor.is_floating_point()
                moments[int(which)].setdefault(int(number), {})[name] = tensor.item() if plain else tensor
            else:
                self.copies[part][name] = tensor.to(self.device)
        if saved.keys() != current.keys():
            raise ModelError(f"{path}: the checkpoint belongs to another network")
        copy_weights(saved, current)
        for optimizer, own in zip(self.optimizers, moments):
            optimizer.load_state_dict({"state": own, "param_groups": optimizer.state_dict()["param_groups"]})


@torch.no_grad()
def copy_weights(source: dict[str, Tensor], target: dict[str, Tensor]) -> None:
    """Write weights into the tensors of the same names."""
    for name, tensor in source.items():
        target[name].copy_(tensor)
