"""Temperature and thresholds are the best there are, by brute force."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import f1_score, log_loss

from wordladder.tasks._decoding import best_thresholds, fit_temperature, sigmoid, softmax


@pytest.mark.parametrize("scale", [0.2, 1.0, 6.0])
def test_temperature_minimises_the_log_loss(scale):
    random = np.random.default_rng(1)
    gold = random.integers(0, 3, 400)
    scores = scale * (np.eye(3)[gold] + random.normal(0, 1, (400, 3)))
    twin = minimize_scalar(
        lambda t: log_loss(gold, softmax(scores / np.exp(t))), bounds=(-3, 3), method="bounded"
    )
    assert fit_temperature(scores, gold, multi_label=False) == pytest.approx(np.exp(twin.x), rel=1e-2)


def test_temperature_of_several_labels():
    random = np.random.default_rng(2)
    gold = random.integers(0, 2, (300, 4))
    scores = 5 * (gold - 0.5 + random.normal(0, 0.6, gold.shape))
    fitted = fit_temperature(scores, gold, multi_label=True)

    def loss(t):
        return log_loss(gold.ravel(), sigmoid(scores / t).ravel())

    assert loss(fitted) <= min(loss(t) for t in np.linspace(0.3, 10, 200)) + 1e-6


def test_thresholds_have_the_highest_f1():
    random = np.random.default_rng(3)
    gold = random.integers(0, 2, (60, 5))
    gold[:, 4] = 0
    p = np.round(np.clip(0.3 * gold + random.random(gold.shape) * 0.7, 0, 1), 2)
    thresholds = best_thresholds(p, gold)
    assert thresholds[4] == 0.5
    for label in range(4):
        best = max(
            f1_score(gold[:, label], p[:, label] >= t, zero_division=0) for t in np.linspace(0, 1, 201)
        )
        chosen = f1_score(gold[:, label], p[:, label] >= thresholds[label], zero_division=0)
        assert chosen == pytest.approx(best)


def test_sigmoid_does_not_overflow():
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]
