"""The training loop: epochs over batches, a dev score of the mean weights after each, early stopping, exact
resume.

It takes a network whose forward pass returns the loss of a batch, and functions that give batches and the dev
score. Several processes may train it together (`processes.py`): each computes on some of a step's batches,
and the step is the one that a single process would make of all of them.
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
from ..layers.devices import batches_on_device, choose_device, explain_out_of_memory
from ..processes import (
    all_sum,
    gradients_kept,
    of_first,
    process_count,
    process_number,
    shared_device,
    together,
)
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
        device = shared_device(choose_device(job.device))
        super().__init__(job.network, job.settings, device, job.checkpoint, progress)
        if process_number() > 0:
            self.checkpoint = None  # the first process writes it
        self.job = job
        self.together = together(job.network)
        # A step's batches are dealt out to all processes: each gets as many.
        self.step_batches = math.ceil(job.settings.accumulate / process_count()) * process_count()
        self.losses: deque[tuple[int, Tensor]] = deque()  # those that an accelerator may still be computing

    def run(self) -> RunState:
        """Train epoch by epoch, until the last one or early stopping."""
        state, settings, weights = self.state, self.settings, tunable(self.network)
        planned, patience = settings.planned(len(self._steps(0)), self.job.words)
        state.epochs = state.epochs or planned
        epochs = state.epochs if self.optimizers else 0  # there may be nothing that training changes
        sizes = [len(self.job.batches(epoch)) for epoch in range(epochs)]
        steps = [math.ceil(size / self.step_batches) for size in sizes]
        self.steps = sum(steps)
        self.average = Average(weights, self.copies["average"], settings.average * self.steps)
        while state.epoch < epochs and (state.best is None or state.epoch - state.best_epoch < patience):
            self.earlier = sum(steps[: state.epoch])  # not `state.step`: there may have been more processes
            self._epoch()
            self._end_epoch(steps[state.epoch])
        copy_weights(self.copies["best"] or self.average.mean, weights)
        self.network.eval()
        return state

    def _steps(self, epoch: int, first: int = 0) -> list[list[Rows]]:
        """The batches of each step, from batch `first` on."""
        batches, size = self.job.batches(epoch), self.step_batches
        return [batches[at : at + size] for at in range(first, len(batches), size)]

    def _epoch(self) -> None:
        state, every = self.state, self.settings.checkpoint_steps
        remaining = self._steps(state.epoch, state.batch)
        self.together.train()
        began = time.monotonic() - state.seconds
        for step, batches in zip(remaining, batches_on_device(self._batches, remaining, self.device)):
            with explain_out_of_memory(MEMORY):
                self._step(batches)
            state.batch += len(step)
            self.average.update(state.step)
            state.seconds = time.monotonic() - began
            if self.progress_is_due():
                self._report_progress()
            due = every and state.step % every == 0
            if due or time.monotonic() - self.checkpoint_time > CHECKPOINT_SECONDS:
                self.save_checkpoint()

    def _batches(self, step: list[Rows]) -> list[tuple[float, Any]]:
        """This process's batches of a step, each with its share of the mean over all processes; one without
        any takes part with a share of nothing.
        """
        count, total = process_count(), sum(map(len, step))
        own = [(len(rows) * count / total, rows) for rows in step[process_number() :: count]]
        return [(share, self.job.prepare(rows)) for share, rows in own or [(0.0, step[0])]]

    def _step(self, batches: list[tuple[float, Any]]) -> None:
        settings, step, whole = self.settings, self.state.step, torch.zeros((), device=self.device)
        factor = rate(self.earlier + self.state.batch // self.step_batches, self.steps, settings)
        with self.optimizer_step(factor, settings.seed, step, process_number()):
            for number, (share, batch) in enumerate(batches, start=1):
                with gradients_kept(self.together, number < len(batches)):
                    with autocast(settings, self.device):
                        loss = self.together(batch) * share
                    whole += loss.detach()
                    loss.backward()
            self.losses.append((step + 1, whole))
            if self.device.type == "cpu" or process_count() > 1:
                self._add_losses()

    def _add_losses(self) -> None:
        """Add up the losses that are not yet; this waits until an accelerator has computed them.

        Raises:
            TrainingError: one is not a number.
        """
        while self.losses:
            step, loss = self.losses.popleft()
            (value,) = all_sum([loss.item() / process_count()])
            if not np.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {step} of {self.steps}; "
                    "a lower training.learning_rate or training.clip usually helps"
                )
            self.state.loss += value

    def _report_progress(self) -> None:
        self._add_losses()
        state = self.state
        steps = math.ceil(state.batch / self.step_batches)
        facts: dict[str, float | str] = {"epoch": state.epoch + 1, "loss": state.loss / steps}
        if state.best_epoch:
            facts["dev"] = state.history[state.best_epoch - 1]["dev"]
        self.progress("training", state.step, self.steps, **facts)

    def _end_epoch(self, steps: int) -> None:
        """Score the mean weights on dev, keep the best, write a checkpoint."""
        self._add_losses()
        state, score_dev = self.state, self.job.score
        entry = {"epoch": state.epoch + 1, "loss": state.loss / max(1, steps), "seconds": state.seconds}
        if score_dev is not None:
            self.network.eval()
            self.average.swap()
            entry["dev"], entry["criterion"] = of_first(score_dev())
            if state.best is None or entry["criterion"] > state.best:
                state.best, state.best_epoch = entry["criterion"], state.epoch + 1
                self.copies["best"] = {name: t.clone() for name, t in tunable(self.network).items()}
            self.average.swap()
        state.history.append(entry)
        state.epoch, state.batch, state.loss = state.epoch + 1, 0, 0.0
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Write the checkpoint, once all losses are known to be numbers."""
        self._add_losses()
        super().save_checkpoint()
