"""The paired bootstrap against its definition, written out."""

import numpy as np
import pytest
from made_up import mean, right_rows

from wordladder.evaluation.intervals import (
    bootstrap_scores,
    over_seeds,
    paired_difference,
    percentile_interval,
)
from wordladder.metrics.labels import macro_f1


def slow_pairs(one, other, metric, resamples):
    """Draw rows, take both systems' answers on them, compute both metrics, subtract."""
    random = np.random.default_rng(1)
    found = []
    for _ in range(resamples):
        rows = random.integers(0, len(one), len(one))
        found.append(metric(one[rows]) - metric(other[rows]))
    return np.array(found)


def f1(outcomes):
    return macro_f1(outcomes[:, 0], outcomes[:, 1], 3)


def answers(rows, seed, quality):
    random = np.random.default_rng(seed)
    gold = np.random.default_rng(0).integers(0, 3, rows)
    return np.column_stack([gold, np.where(random.random(rows) < quality, gold, random.integers(0, 3, rows))])


@pytest.mark.parametrize(
    ("metric", "one", "other"),
    [
        (mean, right_rows(0.8, 150, 3), right_rows(0.85, 150, 4)),
        (f1, answers(150, 3, 0.7), answers(150, 4, 0.8)),
    ],
)
def test_scores_on_the_same_rows_are_paired(metric, one, other):
    scores, others = (bootstrap_scores(runs, metric, resamples=300) for runs in (one, other))
    pairs = slow_pairs(one, other, metric, 300)
    np.testing.assert_allclose(scores - others, pairs, atol=1e-12)
    gap = paired_difference(metric(one), scores, metric(other), others)
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(pairs, [0.025, 0.975])))
    assert gap.value == metric(one) - metric(other)


def test_pairing_narrows_the_interval():
    one, other = right_rows(0.8, 2000, 3), right_rows(0.81, 2000, 4)
    scores, others = (bootstrap_scores(runs, mean, resamples=400) for runs in (one, other))
    gap = paired_difference(mean(one), scores, mean(other), others)
    unpaired = paired_difference(mean(one), scores, mean(other), np.random.default_rng(0).permutation(others))
    assert gap.high - gap.low < 0.85 * (unpaired.high - unpaired.low)


def test_where_lower_is_better_the_sign_turns():
    scores, others = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    up = paired_difference(2.0, scores, 2.5, others)
    down = paired_difference(2.0, scores, 2.5, others, higher_is_better=False)
    assert (up.value, up.low, up.high) == pytest.approx((-down.value, -down.high, -down.low))
    assert down.value == 0.5


def test_the_interval_of_a_mean_is_the_textbook_one():
    outcomes = right_rows(0.8, 4000, 1)
    low, high = percentile_interval(bootstrap_scores(outcomes, mean, resamples=2000))
    arm = 1.96 * np.sqrt(0.8 * 0.2 / 4000)
    assert low == pytest.approx(0.8 - arm, abs=0.1 * arm)
    assert high == pytest.approx(0.8 + arm, abs=0.1 * arm)


def test_seeds_are_drawn_as_well_as_rows():
    random = np.random.default_rng(5)
    rows, seeds = random.normal(size=4000), 0.7 * random.normal(size=4)
    scores = rows + seeds[:, None]  # what all seeds share on a draw, and what each has of its own
    found = over_seeds(scores)
    assert found.mean() == pytest.approx(scores.mean(), abs=0.05)
    assert found.var() == pytest.approx(rows.var() + seeds.var() / 4, rel=0.05)
    assert np.array_equal(over_seeds(scores[:1]), scores[0])
    assert np.array_equal(found, over_seeds(scores)), "two rungs are paired by the same draws"
