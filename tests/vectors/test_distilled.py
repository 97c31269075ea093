"""Vectors distilled from a sentence encoder: each step against plain NumPy, and the rung as a whole."""

import numpy as np
import pytest

from tiny_transformers import tiny_bert
from wordladder import Model, Recipe, load
from wordladder.errors import ModelError, SettingError
from wordladder.interop.encoders import read_encoder
from wordladder.interop.teachers import open_teacher
from wordladder.ladder import plan
from wordladder.ladder.plan import plan_recipes
from wordladder.recipe import build
from wordladder.text.words import TextSettings, tokenize
from wordladder.vectors._recipe_vectors import train_vectors
from wordladder.vectors._starter import starter_files
from wordladder.vectors.distilled import Distilled, fit_means
from wordladder.word_vectors import WordVectors

OTHER = ["ein langer Abend ohne jede Freude", "ein kurzer Abend", "ohne Abend , ohne Freude", "ein ein"]


def made_up_teacher(texts):
    """Twelve numbers that depend on the letters of a text."""
    counts = np.array([[text.lower().count(letter) for letter in "abdefnghijkl"] for text in texts], float)
    return np.sin(counts + np.arange(12)).astype(np.float32)


def distilled(texts, cache=None, encode=made_up_teacher, **settings):
    table = {"kind": "distilled", "teacher": "made-up", **settings}
    given = {"cache": cache, "teacher": lambda *_: encode}
    return train_vectors(build("vectors", table), table, texts, TextSettings(), **given).vectors


def words_and_counts(texts):
    words = tokenize(texts).surfaces(lowercase=True)
    distinct = sorted(set(words), key=words.index)
    return distinct, np.array([words.count(word) for word in distinct])


def test_words_alone_are_principal_components_with_weights():
    """Tulkens and van Dongen 2024: PCA of the words' vectors, then a / (a + p)."""
    found = distilled(OTHER, dim=5, sentences=0)
    words, counts = words_and_counts(OTHER)
    assert {word: found.counts[found.index[word]] for word in words} == dict(zip(words, counts))
    rows = made_up_teacher(words).astype(float)
    rows -= rows.mean(axis=0)
    axes = np.linalg.svd(rows, full_matrices=False)[2][:5]
    expected = (rows @ axes.T) * (1e-3 / (1e-3 + counts / counts.sum()))[:, None]
    given = found[words]
    signs = np.sign((given * expected).sum(axis=0))
    np.testing.assert_allclose(given * signs, expected, atol=1e-5)
    assert found.settings["weights"] == "sif"
    assert (np.diff(found.counts) <= 0).all()


def test_more_components_than_the_teacher_has():
    assert distilled(OTHER, sentences=0).dim == 12


def test_the_words_that_come_with_wordladder_are_there_too():
    texts = ["the film was a joy to watch and the actors are very good", "a zorbified film"]
    found = distilled(texts, sentences=0, dim=4)
    known = WordVectors.load(starter_files()[0])
    assert set(found.words) == {*known.words, "zorbified"}
    share = 1e7 / np.log(len(known))
    for word in ("the", "film", "window"):
        rank = known.index[word] + 1
        assert found.counts[found.index[word]] == round(share / rank) + " ".join(texts).split().count(word)
    assert found.counts[found.index["zorbified"]] == 1


@pytest.mark.parametrize("penalty", [0.01, 1.0])
def test_means_are_fitted_by_ridge_regression(penalty):
    chance = np.random.default_rng(2)
    vectors = chance.normal(size=(9, 4)).astype(np.float32)
    lengths = np.array([3, 0, 5, 2, 1, 4, 6])
    ids = chance.integers(0, 7, lengths.sum())  # two words are in no text
    targets = chance.normal(size=(7, 4)).astype(np.float32)
    bags = np.zeros((7, 9))
    for text, start in enumerate(np.cumsum(lengths) - lengths):
        for word in ids[start : start + lengths[text]]:
            bags[text, word] += 1 / lengths[text]
    means = bags @ vectors
    scale = np.sum(means * targets) / np.sum(means * means)
    rest = targets - scale * means
    rest -= rest.mean(axis=0)
    moves = np.linalg.solve(bags.T @ bags + penalty * np.eye(9), bags.T @ rest)
    expected = scale * vectors + moves
    fit_means(vectors, ids, lengths, targets, penalty)
    np.testing.assert_allclose(vectors, expected, atol=2e-3)
    np.testing.assert_allclose(moves[7:], 0, atol=1e-12)


def test_means_come_nearer_to_the_teacher():
    texts = [f"{one} {other} film" for one in OTHER[0].split() for other in OTHER[2].split()]

    def error(vectors):
        means, wanted = vectors.encode(texts), made_up_teacher(texts)
        products = [rows - rows.mean(axis=0) for rows in (means, wanted)]
        cosines = [(rows @ rows.T) / np.linalg.norm(rows, axis=1) ** 2 for rows in products]
        return np.abs(cosines[0] - cosines[1]).mean()

    alone, fitted = (distilled(texts, dim=12, sentences=count) for count in (0, 100))
    assert error(fitted) < 0.8 * error(alone)
    assert fitted.settings["texts"] == len(set(texts))
    assert distilled(texts, sentences=3).settings["texts"] == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dim": 0}, "dim is 0"), ({"penalty": 0.0}, r"penalty is 0\.0"), ({"sentences": -1}, "sentences -1")],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(SettingError, match=message):
        Distilled(teacher="a", **settings)


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("teacher") / "bert")


def test_the_cache_knows_the_teachers_files(bert, tmp_path):
    read = []

    def teacher(texts):
        read.extend(texts)
        return made_up_teacher(texts)

    def again():
        distilled(OTHER, tmp_path, teacher, teacher=str(bert))
        return len(read)

    once = again()
    assert again() == once > 0
    (bert / "config.json").touch()
    assert again() == 2 * once


def test_a_teacher_answers_as_the_encoder_does(bert, tmp_path):
    texts = ["the good film", "a bad film"]
    answers = open_teacher("bert", bert.parent, "cpu")(texts)
    np.testing.assert_allclose(answers, load(bert, device="cpu", engine="torch").encode(texts), atol=1e-5)
    WordVectors(["a"], np.ones((1, 2), np.float32)).save(tmp_path / "static", "model2vec")
    with pytest.raises(ModelError, match="'static' is no sentence encoder, but word_vectors"):
        open_teacher("static", tmp_path)


def test_the_encoder_of_the_command_line_teaches(bert, monkeypatch):
    monkeypatch.setattr(plan, "hub_error", lambda name: f"{name} is far away")
    left_out = plan_recipes("similarity", None, None).left_out
    assert "static-distilled" in [one.name for one in left_out]
    recipes = {one.name: one for one in plan_recipes("similarity", None, None, encoders=[bert]).recipes}
    assert recipes["static-distilled"].tables["vectors"]["teacher"] == str(bert)
    assert recipes["sbert"].tables["embedders"][0]["source"] == str(bert)
    recipe = Recipe.load("static-distilled").with_encoder(read_encoder(bert))
    assert recipe.tables["vectors"]["teacher"] == str(bert)


def test_the_rung_learns_and_is_saved(bert, tmp_path):
    recipe = Recipe.load("static-distilled").with_encoder(read_encoder(bert))
    recipe = recipe.with_settings({"vectors.dim": 8, "training.epochs": 3})
    pairs = [(first, second) for first in OTHER for second in OTHER] * 2
    scores = [float(len({*first.split()} & {*second.split()})) for first, second in pairs]
    model = Model(recipe, device="cpu", threads=1).fit(pairs, scores, output=tmp_path / "model")
    assert model.report_["steps"] > 0
    np.testing.assert_allclose(Model.load(tmp_path / "model").predict(pairs), model.predict(pairs), atol=1e-5)
