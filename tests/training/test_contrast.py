"""Contrastive tuning with few labels: the pairs, the logistic regression against scikit-learn, whole fits."""

from collections import Counter

import numpy as np
import pytest
import torch

from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model, Recipe
from wordladder.errors import DataError, RecipeError, SettingError
from wordladder.training.contrast import fit_layers, label_pairs

LABELS = np.array([0, 2, 1, 0, 2, 2, 0, 3, 0])  # the last but one is alone
STATIC = {"kind": "static", "dim": 8, "min_count": 1}
TRAINING = {"contrast": 4, "epochs": 5, "learning_rate": 0.02, "precision": "float32"}


def small(**changes):
    task = {"kind": "classification", "pooling": "mean"}
    return Recipe({"embedders": [STATIC], "task": task, "training": TRAINING, **changes})


def fitted(recipe, texts, labels, **more):
    return Model(recipe, device="cpu", threads=1).fit(texts, labels, **more)


def gap(model, texts, labels):
    """How much higher the cosines of texts of one label are than those of others, in the mean."""
    vectors, same = model.encode(texts, normalize_embeddings=True), np.equal.outer(labels, labels)
    cosines = vectors @ vectors.T
    return cosines[same].mean() - cosines[~same].mean()


def test_each_text_has_partners_of_both_kinds():
    pairs, same = label_pairs(LABELS, 4000, 10**9, seed=1)
    drawn = Counter(zip(map(tuple, pairs.tolist()), same.tolist()))
    for row, label in enumerate(LABELS):
        for kind in (0, 1):
            partners = [i for i, other in enumerate(LABELS) if i != row and (other == label) == kind]
            counts = [drawn.pop(((row, partner), kind)) for partner in partners]
            assert sum(counts) == (4000 if partners else 0)
            np.testing.assert_allclose(counts, 4000 / max(1, len(partners)), rtol=0.2)
    assert not drawn


def test_pairs_are_drawn_again_in_the_same_way_and_are_not_too_many():
    first, second = (label_pairs(LABELS, 3, 10**9, seed=5) for _ in range(2))
    assert all(map(np.array_equal, first, second))
    assert not np.array_equal(first[0], label_pairs(LABELS, 3, 10**9, seed=6)[0])
    some, same = label_pairs(LABELS, 3, 10, seed=5)
    np.testing.assert_array_equal(some, first[0][:10])
    assert 0 < same.sum() < 10


def test_several_labels_are_compared_as_a_whole():
    indicators = np.array([[1, 0], [1, 1], [0, 0], [1, 1], [1, 0]])
    pairs, same = label_pairs(indicators, 20, 10**9, seed=1)
    equal = (indicators[pairs[:, 0]] == indicators[pairs[:, 1]]).all(axis=1)
    np.testing.assert_array_equal(equal, same == 1)
    with pytest.raises(DataError, match="here all have the same"):
        label_pairs(np.ones((4, 2), np.int64), 2, 100, seed=1)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_fit_is_a_logistic_regression(classes):
    linear_model = pytest.importorskip("sklearn.linear_model")
    random = np.random.default_rng(0)
    vectors, targets = random.normal(size=(60, 5)).astype(np.float32), np.arange(60) % classes
    vectors[:, 0] += targets
    layer = torch.nn.Linear(5, classes)
    known = torch.from_numpy(targets)
    fit_layers(
        layer, lambda scores: torch.nn.functional.cross_entropy(scores, known), torch.from_numpy(vectors)
    )
    # Of two classes, scikit-learn has one column, whose penalty is twice that of two opposite halves.
    twin = linear_model.LogisticRegression(C=1.0 if classes > 2 else 2.0, tol=1e-8, max_iter=10_000)
    expected = twin.fit(vectors, targets).predict_proba(vectors)
    found = layer(torch.from_numpy(vectors)).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_towers_bring_labels_together_and_the_head_is_fitted_to_their_vectors(tmp_path):
    texts, labels = reviews()
    untrained = small(training={**TRAINING, "learning_rate": 1e-9})
    model = fitted(small(), texts, labels, output=tmp_path / "model")
    assert model.score(texts, labels) > 0.9
    assert gap(model, texts, labels) > 0.2 + gap(fitted(untrained, texts, labels), texts, labels)
    (linear,) = model.engine_.network.task.head
    scores = model.encode(texts) @ linear.weight.detach().numpy().T + linear.bias.detach().numpy()
    np.testing.assert_allclose(model.scores(texts), scores, atol=1e-4)
    again = Model.load(tmp_path / "model")
    np.testing.assert_allclose(again.scores(texts), model.scores(texts), atol=1e-5)
    assert len(model.report_["history"]) == 5


def test_the_rung_reads_an_encoder_and_is_a_sentence_encoder_too(tmp_path):
    tiny_bert(tmp_path / "bert")
    settings = {"embedders.0.source": str(tmp_path / "bert"), "embedders.0.max_pieces": 32}
    recipe = Recipe.load("setfit").with_settings(settings | {"training.steps": 20})
    texts, labels = reviews(24)
    model = fitted(recipe, texts, labels, output=tmp_path / "model")
    assert model.report_["steps"] == 20
    assert model.predict_proba(texts).shape == (24, 2)
    assert (tmp_path / "model" / "modules.json").is_file()


def test_several_labels_and_weights():
    texts, labels = reviews()
    lists = [[label, "long"] if len(text) % 2 else [label] for text, label in zip(texts, labels)]
    model = fitted(small(), texts, lists)
    assert model.task_.multi_label
    assert model.evaluate(texts, lists).metrics["micro_f1"] > 0.6
    fitted(small(), texts, labels, sample_weight=np.linspace(0.5, 2, len(texts)))


def test_what_it_is_not_for():
    texts, labels = reviews(20)
    with pytest.raises(RecipeError, match="not 'pairs'"):
        fitted(small(task={"kind": "pairs"}), list(zip(texts, texts)), labels)
    with pytest.raises(RecipeError, match="tune = true is needed"):
        fitted(small(embedders=[{**STATIC, "tune": False}]), texts, labels)
    with pytest.raises(SettingError, match="contrast is -1"):
        fitted(small(training={"contrast": -1}), texts, labels)
