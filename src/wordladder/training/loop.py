"""The training loop: epochs over batches, a dev score of the mean weights after each, early stopping, exact
resume.

It takes a network whose forward pass returns the loss of a batch, and functions that give batches and
the dev score. Devices and processes are served by accelerate.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..errors import TrainingError
from ..extras import require
from ..progress import Progress, quiet
from .averaging import Average
from .checkpoint import Kept, Place, load_checkpoint, save_checkpoint, tunable
from .devices import to_device
from .optimizer import build_optimizers, clip_gradients, rate
from .precision import autocast
from .settings import TrainingSettings

__all__ = ["Job", "Score", "train"]

CHECKPOINT_SECONDS = 60.0


class Score(NamedTuple):
    """What a network reaches on dev: the primary metric, which is told, and what epochs are chosen by; of
    that, more is better.
    """

    metric: float
    criterion: float


@dataclass(frozen=True)
class Job:
    """What the loop works on.

    Attributes:
        network: `network(batch)` returns the loss, a scalar tensor.
        batches: The row numbers of each batch of an epoch; a pure function of the epoch.
        prepare: From row numbers to a batch, on the CPU.
        score: The dev score of the network as it stands; None keeps the last weights.
        settings: How to train.
        words: How many words an epoch has.
        checkpoint: Where to write checkpoints; None writes none. An existing one is resumed.
        device: `"cpu"` forces the processor; None takes the best there is.
    """

    network: nn.Module
    batches: Callable[[int], list[NDArray[np.int64]]]
    prepare: Callable[[NDArray[np.int64]], Any]
    score: Callable[[], Score] | None
    settings: TrainingSettings
    words: int = 0
    checkpoint: Path | None = None
    device: str | None = None


def train(job: Job, progress: Progress = quiet) -> Place:
    """Train the network of `job` in place; it ends with its best weights. Returns what happened.

    The same job gives the same weights, broken off and resumed or not, on the same machine with the
    same number of threads.

    Raises:
        TrainingError: the loss is not a number.
    """
    return _Run(job, progress).run()


class _Run:
    """One run of the loop: what is open while it lasts."""

    def __init__(self, job: Job, progress: Progress) -> None:
        accelerate = require("accelerate", "train", "training")
        self.job, self.progress = job, progress
        self.accelerator = accelerate.Accelerator(cpu=job.device == "cpu")
        self.optimizers = build_optimizers(job.network.to(self.accelerator.device), job.settings)
        self.kept, self.place = Kept(), Place()
        if job.checkpoint is not None and job.checkpoint.is_file():
            self.kept, self.place = load_checkpoint(job.checkpoint, job.network, self.optimizers)
        # The optimizers stay bare: what accelerate adds is for loss scaling and TPUs, and asks at every step
        # which packages are installed.
        self.wrapped = self.accelerator.prepare(job.network)
        self.last_checkpoint = time.monotonic()

    def run(self) -> Place:
        job, place = self.job, self.place
        epochs, patience = job.settings.planned(len(self._share(job.batches(0))), job.words)
        sizes = [len(self._share(job.batches(epoch))) for epoch in range(epochs)]
        self.average = Average(tunable(job.network), self.kept.average, job.settings.average * sum(sizes))
        while place.epoch < epochs and not self._stale(patience):
            self._epoch(sum(sizes))
            self._end_epoch(sizes[place.epoch])
        self._put_best_back()
        self.accelerator.free_memory()
        return place

    def _share(self, batches: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
        """This process's batches; every process gets the same number."""
        processes = self.accelerator.num_processes
        whole = len(batches) // processes * processes or len(batches)
        return batches[:whole][self.accelerator.process_index :: processes] or batches[:1]

    def _stale(self, patience: int) -> bool:
        return self.place.best is not None and self.place.epoch - self.place.best_epoch >= patience

    def _epoch(self, steps: int) -> None:
        job, place = self.job, self.place
        batches = self._share(job.batches(place.epoch))
        self.wrapped.train()
        started, before = time.monotonic(), place.seconds
        for rows in batches[place.batch :]:
            loss = self._step(rows, steps)
            place.batch, place.step, place.loss = place.batch + 1, place.step + 1, place.loss + loss
            self.average.update(place.step)
            place.seconds = before + time.monotonic() - started
            self._tell(steps)
            self._maybe_checkpoint()

    def _step(self, rows: NDArray[np.int64], steps: int) -> float:
        """One optimizer step. All that is random in it depends on the seed and the step alone."""
        settings, step = self.job.settings, self.place.step
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for group in groups:
            group["lr"] = group["peak"] * rate(step, steps, settings)
        self._seed(_step_seed(settings.seed, step, self.accelerator.process_index))
        batch = to_device(self.job.prepare(rows), self.accelerator.device)
        with autocast(settings, self.accelerator.device):
            loss = self.wrapped(batch)
        value = loss.item()
        if not np.isfinite(value):
            raise TrainingError(
                f"the loss is {value} at step {step + 1} of {steps}; "
                "a lower training.learning_rate or training.clip usually helps"
            )
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        if settings.clip:
            clip_gradients((p for group in groups for p in group["params"]), settings.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        return value

    def _seed(self, seed: int) -> None:
        """Seed what draws on this device. On a processor alone: `torch.manual_seed` would write down the call
        for each accelerator that is not there, with a stack trace, a tenth of the time of a small step.
        """
        if self.accelerator.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _tell(self, steps: int) -> None:
        place = self.place
        facts: dict[str, float | str] = {"epoch": place.epoch + 1, "loss": place.loss / place.batch}
        if place.best_epoch:
            facts["dev"] = place.history[place.best_epoch - 1]["dev"]
        self.progress("training", place.step, steps, **facts)

    def _end_epoch(self, batches: int) -> None:
        """Score the mean weights on dev, keep the best, write a checkpoint."""
        job, place = self.job, self.place
        entry = {"epoch": place.epoch + 1, "loss": place.loss / max(1, batches), "seconds": place.seconds}
        if job.score is not None:
            job.network.eval()
            self.average.swap()
            entry["dev"], entry["criterion"] = score = job.score()
            if place.best is None or score.criterion > place.best:
                place.best, place.best_epoch = score.criterion, place.epoch + 1
                self.kept.best = {name: t.clone() for name, t in tunable(job.network).items()}
            self.average.swap()
        place.history.append(entry)
        place.epoch, place.batch, place.loss = place.epoch + 1, 0, 0.0
        self._checkpoint()

    def _maybe_checkpoint(self) -> None:
        every = self.job.settings.checkpoint_steps
        due = every and self.place.step % every == 0
        if due or time.monotonic() - self.last_checkpoint > CHECKPOINT_SECONDS:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self.job.checkpoint is not None and self.accelerator.is_main_process:
            save_checkpoint(self.job.checkpoint, self.job.network, self.optimizers, self.kept, self.place)
        self.last_checkpoint = time.monotonic()

    def _put_best_back(self) -> None:
        current = tunable(self.job.network)
        with torch.no_grad():
            for name, tensor in (self.kept.best or self.kept.average).items():
                current[name].copy_(tensor)
        self.job.network.eval()


def _step_seed(seed: int, step: int, process: int) -> int:
    """A seed that neighbouring steps and processes do not share."""
    return int(np.random.SeedSequence([seed, step, process]).generate_state(1, np.uint64)[0] >> np.uint64(1))
