"""How far a run is at a step, and at which rate it learns there: pure functions of the step and of the plans.

A run of so many steps has one plan. A run of so many minutes does not know its steps beforehand: it measures
its pace and plans again from time to time. Every plan is written to a journal before it is followed, so that
a run which was broken off goes by the plans of then, and learns at the same rates at the same steps.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

_SECONDS = 30.0  # at most, between two plans
_LATE = 4  # plans back, from which the pace is measured


class Plan(NamedTuple):
    """From `step` on, where `progress` (a share of the whole run) was reached, the run goes evenly to its end
    at step `last`.
    """

    step: int
    progress: float
    last: int

    def at(self, step: int) -> float:
        """The share of the run that is done before `step`."""
        return self.progress + (1.0 - self.progress) * (step - self.step) / (self.last - self.step)


class Plans:
    """The plans of a run, kept in a journal.

    Args:
        path: The journal, JSON lines; None keeps none. An existing one is followed.
        steps: Optimizer steps of the run, or None.
        seconds: Seconds of the run, where `steps` is None.
    """

    def __init__(self, path: Path | None, steps: int | None, seconds: float | None) -> None:
        self._path, self._seconds = path, seconds
        self._plans: list[Plan] = []
        if path is not None and path.is_file():
            whole, _, cut_short = path.read_text(encoding="utf-8").rpartition("\n")
            self._plans = [Plan(**json.loads(line)) for line in whole.split("\n") if line]
            if cut_short:  # such a plan was never followed
                path.write_text(whole + "\n" if whole else "", encoding="utf-8")
        if not self._plans:
            # Until the pace is known, a run by the clock is at its beginning.
            self._add(Plan(0, 0.0, steps if steps is not None else 1_000_000_000))
        self._measured: list[tuple[int, float]] = []

    @property
    def last(self) -> int:
        """The step at which the run ends, as far as is known now."""
        return self._plans[-1].last

    def progress(self, step: int) -> float:
        """The share of the run that is done before `step`, from 0 to 1."""
        plan = next((p for p in reversed(self._plans) if p.step <= step), self._plans[0])
        return min(1.0, plan.at(step))

    def ended(self, step: int) -> bool:
        """Whether `step` is no step of the run any more."""
        return step >= self._plans[-1].last

    def measure(self, step: int, seconds: float) -> None:
        """Plan again where it is time to: `seconds` have passed in the `step` steps made so far.

        Early on at every doubling of the steps, later twice a minute and half-way to the end.
        """
        if self._seconds is None or step <= self._plans[-1].step or self.ended(step):
            return
        plan = self._plans[-1]
        early = step <= 16 and step & (step - 1) == 0
        half = 2 * (step - plan.step) >= plan.last - plan.step and plan.last - step > 10
        before = self._measured[-1][1] if self._measured else 0.0
        due = seconds - before >= min(_SECONDS, self._seconds / 20)
        if not (early or half or due or seconds >= self._seconds):
            return
        # The pace of late: other work on the machine comes and goes.
        then_step, then = self._measured[-_LATE] if len(self._measured) >= _LATE else (0, 0.0)
        self._measured.append((step, seconds))
        pace = max(seconds - then, 1e-9) / (step - then_step)
        last = step + round(max(0.0, self._seconds - seconds) / pace)
        # The last step before the end is made at the lowest rate, whatever the clock says.
        self._add(Plan(step, self.progress(step), max(step + 1, last)))

    def _add(self, plan: Plan) -> None:
        self._plans.append(plan)
        if self._path is not None:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(plan._asdict()) + "\n")
                file.flush()
                os.fsync(file.fileno())


def factor(progress: float, after: float, warmup: float) -> float:
    """The factor on the highest learning rate in a step from `progress` to `after`, shares of the whole run:
    linear from zero to one within `warmup`, then linear to zero.
    """
    if after <= warmup:
        return after / warmup
    return min(1.0, max(0.0, (1.0 - progress) / max(1e-9, 1.0 - warmup)))
