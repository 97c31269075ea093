"""The figures of a climb as tables."""

import csv
from dataclasses import replace

import pytest
from made_up import made_up_climb, price

from wordladder.ladder.sentences import caveats
from wordladder.ladder.tables import write_tables


@pytest.fixture
def climb(tmp_path):
    rungs = {"tfidf": (0.88, 0.1), "twin": (0.9, 6.0), "bilstm": (0.9, 5.0), "a|b": (0.7, 1.0)}
    return made_up_climb(tmp_path, rungs, broken=["bert"])


def test_the_csv_has_the_numbers_of_the_climb(climb, tmp_path):
    first = replace(climb.rungs[0], price=price(0.1, train=float("inf")))
    write_tables(replace(climb, rungs=(first, *climb.rungs[1:])), tmp_path)
    rows = list(csv.DictReader((tmp_path / "climb.csv").open(encoding="utf-8")))
    assert [row["rung"] for row in rows] == ["tfidf", "twin", "bilstm", "a|b", "bert"]
    for row, rung in zip(rows[:4], climb.rungs):
        assert float(row["value"]) == rung.value
        assert (float(row["low"]), float(row["high"])) == rung.interval
        assert float(row["latency_p50"]) == rung.price.latency_p50
        assert float(row["difference"]) == rung.difference.value
        assert (row["recommended"] == "1") == (rung.name == climb.recommended)
        assert (row["best"] == "1") == (rung.name == climb.best)
    assert rows[0]["train_seconds"] == "", "unknown"
    assert (rows[4]["value"], rows[4]["error"]) == ("", "it broke")


def test_the_markdown_has_a_row_a_rung_and_what_is_to_be_known(climb, tmp_path):
    write_tables(climb, tmp_path)
    text = (tmp_path / "climb.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len(table) == 2 + 5
    assert all(line.replace("\\|", "").count("|") == 8 for line in table)
    assert f"| **{climb.recommended}** |" in text
    assert climb.reason in text
    assert "| bert | – | it broke |" in text
    for note in (*climb.notes, *climb.warnings, *caveats(climb)):
        assert f"- {note}" in text


def test_rungs_that_the_rows_do_not_tell_apart_are_said(climb):
    best = climb.best
    other = {"twin": "bilstm", "bilstm": "twin"}[best]
    said = next(one for one in caveats(climb) if "do not tell" in one)
    assert other in said
    assert said.endswith(f"apart from {best} (3 comparisons, corrected by Holm's method).")
    assert "a|b" not in said
