"""`wordladder forecast`: the table, the texts to label next, and mistakes."""

import csv
import json
import re

import pytest
from typer.testing import CliRunner

from conftest import reviews
from wordladder.cli import app
from wordladder.errors import UserError


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecast")
    rows = "".join(f'"{text}",{label}\n' for text, label in zip(*reviews(240)))
    (folder / "rows.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    (folder / "new.txt").write_text("\n".join(reviews(80, seed=9)[0]) + "\n", encoding="utf-8")
    run(folder, "climb", "rows.csv", "--rungs", "tfidf", "--seeds", "1", "--forecast", "800", "-o", "climb")
    return folder


def run(folder, command, *words):
    paths = [str(folder / word) if (folder / word).exists() or word == "climb" else word for word in words]
    done = CliRunner().invoke(app, [command, *paths])
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def test_the_table_and_its_json(place):
    told = run(place, "forecast", "climb").output
    assert "accuracy now" in told
    assert "1,730 rows" in told, "ten times the training rows"
    assert "Intervals hold with 90 % probability." in told
    found = json.loads(
        run(place, "forecast", "climb", "--rows", "1000,5000", "--rows", "9000", "--json").output
    )
    assert [one["rows"] for one in found["forecast"]["rungs"][0]["expected"]] == [1000, 5000, 9000]
    assert found["label_next"] is None


def test_texts_to_label_next_go_to_a_file(place):
    words = ["--unlabelled", "new.txt", "--label-next", "7", "--output"]
    told = run(place, "forecast", "climb", *words, str(place / "next.csv")).output
    assert "7 texts to label next, of which tfidf is" in told
    assert "accuracy now" not in told
    with (place / "next.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = (place / "new.txt").read_text(encoding="utf-8").split("\n")
    assert len(rows) == 7
    for row in rows:
        assert lines[int(row["line"]) - 1] == row["text"]
        assert row["suggested"] in reviews(20)[1]
    run(place, "forecast", "climb", *words, str(place / "next.jsonl"))
    kept = [json.loads(line) for line in (place / "next.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [one["text"] for one in kept] == [row["text"] for row in rows]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rows", "many"], "--rows many: it takes whole numbers"),
        (["--unlabelled", "new.txt", "--rung", "bert"], "the climb trained no 'bert'; it has tfidf"),
        (["--unlabelled", "new.txt", "--output", "next.xlsx"], "texts are written as .csv or .jsonl"),
    ],
)
def test_mistakes(place, words, message):
    with pytest.raises(UserError, match=re.escape(message)):
        run(place, "forecast", "climb", *words)
