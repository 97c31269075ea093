"""Tests whether dev and test agree: a z test for independent samples, corrected for the choices made on dev.

At every look at dev (a rung, a seed, an epoch) the gap between dev and test is normal around 0 if both are
samples of the same text. All of `looks` gaps stay within the limit with 95 % probability (Bonferroni), and so
does that of the chosen epoch and rung: the limit allows for the optimism of choosing the best on dev, but not
for thresholds that were fitted on dev.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

LEVEL = 0.05
_MIN_GROUPS = 10  # the interval over fewer is unreliable
_Z = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Sample:
    """A metric on some rows.

    Attributes:
        value: The metric.
        interval: Its 95 % bootstrap interval.
        rows: How many rows.
    """

    value: float
    interval: Sequence[float]
    rows: int

    def row_variance(self) -> float:
        """The variance of the metric on a single row; on `n` rows it is 1/n of that."""
        return self.rows * ((self.interval[1] - self.interval[0]) / (2 * _Z)) ** 2


@dataclass(frozen=True)
class Gap:
    """The difference between dev and test.

    Attributes:
        dev: The metric on dev.
        test: The metric on the test rows.
        limit: How much they may differ by chance, at the level 0.05 for all looks together.
    """

    dev: float
    test: float
    limit: float

    @property
    def beyond_chance(self) -> bool:
        """Whether they differ by more than `limit`."""
        return abs(self.dev - self.test) > self.limit


def comparable(*groups: Sequence[str] | None) -> bool:
    """Whether dev and test, given the group of each row, have enough groups for a meaningful test."""
    return all(known is None or len(set(known)) >= _MIN_GROUPS for known in groups)


def gap_between(dev: Sample, test: Sample, looks: int = 1) -> Gap:
    """Compare the two samples; the variance of a row is pooled over both, as in the two-proportion z test.

    Args:
        dev: The metric on dev.
        test: The metric on the test rows.
        looks: How many gaps the chosen one was chosen from.
    """
    rows = dev.rows + test.rows
    variance = (dev.rows * dev.row_variance() + test.rows * test.row_variance()) / rows
    error = sqrt(variance * (1 / dev.rows + 1 / test.rows))
    return Gap(dev.value, test.value, NormalDist().inv_cdf(1 - LEVEL / (2 * looks)) * error)


def disagreement(
    gaps: Mapping[str, Gap], *, higher_is_better: bool = True, grouped: bool = False, timed: bool = False
) -> list[str]:
    """A warning about the gaps that chance does not explain and their possible reasons, if there are any.

    Args:
        gaps: The gap of each rung.
        higher_is_better: The direction of the metric.
        grouped: Whether rows of one group were kept together.
        timed: Whether the test rows are the newest.
    """
    large = {name: gap for name, gap in gaps.items() if gap.beyond_chance}
    if not large:
        return []
    name, gap = max(large.items(), key=lambda item: abs(item[1].dev - item[1].test) - item[1].limit)
    others = ", ".join(other for other in large if other != name)
    reasons = ["the text changes with time" if timed else "the test rows are of another kind or time"]
    if (gap.dev > gap.test) != higher_is_better:
        reasons.insert(0, "the test has texts that were also used for training")
    elif not grouped and not timed:
        reasons.insert(
            0, "rows of one author, document or file are in both train and dev (--group keeps them together)"
        )
    return [
        f"Dev and test differ by more than chance allows: {name} reaches {gap.dev:.3f} on dev and "
        f"{gap.test:.3f} on test (chance explains {gap.limit:.3f})"
        f"{f'; the same is true of {others}' if others else ''}. Perhaps {', or '.join(reasons)}. "
        "Trust the test figures more than the choices made on dev."
    ]
