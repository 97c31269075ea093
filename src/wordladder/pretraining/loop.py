"""The loop of pretraining: optimizer steps by number or by the clock, a log, checkpoints, exact resume.

What is learned is an `Objective`; this file knows no language model. A run that is killed at any moment and
resumed ends with the weights of an unbroken one, on the same machine with the same number of threads.
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
from typing import Any, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import SettingError, TrainingError
from ..layers.devices import batches_on_device, choose_device, explain_out_of_memory, threads
from ..progress import Progress, quiet
from ..training.checkpoint import Kept, Place, load_checkpoint, save_checkpoint
from ..training.optimizer import build_optimizers, clip_gradients
from ..training.precision import autocast
from ..training.settings import TrainingSettings
from .schedule import Plans, factor

CHECKPOINT_SECONDS, TELL_SECONDS = 60.0, 0.2
WORKERS = 4  # threads that make batches for an accelerator
MEMORY = "Smaller batch_pieces need less; more parts make up for it."


class Objective(Protocol):
    """What a network is pretrained on.

    Attributes:
        network: `network(batch)` returns the loss, a scalar tensor, and facts about it, scalar tensors whose
            means over the steps are logged, such as `masked_accuracy`. What must survive a break and is no
            parameter is a buffer of it.
    """

    @property
    def network(self) -> nn.Module: ...

    def batch(self, step: int, part: int) -> Any:
        """The batch of part `part` of step `step`, a tuple of tensors on the CPU; a pure function of the seed
        and of these numbers. It may be called from several threads, while the network computes.
        """

    def tokens(self, batch: Any) -> int:
        """How many pieces or words of text a batch has, padding left out."""

    def held_out(self) -> dict[str, float]:
        """Figures on held-out text, `loss` among them. The network is in evaluation mode, without
        gradients.
        """

    def keep(self, folder: Path) -> None:
        """Write the network as it stands, in its final layout, into an empty folder."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """How long and how fast a network learns.

    Args:
        steps: Optimizer steps.
        minutes: Minutes of the run, where `steps` is left out. The rate falls to zero at their end.
        learning_rate: Highest learning rate.
        weight_decay: Decoupled weight decay; biases, norms and embedding tables have none.
        beta2: How slowly the optimizer forgets the squares of gradients.
        epsilon: Added to the root of these squares.
        warmup: Share of the run in which the learning rate rises from zero.
        clip: Largest norm of the whole gradient; 0 does not clip.
        parts: Batches whose gradients make up one step.
        precision: `"auto"` takes bfloat16 where the processor or the accelerator computes in it, else
            float32.
        log_steps: Steps between two lines of the log.
        evaluations: How often in a run the held-out text is looked at, together with a line of the log.
        evaluation_share: Share of the time that this may take; where it would take more, it is done less
            often. At the end it is done in any case.
        seed: Start of everything random.
        threads: Threads to compute with; left out, as many as torch takes.
        device: Where to pretrain, such as `"cpu"` or `"cuda"`; left out, the best there is.
    """

    steps: int | None = None
    minutes: float | None = None
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    beta2: float = 0.98
    epsilon: float = 1e-6
    warmup: float = 0.1
    clip: float = 1.0
    parts: int = 1
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    log_steps: int = 20
    evaluations: int = 20
    evaluation_share: float = 0.05
    seed: int = 1
    threads: int | None = None
    device: str | None = None

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise SettingError("give how long to pretrain: either steps or minutes, and not both")
        for name in ("steps", "minutes", "learning_rate", "parts", "log_steps", "threads"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingError(f"{name} is {value}; it must be above 0")
        if not 0.0 <= self.warmup < 1.0:
            raise SettingError(f"warmup is {self.warmup}; it is a share of the run, from 0 to below 1")


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
    curve: list[dict[str, float]] = field(default_factory=list)
    held_out: dict[str, float] = field(default_factory=dict)


def pretrain_network(
    objective: Objective, settings: LoopSettings, *, folder: Path | None = None, progress: Progress = quiet
) -> Outcome:
    """Train the objective's network in place.

    Args:
        objective: What is learned, and from what.
        settings: How long and how fast.
        folder: Where the checkpoint, the plans and `log.jsonl` are kept; a run that is found there goes on.
            None keeps nothing.
        progress: Told after every step.

    Raises:
        TrainingError: the loss is not a number.
        KeyboardInterrupt: the user or the system asked to stop; a checkpoint has been written.
    """
    with threads(settings.threads):
        return _Run(objective, settings, folder, progress).run()


class _Run:
    """One run of the loop: what is open while it lasts."""

    def __init__(
        self, objective: Objective, settings: LoopSettings, folder: Path | None, progress: Progress
    ) -> None:
        self.objective, self.settings, self.progress = objective, settings, progress
        self.device = choose_device(settings.device)
        self.network = objective.network.to(self.device)
        self.arithmetic = TrainingSettings(
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            precision=settings.precision,
        )
        self.optimizers = build_optimizers(self.network, self.arithmetic)
        for group in self.groups:
            group["betas"], group["eps"] = (0.9, settings.beta2), settings.epsilon
        self.checkpoint = None if folder is None else folder / "checkpoint.safetensors"
        self.log = None if folder is None else folder / "log.jsonl"
        self.place, self.meter = Place(), _Meter()
        if self.checkpoint is not None and self.checkpoint.is_file():
            _, self.place = load_checkpoint(self.checkpoint, self.network, self.optimizers)
            self.meter = _Meter(**self.place.history.pop())  # type: ignore[arg-type]
        self.curve = _earlier_log(self.log, self.place.step)
        seconds = None if settings.minutes is None else 60.0 * settings.minutes
        self.plans = Plans(None if folder is None else folder / "plans.jsonl", settings.steps, seconds)
        self.stopped = False
        # Looking changes nothing in what is learned, so that it may go by the clock.
        self.opened, self.looking, self.looked_at = (
            time.monotonic(),
            0.0,
            self.plans.progress(self.place.step),
        )

    @property
    def groups(self) -> list[dict[str, Any]]:
        """The groups of all optimizers; reading a checkpoint makes new ones."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def run(self) -> Outcome:
        place, plans = self.place, self.plans
        self.began = time.monotonic() - place.seconds
        self.told, self.saved = 0.0, time.monotonic()
        workers = 1 if self.device.type == "cpu" else WORKERS
        ahead = batches_on_device(self._batches, count(place.step), self.device, workers)
        with closing(ahead), self._stoppable():
            while not plans.ended(place.step):
                with explain_out_of_memory(MEMORY):
                    self._step(next(ahead))
                place.seconds = time.monotonic() - self.began
                plans.measure(place.step, place.seconds)
                self._tell()
                self._look()
                self._maybe_checkpoint()
        self._checkpoint()
        self.network.eval()
        held_out = {
            name.removeprefix("held_out_"): value
            for line in self.curve
            for name, value in line.items()
            if name.startswith("held_out_")
        }
        return Outcome(place.step, self.meter.tokens, place.seconds, self.curve, held_out)

    def _batches(self, step: int) -> list[tuple[Any, int]]:
        """The batches of a step, and how many pieces or words each has."""
        batches = (self.objective.batch(step, part) for part in range(self.settings.parts))
        return [(batch, self.objective.tokens(batch)) for batch in batches]

    def _step(self, batches: list[tuple[Any, int]]) -> None:
        """One optimizer step. All that is random in it depends on the seed and the step alone."""
        settings, step, plans = self.settings, self.place.step, self.plans
        started = time.monotonic()
        scale = factor(plans.progress(step), plans.progress(step + 1), settings.warmup)
        for group in self.groups:
            group["lr"] = group["peak"] * scale
        torch.manual_seed(_step_seed(settings.seed, step))
        self.network.train()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        for batch, tokens in batches:
            with autocast(self.arithmetic, self.device):
                loss, facts = self.network(batch)
            (loss / len(batches)).backward()
            self.meter.add(loss, facts, tokens)
        if settings.clip:
            clip_gradients((p for group in self.groups for p in group["params"]), settings.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.place.step = step + 1
        self.meter.learning_rate = settings.learning_rate * scale
        self.meter.seconds += time.monotonic() - started

    def _tell(self) -> None:
        """Tell how far it is; with an accelerator a few times a second, as to know its loss is to wait."""
        now = time.monotonic()
        if self.device.type != "cpu" and now - self.told < TELL_SECONDS:
            return
        self.told = now
        means = self.meter.means()
        shown = {n: means[n] for n in ("loss", "masked_accuracy", "order_accuracy") if n in means}
        speed = self.meter.here / max(self.meter.seconds, 1e-9)
        known = self.plans.last < 1_000_000_000
        total = max(self.plans.last, self.place.step) if known else None
        self.progress("pretraining", self.place.step, total, **shown, tokens_per_second=speed)

    def _look(self) -> None:
        """Write a line of the log, and look at the held-out text, where it is time to."""
        place, every = self.place, self.settings.evaluations
        ended = self.plans.ended(place.step)
        if not (ended or place.step % self.settings.log_steps == 0):
            return
        now = self.plans.progress(place.step)
        due = math.floor(self.looked_at * every) < math.floor(now * every)
        passed = self.settings.evaluation_share * (time.monotonic() - self.opened)
        evaluate = every > 0 and (ended or (due and self.looking <= passed))
        line = self.meter.line(place.step, place.seconds)
        if not math.isfinite(line["loss"]):
            raise TrainingError(
                f"the loss is {line['loss']} at step {place.step}; "
                "a lower learning rate or a longer warm-up usually helps"
            )
        if evaluate:
            started = time.monotonic()
            line |= {f"held_out_{name}": value for name, value in self._evaluate().items()}
            self.looking, self.looked_at = self.looking + time.monotonic() - started, now
        self.curve.append(line)
        self.meter.clear()
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    @torch.no_grad()
    def _evaluate(self) -> dict[str, float]:
        self.network.eval()
        with autocast(self.arithmetic, self.device):
            return self.objective.held_out()

    def _maybe_checkpoint(self) -> None:
        if self.stopped:
            self._checkpoint()
            raise KeyboardInterrupt
        if time.monotonic() - self.saved > CHECKPOINT_SECONDS:
            self._checkpoint()

    def _checkpoint(self) -> None:
        if self.checkpoint is not None and all(map(math.isfinite, self.meter.means().values())):
            self.place.history = [asdict(self.meter)]
            save_checkpoint(self.checkpoint, self.network, self.optimizers, Kept(), self.place)
            self.place.history = []
        self.saved = time.monotonic()

    @contextmanager
    def _stoppable(self) -> Iterator[None]:
        """Stop after the present step when asked to; asked twice, at once. Only the main thread is asked."""
        if self.checkpoint is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

        def stop(number: int, frame: FrameType | None) -> None:
            if self.stopped:
                raise KeyboardInterrupt
            self.stopped = True

        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@dataclass
class _Meter:
    """Sums since the last line of the log."""

    count: int = 0
    sums: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    here: int = 0
    tokens: int = 0  # of the whole run
    learning_rate: float = 0.0

    def __post_init__(self) -> None:
        self._waiting: list[dict[str, Tensor]] = []  # what an accelerator may be computing still

    def add(self, loss: Tensor, facts: dict[str, Tensor], tokens: int) -> None:
        self._waiting.append({name: value.detach() for name, value in {"loss": loss, **facts}.items()})
        self.count, self.here, self.tokens = self.count + 1, self.here + tokens, self.tokens + tokens

    def means(self) -> dict[str, float]:
        started = time.monotonic()  # an accelerator is waited for here
        for values in self._waiting:
            for name, value in values.items():
                self.sums[name] = self.sums.get(name, 0.0) + value.item()
        self._waiting = []
        self.seconds += time.monotonic() - started
        return {name: value / max(1, self.count) for name, value in self.sums.items()}

    def line(self, step: int, seconds: float) -> dict[str, float]:
        means = self.means()
        speed = self.here / max(self.seconds, 1e-9)
        figures = {"seconds": round(seconds, 3), "tokens": self.tokens, "tokens_per_second": round(speed, 1)}
        return {"step": step, **figures, "learning_rate": self.learning_rate, **means}

    def clear(self) -> None:
        self.count, self.sums, self.seconds, self.here = 0, {}, 0.0, 0


def _earlier_log(path: Path | None, step: int) -> list[dict[str, float]]:
    """The log up to `step`; what was logged behind the checkpoint is taken out, for it comes again."""
    if path is None or not path.is_file():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").split("\n"):
        if text.endswith("}"):
            lines.append(json.loads(text))
    lines = [line for line in lines if line["step"] <= step]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return lines


def _step_seed(seed: int, step: int) -> int:
    """A seed that neighbouring steps do not share."""
    return int(np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)[0] >> np.uint64(1))
