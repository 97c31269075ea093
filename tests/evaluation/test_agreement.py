"""Dev against test: the limit is the two-proportion z test's, and choosing on dev does not break it."""

import numpy as np
import pytest
from scipy import stats

from wordladder.evaluation.agreement import Gap, Sample, comparable, disagreement, gap_between


def share(right, rows):
    """A share with the interval that a bootstrap comes to."""
    p = right / rows
    arm = 1.959964 * np.sqrt(p * (1 - p) / rows)
    return Sample(p, (p - arm, p + arm), rows)


@pytest.mark.parametrize(
    ("dev", "test"), [((80, 100), (850, 1000)), ((45, 60), (130, 200)), ((900, 1000), (430, 500))]
)
@pytest.mark.parametrize("looks", [1, 20])
def test_the_limit_is_that_of_two_proportions(dev, test, looks):
    table = np.array([[dev[0], dev[1] - dev[0]], [test[0], test[1] - test[0]]])
    z = np.sqrt(stats.chi2_contingency(table, correction=False).statistic)
    gap = gap_between(share(*dev), share(*test), looks)
    assert abs(gap.dev - gap.test) / gap.limit == pytest.approx(z / stats.norm.isf(0.025 / looks), rel=0.02)


def test_the_best_of_many_looks_is_within_chance_and_a_leak_is_not():
    random = np.random.default_rng(1)
    alarms = missed = 0
    for _ in range(400):
        chosen = random.binomial(200, 0.8, size=30).max()  # the best of 30 on dev
        test = share(random.binomial(800, 0.8), 800)
        alarms += gap_between(share(chosen, 200), test, looks=30).beyond_chance
        missed += not gap_between(share(random.binomial(200, 0.97), 200), test, looks=30).beyond_chance
    assert alarms <= 0.05 * 400
    assert missed <= 0.05 * 400
    assert (
        gap_between(share(170, 200), share(640, 800)).limit
        < gap_between(share(170, 200), share(640, 800), 30).limit
    )


def test_what_is_told():
    found = disagreement({"a": Gap(0.9, 0.5, 0.1), "b": Gap(0.8, 0.75, 0.1), "c": Gap(0.8, 0.6, 0.1)})
    assert found[0].startswith(
        "Dev and test differ by more than chance allows: a reaches 0.900 on dev and 0.500 on test (chance "
        "explains 0.100); the same is true of c. Perhaps rows of one author"
    )
    assert disagreement({"b": Gap(0.8, 0.75, 0.1)}) == []
    assert "--group" not in disagreement({"a": Gap(0.9, 0.5, 0.1)}, grouped=True)[0]
    assert "changes with time" in disagreement({"a": Gap(0.9, 0.5, 0.1)}, timed=True)[0]
    assert "used for training" in disagreement({"a": Gap(0.5, 0.9, 0.1)})[0]
    assert "used for training" not in disagreement({"a": Gap(0.5, 0.9, 0.1)}, higher_is_better=False)[0]


def test_a_few_groups_are_not_compared():
    assert comparable(None, None)
    assert comparable([f"g{n % 10}" for n in range(50)], None)
    assert not comparable([f"g{n % 10}" for n in range(50)], [f"h{n % 9}" for n in range(50)])
