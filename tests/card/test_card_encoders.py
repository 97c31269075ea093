"""What other programs have trained, and readers of words, on a card: the processor's answers."""

import json
from typing import get_args

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import nn

from cards import card
from conftest import reviews
from tiny_elmo import tiny_elmo
from tiny_transformers import TEXTS, tiny_albert, tiny_bert, tiny_roberta
from wordladder import Model
from wordladder.data.examples import Examples
from wordladder.embedders import _inference
from wordladder.embedders._pretrained import open_pretrained
from wordladder.embedders._sentence_layout import Module, Pooled, SentenceLayout
from wordladder.embedders._sentence_modules import Files, Normalize, Part, read_part
from wordladder.interop.cross_encoder import CrossEncoder
from wordladder.interop.fine_tuned import FineTuned
from wordladder.interop.sentence_encoder import SentenceEngine
from wordladder.interop.sources import _TASKS
from wordladder.model.word_reader import WordReader

MAKERS = {"albert": tiny_albert, "bert": tiny_bert, "roberta": tiny_roberta}


@pytest.fixture(scope="module", params=sorted(MAKERS))
def encoder(request, tmp_path_factory):
    return MAKERS[request.param](tmp_path_factory.mktemp("encoders") / request.param)


def same(answer):
    """`answer(device)` is the same on the processor and on the card."""
    expected = answer("cpu")
    with card() as there:
        found = answer(str(there.device))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", get_args(Pooled))
def test_sentences(encoder, pooling):
    torch.manual_seed(1)
    layers = nn.Sequential(nn.Linear(16, 6), nn.Tanh()), nn.LayerNorm(6), Normalize(Files(encoder, {}))
    after = [Part("Dense", {}, layer.requires_grad_(False)) for layer in layers]
    layout = SentenceLayout(pooling=(pooling,))
    texts = Examples(([*TEXTS, ""],))

    def answer(device):
        opened = open_pretrained(str(encoder))
        engine = SentenceEngine(
            opened, layout, ([], after), source=str(encoder), device=device, precision="float32"
        )
        return engine.encode(texts)

    same(answer)


def test_words_and_what_follows(tmp_path):
    torch.manual_seed(1)
    vocabulary = ["pad", "the", "good", "film"]
    lstm = nn.LSTM(6, 3, bidirectional=True)
    files = {
        "words/wordembedding_config.json": {"tokenizer_class": "x.WhitespaceTokenizer"},
        "words/whitespacetokenizer_config.json": {"vocab": vocabulary, "stop_words": ["a"]},
        "weights/config.json": {"vocab": vocabulary, "word_weights": {"good": 2.0}},
        "lstm/lstm_config.json": {},
        "cnn/cnn_config.json": {"kernel_sizes": [3]},
    }
    tensors = {
        "words": {"emb_layer.weight": torch.randn(4, 6)},
        "lstm": {f"encoder.{name}": weight for name, weight in lstm.state_dict().items()},
        "cnn": {"convs.0.weight": torch.randn(5, 6, 3), "convs.0.bias": torch.randn(5)},
    }
    for name, value in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(value))
    for name, weights in tensors.items():
        save_file(weights, tmp_path / name / "model.safetensors")
    texts = Examples((["the good film", "", "the the", "good film, the good"],))

    def answer(device):
        kinds = {"weights": "WordWeights", "lstm": "LSTM", "cnn": "CNN"}
        reader = read_part(Module("WordEmbeddings", "words"), tmp_path)
        before = [read_part(Module(kind, place), tmp_path) for place, kind in kinds.items()]
        layout = SentenceLayout(pooling=("mean", "weightedmean"))
        return SentenceEngine(reader, layout, (before, []), source="x", device=device).encode(texts)

    same(answer)


def test_pairs(encoder, tmp_path):
    config = transformers.AutoConfig.from_pretrained(encoder, num_labels=1)
    config.sbert_ce_default_activation_function = "torch.nn.Sigmoid"
    transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path)
    pairs = Examples((TEXTS, TEXTS[::-1]))
    same(lambda device: CrossEncoder(tmp_path, "pairs", device=device).scores(pairs))


@pytest.mark.parametrize("head", _TASKS)
def test_heads(encoder, head, tmp_path):
    torch.manual_seed(2)
    labels = 2 if _TASKS[head] == "span_qa" else 3
    config = transformers.AutoConfig.from_pretrained(encoder, num_labels=labels)
    getattr(transformers, f"AutoModel{head}").from_config(config).save_pretrained(tmp_path)
    transformers.AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path)

    def answer(device):
        engine = FineTuned(tmp_path, "tuned", device=device)
        two = (TEXTS[::-1],) if engine.task.segments == 2 else ()
        scores = engine.scores(Examples((*two, TEXTS)))
        return scores if isinstance(scores, np.ndarray) else scores.values

    same(answer)


def read(source, device, **given):
    """The vectors of all words."""
    reader = WordReader.open(source, device=device, **given)
    tokens = reader.tokens(TEXTS)
    parts = list(reader.vectors(tokens))
    numbers, vectors = (np.concatenate(part) for part in zip(*parts))
    return vectors[np.argsort(numbers)]


def test_words_of_a_transformer(encoder, monkeypatch):
    monkeypatch.setattr(_inference, "has_bfloat16", lambda device: False)
    same(lambda device: read(encoder, device, layers="last4"))


def test_words_of_an_elmo(tmp_path):
    tiny_elmo(tmp_path)
    same(lambda device: read(tmp_path, device, layers=1))


def test_words_of_word_vectors(tmp_path):
    (tmp_path / "vectors.txt").write_text("the 1 2 3\ngood 4 5 6\nfilm 7 8 9\n", encoding="utf-8")
    same(lambda device: read(tmp_path / "vectors.txt", device))


def test_words_of_a_saved_model(small_model, tmp_path):
    small_model.save(tmp_path / "model")
    same(lambda device: read(tmp_path / "model", device))


def test_a_saved_model(small_model, tmp_path):
    small_model.save(tmp_path / "model")
    texts = reviews(20, seed=3)[0]
    same(lambda device: Model.load(tmp_path / "model", device=device).predict_proba(texts))
