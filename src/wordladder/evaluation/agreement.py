"""Whether dev and test agree: a z test for two independent samples, as strict as the choices made on dev ask.

At every look at dev (a rung, a seed, an epoch) the gap between dev and test is normal around 0 if both are
samples of the same text. Of `looks` gaps all stay within the limit with 95 % probability (Bonferroni), and so
does that of the epoch and rung chosen: the limit allows for the optimism of choosing the best on dev, but not
for thresholds that were fitted on dev.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

LEVEL = 0.05
_GROUPS = 10  # the interval over fewer is no guide to what chance does
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
        """What the variance of the metric would be on one row; that on `n` rows is the n-th part of it."""
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
        """Whether they differ by more."""
        return abs(self.dev - self.test) > self.limit


def comparable(*groups: Sequence[str] | None) -> bool:
    """Whether dev and test, with the group of each row, have so many groups that a test means something."""
    return all(known is None or len(set(known)) >= _GROUPS for known in groups)


def gap_between(dev: Sample, test: Sample, looks: int = 1) -> Gap:
    """Compare the two samples; the variance of a row is pooled over both, as in the two-proportion z test.

    Args:
        dev: The metric on dev.
        test: The metric on the test rows.
        looks: Between how many gaps the choice was.
    """
    rows = dev.rows + test.rows
    variance = (dev.rows * dev.row_variance() + test.rows * test.row_variance()) / rows
    error = sqrt(variance * (1 / dev.rows + 1 / test.rows))
    return Gap(dev.value, test.value, NormalDist().inv_cdf(1 - LEVEL / (2 * looks)) * error)


def disagreement(
    gaps: Mapping[str, Gap], *, higher_is_better: bool = True, grouped: bool = False, timed: bool = False
) -> list[str]:
    """A sentence or two for the gaps that chance does not explain, and what they may mean; else none.

    Args:
        gaps: The gap of each rung.
        higher_is_better: The direction of the metric.
        grouped: Whether rows of one group were kept together.
        timed: Whether the test rows are the newest.
    """
    found = {name: gap for name, gap in gaps.items() if gap.beyond_chance}
    if not found:
        return []
    name = max(found, key=lambda name: abs(found[name].dev - found[name].test) - found[name].limit)
    gap = found[name]
    others = [other for other in found if other != name]
    so = f"; so do {', '.join(others)}" if len(others) > 1 else f"; so does {others[0]}" if others else ""
    told = (
        f"Dev and test differ by more than chance allows: {name} reaches {gap.dev:.3f} on dev and "
        f"{gap.test:.3f} on test (chance explains {gap.limit:.3f}){so}."
    )
    flatters = (gap.dev > gap.test) == higher_is_better
    return [
        f"{told} {_meaning(flatters, grouped, timed)} Trust the test figures, and choices made on dev less."
    ]


def _meaning(flatters: bool, grouped: bool, timed: bool) -> str:
    causes = []
    if flatters and not grouped and not timed:
        causes.append(
            "rows of one author, document or file are in both train and dev (--group keeps them together)"
        )
    if not flatters:
        causes.append("the test has texts that training knows")
    causes.append("the text changes with time" if timed else "the test rows are of another kind or time")
    return f"It may be that {', or that '.join(causes)}."
