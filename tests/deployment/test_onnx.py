"""Exported networks answer as torch does: stacks of all kinds, texts of lengths that the export never saw."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("onnxruntime")

from conftest import reviews
from tiny_transformers import tiny_albert, tiny_bert
from wordladder import Model, Recipe, export, load
from wordladder.cli import app
from wordladder.data.examples import Answer, Examples, Span
from wordladder.engines.exported_engine import PROBABILITIES, ExportedEngine
from wordladder.errors import ModelError, SettingError

WORDS = [
    "good",
    "bad",
    "film",
    "the",
    "actor's",
    "plot",
    "我",
    "喜欢",
    "zzz",
    "Unbelievable",
    "10",
    "。",
    "😀",
]
STATIC = {"kind": "static", "dim": 6, "min_count": 1}
RANDOM = STATIC | {"unknown": "random"}
LETTERS = {"kind": "characters", "dim": 5, "filters": 4, "widths": [2, 3], "min_count": 1, "casing": True}
SPELLED = {"kind": "characters", "form": "lstm", "dim": 4, "hidden": 3, "min_count": 1}
TRIGRAMS = {"kind": "trigrams", "dim": 5, "min_count": 1}
PLACES = {"kind": "boundaries", "dim": 3}
BERT = {"kind": "transformer", "source": "bert", "precision": "float32"}
ALBERT = {"kind": "transformer", "source": "albert", "precision": "float32"}
LSTM = {"kind": "recurrent", "hidden": 5}
GRU = {"kind": "recurrent", "cell": "gru", "hidden": 4, "layers": 2}
RNN = {"kind": "recurrent", "cell": "rnn", "hidden": 4, "bidirectional": False}
CNN = {"kind": "convolution", "filters": 4, "widths": [2, 3]}
ATTENTION = {"kind": "self_attention", "hidden": 8, "heads": 2, "layers": 2}
BIDAF, ESIM = ({"kind": "alignment", "form": form} for form in ("bidaf", "esim"))

STACKS = {
    "static": ([STATIC], None, []),
    "bilstm": ([STATIC], None, [LSTM]),
    "words without vectors": ([RANDOM], None, [LSTM]),
    "gru over letters": ([STATIC, LETTERS], "concatenate", [GRU]),
    "rnn over spelled words": ([SPELLED], None, [RNN]),
    "convolution": ([TRIGRAMS, PLACES], "concatenate", [CNN]),
    "self-attention": ([STATIC], None, [ATTENTION]),
    "gate": ([STATIC, LETTERS], "gate", [LSTM]),
    "attention": ([STATIC, TRIGRAMS, LETTERS], "attention", [CNN, LSTM]),
    "bert": ([BERT | {"pooling": "mean", "layers": "mix", "summary": "cls", "overlap": 8}], None, []),
    "albert and lstm": ([ALBERT | {"layers": -2, "summary": "mean", "overlap": 8}], None, [LSTM]),
    "bert cut and static": ([BERT | {"long": "truncate"}, STATIC], "gate", [GRU]),
}
PAIRED = {
    "esim": ([STATIC], None, [LSTM, ESIM, LSTM]),
    "bidaf": ([LETTERS, STATIC], "concatenate", [BIDAF, GRU]),
    "towers": ([STATIC], None, [LSTM]),
    "cross-encoder": ([BERT | {"summary": "cls"}], None, []),
}


def texts(rows, longest, seed=1):
    draws = np.random.default_rng(seed)
    return [" ".join(draws.choice(WORDS, size=draws.integers(0, longest))) for _ in range(rows)]


LATER = [
    ["one text"],
    [""],
    ["", ""],
    texts(9, 40, 2),
    [*texts(1, 5, 3), " ".join(texts(60, 170, 4))[:25000], ""],
]
SHORTER = [[text[:3000] for text in some] for some in LATER]  # alignment takes the square of this


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("encoders")
    tiny_bert(path / "bert")
    tiny_albert(path / "albert")
    return path


def trained(stack, task, examples, folder):
    embedders, fusion, encoders = stack
    embedders = [
        one | {"source": str(folder / one["source"])} if one["kind"] == "transformer" else one
        for one in embedders
    ]
    tables = {"embedders": embedders, "encoders": encoders, "task": task, "training": {"epochs": 1}}
    tables |= {"fusion": {"kind": fusion}} if fusion else {}
    return Model(Recipe.load(tables), threads=1).fit(examples, dev=examples)


def same(first, second, close=1e-4):
    for one, other in ((first, second),):
        finite = np.isfinite(other)
        assert np.array_equal(np.isfinite(one), finite)
        np.testing.assert_allclose(one[finite], other[finite], atol=close, rtol=close)


def compare(model, folder, rows):
    """The exported model against the one it was made from."""
    export(model, folder / "exported")
    other = load(folder / "exported", threads=1)
    assert isinstance(other.engine_, ExportedEngine)
    for some in rows:
        if model.recipe_.task in ("tagging", "span_qa"):
            same(other.scores(some).values, model.scores(some).values)
        else:
            same(other.scores(some), model.scores(some))
        assert other.answers(some)[0].keys() == model.answers(some)[0].keys()
        if model.recipe_.task not in ("similarity", "regression"):
            assert list(other.predict(some)) == list(model.predict(some))
        if model.recipe_.task not in ("span_qa", "similarity"):
            same(other.encode(some), model.encode(some))
    return other


@pytest.mark.parametrize("name", STACKS)
def test_classification(name, folder, tmp_path):
    rows, labels = reviews(24)
    examples = Examples(([*rows, *texts(12, 30)],), [*labels, *(["positive", "negative"] * 6)])
    compare(trained(STACKS[name], {"kind": "classification"}, examples, folder), tmp_path, LATER)


@pytest.mark.parametrize("name", ["bilstm", "gru over letters", "bert", "albert and lstm"])
@pytest.mark.parametrize("crf", [True, False])
def test_tagging(name, crf, folder, tmp_path):
    rows = reviews(24)[0]
    labels = [(Span(0, len(row.split()[0]), "X"),) if number % 2 else () for number, row in enumerate(rows)]
    compare(
        trained(STACKS[name], {"kind": "tagging", "crf": crf}, Examples((rows,), labels), folder),
        tmp_path,
        LATER,
    )


@pytest.mark.parametrize("name", PAIRED)
def test_pairs(name, folder, tmp_path):
    rows, labels = reviews(24)
    pairs = Examples((rows, rows[::-1]), labels)
    symmetric = name in ("towers", "cross-encoder")
    model = trained(PAIRED[name], {"kind": "pairs", "symmetric": symmetric}, pairs, folder)
    later = [list(zip(some, some[::-1])) for some in SHORTER]
    export(model, tmp_path / "exported")
    other = load(tmp_path / "exported")
    for some in later:
        same(other.scores(some), model.scores(some))


@pytest.mark.parametrize("name", ["bilstm", "bert"])
def test_similarity(name, folder, tmp_path):
    rows = reviews(24)[0]
    pairs = Examples((rows, rows[::-1]), [float(number % 3) for number in range(24)])
    model = trained(STACKS[name], {"kind": "similarity"}, pairs, folder)
    other = compare(model, tmp_path, [list(zip(some, some[::-1])) for some in LATER])
    same(other.encode(LATER[3]), model.encode(LATER[3]))


def test_regression(folder, tmp_path):
    rows = reviews(24)[0]
    numbers = [float(len(row) % 5) for row in rows]
    compare(
        trained(STACKS["bilstm"], {"kind": "regression"}, Examples((rows,), numbers), folder), tmp_path, LATER
    )


@pytest.mark.parametrize("name", ["bidaf", "cross-encoder"])
def test_questions(name, folder, tmp_path):
    rows = [row for row in reviews(40)[0] if row.isascii()]
    answers = [(Answer(row.split()[0], 0),) for row in rows]
    questions = Examples((rows[::-1], rows), answers)
    model = trained(PAIRED[name], {"kind": "span_qa", "no_answer": True}, questions, folder)
    compare(model, tmp_path, [list(zip(some[::-1], some)) for some in SHORTER])


@pytest.mark.parametrize("several", [False, True])
def test_the_graph_has_calibrated_probabilities(several, folder, tmp_path):
    rows, labels = reviews(24)
    labels = [(label, "long")[: 1 + number % 2] for number, label in enumerate(labels)] if several else labels
    model = trained(STACKS["bilstm"], {"kind": "classification"}, Examples((rows,), labels), folder)
    export(model, tmp_path / "exported")
    engine = load(tmp_path / "exported").engine_
    found = engine._run(engine.words.tokens(Examples((LATER[3],))), PROBABILITIES, engine.task.width)
    same(found, model.predict_proba(LATER[3]), 1e-5)
    assert engine.task.temperature != 1


def test_small_numbers_answer_nearly_the_same(small_model, tmp_path):
    texts, labels = reviews(200, seed=3)
    found = export(small_model, tmp_path / "small", precision="int8", test=Examples((texts,), labels))
    assert found["after"]["value"] >= found["before"]["value"] - 0.02
    other = load(tmp_path / "small")
    assert np.abs(other.predict_proba(texts) - small_model.predict_proba(texts)).mean() < 0.02
    assert json.loads((tmp_path / "small" / "export_test.json").read_text())["after"]["rows"] == 200


def test_an_exported_model_is_saved_again(small_model, tmp_path):
    export(small_model, tmp_path / "first")
    again = load(load(tmp_path / "first").save(tmp_path / "again"))
    assert np.array_equal(again.scores(["a good film"]), load(tmp_path / "first").scores(["a good film"]))
    assert list(again.classes_) == list(small_model.classes_)


def test_the_command(small_model, tmp_path):
    small_model.save(tmp_path / "model")
    (tmp_path / "rows.csv").write_text("text,label\na good film,positive\nan awful plot,negative\n")
    arguments = ["export", str(tmp_path / "model"), "-o", str(tmp_path / "small"), "--precision", "int8"]
    told = CliRunner().invoke(app, [*arguments, "--test", str(tmp_path / "rows.csv"), "--json"])
    assert not told.exit_code, told.output
    found = json.loads(told.stdout)
    assert found["before"]["rows"] == found["after"]["rows"] == 2
    assert found["megabytes"]["after"] < found["megabytes"]["before"] + 1
    said = CliRunner().invoke(app, ["predict", str(tmp_path / "small"), str(tmp_path / "rows.csv")])
    assert "positive" in said.output


def test_what_is_not_exported(small_model, tmp_path):
    with pytest.raises(ModelError, match="what is exported"):
        export(Model("tfidf").fit(*reviews(40)), tmp_path / "none")
    with pytest.raises(SettingError, match="int8"):
        export(small_model, tmp_path / "none", precision="int4")
    assert not (tmp_path / "none").exists()


def test_a_damaged_graph_is_an_error(small_model, tmp_path):
    export(small_model, tmp_path / "model")
    (tmp_path / "model" / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match=r"model\.onnx"):
        load(tmp_path / "model")
