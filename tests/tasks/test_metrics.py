"""Metrics agree with scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as twin

from wordladder.metrics import labels as metrics

labels = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)


@given(labels)
@settings(max_examples=60, deadline=None)
def test_one_label_a_row(pairs):
    gold, predicted = np.array(pairs).T
    assert metrics.accuracy(gold, predicted) == pytest.approx(twin.accuracy_score(gold, predicted))
    assert metrics.macro_f1(gold, predicted, 4) == pytest.approx(
        twin.f1_score(gold, predicted, average="macro", zero_division=0)
    )


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_several_labels_a_row(seed):
    random = np.random.default_rng(seed)
    gold, predicted = random.integers(0, 2, (2, 12, 4))
    seen = (gold + predicted).any(axis=0)
    expected = twin.f1_score(gold[:, seen], predicted[:, seen], average="macro", zero_division=0)
    assert metrics.macro_f1(gold, predicted, 4) == pytest.approx(expected)
    assert metrics.micro_f1(gold, predicted) == pytest.approx(
        twin.f1_score(gold, predicted, average="micro", zero_division=0)
    )
    assert metrics.accuracy(gold, predicted) == pytest.approx(twin.accuracy_score(gold, predicted))
    precision, recall, f1, support = twin.precision_recall_fscore_support(gold, predicted, zero_division=0)
    rows = metrics.per_label(gold, predicted)
    assert [row["precision"] for row in rows] == pytest.approx(precision)
    assert [row["recall"] for row in rows] == pytest.approx(recall)
    assert [row["f1"] for row in rows] == pytest.approx(f1)
    assert [row["support"] for row in rows] == support.tolist()


def test_calibration_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    correct = np.array([True, True, True, False])
    # Two bins: |1.0 - 0.95| and |0.5 - 0.55|, each with half of the rows.
    assert metrics.calibration_error(confidence, correct, bins=10) == pytest.approx(0.05)
    assert metrics.calibration_error(np.ones(5), np.ones(5, bool)) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_average_precision_and_the_best_threshold(rows):
    gold, scores = np.array([one for one, _ in rows]), np.array([score / 3 for _, score in rows])
    if gold.any():
        expected = twin.average_precision_score(gold, scores)
        assert metrics.average_precision(gold, scores) == pytest.approx(expected)
        best = max(twin.f1_score(gold, scores >= cut) for cut in scores)
        found = metrics.best_threshold(gold, scores)
        assert twin.f1_score(gold, scores >= found) == pytest.approx(best)
    assert metrics.average_precision(np.zeros(3, bool), np.arange(3.0)) == 0.0
