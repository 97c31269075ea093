"""The static embedder: what words without a vector get, in training, afterwards, and from a saved model."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from gensim.models import FastText
from gensim.models.fasttext import save_facebook_model

from conftest import reviews
from wordladder import Model
from wordladder.embedders import _unknown_words as _unknown
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders._unknown_words import PADDING, SPECIAL, UNKNOWN, Policy
from wordladder.embedders.static import Static
from wordladder.errors import RecipeError
from wordladder.text.words import tokenize
from wordladder.training.optimizer import build_optimizers
from wordladder.training.settings import TrainingSettings
from wordladder.word_vectors import WordVectors

TRAIN = ["the good film", "The goodness of a film, filming 我", "", "the rare Rare"]
LATER = ["the film of goodly filmmakers", "RARE goodly Zebra 😀", ""]


@pytest.fixture(scope="module")
def fasttext(tmp_path_factory):
    """gensim's model, and the file of it."""
    chance = np.random.default_rng(2)
    sentences = [
        chance.choice(["the", "good", "film", "films", "filmed", "bad"], 6).tolist() for _ in range(200)
    ]
    model = FastText(sentences, vector_size=8, min_count=1, bucket=500, epochs=2, seed=1, workers=1)
    path = tmp_path_factory.mktemp("vectors") / "words.bin"
    save_facebook_model(model, str(path))
    return model.wv, str(path)


def words(names=("the", "good", "film", "common"), dim=4):
    chance = np.random.default_rng(1)
    return WordVectors(list(names), chance.standard_normal((len(names), dim)).astype(np.float32) * 3)


def started(vectors, texts=TRAIN, **settings):
    embedder = Static(source="trained", **settings)
    embedder.initialise(TrainingText(tokenize(texts), vectors))
    return embedder.eval()


def again(embedder, folder):
    """A second one, from what the first keeps and its weights."""
    embedder.keep(folder)
    other = Static(source="trained", unknown=embedder.unknown, tune=embedder.tune)
    other.restore(folder)
    other.load_state_dict(embedder.state_dict())
    return other.eval()


def vectors_of(embedder, *texts):
    with torch.no_grad():
        return embedder(embedder.prepare(tokenize(texts))).vectors.numpy()


class TestSubwords:
    def test_words_get_the_vectors_that_gensim_gives_them(self, fasttext):
        theirs, path = fasttext
        embedder = Static(source=path, standardise=False)
        embedder.initialise(TrainingText(tokenize(TRAIN)))
        seen, unseen = ["film", "filming", "goodness"], ["filmmakers", "goodly", "thé"]
        assert {"filming", "goodness"} <= set(embedder.vocabulary.words)
        assert not set(unseen) & set(embedder.vocabulary.words)
        for word in seen + unseen:
            np.testing.assert_allclose(vectors_of(embedder, word)[0, 0], theirs[word], rtol=2e-3, atol=1e-5)

    def test_words_of_the_source_are_exact(self, fasttext):
        theirs, path = fasttext
        embedder = Static(source=path, standardise=False)
        embedder.initialise(TrainingText(tokenize(TRAIN)))
        for word in theirs.index_to_key:
            np.testing.assert_allclose(vectors_of(embedder, word)[0, 0], theirs[word], rtol=1e-6)

    def test_made_vectors_are_of_the_same_scale(self, fasttext):
        theirs, path = fasttext
        embedder = Static(source=path)
        embedder.initialise(TrainingText(tokenize(TRAIN)))
        scale = vectors_of(embedder, "film")[0, 0] / theirs["film"]
        for word in ("filming", "filmmakers"):
            np.testing.assert_allclose(
                vectors_of(embedder, word)[0, 0], theirs[word] * scale, rtol=5e-3, atol=1e-3
            )

    @pytest.mark.parametrize("used", [False, True])
    def test_keep_and_restore_is_exact_and_maps_the_rows(self, fasttext, tmp_path, used):
        vectors = WordVectors.load(fasttext[1])
        if used:  # as after training, where only buckets that were met have rows
            some = np.arange(0, 500, 2)
            vectors.subwords = replace(
                vectors.subwords, buckets=np.array(vectors.subwords.buckets[some]), used=some, total=500
            )
        embedder = started(vectors)
        other = again(embedder, tmp_path)
        assert isinstance(other._unknown.subwords.buckets, np.memmap)
        np.testing.assert_array_equal(vectors_of(embedder, *LATER), vectors_of(other, *LATER))
        assert other.facts(tokenize(LATER)) == embedder.facts(tokenize(LATER))
        (tmp_path / "third").mkdir()
        third = again(other, tmp_path / "third")
        np.testing.assert_array_equal(vectors_of(third, *LATER), vectors_of(other, *LATER))

    def test_only_words_of_the_training_texts_are_tuned(self, fasttext):
        embedder = started(WordVectors.load(fasttext[1])).train()
        before = {word: vectors_of(embedder, word) for word in ("filming", "filmmakers")}
        out = embedder(embedder.prepare(tokenize(["filming filmmakers"]))).vectors
        out.square().sum().backward()
        torch.optim.SparseAdam(embedder.parameters(), lr=0.1).step()
        assert np.abs(vectors_of(embedder, "filming") - before["filming"]).min() > 0.05
        np.testing.assert_array_equal(vectors_of(embedder, "filmmakers"), before["filmmakers"])

    def test_a_word_without_ngrams_gets_the_next_best(self, fasttext):
        vectors = WordVectors.load(fasttext[1])
        embedder = started(vectors, lowercase=False)
        embedder._unknown.subwords.buckets[:] = 1
        assert vectors_of(embedder, "Zebra").min() == 1
        vectors.subwords = replace(vectors.subwords, min_n=9, max_n=9)
        embedder = started(vectors, lowercase=False)
        ids = embedder.prepare(tokenize(["Film Zebra The"])).ids.tolist()[0]
        assert ids == [
            embedder.vocabulary.index["film"] + SPECIAL,
            UNKNOWN,
            embedder.vocabulary.index["the"] + SPECIAL,
        ]

    def test_they_are_told(self, fasttext):
        embedder = started(WordVectors.load(fasttext[1]))
        facts = embedder.facts(tokenize(["film filming goodly goodly"]))
        assert facts["unknown_words"] == facts["unknown_subwords"] == 0.75
        assert facts["unknown_shared"] == facts["unknown_lowercase"] == 0

    def test_a_source_without_them(self):
        with pytest.raises(RecipeError, match='"subwords" needs vectors with subwords'):
            started(words(), unknown="subwords")
        with pytest.raises(RecipeError, match='source = "random" has none'):
            Static(unknown="subwords").initialise(TrainingText(tokenize(TRAIN)))


class TestOthers:
    def test_one_shared_vector_unless_there_is_something_better(self):
        for embedder in (started(words(), unknown="shared"), started(words(), lowercase=True)):
            assert embedder.vocabulary.words == ["the", "film", "good", "common"]
            prepared = embedder.prepare(tokenize(["the goodness, film"]))
            assert prepared.ids.tolist() == [[2, UNKNOWN, UNKNOWN, 3]]
            assert prepared.extra is None
            assert not embedder.table.weight[UNKNOWN].any()
        random = Static(lowercase=False)
        random.initialise(TrainingText(tokenize(TRAIN)))
        assert random.prepare(tokenize(["Film film"])).ids.tolist()[0][0] == UNKNOWN
        assert random.facts(tokenize(["Film film"])) == {
            "unknown_words": 0.5, "unknown_shared": 0.5, "vocabulary": 2,
        }  # fmt: skip

    def test_the_lower_case_form(self, tmp_path):
        vectors = words(["the", "good", "film", "rare", "The"])
        embedder = started(vectors)
        other = again(embedder, tmp_path)
        same = vectors_of(other, "Film film The the RARE rare Zebra")[0]
        np.testing.assert_array_equal(same[[0, 4]], same[[1, 5]])
        assert (same[2] != same[3]).all()
        assert not same[6].any()
        facts = other.facts(tokenize(["Film film The Zebra"]))
        assert facts == {
            "unknown_words": 0.5, "unknown_lowercase": 0.25, "unknown_shared": 0.25, "vocabulary": 5,
        }  # fmt: skip

    def test_lower_case_forms_of_the_training_texts_come_before_frequent_words(self):
        embedder = started(words(["a", "b", "c", "film"]), texts=["Film"], max_vocabulary=2)
        assert embedder.vocabulary.words == ["film", "a"]

    def test_random_vectors_are_the_same_each_time(self, tmp_path):
        embedder = started(words(dim=500), unknown="random")
        other = again(embedder, tmp_path)
        one, two = vectors_of(embedder, "Zebra yak Rare"), vectors_of(other, "Rare yak Zebra")[:, ::-1]
        np.testing.assert_array_equal(one, two)
        assert abs(np.corrcoef(one[0, 0], one[0, 1])[0, 1]) < 0.2
        np.testing.assert_allclose([one.mean(), one.std()], [0, 1], atol=0.05)
        assert "Rare" in embedder.vocabulary
        assert "Zebra" not in embedder.vocabulary
        assert embedder.facts(tokenize(["Zebra Rare the"]))["unknown_random"] == pytest.approx(2 / 3)

    def test_random_vectors_are_of_the_scale_of_the_source(self):
        for standardise, scale in ((True, 1), (False, 3)):
            embedder = started(words(dim=500), unknown="random", standardise=standardise)
            assert vectors_of(embedder, "Zebra yak Rare").std() == pytest.approx(scale, rel=0.1)

    def test_zero(self):
        embedder = started(words(), unknown="zero").train()
        prepared = embedder.prepare(tokenize(["Zebra the"]))
        assert prepared.mask.all()
        out = embedder(prepared).vectors
        out.sum().backward()
        assert not out[0, 0].any()
        torch.optim.SparseAdam(embedder.parameters(), lr=0.1).step()
        assert not vectors_of(embedder, "Zebra").any()

    def test_made_vectors_count_among_the_vocabulary(self):
        embedder = started(words(), unknown="random", max_vocabulary=6)
        assert len(embedder.vocabulary) == 6
        assert embedder.new_words == 3
        assert embedder.vocabulary.words[:3] == ["the", "film", "good"]

    def test_half_a_surrogate_pair_is_no_word_to_keep(self, tmp_path):
        embedder = started(words(), ["the \ud800x"], unknown="random")
        assert vectors_of(again(embedder, tmp_path), "\ud800x").any()

    def test_answers_are_remembered_and_forgotten(self, monkeypatch):
        monkeypatch.setattr(_unknown, "_REMEMBERED", 3)
        embedder = started(words(), unknown="random")
        texts = [f"x{n} x{n + 1} y x{n}" for n in range(10)]
        first = vectors_of(embedder, *texts)
        assert len(embedder._unknown._answers) == 12
        for row, text in enumerate(texts):
            np.testing.assert_array_equal(vectors_of(embedder, text)[0], first[row])
            assert len(embedder._unknown._answers) <= 4

    def test_a_model_saved_before_there_was_a_choice(self, tmp_path):
        embedder = started(words(), unknown="shared")
        embedder.keep(tmp_path)
        (tmp_path / "unknown.json").unlink()
        (tmp_path / "static.json").write_text('{"dim": 4, "lowercase": false}', encoding="utf-8")
        other = Static(source="trained")
        other.restore(tmp_path)
        assert other.prepare(tokenize(["Film film"])).ids.tolist() == [[UNKNOWN, 3]]

    def test_a_wrong_word_in_a_recipe(self):
        with pytest.raises(RecipeError, match="unknown"):
            Model({"embedders": [{"kind": "static", "unknown": "rando"}]}).fit(*reviews(20))


@pytest.mark.parametrize("policy", get_args(Policy))
@pytest.mark.parametrize("source", ["given", "random"])
def test_padding_stays_zero_when_tuned(policy, source, fasttext):
    if source == "random" and policy == "subwords":
        return
    given = WordVectors.load(fasttext[1])
    embedder = Static(source="trained" if source == "given" else "random", unknown=policy).train()
    embedder.initialise(TrainingText(tokenize(TRAIN), given))
    optimizers = build_optimizers(embedder, TrainingSettings(learning_rate=0.1))
    before = embedder.table.weight.detach().clone()
    for _ in range(3):
        prepared = embedder.prepare(tokenize(TRAIN + LATER))
        out = embedder(prepared)
        assert not out.vectors[~out.mask].any()
        (out.vectors - 1).square().sum().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    assert torch.equal(embedder.table.weight[PADDING], torch.zeros(embedder.dim))
    assert (embedder.table.weight[SPECIAL:] != before[SPECIAL:]).any()


def test_a_whole_model_gives_unseen_words_their_vectors(fasttext, tmp_path):
    recipe = {"embedders": [{"kind": "static", "source": fasttext[1]}], "training": {"epochs": 1}}
    texts, labels = reviews(80)
    model = Model(recipe).fit(texts, labels)
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path / "model")
    asked = [*texts[:5], "filmmakers", "goodly", ""]
    np.testing.assert_array_equal(model.predict_proba(asked), loaded.predict_proba(asked))
    encoded = loaded.encode(["filmmakers", "goodly"])
    assert (encoded[0] != encoded[1]).any()
    assert model.report_["text"]["train"]["unknown_subwords"] > 0
