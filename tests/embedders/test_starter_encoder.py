"""`source = "starter"`: the encoder of the text's language, where one comes with wordladder."""

import shutil

import pytest
import torch
from safetensors.torch import load_file

from conftest import reviews
from tiny_transformers import tiny_albert
from wordladder import Model
from wordladder.embedders import _encoder_sources
from wordladder.embedders._encoder_sources import starter_encoder, starter_languages, text_language
from wordladder.embedders._pretrained import open_pretrained, save_pretrained
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.errors import RecipeError
from wordladder.text.words import tokenize

ENGLISH = ["the film was a joy to watch and the actors are very good", "a dull film"]
CHINESE = ["这部电影很好看，演员也很出色", "房间很小，服务一般"]
GERMAN = ["ein langer Abend ohne jede Freude wurde gezeigt"]


@pytest.fixture(scope="module")
def starters(tmp_path_factory):
    """Two tiny encoders in half precision, one a language."""
    home = tmp_path_factory.mktemp("starters")
    for seed, language in enumerate(("en", "zh"), start=1):
        whole = tiny_albert(home / "whole", seed)
        model, tokenizer, _ = open_pretrained(str(whole))
        save_pretrained(model, tokenizer, home / f"albert-{language}", half=True)
        assert {weight.dtype for weight in model.parameters()} == {torch.float32}, "it stays as it is"
        shutil.rmtree(whole)
    return home


@pytest.fixture(autouse=True)
def shipped(starters, monkeypatch):
    monkeypatch.setattr(_encoder_sources, "FOLDER", starters)


def test_weights_in_half_precision_are_read_as_float32(starters):
    kept = load_file(starters / "albert-en" / "model.safetensors")
    assert {weight.dtype for weight in kept.values()} == {torch.float16}
    model = open_pretrained(str(starters / "albert-en")).model
    for name, weight in model.state_dict().items():
        if name in kept:
            assert weight.dtype == torch.float32
            assert torch.equal(weight, kept[name].float())


def test_one_function_says_whether_there_is_one(starters, monkeypatch, tmp_path):
    assert starter_encoder("en") == starters / "albert-en"
    assert starter_encoder("de") is None
    assert starter_encoder(None) is None
    assert starter_languages() == ["en", "zh"]
    assert [text_language(texts) for texts in (ENGLISH, CHINESE, GERMAN)] == ["en", "zh", None]
    monkeypatch.setattr(_encoder_sources, "FOLDER", tmp_path / "none")
    assert starter_languages() == []
    assert text_language(ENGLISH) is None, "nothing is looked up where nothing could come of it"


@pytest.mark.parametrize(("texts", "language"), [(ENGLISH, "en"), (CHINESE, "zh")])
def test_the_encoder_of_the_texts_language(starters, texts, language):
    made = Transformer(source="starter")
    made.initialise(TrainingText(tokenize(texts)))
    right = open_pretrained(str(starters / f"albert-{language}")).model
    for one, other in zip(made.model.parameters(), right.parameters()):
        assert torch.equal(one, other)


def test_another_language_and_none_at_all(monkeypatch, tmp_path):
    with pytest.raises(RecipeError, match=r'source = "starter": no encoder .*--encoder.*wordladder pretrain'):
        Transformer(source="starter").initialise(TrainingText(tokenize(GERMAN)))
    monkeypatch.setattr(_encoder_sources, "FOLDER", tmp_path)
    with pytest.raises(RecipeError, match="no encoder of this text's language"):
        Transformer(source="starter").initialise(TrainingText(tokenize(ENGLISH)))


def test_a_saved_model_has_a_copy_of_its_own(monkeypatch, tmp_path):
    texts, labels = reviews(60)
    recipe = {"embedders": [{"kind": "transformer", "source": "starter", "overlap": 8}]}
    recipe |= {"training": {"epochs": 1}}
    model = Model(recipe, threads=1).fit(texts, labels, output=tmp_path / "model")
    monkeypatch.setattr(_encoder_sources, "FOLDER", tmp_path / "none")
    again = Model.load(tmp_path / "model", threads=1)
    assert again.predict(texts[:9]).tolist() == model.predict(texts[:9]).tolist()
    assert again.recipe_.flat()["embedders.0.source"] == "starter"
