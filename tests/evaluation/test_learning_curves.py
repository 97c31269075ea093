"""Learning curves: shapes against their formulas, the level against least squares, and honest intervals."""

import numpy as np
import pytest

from wordladder.evaluation import learning_curves
from wordladder.evaluation.learning_curves import Shapes, fit_curve

ROWS = [32, 64, 125, 250, 500]


def test_shapes_are_the_formulas():
    shapes = Shapes(
        np.array([0, 1, 2]), np.array([0.5, 1.2, 0.7]), np.array([90.0] * 3), np.array([0.1, 0, 0.3])
    )
    n = np.array([32.0, 400.0, 1e4])

    formulas = (
        (lambda n: n**-0.5, 0.1),
        (lambda n: 1 / (1 + (n / 90) ** 1.2), 0),
        (lambda n: np.exp(-((n / 90) ** 0.7)), 0.3),
    )
    found = np.exp(shapes.relative(n, 32.0))
    assert found[:, 0] == pytest.approx(1)
    for row, (shape, floor) in enumerate(formulas):
        assert found[row] == pytest.approx(floor + (1 - floor) * shape(n) / shape(32.0))


def test_the_level_is_that_of_least_squares(monkeypatch):
    for name, one in (("EXPONENTS", 0.5), ("FLOORS", 0.1), ("MIDDLES", 1.0)):
        monkeypatch.setattr(learning_curves, name, np.array([one]))
    random = np.random.default_rng(1)
    losses = [0.5 * (0.1 + 0.9 * (n / 32) ** -0.5) * np.exp(0.1 * random.standard_normal(3)) for n in ROWS]
    found = fit_curve(ROWS, losses)
    only = found.shapes.family == 0
    logs = np.log(losses) - np.log(0.1 + 0.9 * (np.array(ROWS)[:, None] / 32) ** -0.5)
    assert found.level[only].mean() == pytest.approx(logs.mean(), abs=0.01)
    expected = np.sqrt((found.spread**2 / 3 + 0.02**2) / len(ROWS))
    assert found.level[only].std() == pytest.approx(expected, rel=0.1)


def power(n):
    return 0.05 + 1.5 * n**-0.45


def hill(n):
    return 0.1 + 0.4 / (1 + (n / 300) ** 1.3)


def exponential(n):
    return 0.08 + 0.42 * np.exp(-((n / 200) ** 0.6))


def forecasts(truth, rows):
    """Draws of the loss with so many rows, for thirty measured curves."""
    for seed in range(30):
        random = np.random.default_rng(seed)
        losses = [truth(n) * np.exp(0.06 * random.standard_normal(4)) for n in ROWS]
        yield fit_curve(ROWS, losses).losses([rows])[:, 0]


@pytest.mark.parametrize("truth", [power, hill, exponential])
def test_a_forecast_is_far_better_than_no_change(truth):
    errors = [np.median(draws) - truth(5000) for draws in forecasts(truth, 5000)]
    assert np.median(np.abs(errors)) < 0.5 * (truth(500) - truth(5000))


@pytest.mark.parametrize(("truth", "least"), [(power, 0.8), (hill, 0.8), (exponential, 0.6)])
def test_intervals_hold_the_truth_about_as_often_as_they_say(truth, least):
    """Too rarely for a stretched exponential, which bends more than measured curves do."""
    held = []
    for draws in forecasts(truth, 5000):
        low, high = np.quantile(draws, (0.05, 0.95))
        held.append(low <= truth(5000) <= high)
    assert np.mean(held) >= least


def test_more_is_known_of_what_is_nearer_and_of_more_runs():
    random = np.random.default_rng(3)
    losses = [n**-0.4 * np.exp(0.08 * random.standard_normal(20)) for n in ROWS]
    many, few = fit_curve(ROWS, losses), fit_curve(ROWS, [one[:2] for one in losses])
    widths = np.log(many.losses([600, 2000, 20000])).std(axis=0)
    assert (np.diff(widths) > 0).all()
    assert np.log(few.losses([600])).std() > np.log(many.losses([600])).std()
    of_a_run = np.log(many.losses([600], of_a_run=True)).std()
    assert of_a_run == pytest.approx(np.hypot(widths[0], many.spread), rel=0.05)
    assert np.array_equal(many.losses([600]), many.losses([600]))
