"""Several comparisons, and p-values from draws."""

import numpy as np
import pytest

from wordladder.evaluation.intervals import holm, p_value_above, paired_difference


def test_holm_is_the_closed_test_of_bonferroni():
    """The corrected p-value is the largest Bonferroni one over all sets that have the comparison."""
    from itertools import combinations

    random = np.random.default_rng(1)
    for _ in range(20):
        p = random.random(5) ** 3
        expected = [
            max(
                min(1.0, len(some) * min(p[list(some)]))
                for size in range(1, 6)
                for some in combinations(range(5), size)
                if one in some
            )
            for one in range(5)
        ]
        assert holm(p.tolist()) == pytest.approx(expected)
    assert holm([]) == []
    assert holm([0.02]) == [0.02]


def test_it_is_rare_that_any_of_several_equal_models_seems_different():
    random, wrong = np.random.default_rng(2), 0
    for _ in range(200):
        draws = [random.normal(random.normal(), 1, 1000) for _ in range(6)]
        wrong += (
            min(holm([min(1, 2 * min(p_value_above(d, 0), p_value_above(-d, 0))) for d in draws])) <= 0.05
        )
    assert wrong / 200 <= 0.09


def test_the_p_value_belongs_to_the_interval():
    random = np.random.default_rng(3)
    for shift in (-3.0, -1.9, -0.5, 0.3, 1.7, 2.6):
        ours, theirs = random.normal(shift, 1, 1000), np.zeros(1000)
        for higher in (True, False):
            found = paired_difference(shift, ours, 0.0, theirs, higher_is_better=higher)
            assert (found.p_value > 0.055) <= (found.low <= 0 <= found.high)
            assert (found.p_value < 0.045) <= (not found.low <= 0 <= found.high)
