"""The commands, as a user types them: what they print, what they write, and how they fail."""

import csv
import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import pytest

from conftest import reviews
from wordladder.cli import main


def run(*args, text="", code=0):
    """Run a command in this process; standard output, and standard error if it must fail."""
    out, err, ended = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["wordladder", *map(str, args)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()), encoding="utf-8"))
        patch.setattr(sys, "excepthook", sys.excepthook)
        patch.setenv("COLUMNS", "200")
        try:
            main()
        except SystemExit as end:
            ended = end.code or 0
    assert ended == code, err.getvalue() + out.getvalue()
    return out.getvalue() if code == 0 else err.getvalue()


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "reviews.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment"), *zip(*reviews(160))])
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, small_recipe):
    path = tmp_path_factory.mktemp("recipes") / "small.toml"
    path.write_text(small_recipe.to_toml(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(table, recipe, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small"
    found = json.loads(run("train", recipe, "--train", table, "--test", table, "--output", folder, "--json"))
    assert found["metric"] == "accuracy"
    assert found["test"]["value"] > 0.9
    return folder


def test_train_says_what_it_did(table, recipe, tmp_path):
    out = run("train", recipe, "--train", table, "--output", tmp_path / "m", "--set", "training.epochs=1")
    assert "small" in out
    assert "144 rows" in out
    assert "held out" in out


def test_train_by_the_columns_of_the_table(tmp_path, recipe):
    texts, labels = reviews(160)
    given = [
        (*row, f"author {n // 8}", n, ("train", "dev", "test")[n % 3])
        for n, row in enumerate(zip(texts, labels))
    ]
    path = tmp_path / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("review", "sentiment", "author", "year", "split"), *given])
    start = ("train", "tfidf", "--train", path, "--output")
    assert "was used: 54 train, 53 dev, 53 test rows" in run(*start, tmp_path / "a")
    found = json.loads(run(*start, tmp_path / "b", "--ignore-split", "--group", "author", "--json"))
    assert found["rows"] == {"train": 144, "dev": 16}
    assert found["notes"] == ["Groups: 18 in train, 2 in dev; intervals draw whole groups."]
    told = run(*start, tmp_path / "c", "--ignore-split", "--time", "year", "--test", path)
    assert "train from 0 to 143, dev from 144 to 159" in told
    assert "160 of the 160 test rows are not newer than the newest training row (159)" in told
    assert "has no column 'autor'" in run(*start, tmp_path / "d", "--group", "autor", code=2)


def test_train_takes_word_vectors_and_raw_text(table, tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text("a film about whales\n" * 40, encoding="utf-8")
    short = ["--train", table, "--set", "training.epochs=1", "--set", "vectors.epochs=1"]
    run("train", "vectors-mean", *short, "--corpus", raw, "--output", tmp_path / "m")
    words = (tmp_path / "m" / "embedders" / "0" / "vocabulary.txt").read_text(encoding="utf-8")
    assert "whales" in words.split("\n")
    file = tmp_path / "words.vec"
    file.write_text("2 3\nfilm 1 0 0\nplaice 0 1 0\n", encoding="utf-8")
    given = [*short[:4], "--output", tmp_path / "v", "--vectors", file]
    run("train", "vectors-mean", *given)
    words = (tmp_path / "v" / "embedders" / "0" / "vocabulary.txt").read_text(encoding="utf-8")
    assert "plaice" in words.split("\n")
    assert "trains no word vectors" in run("train", "vectors-mean", *given, "--corpus", raw, code=2)
    assert "no static embedder" in run("train", "tfidf", *given, code=2)


def test_train_tells_how_word_vectors_were_read(table, tmp_path):
    file = tmp_path / "words.vec"
    file.write_bytes(b"3 2\nfilm 1 0\nfilm 1 1\ncaf\xe9 0 1\n")
    given = ["train", "vectors-mean", "--train", table, "--set", "training.epochs=1", "--vectors", file]
    assert "--unicode-errors" in run(*given, "--output", tmp_path / "m", code=2)
    given += ["--unicode-errors", "ignore", "--json"]
    (one, other) = json.loads(run(*given, "--output", tmp_path / "m"))["warnings"][:2]
    assert "words.vec: 1 words are not UTF-8" in one
    assert "1 repeated words are left out" in other
    words = (tmp_path / "m" / "embedders" / "0" / "vocabulary.txt").read_text(encoding="utf-8")
    assert "caf" in words.split("\n")


def test_evaluate(model, table):
    found = json.loads(run("evaluate", model, table, "--json"))
    assert found.keys() >= {"task", "metric", "value", "interval", "rows", "metrics"}
    assert found["interval"][0] <= found["value"] <= found["interval"][1]
    assert "accuracy" in run("evaluate", model, table)


def test_predict_from_standard_input(model):
    lines = run("predict", model, "-", "--json", text="a good film\n\n糟糕的电影\n").split("\n")[:-1]
    answers = [json.loads(line) for line in lines]
    assert [answer["label"] for answer in answers] == ["positive", answers[1]["label"], "negative"]
    assert sum(answers[0]["probabilities"].values()) == pytest.approx(1)


def test_predict_a_table(model, table):
    lines = run("predict", model, table).split("\n")[:-1]
    assert len(lines) == 160
    label, probability, text = lines[0].split("\t")
    assert label in ("positive", "negative")
    assert 0.5 <= float(probability) <= 1
    assert text == reviews(160)[0][0]


def test_incomplete_rows_are_left_out_where_it_is_asked_for(table, recipe, model, tmp_path):
    path = tmp_path / "some.csv"
    path.write_text(table.read_text(encoding="utf-8") + ",positive\ngood,\n", encoding="utf-8")
    assert "line 163: the label is missing" in run("evaluate", model, path, code=2)
    assert "2 rows of" in run("evaluate", model, path, "--skip-incomplete")
    assert len(run("predict", model, path).splitlines()) == 162
    assert len(run("predict", model, path, "--skip-incomplete").splitlines()) == 161
    assert run("predict", model, "-", "--skip-incomplete", text="good\n\nbad\n").count("\n") == 2
    options = ("--output", tmp_path / "m", "--set", "training.epochs=1")
    assert "line 163" in run("train", recipe, "--train", path, *options, code=2)
    given = ("--train", path, "--dev", path, "--test", path, "--skip-incomplete", *options)
    assert run("train", recipe, *given).count("left out") == 1


def test_a_table_of_empty_texts(recipe, tmp_path):
    path = tmp_path / "empty.csv"
    path.write_text("text,label\n" + ",a\n ,b\n" * 20, encoding="utf-8")
    for command in (("train", recipe, "--train", path), ("climb", path)):
        told = run(*command, "--output", tmp_path / "m", code=2)
        assert "empty.csv: all 40 texts are empty" in told


def test_a_model_in_the_folder_that_one_works_in(table, recipe, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("train", recipe, "--train", table, "--output", ".", "--set", "training.epochs=1")
    assert run("predict", ".", "-", text="good\n").count("\n") == 1
    assert "160 rows" in run("evaluate", "./", table)
    run("embed", ".", table, "--output", "vectors.npy")


def test_embed(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a good film\na bad one\n", encoding="utf-8")
    run("embed", model, texts, "--output", tmp_path / "v.npy")
    assert np.load(tmp_path / "v.npy").shape == (2, 16)
    run("embed", model, texts, "--output", tmp_path / "v.parquet")
    from pyarrow import parquet

    assert parquet.read_table(tmp_path / "v.parquet").num_rows == 2


def test_rungs():
    names = [rung["name"] for rung in json.loads(run("rungs", "--json"))]
    assert names[:8] == ["tfidf", "fasttext", "vectors-mean", "cnn", "rnn", "gru", "lstm", "bilstm"]
    assert set(names[8:]) >= {"bert-frozen-bilstm", "bert", "albert", "albert-bilstm", "bert+vectors"}
    assert 'cell = "lstm"' in run("rungs", "bilstm")


def test_doctor():
    found = json.loads(run("doctor", "--json"))
    assert found["extras"]["train"] == "installed"
    assert found["machine"]["cores"] >= 1
    assert "arithmetic" in run("doctor")


def fails(*args, text=""):
    """The message of a command that must fail with exit code 2: one line, no traceback."""
    message = run(*args, text=text, code=2)
    assert "Traceback" not in message
    return " ".join(message.split())


def test_what_the_user_gave_is_wrong(model, table, recipe, tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def train(file, *more):
        message = fails("train", recipe, "--train", file, "--output", tmp_path / "out", *more)
        assert not list(tmp_path.glob("*out*")), "nothing half-written"
        return message

    assert "Did you mean 'review'" in train(table, "--text", "reveiw")
    assert "empty.csv" in train(write("empty.csv", ""))
    assert "all the same" in train(write("one.csv", "text,label\n" + "a b,x\n" * 30))
    message = train(write("bytes.csv", b"text,label\nfine,a\nna\xefve,b\n"))
    assert "line 3" in message
    assert "byte" in message
    assert "no such key" in train(table, "--set", "encoders.0.hiden=3")
    assert "Did you mean 'hidden'" in train(table, "--set", "encoders.0.hiden=3")
    assert "nothing.csv" in train(tmp_path / "nothing.csv")
    assert "Did you mean 'bilstm'" in fails("train", "bilst", "--train", table, "--output", tmp_path / "out")
    unseen = write("unseen.csv", "text,label\ngood,positive\nbad,sour\n")
    message = fails("evaluate", model, unseen)
    assert "unseen.csv, line 3" in message
    assert "'sour'" in message
    assert "no such folder" in fails("predict", tmp_path / "nowhere", "-", text="a")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
def test_a_full_disk(model, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("a good film\n", encoding="utf-8")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "wordladder", "predict", str(model), str(texts)],
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert done.returncode == 2
    assert b"the disk is full" in done.stderr
    assert b"Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "wordladder", "predict", str(tmp_path), "--debug"],
        capture_output=True,
        text=True,
    )
    assert "Traceback" in done.stderr
