"""Which texts to label next: unsure, different, and not twice."""

import numpy as np
import pytest

from conftest import reviews
from wordladder import Model, label_next
from wordladder.errors import ModelError, SettingError
from wordladder.model.label_next import _apart


@pytest.fixture(scope="module")
def model():
    texts, labels = reviews(200)
    return Model("tfidf").fit(texts, labels, dev=(texts[:40], labels[:40]))


def test_unsure_texts_and_none_twice(model):
    known = reviews(60, seed=3)[0]
    unknown = [f"zzz{n} qqq{n} vvv{n}" for n in range(5)]
    texts = [*known, *unknown, unknown[0].upper(), f"  {unknown[1]} "]
    found = label_next(model, texts, 5)
    assert len(set(found.rows)) == 5
    assert max(found.rows) < 65, "the same texts, written otherwise, are left out"
    assert found.repeated == 2 + len(known) - len({" ".join(one.casefold().split()) for one in known})
    sure = model.predict_proba(texts).max(axis=1)
    assert found.sure == pytest.approx(sure[list(found.rows)].tolist())
    assert found.mean_sure == pytest.approx(sure.mean())
    assert np.mean(found.sure) < found.mean_sure
    assert list(found.sure) == sorted(found.sure)


def test_of_similar_texts_one_is_taken():
    random = np.random.default_rng(1)
    kinds = ["alpha beta gamma delta", "sigma tau upsilon phi", "kappa lambda mu nu"]
    texts = [f"{kinds[n % 3]} {random.integers(1000)}" for n in range(30)]
    for weights in (np.ones(30), 1 + np.arange(30) / 30):
        assert sorted(row % 3 for row in _apart(texts, weights, 3, seed=1)) == [0, 1, 2]


def test_all_texts_where_there_are_no_more(model):
    assert sorted(label_next(model, ["a film", "no film"], 10).rows) == [0, 1]
    assert label_next(model, [], 10).rows == ()
    assert len(label_next(model, [f"{'.' * n}" for n in range(1, 40)], 3).rows) == 3


def test_tagging_and_pairs(tmp_path):
    words = [["Ann", "met", f"w{n}"] for n in range(30)]
    tagger = Model({"shallow": {"kind": "crf"}, "task": {"kind": "tagging"}})
    tagger.fit(words, [["B-PER", "O", "O"]] * 30, dev=(words[:5], [["B-PER", "O", "O"]] * 5))
    found = label_next(tagger, ["Ann met w1", "Who knows Zed or Zoe here"], 1)
    assert found.rows == (1,)
    pairs = [(f"film {n % 5}", f"film {n % 5 + n % 2}") for n in range(60)]
    recipe = {"shallow": {"kind": "tfidf_cosine"}, "task": {"kind": "pairs"}}
    same = Model(recipe).fit(pairs, ["yn"[n % 2] for n in range(60)])
    assert len(label_next(same, pairs, 4).rows) == 4


def test_mistakes(model):
    with pytest.raises(SettingError, match="count = 0"):
        label_next(model, ["a"], 0)
    ridge = Model({"shallow": {"kind": "ridge"}, "task": {"kind": "regression"}})
    ridge.fit(["a b", "b c", "c d", "d e"] * 5, [1.0, 2.0, 3.0, 4.0] * 5)
    with pytest.raises(ModelError, match="regression does not say how sure"):
        label_next(ridge, ["a"], 1)
