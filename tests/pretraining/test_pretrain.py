"""Pretraining from a text file to a folder that transformers and the embedder open."""

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer, pipeline

from tiny_transformers import tiny_bert
from wordladder.embedders._elmo_options import ElmoOptions
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.transformer import Transformer
from wordladder.errors import DataError, ModelError, OutputError, SettingError
from wordladder.pretraining import elmo, settings
from wordladder.pretraining.pretrain import continued_rate, prepare, pretrain
from wordladder.text.words import tokenize
from wordladder.word_vectors import WordVectors

pytestmark = pytest.mark.usefixtures("small_encoders")

GIVEN = {"steps": 12, "max_pieces": 32, "batch_pieces": 512, "held_out": 0.1, "threads": 1, "device": "cpu"}
GIVEN |= {"learning_rate": 3e-3, "log_steps": 1, "evaluations": 2}


def run(corpus, output, **given):
    chosen = settings.PretrainingSettings(**{**GIVEN, **given.pop("settings", {})})
    return pretrain([corpus], output, chosen, **given)


@pytest.fixture(scope="module", params=["bert", "albert"])
def made(request, small_encoders, corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoders") / request.param
    return (
        folder,
        run(corpus, folder, settings={"kind": request.param, "steps": 100, "learning_rate": 1e-2}),
        request.param,
    )


def test_it_learns(made):
    _, report, _ = made
    curve = [line for line in report["curve"] if "held_out_loss" in line]
    assert curve[-1]["held_out_masked_loss"] < curve[0]["held_out_masked_loss"]
    assert report["held_out"]["masked_loss"] < 0.85 * report["curve"][0]["masked_loss"]
    assert report["held_out"]["masked_accuracy"] > 0.1
    assert report["held_out"]["perplexity"] == pytest.approx(np.exp(report["held_out"]["masked_loss"]))
    assert 0 <= report["held_out"]["order_accuracy"] <= 1


def test_what_is_kept(made):
    folder, report, kind = made
    kept = json.loads((folder / "pretraining.json").read_text(encoding="utf-8"))
    assert kept == json.loads(json.dumps(report))
    assert kept["steps"] == 100
    assert kept["settings"]["kind"] == kind
    assert kept["text"]["documents"] == 60
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert log == kept["curve"]
    assert {"step", "seconds", "tokens_per_second", "loss", "masked_accuracy"} <= log[0].keys()
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "## Curve" in card
    assert f"| held-out perplexity | {report['held_out']['perplexity']:.4g} |" in card
    assert not folder.with_name(folder.name + ".training").exists()


def test_transformers_opens_it(made):
    folder, _, _ = made
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.model_max_length == 32
    model, found = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not found["missing_keys"]
    assert not found["mismatched_keys"]
    hidden = AutoModel.from_pretrained(folder)(**tokenizer("my sister", return_tensors="pt"))[0]
    assert torch.isfinite(hidden).all()
    answers = pipeline("fill-mask", str(folder))("The cat sees the [MASK].")
    assert len(answers) == 5
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_the_embedder_opens_it(made):
    folder, _, _ = made
    embedder = Transformer(source=str(folder), summary="cls", overlap=8)
    tokens = tokenize(["the cat 喜欢 river.", "my sister"])
    embedder.initialise(TrainingText(tokens))
    sequence = embedder(embedder.prepare(tokens))
    assert sequence.vectors.shape == (2, 6, 24)
    assert sequence.vectors[0].norm(dim=-1).min() > 0


def test_going_on_from_it(made, corpus, tmp_path):
    folder, report, kind = made
    more = run(corpus, tmp_path / "more", continue_from=folder, settings={"kind": kind, "steps": 6})
    assert more["continue_from"] == str(folder)
    assert more["vocabulary"] == report["vocabulary"]
    first, start = more["curve"][0]["loss"], report["curve"][0]["loss"]
    assert first < 0.9 * start, "it does not begin anew"
    other = "albert" if kind == "bert" else "bert"
    with pytest.raises(ModelError, match=f"type '{kind}'"):
        run(corpus, tmp_path / "other", continue_from=folder, settings={"kind": other})
    for name, value in (("tokenizer", "wordpiece"), ("vocabulary_size", 100), ("lowercase", True)):
        with pytest.raises(SettingError, match=f"{name} is .* to continue from has its own; leave it out"):
            run(corpus, tmp_path / "own", continue_from=folder, settings={"kind": kind, name: value})
    with pytest.raises(ModelError, match="reads 32 pieces"):
        run(corpus, tmp_path / "long", continue_from=folder, settings={"kind": kind, "max_pieces": 64})


def test_an_encoder_without_heads_gets_them(corpus, tmp_path):
    source = tiny_bert(tmp_path / "source")
    report = run(corpus, tmp_path / "out", continue_from=source, settings={"steps": 3})
    assert report["vocabulary"] == len(AutoTokenizer.from_pretrained(source))


def test_word_vectors_to_start_from(corpus, tmp_path):
    words = ["the", "cat", "dog", "river", "sister", "garden", "music", "house"]
    chance = np.random.Generator(np.random.PCG64(1))
    vectors = tmp_path / "vectors.vec"
    WordVectors(words, chance.standard_normal((8, 16)).astype(np.float32)).save(vectors)
    vectors.write_bytes(vectors.read_bytes().replace(b"garden ", b"garden\xe9 "))
    chosen = {"kind": "albert", "tokenizer": "wordpiece", "steps": 2}
    report = run(corpus, tmp_path / "out", vectors=vectors, unicode_errors="ignore", settings=chosen)
    assert "1 words are not UTF-8" in report["vectors"]["notes"][0]
    assert report["vectors"]["direct"] >= 5
    assert report["vectors"]["file"] == str(vectors)
    with pytest.raises(SettingError, match="either continue"):
        run(corpus, tmp_path / "both", vectors=vectors, continue_from=tmp_path / "out")


def test_mlm_alone_and_a_given_tokenizer(corpus, made, tmp_path):
    folder, report, kind = made
    chosen = {"kind": kind, "objectives": "mlm", "tokenizer": str(folder), "steps": 3, "parts": 2}
    found = run(corpus, tmp_path / "out", settings=chosen)
    assert found["vocabulary"] == report["vocabulary"]
    assert "order_accuracy" not in found["held_out"]
    assert found["tokens"] > 3 * 512
    for name, value in (("vocabulary_size", 100), ("lowercase", False)):
        with pytest.raises(SettingError, match=f"{name} is {value}, but the tokenizer in .* has its own"):
            run(corpus, tmp_path / "own", settings={**chosen, name: value})


def test_a_vocabulary_with_a_repeated_piece(corpus, tmp_path):
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "the", "sees", "river", "."]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}', encoding="utf-8")
    run(corpus, tmp_path / "out", settings={"tokenizer": str(folder), "steps": 2})
    assert AutoModel.from_pretrained(tmp_path / "out").config.vocab_size == len(pieces)


def test_weights_of_something_else_are_not_gone_on_from(corpus, tmp_path):
    source = tiny_bert(tmp_path / "source")
    save_file({"other": torch.zeros(2)}, source / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match="its weights lack bert"):
        run(corpus, tmp_path / "out", continue_from=source)


def test_broken_files_are_told_of(corpus, tmp_path):
    source = tiny_bert(tmp_path / "source")
    (source / "tokenizer.json").write_text('{"model": 3}', encoding="utf-8")
    with pytest.raises(ModelError, match="no tokenizer that can be read"):
        run(corpus, tmp_path / "out", continue_from=source)
    (source / "config.json").write_text("[", encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read as a model"):
        run(corpus, tmp_path / "other", continue_from=source)


@pytest.mark.parametrize(("given", "kept"), [({}, "the"), ({"lowercase": False}, "The")])
def test_case(corpus, tmp_path, given, kept):
    run(corpus, tmp_path / "out", settings={"steps": 1, **given})
    pieces = AutoTokenizer.from_pretrained(tmp_path / "out").tokenize("The")
    assert pieces[0][0] == kept[0]


def test_a_prepared_text_is_as_good_as_the_text(corpus, tmp_path):
    chosen = {"kind": "albert", "steps": 3, "segmenter": "jieba", "tokenizer": "wordpiece"}
    facts = prepare([corpus], tmp_path / "text", settings.PretrainingSettings(**{**GIVEN, **chosen}))
    assert facts.documents == 60
    shutil.copytree(tmp_path / "text", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "text")
    whole = run(corpus, tmp_path / "whole", settings=chosen)
    given = {"kind": "albert", "steps": 3}
    found = run(tmp_path / "elsewhere", tmp_path / "out", settings=given)
    assert found["text"] == whole["text"]
    assert [line["loss"] for line in found["curve"]] == [line["loss"] for line in whole["curve"]]
    decided = {"vocabulary_size": 100, "tokenizer": "wordpiece", "lowercase": True, "segmenter": "jieba"}
    for name, value in decided.items():
        with pytest.raises(SettingError, match=f"{name} is .* but the prepared text in .* has its own"):
            run(tmp_path / "elsewhere", tmp_path / "no", settings={**given, name: value})
    with pytest.raises(SettingError, match=r"max_pieces is 16, but its sentences need \d+"):
        run(tmp_path / "elsewhere", tmp_path / "no", settings={**given, "max_pieces": 16})
    with pytest.raises(SettingError, match="a prepared text has pieces, and ELMo"):
        run(tmp_path / "elsewhere", tmp_path / "no", settings={"kind": "elmo"})
    other = tiny_bert(tmp_path / "other")
    with pytest.raises(SettingError, match="the model to continue from has other pieces"):
        run(tmp_path / "elsewhere", tmp_path / "no", continue_from=other, settings={"kind": "bert"})


def test_what_cannot_be_prepared(corpus, tmp_path):
    with pytest.raises(SettingError, match="only BERT's and ALBERT's text"):
        prepare([corpus], tmp_path / "text", settings.PretrainingSettings(kind="elmo"))
    assert not (tmp_path / "text").exists()


@pytest.fixture
def small_elmo(monkeypatch):
    shape = ElmoOptions(units=16, dim=8, character_dim=4, filters=((1, 8), (3, 8)), highways=1)
    monkeypatch.setitem(elmo.SIZES, "tiny", shape)


def test_elmo(corpus, small_elmo, tmp_path):
    chosen = {"kind": "elmo", "steps": 3, "learning_rate": None}
    report = run(corpus, tmp_path / "some", settings=chosen)
    assert report["held_out"].keys() >= {"loss", "perplexity"}
    assert run(corpus, tmp_path / "none", settings={**chosen, "held_out": 0.0})["held_out"] == {}
    folder = tmp_path / "some"
    more = run(corpus, tmp_path / "more", continue_from=folder, settings=chosen)
    assert more["vocabulary"] == report["vocabulary"]
    with pytest.raises(SettingError, match="vocabulary_size is 50, but a model to continue from has its own"):
        run(corpus, tmp_path / "own", continue_from=folder, settings={**chosen, "vocabulary_size": 50})
    (folder / elmo.SOFTMAX).unlink()
    bare = run(corpus, tmp_path / "bare", continue_from=folder, settings={**chosen, "vocabulary_size": 20})
    assert bare["vocabulary"] == 20 + 3


def test_the_share_reaches_elmo(corpus, small_elmo, tmp_path, monkeypatch):
    shares = []

    def stop(objective, *_, **__):
        shares.append(objective.text.held_out.lengths.sum() / objective.text.facts()["words"])
        raise KeyboardInterrupt

    monkeypatch.setattr("wordladder.pretraining.pretrain.pretrain_network", stop)
    for share in (0.1, 0.3):
        with pytest.raises(KeyboardInterrupt):
            run(corpus, tmp_path / str(share), settings={"kind": "elmo", "held_out": share})
    assert 0.1 <= shares[0] < 0.15 < 0.3 <= shares[1] < 0.35


def test_the_rate_of_a_model_to_go_on_from_is_that_of_its_own_size():
    config = SimpleNamespace(hidden_size=768)
    objective = SimpleNamespace(network=SimpleNamespace(model=SimpleNamespace(config=config)))
    assert continued_rate(settings.PretrainingSettings(), objective) == 2e-4
    assert continued_rate(settings.PretrainingSettings(learning_rate=3e-5), objective) == 3e-5
    config.hidden_size = 312
    assert continued_rate(settings.PretrainingSettings(), objective) == 1e-3


def test_the_same_seed_the_same_model(corpus, tmp_path):
    chosen = {"steps": 4}
    one, two = (run(corpus, tmp_path / name, settings=chosen) for name in ("one", "two"))
    assert [line["loss"] for line in one["curve"]] == [line["loss"] for line in two["curve"]]
    other = run(corpus, tmp_path / "three", settings={**chosen, "seed": 2})
    assert other["curve"][0]["loss"] != one["curve"][0]["loss"]


def test_lines_as_documents_are_told(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("the cat sees the river. a dog likes music.\n" * 50, encoding="utf-8")
    report = run(path, tmp_path / "out", settings={"steps": 2, "vocabulary_size": 60})
    assert report["text"]["line_documents"] == 1
    assert report["text"]["documents"] == 50


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "brt"}, "Did you mean 'bert'"),
        ({"objectives": "mlm,spo"}, "objectives is 'mlm,spo'"),
        ({"steps": None}, "either steps or minutes"),
        ({"minutes": 3.0}, "either steps or minutes"),
        ({"held_out": 0.9}, "held_out is 0.9"),
        ({"seed": -1}, "seed is -1"),
        ({"learning_rate": 0.0}, "learning_rate is 0.0"),
        ({"tokenizer": "wordpeace"}, "wordpiece, sentencepiece, or a folder"),
        ({"batch_pieces": 8}, "less than a row"),
        ({"vocabulary_size": 20}, "give at least"),
        ({"kind": "elmo", "tokenizer": "wordpiece"}, "tokenizer is 'wordpiece', but ELMo"),
        ({"kind": "elmo", "lowercase": True}, "lowercase is True, but ELMo"),
        ({"kind": "elmo", "whole_words": False}, "whole_words is False, but ELMo"),
        ({"kind": "elmo", "longest_run": 2}, "longest_run is 2, but ELMo"),
        ({"segmenter": "jieba", "whole_words": False}, "segmenter groups"),
    ],
)
def test_settings_that_cannot_be_used(corpus, tmp_path, given, message):
    with pytest.raises(SettingError, match=message):
        run(corpus, tmp_path / "out", settings=given)
    assert not (tmp_path / "out").exists()


def test_texts_and_places_that_cannot_be_used(corpus, tmp_path):
    with pytest.raises(DataError, match="no such file"):
        run(tmp_path / "missing.txt", tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match="something else is there"):
        run(corpus, tmp_path / "there")
    (tmp_path / "there").rename(tmp_path / "out.training")
    with pytest.raises(OutputError, match="it is left alone"):
        run(corpus, tmp_path / "out")
    (tmp_path / "out.training" / "thesis.txt").unlink()
    with pytest.raises(ModelError, match="no such folder"):
        run(corpus, tmp_path / "out", continue_from=tmp_path / "nowhere")
