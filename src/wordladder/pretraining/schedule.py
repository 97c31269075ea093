"""How far a run is at a step, and at which rate it learns there: pure functions of the step and of the plans.

A run of so many steps has one plan. A run of so many minutes does not know its steps beforehand: it measures
its pace and plans again from time to time. Every plan is written to a journal before it is followed, so that
a resumed run follows the same plans, and learns at the same rates at the same steps.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

UNKNOWN_END = 1_000_000_000  # the last step of a run by the clock, until its pace is known
_SECONDS = 30.0  # at most, between two plans
_WINDOW = 4  # plans back, from which the pace is measured


class Plan(NamedTuple):
    """From `step` on, where `progress` (a share of the whole run) was reached, the run goes evenly to its end
    at step `last`.
    """

    step: int
    progress: float
    last: int


class Plans:
    """The plans of a run, kept in a journal.

    Args:
        path: The journal, JSON lines; an existing one is followed.
        steps: Optimizer steps of the run, or None.
        seconds: Seconds of the run, where `steps` is None.
        keep: Whether to write the journal; of several processes one does.
    """

    def __init__(self, path: Path, steps: int | None, seconds: float | None, *, keep: bool = True) -> None:
        self._path, self._seconds, self._keep = path, seconds, keep
        self._plans: list[Plan] = []
        self._measured: list[tuple[int, float]] = []
        if path.is_file():
            *lines, incomplete = path.read_text(encoding="utf-8").split("\n")
            self._plans = [Plan(**json.loads(line)) for line in lines]
            if incomplete and keep:  # such a plan was never followed
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        if not self._plans:
            self._add(Plan(0, 0.0, UNKNOWN_END if steps is None else steps))

    @property
    def last(self) -> int:
        """The step at which the run ends, as far as is known now."""
        return self._plans[-1].last

    def progress(self, step: int) -> float:
        """The share of the run that is done before `step`, from 0 to 1."""
        plan = next((p for p in reversed(self._plans) if p.step <= step), self._plans[0])
        rest = (1.0 - plan.progress) * (step - plan.step) / (plan.last - plan.step)
        return min(1.0, plan.progress + rest)

    def ended(self, step: int) -> bool:
        """Whether the run ends before `step`."""
        return step >= self.last

    def measure(self, step: int, seconds: float) -> None:
        """Plan again where it is time to: `seconds` have passed in the `step` steps made so far.

        Early on at every doubling of the steps, later twice a minute and half-way to the end.
        """
        plan = self._plans[-1]
        if self._seconds is None or step <= plan.step or self.ended(step):
            return
        early = step <= 16 and step & (step - 1) == 0
        half = 2 * (step - plan.step) >= plan.last - plan.step and plan.last - step > 10
        before = self._measured[-1][1] if self._measured else 0.0
        due = seconds - before >= min(_SECONDS, self._seconds / 20)
        if not (early or half or due or seconds >= self._seconds):
            return
        # The recent pace: other work on the machine comes and goes.
        then_step, then = self._measured[-_WINDOW] if len(self._measured) >= _WINDOW else (0, 0.0)
        self._measured.append((step, seconds))
        pace = max(seconds - then, 1e-9) / (step - then_step)
        last = step + round(max(0.0, self._seconds - seconds) / pace)
        # The last step before the end is made at the lowest rate, whatever the clock says.
        self._add(Plan(step, self.progress(step), max(step + 1, last)))

    def _add(self, plan: Plan) -> None:
        self._plans.append(plan)
        if not self._keep:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(plan._asdict()) + "\n")
            file.flush()
            os.fsync(file.fileno())


def rate_factor(progress: float, after: float, warmup: float) -> float:
    """The factor on the highest learning rate in a step from `progress` to `after`, shares of the whole run:
    linear from zero to one within `warmup`, then linear to zero.
    """
    if after <= warmup:
        return after / warmup
    return min(1.0, max(0.0, (1.0 - progress) / max(1e-9, 1.0 - warmup)))
