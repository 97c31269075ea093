"""From finished runs to rungs that can be compared: means, intervals, prices. It recommends nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.agreement import Sample, gap_between
from ..files.folders import size_mb
from ..recipe import Recipe
from .choice import Rule, best_rung
from .plan import FixedModel
from .price import Price
from .run import Result
from .rung import CurvePoint, Rung, pareto_front
from .runner import Workshop
from .significance import Scores, difference, interval


@dataclass(frozen=True)
class Measured:
    """A rung, with what is needed to compare it.

    Attributes:
        rung: The rung, not yet compared with others.
        scores: Its resampled scores `(resamples,)`, the mean over the seeds; None if it broke.
        result: What its first run found; None if it broke.
        user_error: Whether it broke because of what the user gave.
        device: Where it was measured.
        dev_interval: The interval of its value on dev, the mean over the seeds; None if it is not known.
        looks: How many times dev was looked at, over all seeds.
    """

    rung: Rung
    scores: Scores | None = None
    result: Result | None = None
    user_error: bool = False
    device: str = ""
    dev_interval: tuple[float, float] | None = None
    looks: int = 1


def measure_rung(
    shop: Workshop, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[int] = ()
) -> Measured:
    """Train a rung with every seed and measure its price. What breaks it ends up in the rung's `error`.

    Args:
        shop: Trains and measures.
        recipe: The recipe of the rung, or a model, which is tested once and has no label curve.
        seeds: The seeds; a rung that breaks with one is not tried with the next.
        parts: The numbers of training rows of its label curve, all rows left out.
    """
    rung = Rung(name=recipe.name, recipe=recipe.to_toml(), fixed=isinstance(recipe, FixedModel))
    if rung.fixed:
        seeds, parts = seeds[:1], ()
    for seed in seeds:
        ended = shop.train(recipe, seed)
        if ended.error is not None:
            where = "" if seed == seeds[0] else f"seed {seed}: "
            return Measured(replace(rung, error=where + ended.error), user_error=ended.user_error)
    runs = [shop.record.run(recipe.name, seed) for seed in seeds]
    results, scores = _found(shop, runs)
    rung = _with_quality(rung, seeds, results, scores)
    model = recipe.source if isinstance(recipe, FixedModel) else runs[0] / "model"
    ended = shop.measure(recipe, model)
    if ended.error is not None or ended.facts is None:
        return Measured(replace(rung, error=f"its cost could not be measured: {ended.error}"))
    known = results[0].size_mb
    price = _price(ended.facts, size_mb(Path(model)) if known is None else known, results)
    rung = replace(rung, price=price, curve=_curve(shop, recipe, seeds, parts))
    return Measured(
        rung,
        scores,
        results[0],
        device=ended.facts["device"],
        dev_interval=_mean_interval([result.dev_interval for result in results]),
        looks=sum(result.looks for result in results),
    )


def _found(shop: Workshop, runs: Sequence[Path]) -> tuple[list[Result], Scores]:
    """What runs that ended well have found, and the mean of their resampled scores."""
    results = [result for run in runs if (result := shop.record.result(run))]
    return results, np.mean([shop.record.scores(run) for run in runs], axis=0)


def _mean_interval(intervals: Sequence[tuple[float, float] | None]) -> tuple[float, float] | None:
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return None
    low, high = np.mean(known, axis=0)
    return float(low), float(high)


def _with_quality(rung: Rung, seeds: Sequence[int], results: Sequence[Result], scores: Scores) -> Rung:
    return replace(
        rung,
        seeds=tuple(seeds),
        seed_values=tuple(result.value for result in results),
        seed_dev_values=tuple(result.dev_value for result in results),
        value=float(np.mean([result.value for result in results])),
        dev_value=float(np.mean([result.dev_value for result in results])),
        interval=interval(scores),
        warnings=tuple(dict.fromkeys(warning for result in results for warning in result.warnings)),
    )


def _price(facts: dict[str, Any], size: float, results: Sequence[Result]) -> Price:
    return Price(
        latency_p50=facts["latency_p50"],
        latency_p95=facts["latency_p95"],
        throughput=facts["throughput"],
        memory_mb=facts["memory_mb"],
        size_mb=size,
        load_seconds=facts["load_seconds"],
        train_seconds=float(np.mean([result.train_seconds or np.inf for result in results])),
    )


def _curve(
    shop: Workshop, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[int]
) -> tuple[CurvePoint, ...]:
    """The points of a label curve; one that breaks is left out, such as too few rows to learn from."""
    points = []
    for rows in (*parts, None) if parts else ():
        if any(shop.train(recipe, seed, rows).error is not None for seed in seeds):
            continue
        results, scores = _found(shop, [shop.record.run(recipe.name, seed, rows) for seed in seeds])
        value = float(np.mean([result.value for result in results]))
        points.append(CurvePoint(results[0].train_rows, value, interval(scores)))
    return tuple(points)


def with_gaps(measured: Sequence[Measured], dev_rows: int, test_rows: int) -> list[Measured]:
    """Every rung with the gap between its dev and test values, and what of it chance explains."""
    looks = sum(one.looks for one in measured)
    found = []
    for one in measured:
        rung, spread = one.rung, one.dev_interval
        if spread is not None and rung.interval is not None and not rung.fixed:
            dev = Sample(rung.dev_value or 0.0, spread, dev_rows)
            test = Sample(rung.value or 0.0, rung.interval, test_rows)
            one = replace(one, rung=replace(rung, gap=gap_between(dev, test, looks)))
        found.append(one)
    return found


def comparable_by_metric(measured: Sequence[Measured]) -> list[Measured]:
    """The same, where a model whose own metric is not that of the last rung has broken by it."""
    wanted = next((one.result.metric for one in reversed(measured) if one.result), None)
    found = []
    for one in measured:
        if one.result is not None and one.result.metric != wanted:
            told = f"its metric is {one.result.metric}, and the others are measured by {wanted}"
            rung = one.rung
            broken = Rung(name=rung.name, recipe=rung.recipe, error=told, fixed=rung.fixed)
            one = Measured(broken, user_error=True)
        found.append(one)
    return found


def compare(measured: Sequence[Measured], rule: Rule) -> tuple[Rung, ...]:
    """Every rung with its difference to the best, what exceeds the budget, and whether it is on the front."""
    rungs = [one.rung for one in measured]
    best = best_rung(rungs, rule.cost, higher_is_better=rule.higher_is_better)
    reference = next((one for one in measured if one.rung is best), None)
    front = {rung.name for rung in pareto_front(rungs, rule.cost, higher_is_better=rule.higher_is_better)}
    return tuple(_compared(one, reference, rule, one.rung.name in front) for one in measured)


def _compared(one: Measured, best: Measured | None, rule: Rule, on_front: bool) -> Rung:
    rung = one.rung
    if best is None or one.scores is None or best.scores is None or rung.price is None:
        return rung
    return replace(
        rung,
        difference=difference(
            rung.value or 0.0,
            one.scores,
            best.rung.value or 0.0,
            best.scores,
            higher_is_better=rule.higher_is_better,
        ),
        over_budget=rule.budget.exceeded(rung.price, rule.unit),
        on_front=on_front,
    )
