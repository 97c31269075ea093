"""Files of pretrained encoders as people have them: whole, wrapped, with weights missing or broken, old."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForTextEncoding, AutoTokenizer

from tiny_transformers import SIZES, embedder, tiny_bert
from wordladder import Model
from wordladder.embedders._sentence_layout import SentenceLayout, write_layout
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.errors import WordladderError
from wordladder.model.word_reader import WordReader
from wordladder.pretraining.initial_models import open_initial_model
from wordladder.pretraining.settings import PretrainingSettings
from wordladder.text.words import tokenize

TEXTS = ["the good film", "a very bad story " * 40, "un", "act"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return tiny_bert(tmp_path_factory.mktemp("encoders") / "bert")


def changed(bert, to, change):
    """A copy of an encoder with other weights."""
    shutil.copytree(bert, to)
    weights = change(load_file(bert / "model.safetensors"))
    save_file(weights, to / "model.safetensors", metadata={"format": "pt"})
    return to


def in_sentence_layout(folder, to):
    shutil.copytree(folder, to / "0")
    write_layout(to, SentenceLayout(encoder="0"), 16)
    return to


def without(part):
    return lambda weights: {name: tensor for name, tensor in weights.items() if part not in name}


def with_number(number):
    def change(weights):
        weights["encoder.layer.1.output.dense.weight"][3, 5] = number
        return weights

    return change


def open_to_embed(folder, tmp_path):
    embedder(folder)


def open_to_encode(folder, tmp_path):
    Model.load(folder).encode(TEXTS)


def open_as_sentences(folder, tmp_path):
    Model.load(in_sentence_layout(folder, tmp_path / "sentences"))


def open_for_neighbors(folder, tmp_path):
    WordReader.open(folder)


def open_to_pretrain(folder, tmp_path):
    open_initial_model(folder, PretrainingSettings())


OPENERS = [open_to_embed, open_to_encode, open_as_sentences, open_for_neighbors, open_to_pretrain]
FAULTS = {
    "encoder.layer.1": without("encoder.layer.1."),
    "embeddings.word_embeddings": without("word_embeddings"),
    "dense.weight has numbers that are not finite": with_number(float("nan")),
    "are not finite": with_number(float("inf")),
}


@pytest.mark.parametrize("opened", OPENERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_missing_and_broken_weights_are_refused(bert, tmp_path, opened, fault):
    folder = changed(bert, tmp_path / "copy", FAULTS[fault])
    with pytest.raises(WordladderError, match=fault):
        opened(folder, tmp_path)


@pytest.mark.parametrize("opened", OPENERS)
def test_layers_that_only_the_configuration_has_are_refused(bert, tmp_path, opened):
    shutil.copytree(bert, tmp_path / "copy")
    config = json.loads((bert / "config.json").read_text()) | {"num_hidden_layers": 5}
    (tmp_path / "copy" / "config.json").write_text(json.dumps(config))
    with pytest.raises(WordladderError, match=r"encoder\.layer\.3"):
        opened(tmp_path / "copy", tmp_path)


def test_weights_that_no_vector_needs_may_be_missing(bert, tmp_path):
    folder = changed(bert, tmp_path / "copy", without("pooler"))
    for opened in OPENERS:
        opened(folder, tmp_path)


def renamed(weights, prefix, old):
    """With something before the names, and with those that TensorFlow's checkpoints had: gamma and beta."""
    names = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"} if old else {}
    found = {}
    for name, tensor in weights.items():
        part = ".".join(name.split(".")[-2:])
        found[prefix + name.removesuffix(part) + names.get(part, part)] = tensor
    return found


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("prefix", ["module.", "bert.", "module.bert.", "backbone.encoder.model."])
def test_what_a_wrapper_left_before_the_names_is_taken_away(bert, tmp_path, prefix, old):
    folder = changed(bert, tmp_path / "copy", lambda weights: renamed(weights, prefix, old))
    expected = Model.load(bert, precision="float32", engine="torch").encode(TEXTS)
    opened = Model.load(folder, precision="float32", engine="torch")
    np.testing.assert_array_equal(opened.encode(TEXTS), expected)
    told = [note for note in opened.report_["warnings"] if prefix in note]
    assert len(told) == (prefix != "bert.")  # which transformers itself takes away
    for opened in OPENERS:
        opened(folder, tmp_path)


def test_two_models_in_one_file_are_refused(bert, tmp_path):
    twice = lambda weights: {  # noqa: E731
        f"{side}.{name}": tensor.clone()
        for side in ("question", "passage")
        for name, tensor in weights.items()
    }
    with pytest.raises(WordladderError, match="no weights"):
        Model.load(changed(bert, tmp_path / "copy", twice))


@pytest.mark.parametrize("shards", [1, 2])
def test_weights_in_pytorchs_own_files(bert, tmp_path, shards):
    folder = tmp_path / "copy"
    shutil.copytree(bert, folder)
    (folder / "model.safetensors").unlink()
    weights = renamed(load_file(bert / "model.safetensors"), "bert.", old=True)
    names = sorted(weights)
    if shards == 1:
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        places = {name: f"pytorch_model-{number % 2}.bin" for number, name in enumerate(names)}
        for place in set(places.values()):
            torch.save({name: weights[name] for name in names if places[name] == place}, folder / place)
        index = {"metadata": {"total_size": 1}, "weight_map": places}
        (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    expected = Model.load(bert, precision="float32", engine="torch").encode(TEXTS)
    np.testing.assert_array_equal(
        Model.load(folder, precision="float32", engine="torch").encode(TEXTS), expected
    )
    for opened in OPENERS:
        opened(folder, tmp_path)


class Harm:
    def __reduce__(self):
        return exec, ("raise SystemExit('code of the file was run')",)


@pytest.mark.parametrize("opened", OPENERS)
def test_no_code_of_a_pickle_is_run(bert, tmp_path, opened):
    shutil.copytree(bert, tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").unlink()
    torch.save({"embeddings": Harm()}, tmp_path / "copy" / "pytorch_model.bin")
    with pytest.raises(WordladderError):
        opened(tmp_path / "copy", tmp_path)


@pytest.mark.parametrize("opened", OPENERS)
def test_no_code_of_a_folder_is_run(bert, tmp_path, opened):
    """An encoder of a known family that names code of its own is read without it."""
    folder = tmp_path / "copy"
    shutil.copytree(bert, folder)
    own = {"AutoModel": "own.Model", "AutoConfig": "own.Config", "AutoTokenizer": ["own.Pieces", None]}
    for name in ("config.json", "tokenizer_config.json"):
        facts = json.loads((bert / name).read_text()) | {"auto_map": own}
        (folder / name).write_text(json.dumps(facts))
    (folder / "own.py").write_text("raise SystemExit('code of the folder was run')")
    opened(folder, tmp_path)
    np.testing.assert_array_equal(Model.load(folder).encode(TEXTS), Model.load(bert).encode(TEXTS))


def saved(bert, folder, family, **sizes):
    """A model of a family with random weights, and the tokenizer of another."""
    tokenizer = AutoTokenizer.from_pretrained(bert)
    torch.manual_seed(1)
    AutoModel.from_config(AutoConfig.for_model(family, vocab_size=len(tokenizer), **sizes)).save_pretrained(
        folder
    )
    tokenizer.save_pretrained(folder)
    return folder


T5 = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
BIG_BIRD = SIZES | {"block_size": 4, "num_random_blocks": 1, "max_position_embeddings": 512}


@pytest.mark.parametrize(
    ("family", "sizes"),
    [("t5", T5), ("mt5", T5), ("big_bird", BIG_BIRD | {"attention_type": "block_sparse"})],
)
def test_families_that_answer_with_their_encoder_and_full_attention(bert, tmp_path, family, sizes):
    folder = saved(bert, tmp_path / "one", family, **sizes)
    tokenizer, twin = (
        AutoTokenizer.from_pretrained(folder),
        AutoModelForTextEncoding.from_pretrained(folder).eval(),
    )
    if family == "big_bird":
        twin.set_attention_type("original_full")
    expected = []
    for text in TEXTS:
        with torch.no_grad():
            expected.append(twin(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(dim=0))
    model = Model.load(folder, precision="float32", engine="torch")
    np.testing.assert_allclose(model.encode(TEXTS[1]), expected[1], atol=1e-5)  # before any short text
    found = model.encode(TEXTS)
    np.testing.assert_allclose(found, torch.stack(expected), atol=1e-5)
    there = Model.load(in_sentence_layout(folder, tmp_path / "sentences"), precision="float32")
    np.testing.assert_array_equal(there.encode(TEXTS), found)
    embedder(folder).keep(tmp_path / "two")
    np.testing.assert_array_equal(Model.load(tmp_path / "two", precision="float32").encode(TEXTS), found)


def test_other_decoders_are_refused(bert, tmp_path):
    sizes = {
        "d_model": 16,
        "encoder_layers": 1,
        "decoder_layers": 1,
        "encoder_ffn_dim": 8,
        "decoder_ffn_dim": 8,
    }
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    folder = saved(bert, tmp_path / "bart", "bart", **sizes, **heads)
    for opened in OPENERS[:4]:
        with pytest.raises(WordladderError, match="an encoder with a decoder"):
            opened(folder, tmp_path)


@pytest.mark.parametrize("limit", [8, 64, 512])
def test_windows_fit_encoders_of_few_positions_by_themselves(bert, tmp_path, limit):
    folder = saved(bert, tmp_path / "gpt2", "gpt2", n_embd=16, n_layer=1, n_head=2, n_positions=limit)
    made = Transformer(source=str(folder))
    made.initialise(TrainingText(tokenize(["a"])))
    assert made._pieces.overlap == min(64, limit // 4)
