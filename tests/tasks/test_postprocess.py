"""Sentence vectors without training: smooth inverse frequency, common component, whitening, zero steps."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from test_similarity import made, small

from wordladder import Model, Recipe, WordVectors
from wordladder.embedders._training_text import TrainingText
from wordladder.errors import RecipeError
from wordladder.heads._postprocess import Postprocess
from wordladder.recipe import build
from wordladder.text.words import tokenize

PAIRS, SCORES = made()
TEXTS = [text for pair in PAIRS for text in pair]


def untrained(postprocess, **settings):
    """A recipe of random vectors that training does not change."""
    fixed = {"embedders.0.tune": False, "task.postprocess": postprocess, "training.epochs": None}
    return small("vectors-similarity", **fixed | settings)


def fitted(recipe, **more):
    return Model(recipe, device="cpu", threads=1).fit(PAIRS, SCORES, dev=(PAIRS[:40], SCORES[:40]), **more)


def remove_common(rows, others):
    """Arora et al. 2017, algorithm 1, lines 4 to 7: v − u uᵀ v, u the first singular vector."""
    first = np.linalg.svd(rows.T, full_matrices=False)[0][:, 0]
    return np.array([vector - first * (first @ vector) for vector in others])


def whiten(rows, others, kept=None):
    """Su et al. 2021, algorithm 1: (x − µ) W with W = U √Λ⁻¹ and Σ = U Λ Uᵀ."""
    mean = rows.mean(axis=0)
    covariance = sum(np.outer(row - mean, row - mean) for row in rows) / len(rows)
    axes, values, _ = np.linalg.svd(covariance)
    return ((others - mean) @ (axes @ np.diag(values**-0.5)))[:, :kept]


def cosines(vectors):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units @ units.T


@pytest.mark.parametrize(
    ("settings", "twin"),
    [
        ({"task.postprocess": "remove-common"}, remove_common),
        ({"task.postprocess": "whiten"}, whiten),
        ({"task.postprocess": "whiten", "task.dim": 3}, lambda *rows: whiten(*rows, kept=3)),
    ],
)
@pytest.mark.parametrize("tune", [False, True])
def test_vectors_are_those_of_the_papers(settings, twin, tune, tmp_path):
    settings = settings | {"embedders.0.tune": tune, "training.epochs": 2}
    model = fitted(untrained("none", **settings), output=tmp_path / "model")
    assert model.report_["steps"] == (10 if tune else 0)
    engine = model.engine_
    raw = engine._run(
        tokenize(TEXTS), lambda batch: engine.network.task.raw(engine.network.encode(batch)), 8
    ).astype(float)
    vectors = model.encode(TEXTS)
    np.testing.assert_allclose(cosines(vectors), cosines(twin(raw, raw)), atol=1e-4)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(model.scores(PAIRS)[:, 0], (units[::2] * units[1::2]).sum(axis=1), atol=1e-5)
    np.testing.assert_array_equal(Model.load(tmp_path / "model").encode(TEXTS), vectors)


def test_whitened_vectors_have_no_mean_and_unit_covariance():
    vectors = fitted(untrained("whiten")).encode(TEXTS).astype(float)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(vectors.T, bias=True), np.eye(8), atol=1e-3)


def test_what_does_not_vary_becomes_zero_and_not_noise():
    rows = np.random.default_rng(1).normal(size=(50, 6)).astype(np.float32)
    rows[:, 4:] = rows[:, :2]  # rank 4
    module = Postprocess("whiten", 6)
    module.fit(rows)
    found = module(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(np.diag(np.cov(found.T, bias=True)), [1, 1, 1, 1, 0, 0], atol=1e-3)


def test_no_more_components_than_there_are():
    with pytest.raises(RecipeError, match=r"dim = 9: the vectors of texts have 8 numbers"):
        fitted(untrained("whiten", **{"task.dim": 9}))


def test_a_recipe_may_ask_for_no_training():
    recipe = small("vectors-similarity", **{"training.epochs": 0})
    assert fitted(recipe).report_["steps"] == 0


SCRIPT = """
import sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from test_postprocess import PAIRS, SCORES, untrained
from wordladder import Model
from wordladder.heads._postprocess import Postprocess

if sys.argv[1] == "stop":
    def fit(*_):
        raise KeyboardInterrupt
    Postprocess.fit = fit
try:
    recipe = untrained("whiten", **{"embedders.0.tune": True, "training.epochs": 2})
    Model(recipe, device="cpu", threads=1).fit(PAIRS, SCORES, output="model", resume=sys.argv[1] == "go on")
except KeyboardInterrupt:
    print("stopped")
"""


def test_a_run_that_was_stopped_before_fitting_goes_on(tmp_path):
    def run(how, folder):
        folder.mkdir(exist_ok=True)
        where = [os.path.dirname(__file__), os.path.dirname(os.path.dirname(__file__))]
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, how, *where], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("whole", tmp_path / "whole")
    assert "stopped" in run("stop", tmp_path / "broken")
    assert not (tmp_path / "broken" / "model").exists()
    run("go on", tmp_path / "broken")
    one, other = (Model.load(tmp_path / name / "model").encode(TEXTS) for name in ("whole", "broken"))
    np.testing.assert_array_equal(one, other)


def static(source, tokens, vectors=None, **settings):
    torch.manual_seed(1)
    embedder = build("embedders", {"kind": "static", "source": source, "standardise": False, **settings})
    embedder.initialise(TrainingText(tokens, vectors))
    return embedder


def rows_of(embedder):
    return dict(zip(embedder.vocabulary.words, embedder.table.weight.detach().numpy()[2:]))


@pytest.mark.parametrize("source", ["random", "trained", "counted"])
def test_words_are_weighted_by_smooth_inverse_frequency(source):
    """Arora et al. 2017, algorithm 1: a / (a + p(w))."""
    tokens = tokenize(["a a a b", "a b c d"])
    counts = {"a": 4, "b": 2, "c": 1, "d": 1}
    given = None
    if source != "random":
        counts |= {"d": 0, "e": 0} if source == "trained" else {"a": 60, "b": 20, "c": 15, "e": 5}
        words = list("abce")
        known = None if source == "trained" else np.array([counts[word] for word in words])
        given = WordVectors(words, np.arange(8, dtype=np.float32).reshape(4, 2) + 1, known)
    if source == "trained":
        counts["d"] = 0  # it has no vector, so it is not counted
    name = "random" if source == "random" else "trained"
    plain, scaled = (
        rows_of(static(name, tokens, given, dim=2, min_count=1, weights=weights))
        for weights in ("none", "sif")
    )
    total = sum(counts[word] for word in plain)
    for word, row in plain.items():
        expected = row * 1e-3 / (1e-3 + counts[word] / total)
        np.testing.assert_allclose(scaled[word], expected, rtol=1e-5)


def test_vectors_that_are_weighted_already_stay():
    texts = ["the film was a joy to watch and the actors are very good"] * 4
    recipe = Recipe.load("vectors-sif").with_settings({"vectors.dim": 8, "vectors.epochs": 1})
    pairs = [(texts[0], "a dull film"), (texts[0], texts[0])] * 8
    model = Model(recipe, device="cpu", threads=1).fit(pairs, [0.0, 1.0] * 8)
    table = rows_of(model.engine_.network.embedders[0])
    plain = recipe.with_settings({"embedders.0.weights": "none"})
    other = Model(plain, device="cpu", threads=1).fit(pairs, [0.0, 1.0] * 8)
    assert model.report_["vectors_start"] == "starter en"
    np.testing.assert_array_equal(table["the"], rows_of(other.engine_.network.embedders[0])["the"])
    assert model.report_["steps"] == 0
