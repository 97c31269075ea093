"""Evaluates scores on labelled examples: the primary metric with its interval, and all other metrics."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..engines import Engine
from .anisotropy import anisotropy
from .intervals import Difference, bootstrap_scores, paired_difference, percentile_interval

_SAMPLE = 1000  # texts, whose vectors are looked at


@dataclass(frozen=True)
class Evaluation:
    """How good a model is on some rows.

    Attributes:
        task: The kind of the task.
        metric: The name of the primary metric.
        value: The primary metric.
        interval: Its 95 % bootstrap interval over the rows, or over groups of rows where they are known.
        rows: The number of rows.
        metrics: All metrics by name.
    """

    task: str
    metric: str
    value: float
    interval: tuple[float, float]
    rows: int
    metrics: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The same as a dictionary that JSON can hold."""
        return asdict(self) | {"interval": list(self.interval)}


def evaluate_scores(
    engine: Engine, scores: NDArray, examples: Examples, *, resamples: int = 1000
) -> Evaluation:
    """Evaluate the scores `(rows, ...)` that a model gave to examples.

    Args:
        engine: The model's engine, whose task knows its labels and decoding.
        scores: Unnormalised scores, one row for each example.
        examples: The labelled examples.
        resamples: Bootstrap resamples for the interval.
    """
    task = engine.task
    outcomes = task.outcomes(scores, examples)
    values = bootstrap_scores(outcomes, task.primary, resamples=resamples, groups=examples.groups)
    return Evaluation(
        task=engine.recipe.task,
        metric=task.metric,
        value=task.primary(outcomes),
        interval=percentile_interval(values),
        rows=len(examples),
        metrics=task.metrics(scores, examples) | vector_facts(engine, examples),
    )


def difference(
    task: Any, outcomes: NDArray, others: NDArray, groups: Any = None, *, resamples: int = 1000
) -> Difference:
    """How much better one model is than another on the same rows, with the paired interval.

    Args:
        task: Computes the primary metric.
        outcomes: What it needs of each row, of the one.
        others: The same of the other.
        groups: The group of each row, where it is known.
        resamples: Bootstrap resamples for the interval.
    """
    found = []
    for rows in (outcomes, others):
        draws = bootstrap_scores(rows, task.primary, resamples=resamples, groups=groups)
        found += [task.primary(rows), draws]
    return paired_difference(*found, higher_is_better=task.higher_is_better)


def order_effect(engine: Engine, scores: NDArray, examples: Examples) -> dict[str, float]:
    """`order_matters`: the share of pairs that get another label with their two texts swapped; for tasks that
    compare two texts.
    """
    task = engine.task
    if not getattr(task, "compares", False) or getattr(task, "towers", False):
        return {}
    swapped = engine.scores(replace(examples, segments=examples.segments[::-1]))
    pairs = zip(task.predictions(scores), task.predictions(swapped))
    return {"order_matters": sum(one != other for one, other in pairs) / len(examples)}


def vector_facts(engine: Engine, examples: Examples) -> dict[str, float]:
    """`anisotropy`: the mean cosine of random pairs of texts, a sample if there are many; for networks whose
    task trains vectors of texts.
    """
    if not getattr(engine.task, "towers", False) or engine.network is None:
        return {}
    texts = list(dict.fromkeys(text for segment in examples.segments for text in segment))
    if len(texts) > _SAMPLE:
        texts = [texts[row] for row in np.random.default_rng(1).choice(len(texts), _SAMPLE, replace=False)]
    mean = anisotropy(texts, engine.encode(Examples((texts,))))
    return {} if mean is None else {"anisotropy": mean}
