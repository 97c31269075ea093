"""The training loop: epochs over batches, a dev score of the mean weights after each, early stopping, exact
resume.

It takes a network whose forward pass returns the loss of a batch, and functions that give batches and the dev
score. Accelerate distributes it over several processes.
"""

import math
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
from .optimizer import autocast, rate
from .run import Run, RunState, copy_weights, tunable
from .settings import TrainingSettings

CHECKPOINT_SECONDS = 60.0
_UPDATES = 8  # of the running mean, within the steps that it reaches back
MEMORY = (
    "A smaller training.batch_words or training.batch_rows needs less; training.accumulate makes up for it."
)

Rows = NDArray[np.int64]


class Score(NamedTuple):
    """What a network reaches on dev: the primary metric, which is reported, and the criterion that epochs are
    chosen by, where more is better.
    """

    metric: float
    criterion: float


@dataclass(frozen=True)
class Job:
    """What the loop works on.

    Attributes:
        network: `network(batch)` returns the loss, a scalar tensor.
        batches: The row numbers of each batch of an epoch; a pure function of the epoch.
        prepare: From row numbers to a batch, on the CPU. It draws nothing at random, and several threads may
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


class Average:
    """An exponential mean of the weights, which is scored and saved instead of those of the last step.

    The last steps' noise averages out (Polyak and Juditsky 1992), and while the learning rate is still high
    the mean is already near the bottom that the weights circle around.

    Args:
        weights: What training changes, by name.
        mean: The mean so far; empty at the start. It is written to.
        horizon: Steps that the mean reaches back; less than one keeps none.
    """

    def __init__(self, weights: dict[str, Tensor], mean: dict[str, Tensor], horizon: float) -> None:
        self.weights, self.mean = weights, mean
        self.every = max(1, round(horizon / _UPDATES))
        self.decay = math.exp(-self.every / horizon) if horizon >= 1 else 0.0
        if not mean and self.decay:
            mean.update({name: tensor.clone() for name, tensor in weights.items()})

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps, counted from one; the first steps fade sooner."""
        if step % self.every or not self.decay:
            return
        updates = step // self.every
        share = 1 - min(self.decay, updates / (updates + 9))
        for name, mean in self.mean.items():
            if mean.is_floating_point():
                mean.lerp_(self.weights[name], share)
            else:
                mean.copy_(self.weights[name])

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange the weights and their mean."""
        for name, mean in self.mean.items():
            before = self.weights[name].clone()
            self.weights[name].copy_(mean)
            mean.copy_(before)


def train(job: Job, progress: Progress = quiet) -> RunState:
    """Train the network of `job` in place; it ends with its best weights. Returns what happened.

    The same job gives the same weights, whether it was interrupted and resumed or not, on the same machine
    with the same number of threads.

    Raises:
        TrainingError: the loss is not a number.
    """
    return _TrainingRun(job, progress).run()


class _TrainingRun(Run):
    """One run of the loop."""

    def __init__(self, job: Job, progress: Progress) -> None:
        accelerate = require("accelerate", "train", "training")
        device = choose_device(job.device)
        self.accelerator = accelerate.Accelerator(cpu=device.type == "cpu", device_placement=False)
        # Of several processes each has an accelerator of its own.
        device = self.accelerator.device if self.accelerator.num_processes > 1 else device
        super().__init__(job.network, job.settings, device, job.checkpoint, progress)
        if not self.accelerator.is_main_process:
            self.checkpoint = None  # one process writes it
        self.job = job
        # The optimizers stay bare: what accelerate adds is for loss scaling and TPUs, and asks at every step
        # which packages are installed.
        self.wrapped = self.accelerator.prepare(job.network)
        self.losses: deque[tuple[int, Tensor]] = deque()  # those that an accelerator may still be computing

    def run(self) -> RunState:
        """Train epoch by epoch, until the last one or early stopping."""
        state, settings, weights = self.state, self.settings, tunable(self.network)
        epochs, patience = settings.planned(len(self._steps(0)), self.job.words)
        epochs = epochs if self.optimizers else 0  # there may be nothing that training changes
        sizes = [len(self._steps(epoch)) for epoch in range(epochs)]
        self.steps = sum(sizes)
        self.average = Average(weights, self.copies["average"], settings.average * self.steps)
        while state.epoch < epochs and (state.best is None or state.epoch - state.best_epoch < patience):
            self._epoch()
            self._end_epoch(sizes[state.epoch])
        copy_weights(self.copies["best"] or self.average.mean, weights)
        self.network.eval()
        self.accelerator.free_memory()
        return state

    def _steps(self, epoch: int) -> list[list[Rows]]:
        """This process's batches, by optimizer step; every process gets the same number."""
        batches, processes = self.job.batches(epoch), self.accelerator.num_processes
        whole = len(batches) // processes * processes or len(batches)
        own = batches[:whole][self.accelerator.process_index :: processes] or batches[:1]
        size = self.settings.accumulate
        return [own[first : first + size] for first in range(0, len(own), size)]

    def _epoch(self) -> None:
        state, every = self.state, self.settings.checkpoint_steps
        remaining = self._steps(state.epoch)[state.batch :]
        self.wrapped.train()
        began = time.monotonic() - state.seconds
        for batches in batches_on_device(self._batches, remaining, self.device):
            with explain_out_of_memory(MEMORY):
                self._step(batches)
            state.batch += 1
            self.average.update(state.step)
            state.seconds = time.monotonic() - began
            if self.progress_is_due():
                self._report_progress()
            due = every and state.step % every == 0
            if due or time.monotonic() - self.checkpoint_time > CHECKPOINT_SECONDS:
                self.save_checkpoint()

    def _batches(self, step: list[Rows]) -> list[tuple[float, Any]]:
        """The batches of a step, each with its share of the examples."""
        total = sum(map(len, step))
        return [(len(rows) / total, self.job.prepare(rows)) for rows in step]

    def _step(self, batches: list[tuple[float, Any]]) -> None:
        settings, step = self.settings, self.state.step
        seed = (settings.seed, step, self.accelerator.process_index)
        with self.optimizer_step(rate(step, self.steps, settings), *seed):
            for share, batch in batches:
                with autocast(settings, self.device):
                    loss = self.wrapped(batch) * share
                self.losses.append((step + 1, loss.detach()))
                if self.device.type == "cpu":
                    self._add_losses()
                self.accelerator.backward(loss)

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
            self.state.loss += value

    def _report_progress(self) -> None:
        self._add_losses()
        state = self.state
        facts: dict[str, float | str] = {"epoch": state.epoch + 1, "loss": state.loss / state.batch}
        if state.best_epoch:
            facts["dev"] = state.history[state.best_epoch - 1]["dev"]
        self.progress("training", state.step, self.steps, **facts)

    def _end_epoch(self, batches: int) -> None:
        """Score the mean weights on dev, keep the best, write a checkpoint."""
        self._add_losses()
        state, score_dev = self.state, self.job.score
        entry = {"epoch": state.epoch + 1, "loss": state.loss / max(1, batches), "seconds": state.seconds}
        if score_dev is not None:
            self.network.eval()
            self.average.swap()
            entry["dev"], entry["criterion"] = score = score_dev()
            if state.best is None or score.criterion > state.best:
                state.best, state.best_epoch = score.criterion, state.epoch + 1
                self.copies["best"] = {name: t.clone() for name, t in tunable(self.network).items()}
            self.average.swap()
        state.history.append(entry)
        state.epoch, state.batch, state.loss = state.epoch + 1, 0, 0.0
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Write the checkpoint, once all losses are known to be numbers."""
        self._add_losses()
        super().save_checkpoint()
