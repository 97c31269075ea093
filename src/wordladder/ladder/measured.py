"""Turns finished runs into rungs that can be compared: means, intervals, prices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation.agreement import Sample, gap_between
from ..evaluation.intervals import Scores, paired_difference, percentile_interval
from ..files.folders import size_mb
from ..recipe import Recipe
from .choice import best_rung, pareto_front
from .plan import FixedModel
from .price import Price, UsageCost
from .result import CurvePoint, Rule, Rung
from .run import RunResult
from .runner import Runner


@dataclass(frozen=True)
class Measured:
    """A rung, with what is needed to compare it.

    Attributes:
        rung: The rung, not yet compared with others.
        scores: Its bootstrap scores `(resamples,)`, the mean over the seeds; None if it failed.
        results: The results of its runs, one for each seed; none if it failed.
        user_error: Whether it failed because of what the user gave.
        device: Where it was measured.
    """

    rung: Rung
    scores: Scores | None = None
    results: Sequence[RunResult] = ()
    user_error: bool = False
    device: str = ""

    @property
    def looks(self) -> int:
        """How many times dev was evaluated, over all seeds."""
        return sum(result.looks for result in self.results) or 1


def measure_rung(
    runner: Runner, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[int] = ()
) -> Measured:
    """Train a rung with every seed and measure its price. If it fails, the rung has an `error`.

    Args:
        runner: Trains and measures.
        recipe: The recipe of the rung, or a model, which is tested once and has no label curve.
        seeds: The seeds; a rung that fails with one is not tried with the next.
        parts: The numbers of training rows of its label curve, without that of all rows.
    """
    rung = Rung(name=recipe.name, recipe=recipe.to_toml(), fixed=isinstance(recipe, FixedModel))
    if rung.fixed:
        seeds, parts = seeds[:1], ()
    for seed in seeds:
        ended = runner.train(recipe, seed)
        if ended.error is not None:
            where = "" if seed == seeds[0] else f"seed {seed}: "
            return Measured(replace(rung, error=where + ended.error), user_error=ended.user_error)
    results, scores = _load_results(runner, recipe.name, seeds)
    rung = replace(
        rung,
        seeds=tuple(seeds),
        seed_values=tuple(result.value for result in results),
        seed_dev_values=tuple(result.dev_value for result in results),
        value=float(np.mean([result.value for result in results])),
        dev_value=float(np.mean([result.dev_value for result in results])),
        interval=percentile_interval(scores),
        warnings=tuple(dict.fromkeys(warning for result in results for warning in result.warnings)),
    )
    if isinstance(recipe, FixedModel):
        model: Path | str = recipe.source
    else:
        model = runner.folder.run(recipe.name, seeds[0]) / "model"
    ended = runner.measure(recipe, model)
    if ended.error is not None or ended.facts is None:
        return Measured(replace(rung, error=f"its cost could not be measured: {ended.error}"))
    size = size_mb(Path(model)) if results[0].size_mb is None else results[0].size_mb
    price = _price(ended.facts, size, results)
    rung = replace(rung, price=price, curve=_label_curve(runner, recipe, seeds, parts))
    return Measured(rung, scores, results, device=ended.facts["device"])


def _load_results(
    runner: Runner, name: str, seeds: Sequence[int], rows: int | None = None
) -> tuple[list[RunResult], Scores]:
    """The results of successful runs, and the mean of their bootstrap scores."""
    runs = [runner.folder.run(name, seed, rows) for seed in seeds]
    results = [result for run in runs if (result := runner.folder.result(run))]
    return results, np.mean([runner.folder.scores(run) for run in runs], axis=0)


def _price(facts: dict[str, Any], size: float, results: Sequence[RunResult]) -> Price:
    usage = {name: facts[name] for name in UsageCost.__dataclass_fields__}
    seconds = np.mean([result.train_seconds or inf for result in results])
    return Price(**usage, size_mb=size, train_seconds=float(seconds))


def _label_curve(
    runner: Runner, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[int]
) -> tuple[CurvePoint, ...]:
    """The points of a label curve; those that fail, for example with too few rows, are left out."""
    points = []
    for rows in (*parts, None) if parts else ():
        if any(runner.train(recipe, seed, rows).error is not None for seed in seeds):
            continue
        results, scores = _load_results(runner, recipe.name, seeds, rows)
        value = float(np.mean([result.value for result in results]))
        points.append(CurvePoint(results[0].train_rows, value, percentile_interval(scores)))
    return tuple(points)


def add_gaps(measured: Sequence[Measured], dev_rows: int, test_rows: int) -> list[Measured]:
    """Every rung with the gap between its dev and test values, and how much of it chance explains."""
    looks = sum(one.looks for one in measured)
    with_gaps = []
    for one in measured:
        rung, intervals = one.rung, [result.dev_interval for result in one.results]
        if one.results and rung.interval is not None and not rung.fixed and None not in intervals:
            low, high = np.mean(np.array(intervals, float), axis=0)
            dev = Sample(rung.dev_value or 0.0, (float(low), float(high)), dev_rows)
            test = Sample(rung.value or 0.0, rung.interval, test_rows)
            one = replace(one, rung=replace(rung, gap=gap_between(dev, test, looks)))
        with_gaps.append(one)
    return with_gaps


def reject_other_metrics(measured: Sequence[Measured]) -> list[Measured]:
    """The same, but existing models with another metric than the last rung have failed."""
    metrics = [one.results[0].metric if one.results else None for one in measured]
    last = next((metric for metric in reversed(metrics) if metric), None)
    checked = []
    for one, metric in zip(measured, metrics):
        if metric not in (None, last):
            error = f"its metric is {metric}, but the others are measured by {last}"
            rung = Rung(name=one.rung.name, recipe=one.rung.recipe, error=error, fixed=one.rung.fixed)
            one = Measured(rung, user_error=True)
        checked.append(one)
    return checked


def compare(measured: Sequence[Measured], rule: Rule) -> tuple[Rung, ...]:
    """Every rung with its difference to the best, what it exceeds, and whether it is on the front."""
    rungs = [one.rung for one in measured]
    reference = best_rung(rungs, rule)
    best = next((one for one in measured if one.rung is reference), None)
    front = pareto_front(rungs, rule.cost, higher_is_better=rule.higher_is_better)
    compared = []
    for one in measured:
        rung = one.rung
        if best is not None and one.scores is not None and best.scores is not None and rung.price is not None:
            values = (rung.value or 0.0, one.scores, best.rung.value or 0.0, best.scores)
            rung = replace(
                rung,
                difference=paired_difference(*values, higher_is_better=rule.higher_is_better),
                over_budget=rule.budget.exceeded(rung.price, rule.unit),
                on_front=one.rung in front,
            )
        compared.append(rung)
    return tuple(compared)
