"""Bootstrap intervals of a metric over rows (Efron and Tibshirani 1993, chapter 13: percentile intervals)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["bootstrap", "resampled"]

Primary = Callable[[NDArray], float]


def resampled(
    outcomes: NDArray, primary: Primary, *, resamples: int = 1000, seed: int = 1
) -> NDArray[np.float64]:
    """The metric of `resamples` draws of rows with replacement, `(resamples,)`.

    The same seed and number of rows give the same draws, so two models' results are paired.
    """
    random = np.random.default_rng(seed)
    rows = len(outcomes)
    return np.array([primary(outcomes[random.integers(0, rows, rows)]) for _ in range(resamples)])


def bootstrap(
    outcomes: NDArray, primary: Primary, *, resamples: int = 1000, seed: int = 1, level: float = 0.95
) -> tuple[float, float]:
    """The percentile interval of the metric over rows `(rows, k)`."""
    values = resampled(outcomes, primary, resamples=resamples, seed=seed)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
