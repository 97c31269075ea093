"""What a climb found: one frozen value, and what `climb.json` holds. It is written, and drawn, elsewhere."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .choice import Choice, Rule
from .encoders import LeftOut
from .rung import Rung


@dataclass(frozen=True, kw_only=True)
class Climb:
    """What a climb found.

    Attributes:
        task: The kind of the task.
        rungs: The rungs in the order of the ladder, the broken ones too.
        rule: What was chosen by: metric, cost, margin, budget.
        choice: What the rule said, by name.
        reason: Why, in one sentence.
        rows: How many rows were in `train`, `dev` and `test`.
        seeds: The seeds that every rung was trained with.
        notes: How the data was read and split.
        warnings: What is wrong with the data, and where dev and test disagree.
        machine: What everything was measured on, and with which versions.
        threads: The threads for training and for measuring.
        device: Where the rungs ran.
        seconds: What the whole climb took this time.
        folder: Where everything is kept.
        left_out: The rungs that lacked a pretrained encoder, or an extra that is not installed.
    """

    task: str
    rungs: tuple[Rung, ...]
    rule: Rule
    choice: Choice
    reason: str
    rows: Mapping[str, int]
    seeds: tuple[int, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    machine: Mapping[str, str | int | float]
    threads: int
    device: str
    seconds: float
    folder: Path
    left_out: tuple[LeftOut, ...] = ()

    @property
    def metric(self) -> str:
        """The name of the primary metric."""
        return self.rule.metric

    @property
    def recommended(self) -> str | None:
        """The name of the rung to ship, if there is one."""
        return self.choice.recommended

    @property
    def best(self) -> str | None:
        """The name of the best rung on dev, whatever it costs."""
        return self.choice.best

    def rung(self, name: str) -> Rung:
        """The rung of that name."""
        return next(rung for rung in self.rungs if rung.name == name)

    def to_json(self) -> dict[str, Any]:
        """What `climb.json` holds."""
        return {
            "task": self.task,
            "metric": self.metric,
            "higher_is_better": self.rule.higher_is_better,
            "recommended": self.recommended,
            "reason": self.reason,
            "best": self.best,
            "best_within_budget": self.choice.best_within_budget,
            "undecided": self.choice.undecided,
            "rows_needed": self.choice.rows_needed,
            "cost": self.rule.cost.name,
            "margin": self.rule.margin,
            "budget": asdict(self.rule.budget),
            "rungs": [rung.to_json() for rung in self.rungs],
            "left_out": [one._asdict() for one in self.left_out],
            "rows": dict(self.rows),
            "seeds": list(self.seeds),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "threads": self.threads,
            "device": self.device,
            "machine": dict(self.machine),
            "seconds": self.seconds,
        }
