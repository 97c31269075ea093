"""Terms and linear models against scikit-learn; what is decided on dev; scoring without Numba."""

from itertools import pairwise

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion
from sklearn.preprocessing import normalize

from conftest import reviews
from wordladder import Model
from wordladder.errors import DataError, ModelError, SettingError
from wordladder.shallow import tfidf
from wordladder.shallow._linear import fit_linear
from wordladder.shallow._term_bags import Terms
from wordladder.shallow._text_classifier import DevSet, is_better
from wordladder.shallow.tfidf import Tfidf
from wordladder.text.words import TextSettings, tokenize

TEXTS = [
    "A good film, a very good film.",
    "Not good: a bad, bad film!",
    "这部电影很好看，很好",
    "ÀÉ naïve İstanbul film 2",
    "",
    "films filming filmed",
]


def words(text):
    return tokenize([text], TextSettings()).surfaces(lowercase=True)


def letters(text):
    """The n-grams of 2 to 5 characters of words of several, edges included."""
    padded = [f" {word} " for word in words(text) if len(word) > 1]
    return [
        word[at : at + size] for word in padded for size in range(2, 6) for at in range(len(word) - size + 1)
    ]


def pairs(text):
    found = words(text)
    return found + [" ".join(pair) for pair in pairwise(found)]


def dense(bags, terms):
    matrix = np.zeros((len(bags.begins) - 1, terms))
    for row, (first, last) in enumerate(pairwise(bags.begins)):
        matrix[row, bags.ids[first:last]] += bags.values[first:last]
    return matrix


def columns(matrix):
    """The columns of a matrix in an order that does not depend on theirs."""
    return matrix[:, np.lexsort(matrix.round(4))]


@pytest.mark.parametrize("least", [1, 2])
def test_terms_and_their_weights_are_those_of_sklearn(least):
    terms = Terms(TextSettings(), 2, 5, True)
    bags = terms.learn(TEXTS, least, None)
    counts = [CountVectorizer(analyzer=one, min_df=least).fit_transform(TEXTS) for one in (pairs, letters)]
    assert terms.words == counts[0].shape[1]
    twin = np.hstack([one.toarray() for one in counts])
    assert np.array_equal(columns(dense(bags, len(terms.hashes))), columns(twin))
    weighed = bags._replace(values=bags.values.copy())
    terms.apply_tfidf(weighed, True)
    union = FeatureUnion(
        [
            (one.__name__, TfidfVectorizer(analyzer=one, min_df=least, sublinear_tf=True))
            for one in (pairs, letters)
        ]
    )
    twin = union.fit_transform(TEXTS).toarray()
    assert np.allclose(columns(dense(weighed, len(terms.hashes))), columns(twin), atol=1e-6)


def test_terms_of_new_texts_are_counted_the_same_way():
    terms = Terms(TextSettings(), 2, 5, True)
    learned = terms.learn(TEXTS, 1, None)
    for row, text in enumerate(TEXTS):
        again = dense(terms.bags([text]), len(terms.hashes))[0]
        assert np.array_equal(again, dense(learned, len(terms.hashes))[row])
    assert len(terms.bags(["zzz"]).ids) == 0


def test_the_most_frequent_terms_are_kept():
    terms = Terms(TextSettings(), 1, 0, True)
    terms.learn(["a b c", "a b", "a"], 1, 2)
    assert len(terms.hashes) == terms.words == 2
    assert dense(terms.bags(["a b c"]), 2).sum() == 2


@pytest.mark.parametrize("weighting", ["tfidf", "bayes"])
@pytest.mark.parametrize("labels", [2, 3])
def test_scores_are_those_of_sklearns_pipeline(weighting, labels):
    texts, _ = reviews(90)
    targets = np.arange(90) % labels
    texts = [f"{text} mark{target} {'x' * int(target)}" for text, target in zip(texts, targets)]
    model = Tfidf(TextSettings(), ngrams=2, characters=0, weighting=weighting, regularisation=0.5).fit(
        texts, targets
    )
    if weighting == "tfidf":
        vectorizer = TfidfVectorizer(analyzer=pairs, min_df=2, sublinear_tf=True)
    else:
        vectorizer = CountVectorizer(analyzer=pairs, min_df=2, binary=True)
    features = vectorizer.fit_transform(texts)
    for column in range(1 if labels == 2 else labels):
        decision = targets == (1 if labels == 2 else column)
        ratio = 1.0
        if weighting == "bayes":  # Wang and Manning 2012, section 2
            p, q = (features[decision == side].sum(axis=0).A1 + 1 for side in (True, False))
            ratio = np.log((p / np.abs(p).sum()) / (q / np.abs(q).sum()))
        scaled = features.multiply(ratio).tocsr()
        twin = LogisticRegression(C=0.5, solver="liblinear", dual=True, tol=1e-8, max_iter=5000).fit(
            scaled, decision
        )
        assert np.allclose(model.scores(texts)[:, column], twin.decision_function(scaled), atol=1e-3)


def test_a_saved_model_scores_the_same(tmp_path):
    model = Model("tfidf").fit(*reviews(60), output=tmp_path / "model")
    texts = ["a good film", "dull", ""]
    assert np.array_equal(Model.load(tmp_path / "model").scores(texts), model.scores(texts))
    (tmp_path / "model" / "shallow" / "chosen.json").unlink()
    with pytest.raises(ModelError, match="earlier version"):
        Model.load(tmp_path / "model")


@pytest.mark.parametrize("characters", [0, 5])
@pytest.mark.parametrize("given", [{"weighting": "bayes"}, {"weighting": "tfidf", "sublinear": False}, {}])
def test_the_first_few_texts_are_scored_without_numba_to_the_same_bits(characters, given, tmp_path):
    texts, _ = reviews(60)
    texts += [*TEXTS, "a a a a", "👍🏽 \ud800 naïve"]
    model = Tfidf(TextSettings(), characters=characters, **given).fit(texts, np.arange(len(texts)) % 3)
    model.keep(tmp_path)
    loaded = Tfidf(TextSettings(), **given)
    loaded.restore(tmp_path)
    alone, expected = np.stack([model._scores_alone(text) for text in texts]), model.scores(texts)
    assert np.array_equal(alone, expected)
    loaded.terms.bags = None  # what needs Numba
    for _ in range(tfidf._FEW_CALLS):
        assert np.array_equal(loaded.scores(texts[-8:]), expected[-8:])
    with pytest.raises(TypeError, match="not callable"):
        loaded.scores(texts[-8:])
    loaded.restore(tmp_path)
    assert np.array_equal(loaded.scores(texts * 9)[-8:], expected[-8:]), "many at once"


def chosen(texts, targets, right, **given):
    """What is decided where losses are computed against `right`."""
    model = Tfidf(TextSettings(), **given)

    def losses(scores):
        return np.logaddexp(0, -scores[:, 0] * (2 * right - 1))

    model.fit(texts, targets, dev=DevSet(texts, losses))
    return model.choice


def test_dev_decides_what_the_recipe_leaves_out():
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 2, 400)
    stems = ["".join(generator.choice(list("abcdefghij"), 6)) for _ in targets]
    texts = [
        stem + ("able" if target else "ment") for stem, target in zip(stems, targets)
    ]  # all words differ
    assert chosen(texts, targets, targets, min_documents=1).characters == 5
    several = [f"{one} w{number % 40}" for number, one in enumerate(texts)]
    assert chosen(several, targets, targets, characters=0).characters == 0  # given, so not decided
    fixed = chosen(several, targets, targets, ngrams=1, weighting="bayes", regularisation=0.3)
    assert fixed[:1] + fixed[2:] == (1, "bayes", 0.3)


def test_what_is_no_better_than_chance_leaves_the_usual():
    texts, _ = reviews(200)
    targets = np.random.default_rng(2).integers(0, 2, 200)
    found = chosen(texts[:100], targets[:100], targets[100:])
    assert (found.ngrams, found.characters) == (2, 5)


def test_losses_that_differ_by_chance_do_not_count():
    old = np.array([0.5, 0.6, 0.7, 0.4])
    assert is_better(old - 0.01, old)
    assert not is_better(old + np.array([0.3, -0.4, 0.3, -0.3]), old)
    assert not is_better(old, old)


def test_a_fit_leaves_the_counts_of_terms_as_they_are():
    terms = Terms(TextSettings(), 2, 5, True)
    bags = terms.learn(TEXTS, 1, None)
    before = [part.copy() for part in bags]
    for bayes in (False, True):
        settings = {"bayes": bayes, "regularisation": 1.0, "class_weights": None, "weights": None, "seed": 1}
        fit_linear(bags, len(terms.hashes), np.arange(len(TEXTS)) % 2, **settings)
    assert all(np.array_equal(*parts) for parts in zip(bags, before))


@pytest.mark.parametrize("targets", [np.zeros(6, np.int64), np.tile([0, 1], (6, 1))])
def test_a_decision_without_two_sides_is_always_the_same(targets):
    terms = Terms(TextSettings(), 1, 0, True)
    bags = terms.learn(TEXTS, 1, None)
    settings = {"bayes": False, "regularisation": 1.0, "class_weights": None, "weights": None, "seed": 1}
    found = fit_linear(bags, len(terms.hashes), targets, **settings)
    assert not found.coefficients.any()
    assert found.intercepts.tolist() == [20.0] if targets.ndim == 1 else [-20.0, 20.0]


def test_threads_change_nothing():
    texts, labels = reviews(120)
    targets = np.array([label == "positive" for label in labels]).astype(np.int64)
    one, two = (Tfidf(TextSettings()) for _ in range(2))
    for model, threads in ((one, 1), (two, 3)):
        dev = DevSet(texts, lambda scores: np.logaddexp(0, -scores[:, 0] * (2 * targets - 1)))
        model.fit(texts, targets, dev=dev, threads=threads)
    assert one.choice == two.choice
    assert all(np.array_equal(*parts) for parts in zip(one.linear, two.linear))


def test_weights_of_classes_are_those_of_sklearn():
    texts, _ = reviews(80)
    targets = (np.arange(80) % 8 == 0).astype(int)
    texts = [f"{text} {'rare' if target else 'often'}" for text, target in zip(texts, targets)]
    given = {"ngrams": 1, "characters": 0, "weighting": "tfidf", "regularisation": 0.1}
    model = Tfidf(TextSettings(), class_weights="balanced", **given).fit(texts, targets)
    features = TfidfVectorizer(analyzer=words, min_df=2, sublinear_tf=True).fit_transform(texts)
    twin = LogisticRegression(C=0.1, solver="liblinear", dual=True, class_weight="balanced", tol=1e-8)
    assert np.allclose(
        model.scores(texts)[:, 0], twin.fit(features, targets).decision_function(features), atol=1e-4
    )


def test_texts_without_features_are_an_error():
    with pytest.raises(DataError, match="nothing occurs in 2"):
        Tfidf(TextSettings()).fit(["a", "b"], np.array([0, 1]))


def test_features_have_length_one_words_and_characters_apart():
    terms = Terms(TextSettings(), 2, 5, True)
    bags = terms.learn(TEXTS, 1, None)
    terms.apply_tfidf(bags, True)
    matrix = dense(bags, len(terms.hashes))
    for part in (matrix[:, : terms.words], matrix[:, terms.words :]):
        assert np.allclose(part, normalize(part), atol=1e-6)


@pytest.mark.parametrize("wrong", [{"ngrams": 0}, {"characters": -1}, {"regularisation": 0.0}])
def test_settings_that_cannot_be_used(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Tfidf(TextSettings(), **wrong)
