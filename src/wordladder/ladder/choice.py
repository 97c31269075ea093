"""Compares measured rungs and recommends one. The sentence that explains it is in `sentences`.

The best rung has the highest mean dev score. Recommended is the cheapest rung within the budget whose
paired interval on the test rows, rung minus best, lies above −margin. So the test rows never decide which
rung is best; they only decide whether a cheaper one is as good.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil, floor, isfinite, log10
from typing import Any

import numpy as np

from ..evaluation.agreement import Sample, gap_between
from ..evaluation.intervals import holm, p_value_above, paired_difference
from .price import COSTS, CostKind
from .result import Choice, Climb, Rule, Rung
from .runner import Measured

MANY_ROWS = 1_000_000
CLASSES = {"latency": (1, 10, 100), "memory": (250, 1000, 4000), "size": (1, 10, 100, 1000)}


def best_rung(rungs: Sequence[Rung], rule: Rule) -> Rung | None:
    """The measured rung with the best mean dev score, the cheapest of equal ones; an existing model only if
    all are.
    """
    sign = 1 if rule.higher_is_better else -1
    measured = _candidates([rung for rung in rungs if rung.measured])
    return min(measured, key=lambda r: (-sign * (r.dev_value or 0.0), r.cost(rule.cost)), default=None)


def _candidates(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs that may be recommended."""
    return [rung for rung in rungs if not rung.fixed] or list(rungs)


def pareto_front(rungs: Iterable[Rung], kind: CostKind, *, higher_is_better: bool = True) -> list[Rung]:
    """The measured rungs that no other beats in both test quality and cost, cheapest first."""
    sign = 1 if higher_is_better else -1
    known = [rung for rung in rungs if rung.measured and isfinite(rung.cost(kind))]
    front: list[Rung] = []
    for rung in sorted(known, key=lambda rung: (rung.cost(kind), -sign * (rung.value or 0.0))):
        if not front or sign * (rung.value or 0.0) > sign * (front[-1].value or 0.0):
            front.append(rung)
    return front


def add_gaps(measured: Sequence[Measured], dev_rows: int, test_rows: int) -> None:
    """Add to every rung the gap between its dev and test values, and how much of it chance explains."""
    looks = sum(one.looks for one in measured)
    for one in measured:
        rung, intervals = one.rung, [result.dev_interval for result in one.results]
        if one.results and rung.interval is not None and not rung.fixed and None not in intervals:
            low, high = np.mean(np.array(intervals, float), axis=0)
            dev = Sample(rung.dev_value or 0.0, (float(low), float(high)), dev_rows)
            test = Sample(rung.value or 0.0, rung.interval, test_rows)
            one.rung = replace(rung, gap=gap_between(dev, test, looks))


def reject_other_metrics(measured: list[Measured]) -> None:
    """Turn existing models with another metric than the last rung into rungs that failed."""
    metrics = [one.results[0].metric if one.results else None for one in measured]
    last = next((metric for metric in reversed(metrics) if metric), None)
    for i, metric in enumerate(metrics):
        if metric not in (None, last):
            rung = measured[i].rung
            error = f"its metric is {metric}, but the others are measured by {last}"
            failed = Rung(name=rung.name, recipe=rung.recipe, error=error, fixed=rung.fixed)
            measured[i] = Measured(failed, user_error=True)


def compare(measured: Sequence[Measured], rule: Rule) -> tuple[Rung, ...]:
    """Every rung with its difference to the best, what it exceeds, and whether it is on the front. Its
    p-values count all comparisons.
    """
    rungs = [one.rung for one in measured]
    reference = best_rung(rungs, rule)
    best = next((one for one in measured if one.rung is reference), None)
    front = pareto_front(rungs, rule.cost, higher_is_better=rule.higher_is_better)
    others: list[Any] = []
    for one in measured:
        rung = one.rung
        if best is not None and one.scores is not None and best.scores is not None and rung.price is not None:
            values = (rung.value or 0.0, one.scores, best.rung.value or 0.0, best.scores)
            difference = paired_difference(*values, higher_is_better=rule.higher_is_better)
            one.rung = replace(
                rung,
                difference=difference,
                over_budget=rule.budget.exceeded(rung.price, rule.unit),
                on_front=rung in front,
            )
            if one is not best:
                sign = 1 if rule.higher_is_better else -1
                worse = p_value_above(sign * (one.scores - best.scores), -rule.margin)
                others.append((one, difference.p_value, worse))
    columns = [holm(values) for values in list(zip(*others))[1:]]
    for (one, *_), p_value, p_margin in zip(others, *columns):
        one.rung = replace(one.rung, p_value=p_value, p_margin=p_margin)
    return tuple(one.rung for one in measured)


def choose(rungs: Sequence[Rung], rule: Rule) -> Choice:
    """Apply the rule.

    Args:
        rungs: The rungs, with their differences to the best and what they exceed of the budget.
        rule: What the choice depends on besides them.
    """
    rungs = _candidates(rungs)
    best = best_rung(rungs, rule)
    allowed = sorted((rung for rung in rungs if rung.within_budget), key=lambda rung: rung.cost(rule.cost))
    fallback = best_rung(allowed, rule)
    if best is None or fallback is None:
        return Choice(best=best.name if best else None)
    good = (
        rung
        for rung in allowed
        if rung is best or (rung.difference is not None and rung.difference.low > -rule.margin)
    )
    recommended = next(good, None)
    cheaper = allowed[: allowed.index(recommended)] if recommended else allowed
    needed = {rung.name: rows_needed(rung, rule.margin, rule.rows) for rung in cheaper}
    undecided = max(
        (rung for rung in cheaper if needed[rung.name] is not None),
        key=lambda rung: rung.difference.value if rung.difference else 0.0,
        default=None,
    )
    return Choice(
        best=best.name,
        recommended=recommended.name if recommended else None,
        best_within_budget=fallback.name,
        undecided=undecided.name if undecided else None,
        rows_needed=needed[undecided.name] if undecided else None,
    )


def rows_needed(rung: Rung, margin: float, rows: int) -> int | None:
    """About how many test rows would decide whether a rung is within the margin of the best; None: these do.

    An interval narrows with the square root of the rows. If the difference stays the same, the half of the
    interval that reaches across −margin has to shrink to the distance between the two.
    """
    gap = rung.difference
    if gap is None or gap.low > -margin or gap.high < -margin:
        return None
    distance = gap.value + margin
    half = gap.value - gap.low if distance > 0 else gap.high - gap.value
    if abs(distance) * (MANY_ROWS / rows) ** 0.5 <= half:
        return MANY_ROWS
    needed = rows * (half / distance) ** 2
    unit = 10 ** max(floor(log10(max(needed, rows))) - 1, 0)  # two significant digits
    return max(ceil(needed / unit), rows // unit + 1) * unit


def answers(climb: Climb, latency_ms: float = 1.0) -> dict[str, Rung | None]:
    """The answers that most people want from a climb: the cheapest good rung, the best one, and the best one
    with at most `latency_ms` milliseconds for one text (median).
    """
    rungs = {rung.name: rung for rung in climb.rungs}
    return {
        "Cheapest good rung": rungs.get(climb.recommended or ""),
        "Best rung": rungs.get(climb.best or ""),
        f"Best under {latency_ms:g} ms a {climb.rule.unit}": best_below(climb, "latency", latency_ms),
    }


def best_below(climb: Climb, cost: str, limit: float) -> Rung | None:
    """The best rung on dev of those that cost at most `limit`, in the unit of the cost."""
    return best_rung([rung for rung in climb.rungs if rung.cost(COSTS[cost]) <= limit], climb.rule)


def budget_classes(climb: Climb) -> list[tuple[str, str, Rung]]:
    """The best rung of each class of budget, where it is another than that of the class below: the kind of
    cost, the limit in words, and the rung. A cost that makes no difference is left out.
    """
    found = []
    for cost, limits in CLASSES.items():
        own: list[tuple[str, str, Rung]] = []
        for limit in limits:
            rung = best_below(climb, cost, limit)
            if rung is not None and not (own and rung is own[-1][-1]):
                own.append((cost, COSTS[cost].phrase(limit, unit=climb.rule.unit), rung))
        found += own if len(own) > 1 else []
    return found
