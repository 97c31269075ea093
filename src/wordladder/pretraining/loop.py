"""The loop of pretraining: optimizer steps by number or by the clock, a log, checkpoints, exact resume.

An `Objective` gives the network and its batches. A run that is killed at any moment and
resumed ends with the weights of an uninterrupted one, on the same machine with the same number of threads.
"""

import json
import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import TrainingError
from ..layers.devices import batches_on_device, choose_device, explain_out_of_memory, threads
from ..processes import all_sum, gradients_kept, process_count, process_number, shared_device, together
from ..progress import Progress, quiet
from ..training.optimizer import autocast
from ..training.run import Run
from ..training.settings import TrainingSettings
from .schedule import UNKNOWN_END, Plans, rate_factor
from .settings import PretrainingSettings

CHECKPOINT_SECONDS = 60.0
MEMORY = "Smaller batch_pieces need less; more parts make up for it."
WEIGHT_DECAY = 0.01  # biases, norms and embedding tables have none
BETAS, EPSILON = (0.9, 0.98), 1e-6  # of the optimizer
EVALUATION_SHARE = 0.05  # of the time; where evaluating would take more, it is done less often
_SHOWN = ("loss", "masked_accuracy", "order_accuracy")


class Objective(Protocol):
    """What a network is pretrained on.

    Attributes:
        network: A module: `network(batch)` returns the loss, a scalar tensor, and facts about it, scalar
            tensors whose means over the steps are logged, such as `masked_accuracy`. What must survive an
            interruption and is no parameter is a buffer of it.
    """

    network: Any

    def batch(self, step: int, part: int) -> Any:
        """The batch of part `part` of step `step`, a tuple of tensors on the CPU; a pure function of the seed
        and of these numbers. Several threads may call it, while the network computes.
        """

    def tokens(self, batch: Any) -> int:
        """How many pieces or words of text a batch has, padding left out."""

    def held_out(self) -> dict[str, float]:
        """Figures on held-out text, `loss` among them. The network is in evaluation mode, without
        gradients.
        """

    def keep(self, folder: Path) -> None:
        """Write the network in its final layout into an empty folder."""


@dataclass
class Outcome:
    """What happened in a run.

    Attributes:
        steps: Optimizer steps made.
        tokens: Pieces or words of text read.
        seconds: The run's time, evaluation and checkpoints included.
        curve: The log: `step`, `seconds`, `tokens`, `tokens_per_second`, `learning_rate`, `loss` and the
            facts; in some lines also figures on held-out text, their names beginning with `held_out_`.
        held_out: The last of these figures, their names without that beginning.
    """

    steps: int
    tokens: int
    seconds: float
    curve: list[dict[str, float]]
    held_out: dict[str, float]


def pretrain_network(
    objective: Objective, settings: PretrainingSettings, folder: Path, progress: Progress = quiet
) -> Outcome:
    """Train the objective's network in place.

    Args:
        objective: What is learned, and from what.
        settings: How long, how fast and where to train.
        folder: Where the checkpoint, the plans and `log.jsonl` are kept; an interrupted run found there is
            resumed.
        progress: Called after every step.

    Raises:
        SettingError: the settings do not say how long to train.
        TrainingError: the loss is not a number.
        KeyboardInterrupt: the user or the system asked to stop; a checkpoint has been written.
    """
    settings.require_length()
    with threads(settings.threads):
        return _PretrainingRun(objective, settings, folder, progress).run()


class _PretrainingRun(Run):
    """One run of the loop."""

    def __init__(
        self, objective: Objective, options: PretrainingSettings, folder: Path, progress: Progress
    ) -> None:
        settings = TrainingSettings(
            learning_rate=options.rate, weight_decay=WEIGHT_DECAY, precision=options.precision
        )
        checkpoint, device = folder / "checkpoint.safetensors", shared_device(choose_device(options.device))
        super().__init__(objective.network, settings, device, checkpoint, progress)
        self.together, self.first = together(objective.network), process_number() == 0
        self.checkpoint = checkpoint if self.first else None
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["betas"], group["eps"] = BETAS, EPSILON
        self.objective, self.options = objective, options
        self.meter = _Meter(**self.state.history.pop()) if self.state.history else _Meter()  # type: ignore[arg-type]
        self.log = folder / "log.jsonl"
        self.curve = _read_log(self.log, self.state.step) if self.first else []
        seconds = None if options.minutes is None else 60.0 * options.minutes
        self.plans = Plans(folder / "plans.jsonl", options.steps, seconds, keep=self.first)
        self.stop_requested = False
        self.opened = time.monotonic()
        # Evaluating changes nothing in what is learned, so it may go by the clock.
        self.evaluation_seconds, self.evaluated_at = 0.0, self.plans.progress(self.state.step)

    def run(self) -> Outcome:
        """Make all steps."""
        state, plans, earlier = self.state, self.plans, self.state.seconds
        batches = batches_on_device(self._batches, count(state.step), self.device, workers=1)
        with closing(batches), self._stoppable():
            while not plans.ended(state.step):
                with explain_out_of_memory(MEMORY):
                    self._step(next(batches))
                state.seconds = earlier + time.monotonic() - self.opened
                if process_count() > 1:  # all plan and stop alike
                    own = (state.seconds * self.first, self.stop_requested)
                    state.seconds, stops = all_sum(own)
                    self.stop_requested = stops > 0
                plans.measure(state.step, state.seconds)
                if self.progress_is_due():
                    self._report_progress()
                if plans.ended(state.step) or state.step % self.options.log_steps == 0:
                    self._write_log()
                if self.stop_requested or time.monotonic() - self.checkpoint_time > CHECKPOINT_SECONDS:
                    self.save_checkpoint()
                if self.stop_requested:
                    raise KeyboardInterrupt
        self.save_checkpoint()
        self.network.eval()
        held_out = {
            name.removeprefix("held_out_"): value
            for line in self.curve
            for name, value in line.items()
            if name.startswith("held_out_")
        }
        return Outcome(state.step, self.meter.tokens, state.seconds, self.curve, held_out)

    def _batches(self, step: int) -> list[tuple[Any, int]]:
        """This process's batches of a step, and how many pieces or words each has."""
        parts = range(process_number(), self.options.parts, process_count())
        batches = (self.objective.batch(step, part) for part in parts)
        return [(batch, self.objective.tokens(batch)) for batch in batches]

    def _step(self, batches: list[tuple[Any, int]]) -> None:
        started, step, plans = time.monotonic(), self.state.step, self.plans
        factor = rate_factor(plans.progress(step), plans.progress(step + 1), self.options.warmup)
        self.network.train()
        with self.optimizer_step(factor, self.options.seed, step, process_number()):
            for number, (batch, tokens) in enumerate(batches, start=1):
                with gradients_kept(self.together, number < len(batches)):
                    with autocast(self.settings, self.device):
                        loss, facts = self.together(batch)
                    (loss / len(batches)).backward()
                self.meter.add(loss, facts, tokens)
        self.meter.learning_rate = self.options.rate * factor
        self.meter.seconds += time.monotonic() - started

    def _report_progress(self) -> None:
        means, last, step = self.meter.means(), self.plans.last, self.state.step
        facts = {name: means[name] for name in _SHOWN if name in means}
        total = max(last, step) if last < UNKNOWN_END else None
        self.progress("pretraining", step, total, **facts, tokens_per_second=self.meter.speed)

    def _write_log(self) -> None:
        """Write a line of the log, with figures on the held-out text where it is time for them; only the
        first process does.
        """
        state, now, every = self.state, self.plans.progress(self.state.step), self.options.evaluations
        line = self.meter.line(state.step, state.seconds)
        if not math.isfinite(line["loss"]):
            raise TrainingError(
                f"the loss is {line['loss']} at step {state.step}; "
                "a lower learning rate or a longer warm-up usually helps"
            )
        if not self.first:
            self.meter = _Meter(tokens=self.meter.tokens)
            return
        started = time.monotonic()
        due = math.floor(self.evaluated_at * every) < math.floor(now * every)
        due = due and self.evaluation_seconds <= EVALUATION_SHARE * (started - self.opened)
        if every > 0 and (due or self.plans.ended(state.step)):
            self.network.eval()
            with torch.no_grad(), autocast(self.settings, self.device):
                held_out = self.objective.held_out()
            line |= {f"held_out_{name}": value for name, value in held_out.items()}
            self.evaluation_seconds += time.monotonic() - started
            self.evaluated_at = now
        self.curve.append(line)
        self.meter = _Meter(tokens=self.meter.tokens)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def save_checkpoint(self) -> None:
        """Write the checkpoint, unless the loss has become something else than a number."""
        if all(map(math.isfinite, self.meter.means().values())):
            self.state.history = [asdict(self.meter)]
            super().save_checkpoint()
            self.state.history = []

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Stop after the current step on the first signal, at once on the second; only the main thread gets
        signals.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            if self.stop_requested:
                raise KeyboardInterrupt
            self.stop_requested = True

        handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


@dataclass
class _Meter:
    """Sums since the last line of the log, of so many batches and tokens; checkpoints hold them by name."""

    count: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    here: int = 0
    tokens: int = 0  # of the whole run
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        self._pending: list[dict[str, Tensor]] = []  # what an accelerator may still be computing

    def add(self, loss: Tensor, facts: dict[str, Tensor], tokens: int) -> None:
        """Add a batch, and those that other processes computed at the same time."""
        values = {name: value.detach() for name, value in {"loss": loss, **facts}.items()}
        if (processes := process_count()) > 1:
            *totals, words = all_sum([*(value.item() for value in values.values()), tokens])
            values = {name: torch.tensor(total / processes) for name, total in zip(values, totals)}
            tokens = int(words)
        self._pending.append(values)
        self.count, self.here, self.tokens = self.count + 1, self.here + tokens, self.tokens + tokens

    def means(self) -> dict[str, float]:
        started = time.monotonic()  # an accelerator is waited for here
        for values in self._pending:
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value.item()
        self._pending = []
        self.seconds += time.monotonic() - started
        return {name: value / max(1, self.count) for name, value in self.sums.items()}

    @property
    def speed(self) -> float:
        return self.here / max(self.seconds, 1e-9)

    def line(self, step: int, seconds: float) -> dict[str, float]:
        means = self.means()
        figures = {"step": step, "seconds": round(seconds, 3), "tokens": self.tokens}
        figures |= {"tokens_per_second": round(self.speed, 1), "learning_rate": self.learning_rate}
        return figures | means


def _read_log(path: Path, step: int) -> list[dict[str, float]]:
    """The log up to `step`; later lines, which will be logged again, are removed from the file."""
    if not path.is_file():
        return []
    lines = [json.loads(text) for text in path.read_text(encoding="utf-8").split("\n") if text.endswith("}")]
    lines = [line for line in lines if line["step"] <= step]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return lines
