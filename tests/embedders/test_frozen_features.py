"""Features of frozen encoders: computed once, kept on the disk, the same as when they are computed anew."""

import numpy as np
import pytest
import torch

from tiny_elmo import tiny_elmo
from tiny_transformers import embedder, tiny_bert
from wordladder import Model
from wordladder.embedders import _feature_store
from wordladder.embedders._feature_store import Features, FeatureStore, text_keys
from wordladder.embedders._frozen_features import cache_features
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.elmo import Elmo
from wordladder.embedders.transformer import Transformer
from wordladder.text.words import TextSettings, tokenize

TEXTS = ["The good film!", "", "a bad story, the actor was bad", "我喜欢 the 电影", "The good film!", "good"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("tiny") / "bert")


def answers(made, tokens):
    with torch.inference_mode():
        return made(made.prepare(tokens))


@pytest.mark.parametrize("layers", ["last", "last4", "mix", -2])
def test_kept_features_are_those_computed_anew(bert, tmp_path, layers):
    made, tokens = embedder(bert, layers=layers, summary="mean"), tokenize(TEXTS)
    fresh = answers(made, tokens)
    found = cache_features(made, [tokens], tmp_path)
    assert found.kept
    assert isinstance(made.prepare(tokens), Features)
    for rows in ([0, 1, 2, 3, 4, 5], [5, 2], [1]):
        part, kept = tokens.take(rows), answers(made, tokens.take(rows))
        expected = fresh.vectors[rows][:, : kept.vectors.shape[1]]
        torch.testing.assert_close(kept.vectors, expected, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(kept.summary, fresh.summary[rows], rtol=2e-3, atol=2e-3)
        assert kept.mask.sum(1).tolist() == part.lengths.tolist()


def test_the_size_is_what_lies_on_the_disk(bert, tmp_path):
    made, tokens = embedder(bert, summary="cls"), tokenize(TEXTS[:4])
    found = cache_features(made, [tokens], tmp_path)
    words = sum(path.stat().st_size for path in tmp_path.rglob("*.safetensors"))
    assert found.gigabytes * 1e9 == 2 * 16 * (len(tokens.starts) + 4)
    assert found.gigabytes * 1e9 <= words < found.gigabytes * 1e9 + 1000


def test_only_new_texts_are_computed(bert, tmp_path, monkeypatch):
    made, tokens = embedder(bert), tokenize(TEXTS)
    cache_features(made, [tokens.take([0, 2])], tmp_path)
    seen = []
    compute = made.features
    monkeypatch.setattr(made, "features", lambda batch: seen.append(len(batch.mask)) or compute(batch))
    found = cache_features(made, [tokens], tmp_path)
    assert sum(seen) == 3, "the empty text, the Chinese one, the single word; a duplicate is not new"
    assert found.earlier > 0
    assert cache_features(made, [tokens], tmp_path).kept
    assert sum(seen) == 3


def test_texts_are_told_apart_by_their_words(bert):
    cut = tokenize(TEXTS, TextSettings(max_words=2))
    one, other = text_keys(tokenize(TEXTS)), text_keys(cut)
    assert one[0] == one[4]
    assert one[0] != other[0]
    assert one[5] == other[5]
    pairs = text_keys(tokenize(["a b", "c", "a", "b c"], segments=2))
    assert len(set(pairs)) == 2


def test_another_encoder_or_setting_has_features_of_its_own(bert, tmp_path):
    marks = {
        embedder(bert, **settings).feature_mark() for settings in ({}, {"layers": -2}, {"pooling": "mean"})
    }
    other = tiny_bert(tmp_path / "other", seed=2)
    assert len(marks | {embedder(other).feature_mark()}) == 4
    assert embedder(bert).feature_mark() in marks


def test_too_large_features_are_not_kept(bert, tmp_path):
    made, tokens = embedder(bert, cache_gb=1e-7), tokenize(TEXTS)
    found = cache_features(made, [tokens], tmp_path)
    assert not found.kept
    assert "cache_gb" in found.why
    assert made.store is None
    assert not list(tmp_path.rglob("*.safetensors"))


def test_what_an_interrupted_pass_wrote_stays(bert, tmp_path, monkeypatch):
    made, tokens = embedder(bert), tokenize([f"good film {'story ' * n}" for n in range(8)])
    monkeypatch.setattr(_feature_store, "PART_BYTES", 0)
    monkeypatch.setattr("wordladder.embedders._frozen_features.ROWS", 2)
    compute, count = made.features, [0]

    def broken(batch):
        count[0] += 1
        if count[0] == 3:
            raise KeyboardInterrupt
        return compute(batch)

    monkeypatch.setattr(made, "features", broken)
    with pytest.raises(KeyboardInterrupt):
        cache_features(made, [tokens], tmp_path)
    assert cache_features(made, [tokens], tmp_path).kept
    assert count[0] == 3 + 2, "two of four batches were there"


def test_a_broken_file_is_computed_again(bert, tmp_path):
    made, tokens = embedder(bert), tokenize(TEXTS)
    cache_features(made, [tokens], tmp_path)
    fresh = answers(made, tokens).vectors
    (path,) = tmp_path.rglob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-100])
    again = embedder(bert)
    assert cache_features(again, [tokens], tmp_path).kept
    torch.testing.assert_close(answers(again, tokens).vectors, fresh)


def test_numbers_too_large_for_half_precision_stay_numbers(tmp_path):
    store = FeatureStore(tmp_path)
    features = Features(torch.full((1, 2, 1, 3), 1e6), torch.ones(1, 2, dtype=torch.bool))
    store.add([b"0" * 16], [2], features)
    store.flush()
    assert np.isfinite(store.read([b"0" * 16]).layers.numpy()).all()


RECIPE = {
    "text": {"max_words": 40},
    "encoders": [{"kind": "recurrent", "cell": "gru", "hidden": 8}],
    "training": {"epochs": 2, "learning_rate": 1e-2, "precision": "float32"},
}


def recipe(folder):
    return RECIPE | {"embedders": [{"kind": "transformer", "source": str(folder), "overlap": 8}]}


def texts_and_labels(rows=40):
    good, bad = "the good film was good", "the bad story, a bad actor"
    return [f"{good if row % 2 else bad} {row}" for row in range(rows)], [str(row % 2) for row in range(rows)]


def test_a_fit_computes_features_once_and_another_finds_them(bert, tmp_path, monkeypatch):
    counted = []
    compute = Transformer.features

    def counting(self, batch):
        counted.append(len(batch.mask))
        return compute(self, batch)

    monkeypatch.setattr(Transformer, "features", counting)
    texts, labels = texts_and_labels()
    first = Model(recipe(bert)).fit(texts, labels, cache=tmp_path / "cache")
    assert sum(counted) == len(texts)
    assert first.report_["features"][0]["kept"]
    again = Model(recipe(bert)).fit(texts, labels, cache=tmp_path / "cache")
    assert sum(counted) == len(texts)
    np.testing.assert_array_equal(first.scores(texts), again.scores(texts))


def test_without_a_cache_nothing_stays_and_the_saved_model_answers_alike(bert, tmp_path):
    texts, labels = texts_and_labels()
    model = Model(recipe(bert)).fit(texts, labels, output=tmp_path / "model")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert model.engine_.network.embedders[0].store is None
    np.testing.assert_allclose(Model.load(tmp_path / "model").scores(texts), model.scores(texts), atol=1e-5)


def test_features_that_are_not_kept_are_told(bert, tmp_path):
    texts, labels = texts_and_labels()
    table = recipe(bert)
    table["embedders"][0]["cache_gb"] = 0.0
    model = Model(table).fit(texts, labels)
    assert any("cache_gb" in note for note in model.report_["warnings"])


@pytest.mark.parametrize("layers", ["mix", 1])
def test_features_of_elmo_are_kept_too(tmp_path, layers):
    folder = tmp_path / "elmo"
    folder.mkdir()
    made = Elmo(source=str(tiny_elmo(folder)), layers=layers)
    made.initialise(TrainingText(tokenize(["a"])))
    tokens = tokenize(TEXTS)
    fresh = answers(made.eval(), tokens)
    assert cache_features(made, [tokens], tmp_path / "cache").kept
    assert isinstance(made.prepare(tokens), Features)
    torch.testing.assert_close(answers(made, tokens).vectors, fresh.vectors, rtol=2e-3, atol=2e-3)


def test_options_of_an_elmo_are_in_its_mark(tmp_path):
    marks = set()
    for number, options in enumerate(({}, {"window": 5}, {"skip": False}, {"memory_clip": 0.5})):
        (tmp_path / str(number)).mkdir()
        made = Elmo(source=str(tiny_elmo(tmp_path / str(number), **options)))
        made.initialise(TrainingText(tokenize(["a"])))
        marks.add(made.feature_mark())
    assert len(marks) == 4


def test_files_that_another_program_takes_away(bert, tmp_path, monkeypatch):
    made, tokens = embedder(bert), tokenize(TEXTS)
    cache_features(made, [tokens], tmp_path)
    (folder,) = tmp_path.iterdir()
    (folder / "part-gone.safetensors").symlink_to(folder / "nothing")
    (folder / "part-gone.part").symlink_to(folder / "nothing")
    assert all(key in FeatureStore(folder) for key in text_keys(tokens))


def test_a_text_of_two_sets_is_computed_once(bert, tmp_path, monkeypatch):
    made, tokens = embedder(bert), tokenize(TEXTS)
    seen, compute = [], made.features
    monkeypatch.setattr(made, "features", lambda batch: seen.append(len(batch.mask)) or compute(batch))
    found = cache_features(made, [tokens.take([0, 2, 4]), tokens.take([2, 5])], tmp_path)
    assert sum(seen) == 3
    assert found.gigabytes * 1e9 == 2 * 16 * int(tokens.lengths[[0, 2, 5]].sum())
    assert isinstance(made.prepare(tokens.take([2, 5])), Features)
