"""Bootstrap intervals of a metric over rows (Efron and Tibshirani 1993, chapter 13: percentile intervals)."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Primary = Callable[[NDArray], float]


def resampled(
    outcomes: NDArray,
    primary: Primary,
    *,
    resamples: int = 1000,
    seed: int = 1,
    groups: Sequence[str] | None = None,
) -> NDArray[np.float64]:
    """The metric of `resamples` draws of rows with replacement, `(resamples,)`.

    The same seed and number of rows give the same draws, so two models' results are paired. Rows of one group
    are alike, so whole groups are drawn where there are several (Davison and Hinkley 1997, section 3.8).
    """
    random = np.random.default_rng(seed)
    if groups is None or len(set(groups)) < 2:
        rows = len(outcomes)
        return np.array([primary(outcomes[random.integers(0, rows, rows)]) for _ in range(resamples)])
    _, group = np.unique(np.asarray(groups), return_inverse=True)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    draws = (random.integers(0, len(members), len(members)) for _ in range(resamples))
    return np.array([primary(outcomes[np.concatenate([members[one] for one in draw])]) for draw in draws])


def bootstrap(
    outcomes: NDArray,
    primary: Primary,
    *,
    resamples: int = 1000,
    seed: int = 1,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
) -> tuple[float, float]:
    """The percentile interval of the metric over rows `(rows, k)`, or over groups of rows."""
    values = resampled(outcomes, primary, resamples=resamples, seed=seed, groups=groups)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
