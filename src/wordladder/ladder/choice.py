"""The rule that recommends a rung. Nothing is measured here, and the sentence that says why stands elsewhere.

The best rung has the highest mean dev score. Recommended is the cheapest rung within the budget whose
paired interval on the test rows, rung minus best, lies above −margin. So the test rows never pick what is
best; they only tell whether something cheaper is as good.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from .price import Budget, CostKind
from .rung import Rung

if TYPE_CHECKING:
    from .result import Climb

MANY_ROWS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the choice depends on beside the measurements.

    Attributes:
        cost: What "cheap" means.
        metric: The name of the metric.
        rows: How many test rows the intervals come from.
        margin: How much worse than the best still counts as good.
        budget: The limits.
        higher_is_better: The direction of the metric.
        unit: What is answered one by one, in a word.
    """

    cost: CostKind
    metric: str = ""
    rows: int = 0
    margin: float = 0.01
    budget: Budget = field(default_factory=Budget)
    higher_is_better: bool = True
    unit: str = "text"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the rule says, by name.

    Attributes:
        best: The best on dev, whatever it costs; None when nothing was measured.
        recommended: The rung to ship; None when nothing within the budget is shown to be good enough.
        best_within_budget: The best on dev of those that the budget allows.
        undecided: A rung that might be recommended instead, if there were more test rows.
        rows_needed: About how many test rows would tell; at most `MANY_ROWS`, which stands for "too many".
    """

    best: str | None = None
    recommended: str | None = None
    best_within_budget: str | None = None
    undecided: str | None = None
    rows_needed: int | None = None


@dataclass(frozen=True)
class Answers:
    """Three answers that most people want from a climb; each may be None.

    Attributes:
        cheapest_good: The recommended rung.
        best: The best rung, whatever it costs.
        best_fast: The best rung that answers within `latency_ms`.
        latency_ms: The limit, in milliseconds for one text (median).
    """

    cheapest_good: Rung | None
    best: Rung | None
    best_fast: Rung | None
    latency_ms: float


def best_rung(rungs: Sequence[Rung], cost: CostKind, *, higher_is_better: bool = True) -> Rung | None:
    """The measured rung with the best mean dev score; of equal ones the cheapest. A model that was there
    already is one only among its like.
    """
    sign = 1 if higher_is_better else -1
    measured = _candidates([rung for rung in rungs if rung.measured])
    return min(measured, key=lambda rung: (-sign * (rung.dev_value or 0.0), rung.cost(cost)), default=None)


def _candidates(rungs: Sequence[Rung]) -> list[Rung]:
    """What may be recommended."""
    return [rung for rung in rungs if not rung.fixed] or list(rungs)


def choose(rungs: Sequence[Rung], rule: Rule) -> Choice:
    """Apply the rule.

    Args:
        rungs: The rungs; each measured one carries its difference to the best, and what it is over budget by.
        rule: What the choice depends on beside them.
    """
    rungs = _candidates(rungs)
    best = best_rung(rungs, rule.cost, higher_is_better=rule.higher_is_better)
    allowed = sorted((rung for rung in rungs if rung.within_budget), key=lambda rung: rung.cost(rule.cost))
    fallback = best_rung(allowed, rule.cost, higher_is_better=rule.higher_is_better)
    if best is None or fallback is None:
        return Choice(best=best.name if best else None)
    chosen = next((rung for rung in allowed if _is_good(rung, best, rule.margin)), None)
    cheaper = allowed[: allowed.index(chosen)] if chosen else allowed
    undecided, needed = _most_promising(cheaper, rule)
    return Choice(
        best=best.name,
        recommended=chosen.name if chosen else None,
        best_within_budget=fallback.name,
        undecided=undecided.name if undecided else None,
        rows_needed=needed,
    )


def _is_good(rung: Rung, best: Rung, margin: float) -> bool:
    if rung.name == best.name:
        return True
    return rung.difference is not None and rung.difference.low > -margin


def _most_promising(rungs: Sequence[Rung], rule: Rule) -> tuple[Rung | None, int | None]:
    """Of the rungs that the test rows cannot judge, the nearest to the best, and the rows that would."""
    needed = {rung.name: rows_needed(rung, rule.margin, rule.rows) for rung in rungs}
    doubts = [rung for rung in rungs if needed[rung.name] is not None and rung.difference is not None]
    nearest = max(doubts, key=lambda rung: rung.difference.value if rung.difference else 0.0, default=None)
    return nearest, needed[nearest.name] if nearest else None


def rows_needed(rung: Rung, margin: float, rows: int) -> int | None:
    """About how many test rows would tell whether a rung is within the margin of the best; None if these do.

    An interval narrows with the square root of the rows: if the difference stays what it is, the arm of the
    interval that reaches over −margin has to shrink to the distance between the two.
    """
    gap = rung.difference
    if gap is None or gap.low > -margin or gap.high < -margin:
        return None
    distance = gap.value + margin
    arm = gap.value - gap.low if distance > 0 else gap.high - gap.value
    if abs(distance) * (MANY_ROWS / rows) ** 0.5 <= arm:
        return MANY_ROWS
    return _rounded_up(rows * (arm / distance) ** 2, above=rows)


def _rounded_up(value: float, above: int) -> int:
    """Two digits that matter, and always more rows than there are."""
    unit = 10 ** max(floor(log10(max(value, above))) - 1, 0)
    return max(ceil(value / unit), above // unit + 1) * unit


def answers(climb: "Climb", latency_ms: float = 1.0) -> Answers:
    """The cheapest good rung, the best one, and the best one that answers within `latency_ms`."""
    named = {rung.name: rung for rung in climb.rungs}
    fast = [rung for rung in climb.rungs if rung.price and rung.price.latency_p50 <= latency_ms]
    rule = climb.rule
    return Answers(
        cheapest_good=named.get(climb.choice.recommended or ""),
        best=named.get(climb.choice.best or ""),
        best_fast=best_rung(fast, rule.cost, higher_is_better=rule.higher_is_better),
        latency_ms=latency_ms,
    )
