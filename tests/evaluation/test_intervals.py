"""Bootstrap intervals agree with what is known of a mean."""

import numpy as np
import pytest

from wordladder.evaluation.intervals import bootstrap_scores, percentile_interval


def mean(rows):
    return float(rows.mean())


def test_the_interval_of_a_share_is_the_normal_one():
    outcomes = (np.random.default_rng(1).random((2000, 1)) < 0.8).astype(float)
    low, high = percentile_interval(bootstrap_scores(outcomes, mean))
    p, width = outcomes.mean(), 1.96 * np.sqrt(outcomes.mean() * (1 - outcomes.mean()) / 2000)
    assert low == pytest.approx(p - width, abs=0.003)
    assert high == pytest.approx(p + width, abs=0.003)


def test_draws_are_paired():
    rows = np.arange(50.0)[:, None]
    np.testing.assert_allclose(
        bootstrap_scores(2 * rows, mean, seed=3), 2 * bootstrap_scores(rows, mean, seed=3)
    )
    assert not np.allclose(bootstrap_scores(rows, mean, seed=3), bootstrap_scores(rows, mean, seed=4))


def test_whole_groups_are_drawn():
    """Rows that repeat their group's outcome tell no more than a row a group does."""
    by_group = (np.random.default_rng(1).random((200, 1)) < 0.7).astype(float)
    groups = np.repeat([f"g{n:03}" for n in range(200)], 10)
    shuffled = np.random.default_rng(2).permutation(2000)
    rows = np.repeat(by_group, 10, axis=0)[shuffled]
    same = bootstrap_scores(rows, mean, groups=groups[shuffled].tolist())
    np.testing.assert_allclose(same, bootstrap_scores(by_group, mean))
    assert same.std() > 2.5 * bootstrap_scores(rows, mean).std()


def test_a_single_group_says_nothing_of_other_groups_so_rows_are_drawn():
    rows = np.arange(50.0)[:, None]
    np.testing.assert_array_equal(
        bootstrap_scores(rows, mean, groups=["one"] * 50), bootstrap_scores(rows, mean)
    )
