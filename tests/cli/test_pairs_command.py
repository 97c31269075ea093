"""`wordladder pairs`, as a user types it: word vectors and encoders, tables and lines, files and JSON."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from conftest import reviews
from tiny_transformers import tiny_bert
from wordladder import Model, WordVectors
from wordladder.cli import app
from wordladder.errors import DataError, ModelError, OutputError

LINES = ["good film", "", "film, good!", "good film", "dull", "good  good film"]


@pytest.fixture
def run(tmp_path):
    """Runs the command on a file with these lines and word vectors; standard output."""
    matrix = np.array([[1, 0.2], [0.1, 1], [-1, 1]], np.float32)
    WordVectors(["good", "film", "dull"], matrix).save(tmp_path / "words.vec")
    (tmp_path / "texts.txt").write_text("\n".join(LINES) + "\n", encoding="utf-8")

    def command(*arguments, file="texts.txt", model="words.vec"):
        given = [] if model is None else ["--model", str(tmp_path / model)]
        done = CliRunner().invoke(app, ["pairs", str(tmp_path / file), *given, *map(str, arguments)])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return command


def test_pairs_are_printed_with_their_lines(run):
    out = run("--threshold", 0.85).split("\n")
    cosine = np.dot([2.1, 1.4], [1.1, 1.2]) / np.linalg.norm([2.1, 1.4]) / np.linalg.norm([1.1, 1.2])
    assert out[:4] == [
        "1.000  1  good film",
        "       3  film, good!",
        f"{cosine:.3f}  1  good film",
        "       6  good good film",
    ]
    assert "1 text more than once:" in out
    assert "lines 1, 4  good film" in out
    assert "3 pairs among 4 different texts of 5" in out
    assert any(line.startswith("mean cosine of random pairs 0.") for line in out)
    assert "the best 1 of 3 pairs" in run("--threshold", 0.85, "--limit", 1)


def test_json_and_files_hold_the_same(run, tmp_path):
    found = json.loads(run("--threshold", 0.85, "--json", "--output", tmp_path / "found.jsonl"))
    assert (found["texts"], found["distinct"], found["found"]) == (5, 4, 3)
    assert found["duplicates"] == [{"lines": [1, 4], "text": "good film"}]
    assert [pair["line"] for pair in found["pairs"]] == [1, 1, 3]
    copy = {"score": 1.0, "line": 1, "other_line": 4, "text": "good film", "other_text": "good film"}
    rows = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text("utf-8").splitlines()]
    assert rows == [copy, *found["pairs"]]
    run("--threshold", 0.85, "--output", tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(encoding="utf-8", newline="") as file:
        written = list(csv.DictReader(file))
    assert written == [{name: str(value) for name, value in row.items()} for row in rows]


def test_a_column_of_a_table_and_an_encoder(run, tmp_path):
    tiny_bert(tmp_path / "bert")
    rows = 'text_a,text_b,label\n"a\nb",good,1\nc,good film,0\n'
    (tmp_path / "table.csv").write_text(rows, encoding="utf-8")
    options = ("--text", "text_b", "--precision", "float32", "--prompt", "the ", "--threshold", -1, "--json")
    (pair,) = json.loads(run(*options, file="table.csv", model="bert"))["pairs"]
    assert (pair["line"], pair["other_line"]) == (2, 4)
    model = Model.load(tmp_path / "bert", precision="float32")
    cosine = model.similarity(model.encode(["the good", "the good film"]))[0, 1]
    assert pair["score"] == pytest.approx(float(cosine), abs=1e-5)
    with pytest.raises(DataError, match="two texts a row"):
        run(file="table.csv", model="bert")


def test_without_a_model_the_starter_vectors_serve(run, tmp_path):
    texts = ["这部电影很好看", "这部电影好看", "明天会下雨吗"]
    (tmp_path / "chinese.txt").write_text("\n".join(texts), encoding="utf-8")
    found = json.loads(run("--json", file="chinese.txt", model=None))
    assert [(pair["line"], pair["other_line"]) for pair in found["pairs"]] == [(1, 2)]
    (tmp_path / "none.txt").write_text("qzxv wvkq\nzzqx\n", encoding="utf-8")
    with pytest.raises(ModelError, match="give --model"):
        run(file="none.txt", model=None)


def test_what_cannot_be_is_told(run, tmp_path):
    with pytest.raises(OutputError, match=r"\.jsonl or \.csv"):
        run("--output", tmp_path / "found.txt")
    with pytest.raises(OutputError, match="there is no folder"):
        run("--output", tmp_path / "no" / "found.csv")
    Model("tfidf").fit(*reviews(40), output=tmp_path / "tfidf")
    with pytest.raises(ModelError, match="no vectors of texts"):
        run(model="tfidf")
