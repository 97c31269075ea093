"""fastText's classifiers as models of ours, and ours as its files."""

import numpy as np
import pytest

from wordladder import Model, Recipe
from wordladder.errors import ModelError
from wordladder.formats.fasttext import read_model

RECIPE = {
    "format": 1,
    "text": {"segmenter": "whitespace"},
    "shallow": {"kind": "fasttext", "dim": 10, "word_ngrams": 2, "buckets": 500, "epochs": 20, "max_n": 0},
    "task": {"kind": "classification"},
}
TEXTS = [f"{text} {number}" for number in range(40) for text in ("a good film", "a bad film", "so so")]
LABELS = ["yes", "no", "so"] * 40


def fitted(**shallow):
    tables = RECIPE | {"shallow": RECIPE["shallow"] | shallow}
    return Model(Recipe(tables, "mine")).fit(TEXTS, LABELS)


@pytest.mark.parametrize("shallow", [{}, {"word_ngrams": 1}, {"max_n": 4}, {"lowercase": False}])
def test_a_model_comes_back_from_a_fasttext_file_as_it_was(tmp_path, shallow):
    model = fitted(**shallow)
    model.save(tmp_path / "model.bin")
    again = Model.load(tmp_path / "model.bin")
    order = [again.classes_.tolist().index(one) for one in model.classes_.tolist()]
    texts = ["a good film", "good bad", "so so bad"]
    np.testing.assert_allclose(again.predict_proba(texts)[:, order], model.predict_proba(texts), atol=2e-3)
    assert again.predict(texts).tolist() == model.predict(texts).tolist()
    again.save(tmp_path / "folder")
    assert Model.load(tmp_path / "folder").predict(texts).tolist() == model.predict(texts).tolist()


def test_the_file_says_what_fasttext_wants_to_know(tmp_path):
    model = fitted(max_n=4)
    model.save(tmp_path / "model.bin")
    found = read_model(tmp_path / "model.bin")
    assert found.settings["model"] == "supervised"
    assert (found.settings["wordNgrams"], found.settings["minn"], found.settings["maxn"]) == (2, 3, 4)
    assert sorted(found.labels) == ["__label__no", "__label__so", "__label__yes"]
    assert "</s>" in found.words
    assert found.inputs.shape == (len(found.words) + 500, 10)


def test_what_fasttext_cannot_hold_is_refused(tmp_path, small_model):
    with pytest.raises(ModelError, match="only a model of the kind 'fasttext'"):
        small_model.save(tmp_path / "model.bin")
    blank = Model(Recipe(RECIPE, "mine")).fit(TEXTS, ["very good", "bad", "so"] * 40)
    with pytest.raises(ModelError, match="has a blank"):
        blank.save(tmp_path / "model.bin")
    assert not list(tmp_path.iterdir())


def test_word_vectors_are_no_classifier(tmp_path):
    from wordladder.text.corpus import read_corpus
    from wordladder.vectors.fasttext import FastText

    with read_corpus(texts=TEXTS, min_count=1) as corpus:
        FastText(dim=4, min_count=1, buckets=100, han=False).train(corpus).save(tmp_path / "words.bin")
    with pytest.raises(ModelError, match="holds word vectors"):
        Model.load(tmp_path / "words.bin")
