"""One door: `wordladder.load` finds out what lies at a path, and gives an object with the verbs it has."""

import numpy as np
import pytest
from transformers import BertForSequenceClassification

import wordladder
from conftest import reviews
from tiny_elmo import tiny_elmo
from tiny_transformers import tiny_bert
from wordladder import Model, WordVectors
from wordladder.errors import ModelError, SettingError, VectorsError
from wordladder.interop.sources import MARKS, identify
from wordladder.model.loading import LOADERS


@pytest.fixture(scope="module")
def sources(tmp_path_factory, small_model):
    """A source of every kind."""
    place = tmp_path_factory.mktemp("sources")
    small_model.save(place / "model")
    classifier = Model({"shallow": {"kind": "fasttext", "epochs": 2, "max_n": 0, "buckets": 100}})
    classifier.fit(*reviews(60)).save(place / "fasttext_classifier.bin")
    vectors = WordVectors(["good", "film", "dull"], np.eye(3, 4, dtype=np.float32))
    vectors.save(place / "word_vectors.txt")
    vectors.save(place / "word_vectors.bin")
    vectors.save(place / "word_vectors_folder", "model2vec")
    tiny_bert(place / "encoder")
    tiny_bert(place / "fine_tuned")
    BertForSequenceClassification.from_pretrained(place / "encoder").save_pretrained(place / "fine_tuned")
    wordladder.load(place / "encoder").save(place / "sentence_encoder")
    (place / "elmo").mkdir()
    tiny_elmo(place / "elmo")
    return place


def test_every_kind_has_a_loader():
    assert list(MARKS) == list(LOADERS)


@pytest.mark.parametrize(
    ("name", "kind", "verbs"),
    [
        ("model", "model", "predict encode evaluate"),
        ("fasttext_classifier.bin", "fasttext_classifier", "predict encode evaluate"),
        ("fine_tuned", "fine_tuned", "predict encode evaluate"),
        ("sentence_encoder", "sentence_encoder", "encode"),
        ("encoder", "encoder", "encode"),
        ("word_vectors.txt", "word_vectors", "encode most_similar"),
        ("word_vectors.bin", "word_vectors", "encode most_similar"),
        ("word_vectors_folder", "word_vectors", "encode most_similar"),
    ],
)
def test_each_source_is_known_and_has_its_verbs(sources, name, kind, verbs):
    source = identify(sources / name)
    assert (source.kind, source.path, source.name) == (kind, sources / name, str(sources / name))
    loaded = wordladder.load(sources / name, device="cpu", threads=1)
    assert isinstance(loaded, WordVectors if kind == "word_vectors" else Model)
    assert all(hasattr(loaded, verb) for verb in verbs.split())
    vectors = loaded.encode(["a good film", "dull"], normalize_embeddings=True)
    assert vectors.shape[0] == 2
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    if "predict" in verbs:
        assert len(loaded.predict(["a good film", "dull"])) == 2


def test_what_cannot_be_loaded_is_said(sources, tmp_path):
    with pytest.raises(ModelError, match="an ELMo has vectors of words, none of texts"):
        wordladder.load(sources / "elmo")
    with pytest.raises(ModelError, match=r"holds word vectors, not a model; WordVectors\.load reads them"):
        Model.load(sources / "word_vectors.txt")
    with pytest.raises(ModelError, match="not a saved wordladder model"):
        wordladder.load(tmp_path)
    with pytest.raises(ModelError, match="there is no such folder"):
        wordladder.load(tmp_path / "nothing")
    (tmp_path / "broken.vec").write_text("2 3\ngood 1 2\n", encoding="utf-8")
    with pytest.raises(VectorsError, match="line 2"):
        wordladder.load(tmp_path / "broken.vec")
    with pytest.raises(SettingError, match="unicode_errors"):
        wordladder.load(sources / "word_vectors.txt", unicode_errors="lenient")
