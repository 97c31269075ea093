"""Weights of texts, as scikit-learn's `sample_weight`: on every rung of classification."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GridSearchCV

from conftest import reviews
from made_up_tasks import sentences
from wordladder import Model
from wordladder.data.examples import Examples
from wordladder.errors import DataError, SettingError
from wordladder.heads.classification import ClassificationHead
from wordladder.recipe import build

ALL = {"task": {"kind": "classification", "calibrate": False}, "training": {"dev_share": 0.0}}
STEPS = {"dev_share": 0.0, "epochs": 40, "batch_rows": 16, "learning_rate": 0.02}
RECIPES = {
    "tfidf": ALL | {"shallow": {"kind": "tfidf"}},
    "bayes": ALL | {"shallow": {"kind": "tfidf", "weighting": "bayes"}},
    "balanced": ALL | {"shallow": {"kind": "tfidf", "class_weights": "balanced"}},
    "fasttext": ALL | {"shallow": {"kind": "fasttext", "dim": 8, "buckets": 100}},
    "network": ALL | {"embedders": [{"kind": "static", "dim": 8, "min_count": 1}], "training": STEPS},
}
TEXTS = ["the same film", "another story"] * 20
LABELS = ["a", "b", "b", "a"] * 10  # each label for each text, as often


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("name", RECIPES)
def test_the_label_of_more_weight_wins(name, several):
    """Of one text with two labels, one of them with four times the weight of the other."""
    weights = [4.0 if (text == TEXTS[0]) == (label == "a") else 1.0 for text, label in zip(TEXTS, LABELS)]
    labels = [[label] for label in LABELS] if several else LABELS
    model = Model(RECIPES[name]).fit(TEXTS, labels, sample_weight=weights)
    np.testing.assert_allclose(model.predict_proba(TEXTS[:2]), [[0.8, 0.2], [0.2, 0.8]], atol=0.08)


def test_weights_are_relative():
    texts, labels = reviews(40)
    weights = np.random.default_rng(1).random(40)
    scores = [
        Model(RECIPES["tfidf"]).fit(texts, labels, sample_weight=given).scores(texts)
        for given in (weights, pd.Series(7 * weights), np.reshape(weights, (-1, 1)))
    ]
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-6)
    np.testing.assert_array_equal(scores[0], scores[2])
    alike = Model(RECIPES["tfidf"]).fit(texts, labels, sample_weight=[3] * 40).scores(texts)
    np.testing.assert_array_equal(alike, Model(RECIPES["tfidf"]).fit(texts, labels).scores(texts))


@pytest.mark.parametrize("name", ["tfidf", "bayes"])
def test_a_text_without_weight_teaches_nothing(name):
    texts, labels = reviews(40)
    wrong = [*labels[1:], labels[0]]
    model = Model(RECIPES[name]).fit([*texts, *texts], [*labels, *wrong], sample_weight=[1] * 40 + [0] * 40)
    assert model.score(texts, labels) == 1.0


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("balanced", [None, "balanced"])
def test_a_weight_of_two_is_a_text_twice(several, balanced):
    torch.manual_seed(0)
    task = build("tasks", {"kind": "classification", "class_weights": balanced, "label_smoothing": 0.1})
    labels = [("x",), ("y",), ("y",)] if several else ["x", "y", "y"]
    task.initialise(Examples((["a", "b", "c"],), labels))
    head, scores = ClassificationHead(task, 4, 0), torch.randn(3, 2)
    targets = torch.from_numpy(task.targets(Examples((["a", "b", "c"],), labels), None))
    weights = torch.tensor([2.0, 1.0, 0.0])
    once = head.loss(scores, targets, weights)
    alone = torch.stack([head.loss(scores[[row]], targets[[row]]) for row in range(3)])
    if balanced and not several:
        classes = head.weights[targets]
        assert once == pytest.approx(((alone * classes * weights).sum() / classes.sum()).item(), rel=1e-5)
    else:
        assert once == pytest.approx(((alone * weights).sum() / 3).item(), rel=1e-5)
    torch.testing.assert_close(head.loss(scores, targets, torch.ones(3)), head.loss(scores, targets))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0], "row 2: sample_weight must be a number, 0 or more, not -1.0"),
        ([float("nan"), 1], "row 1: sample_weight must be a number"),
        (["1", 1], "row 1: sample_weight must be a number"),
        ([0, 0], "all weights are 0"),
        ([1], "2 texts, but 1 weights"),
        (2.0, "sample_weight: .* not float"),
    ],
)
def test_what_is_no_weight(weights, message):
    with pytest.raises(DataError, match=message):
        Model(RECIPES["tfidf"]).fit(["good", "bad"], ["a", "b"], sample_weight=weights)


def test_other_tasks_have_no_weights():
    recipe = {"shallow": {"kind": "crf"}, "task": {"kind": "tagging"}}
    with pytest.raises(SettingError, match="only a classification"):
        Model(recipe).fit(*sentences(4), sample_weight=[1] * 4)


def test_scikit_learn_hands_weights_on():
    texts, labels = reviews(60)
    search = GridSearchCV(Model(RECIPES["tfidf"]), {"shallow__min_documents": [1, 2]}, cv=2)
    search.fit(np.array(texts), labels, sample_weight=np.ones(60))
    assert search.best_score_ > 0.8
