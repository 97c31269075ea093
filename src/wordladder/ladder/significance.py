"""How sure the test rows let us be that one rung is as good as another: the paired bootstrap.

What the intervals cover is the choice of the test rows; they say nothing about other seeds or about text
of another kind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How much better one rung is than another: positive is better, whatever the metric's direction.

    Attributes:
        value: The difference on all test rows.
        low: The low end of its interval.
        high: The high end of its interval.
    """

    value: float
    low: float
    high: float


def interval(scores: Scores, *, level: float = 0.95) -> tuple[float, float]:
    """The percentile interval of resampled scores `(resamples,)`."""
    low, high = np.quantile(scores, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def difference(
    value: float,
    scores: Scores,
    other: float,
    other_scores: Scores,
    *,
    higher_is_better: bool = True,
    level: float = 0.95,
) -> Difference:
    """How much better one rung is than another, with the paired interval.

    The resampled scores of both, each the mean over its seeds, come from the same draws of the same rows, so
    what is hard about a draw is hard for both and cancels (Efron and Tibshirani 1993; for text, Koehn 2004).

    Args:
        value: The metric of the one rung on all test rows.
        scores: Its resampled scores `(resamples,)`.
        other: The metric of the rung that it is compared with.
        other_scores: That rung's scores on the same draws `(resamples,)`.
        higher_is_better: The direction of the metric.
        level: The share of resamples inside the interval.
    """
    sign = 1 if higher_is_better else -1
    low, high = interval(sign * (scores - other_scores), level=level)
    return Difference(sign * (value - other), low, high)
