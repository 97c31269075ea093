"""The training loop: epochs over batches, a dev score of the mean weights after each, early stopping, exact
resume.

It takes a network whose forward pass returns the loss of a batch, and functions that give batches and
the dev score. Devices and processes are served by accelerate.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import TrainingError
from ..extras import require
from ..layers.devices import batches_on_device, choose_device, explain_out_of_memory
from ..progress import Progress, quiet
from .averaging import Average
from .checkpoint import Kept, Place, load_checkpoint, save_checkpoint, tunable
from .optimizer import build_optimizers, clip_gradients, rate
from .precision import autocast
from .settings import TrainingSettings

CHECKPOINT_SECONDS, TELL_SECONDS = 60.0, 0.2
MEMORY = (
    "A smaller training.batch_words or training.batch_rows needs less; training.accumulate makes up for it."
)

Rows = NDArray[np.int64]


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
        prepare: From row numbers to a batch, on the CPU. It draws nothing at random, and another thread may
            call it.
        score: The dev score of the network as it stands; None keeps the last weights.
        settings: How to train.
        words: How many words an epoch has.
        checkpoint: Where to write checkpoints; None writes none. An existing one is resumed.
        device: Where to train, such as `"cpu"` or `"cuda"`; None takes the best there is.
    """

    network: nn.Module
    batches: Callable[[int], list[Rows]]
    prepare: Callable[[Rows], Any]
    score: Callable[[], Score] | None
    settings: TrainingSettings
    words: int = 0
    checkpoint: Path | None = None
    device: str | torch.device | None = None


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
        device = choose_device(job.device)
        self.accelerator = accelerate.Accelerator(cpu=device.type == "cpu", device_placement=False)
        # Of several processes each has an accelerator of its own.
        self.device = self.accelerator.device if self.accelerator.num_processes > 1 else device
        self.optimizers = build_optimizers(job.network.to(self.device), job.settings)
        self.kept, self.place = Kept(), Place()
        if job.checkpoint is not None and job.checkpoint.is_file():
            self.kept, self.place = load_checkpoint(job.checkpoint, job.network, self.optimizers)
        # The optimizers stay bare: what accelerate adds is for loss scaling and TPUs, and asks at every step
        # which packages are installed.
        self.wrapped = self.accelerator.prepare(job.network)
        self.losses: deque[tuple[int, Tensor]] = deque()
        self.told, self.last_checkpoint = 0.0, time.monotonic()

    def run(self) -> Place:
        job, place = self.job, self.place
        epochs, patience = job.settings.planned(len(self._steps(0)), job.words)
        sizes = [len(self._steps(epoch)) for epoch in range(epochs)]
        self.steps = sum(sizes)
        self.average = Average(tunable(job.network), self.kept.average, job.settings.average * self.steps)
        while place.epoch < epochs and not self._stale(patience):
            self._epoch()
            self._end_epoch(sizes[place.epoch])
        self._put_best_back()
        self.accelerator.free_memory()
        return place

    def _steps(self, epoch: int) -> list[list[Rows]]:
        """This process's batches, by optimizer step; every process gets the same number."""
        batches, processes = self.job.batches(epoch), self.accelerator.num_processes
        whole = len(batches) // processes * processes or len(batches)
        own = batches[:whole][self.accelerator.process_index :: processes] or batches[:1]
        size = self.job.settings.accumulate
        return [own[first : first + size] for first in range(0, len(own), size)]

    def _stale(self, patience: int) -> bool:
        return self.place.best is not None and self.place.epoch - self.place.best_epoch >= patience

    def _epoch(self) -> None:
        place = self.place
        left = self._steps(place.epoch)[place.batch :]
        self.wrapped.train()
        started, before = time.monotonic(), place.seconds
        for batches in batches_on_device(self._prepared, left, self.device):
            with explain_out_of_memory(MEMORY):
                self._step(batches)
            place.batch, place.step = place.batch + 1, place.step + 1
            self.average.update(place.step)
            place.seconds = before + time.monotonic() - started
            self._tell()
            self._maybe_checkpoint()

    def _prepared(self, step: list[Rows]) -> list[tuple[float, Any]]:
        """The batches of a step, each with its share of the examples."""
        total = sum(map(len, step))
        return [(len(rows) / total, self.job.prepare(rows)) for rows in step]

    def _step(self, batches: list[tuple[float, Any]]) -> None:
        """One optimizer step. All that is random in it depends on the seed and the step alone."""
        settings, step, device = self.job.settings, self.place.step, self.device
        groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        for group in groups:
            group["lr"] = group["peak"] * rate(step, self.steps, settings)
        self._seed(_step_seed(settings.seed, step, self.accelerator.process_index))
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        for share, batch in batches:
            with autocast(settings, device):
                loss = self.wrapped(batch) * share
            self.losses.append((step + 1, loss.detach()))
            if device.type == "cpu":
                self._add_losses()
            self.accelerator.backward(loss)
        if settings.clip:
            clip_gradients((p for group in groups for p in group["params"]), settings.clip)
        for optimizer in self.optimizers:
            optimizer.step()

    def _add_losses(self) -> None:
        """Add up the losses that are not yet; this waits until an accelerator has computed them.

        Raises:
            TrainingError: one is not a number.
        """
        while self.losses:
            step, loss = self.losses.popleft()
            if not np.isfinite(value := loss.item()):
                raise TrainingError(
                    f"the loss is {value} at step {step} of {self.steps}; "
                    "a lower training.learning_rate or training.clip usually helps"
                )
            self.place.loss += value

    def _seed(self, seed: int) -> None:
        """Seed what draws on this device. On a processor alone: `torch.manual_seed` would write down the call
        for each accelerator that is not there, with a stack trace, a tenth of the time of a small step.
        """
        if self.device.type == "cpu":
            torch.default_generator.manual_seed(seed)
        else:
            torch.manual_seed(seed)

    def _tell(self) -> None:
        """Tell how far it is; with an accelerator a few times a second, as to know its loss is to wait."""
        place, now = self.place, time.monotonic()
        if self.device.type != "cpu" and now - self.told < TELL_SECONDS:
            return
        self._add_losses()
        self.told = now
        facts: dict[str, float | str] = {"epoch": place.epoch + 1, "loss": place.loss / place.batch}
        if place.best_epoch:
            facts["dev"] = place.history[place.best_epoch - 1]["dev"]
        self.progress("training", place.step, self.steps, **facts)

    def _end_epoch(self, batches: int) -> None:
        """Score the mean weights on dev, keep the best, write a checkpoint."""
        job, place = self.job, self.place
        self._add_losses()
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
        self._add_losses()
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
