"""Bootstrap intervals of a metric over rows (Efron and Tibshirani 1993, chapter 13: percentile intervals).

The intervals cover the sampling of the test rows and, where a rung was trained with several seeds, of these;
they say nothing about other kinds of text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How much better one model is than another: positive is better, whatever the metric's direction.

    Attributes:
        value: The difference on all test rows.
        low: The low end of its interval.
        high: The high end of its interval.
        p_value: The two-sided p-value of "there is no difference", from the same draws, if it is known.
    """

    value: float
    low: float
    high: float
    p_value: float | None = None


def bootstrap_scores(
    outcomes: NDArray,
    primary: Callable[[NDArray], float],
    *,
    resamples: int = 1000,
    seed: int = 1,
    groups: Sequence[str] | None = None,
) -> Scores:
    """The metric of `resamples` draws of rows with replacement, `(resamples,)`.

    The same seed and number of rows give the same draws, so two models' results are paired. Rows of one group
    are alike, so whole groups are drawn where there are several (Davison and Hinkley 1997, section 3.8).

    Args:
        outcomes: The outcome of each row, `(rows, k)`.
        primary: Computes the metric from outcomes.
        resamples: How many draws.
        seed: The seed of the draws.
        groups: The group of each row, where it is known.
    """
    random = np.random.default_rng(seed)
    if groups is None or len(set(groups)) < 2:
        rows = len(outcomes)
        return np.array([primary(outcomes[random.integers(0, rows, rows)]) for _ in range(resamples)])
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    draws = (random.integers(0, len(members), len(members)) for _ in range(resamples))
    return np.array([primary(outcomes[np.concatenate([members[one] for one in draw])]) for draw in draws])


def over_seeds(scores: Scores, seed: int = 1) -> Scores:
    """The bootstrap scores of a rung that was trained with several seeds, `(resamples,)`: for each draw of
    rows as many seeds are drawn with replacement, and their mean is taken (Davison and Hinkley 1997, 3.8).

    Args:
        scores: Those of each seed on the same draws of rows, `(seeds, resamples)`.
        seed: Of the draws of seeds.
    """
    count, resamples = scores.shape
    drawn = np.random.default_rng(seed).integers(0, count, (count, resamples))
    return np.take_along_axis(scores, drawn, axis=0).mean(axis=0)


def percentile_interval(scores: Scores) -> tuple[float, float]:
    """The 95 % percentile interval of bootstrap scores `(resamples,)`."""
    low, high = np.quantile(scores, (0.025, 0.975))
    return float(low), float(high)


def paired_difference(
    value: float, scores: Scores, other: float, other_scores: Scores, *, higher_is_better: bool = True
) -> Difference:
    """How much better one model is than another, with the paired interval.

    The bootstrap scores of both, each a mean over seeds, come from the same draws of the same rows, so
    what is hard about a draw is hard for both and cancels (Efron and Tibshirani 1993; for text, Koehn 2004).

    Args:
        value: The metric of the first model on all test rows.
        scores: Its bootstrap scores `(resamples,)`.
        other: The metric of the model that it is compared with.
        other_scores: That model's scores on the same draws `(resamples,)`.
        higher_is_better: The direction of the metric.
    """
    sign = 1 if higher_is_better else -1
    draws = sign * (scores - other_scores)
    p_value = min(1.0, 2 * p_value_above(draws, 0.0), 2 * p_value_above(-draws, 0.0))
    return Difference(sign * (value - other), *percentile_interval(draws), p_value)


def p_value_above(draws: Scores, limit: float) -> float:
    """The p-value of "the value is `limit` or less", one-sided, from bootstrap draws of the value (Efron and
    Tibshirani 1993, section 15.4; one draw more is counted, so that it is never 0).
    """
    return float((1 + (draws <= limit).sum()) / (1 + len(draws)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several comparisons, corrected so that with probability 1 - p none of those up to p is
    there by chance (Holm 1979, "A simple sequentially rejective multiple test procedure").
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, float)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return corrected.tolist()
