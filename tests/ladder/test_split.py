"""One split for all rungs, and what is told about it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from wordladder.data.examples import Answer, Examples, Span
from wordladder.data.split_checks import missing_labels, rare_labels
from wordladder.errors import DataError, SettingError
from wordladder.ladder.split import fingerprint, split_data


def rows(count, start=0, labels=("a", "b")):
    return Examples(
        ([f"text number {n}" for n in range(start, start + count)],),
        [labels[n % len(labels)] for n in range(count)],
        "rows.csv",
    )


def test_a_fifth_and_a_tenth_are_held_out():
    split = split_data(rows(1000), None, None, seed=1, columns={})
    assert split.rows() == {"train": 720, "dev": 80, "test": 200}
    texts = [set(part.texts) for part in (split.train, split.dev, split.test)]
    assert len(set.union(*texts)) == 1000
    assert len(split.notes) == 2
    assert split.warnings == ()


def test_what_is_given_is_kept():
    split = split_data(rows(100), rows(30, 200), rows(20, 300), seed=1, columns={})
    assert split.rows() == {"train": 100, "dev": 20, "test": 30}
    assert split.notes == ()


def test_the_split_follows_the_seed():
    same, other = (split_data(rows(300), None, None, seed=seed, columns={}) for seed in (1, 2))
    assert fingerprint(same) == fingerprint(split_data(rows(300), None, None, seed=1, columns={}))
    assert fingerprint(same) != fingerprint(other)


def test_duplicates_between_train_and_test_are_told():
    split = split_data(rows(100), rows(30, 90), rows(20, 300), seed=1, columns={})
    assert split.warnings == ("10 of the 30 test texts also occur in the training texts.",)


def test_a_file_is_read_by_its_columns(tmp_path):
    lines = ["body,kind", *(f"words {n},{'ab'[n % 2]}" for n in range(200))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    split = split_data(tmp_path / "t.csv", None, None, seed=1, columns={"text": "body", "label": "kind"})
    assert sum(split.rows().values()) == 200


def test_a_label_that_train_has_not_is_found_before_anything_is_trained():
    with pytest.raises(DataError, match=r"rows.csv, row \d+: the label 'c' of this test row does not"):
        split_data(rows(100), rows(30, 200, ("a", "b", "c")), None, seed=1, columns={})
    several = Examples((["x", "y"],), [("a",), ("a", "z")], "dev.csv")
    train = Examples((["p", "q"],), [("a",), ("b",)])
    with pytest.raises(DataError, match=r"dev.csv, row \d+: the label 'z' of this dev row"):
        split_data(train, train, several, seed=1, columns={})


def test_labels_are_needed():
    with pytest.raises(DataError, match="needs labels"):
        split_data(Examples((["a"],), None), None, None, seed=1, columns={})
    with pytest.raises(DataError, match="too few rows for a test part"):
        split_data(rows(100), rows(0), None, seed=1, columns={})


def test_a_type_of_entity_that_training_lacks_is_no_error():
    train = Examples((["a b"] * 2,), [(Span(0, 1, "PER"),)] * 2)
    other = Examples((["c d"],), [(Span(0, 1, "ORG"),)])
    split = split_data(train, other, other, seed=1, columns={}, task="tagging")
    assert split.rows() == {"train": 2, "dev": 1, "test": 1}


def test_questions_about_one_passage_stay_together_and_it_is_told():
    passages = [f"passage {n // 2}" for n in range(100)]
    asked = Examples(([f"what {n} ?" for n in range(100)], passages), [(Answer("passage", 0),)] * 100)
    split = split_data(asked, None, None, seed=1, columns={}, task="span_qa")
    parts = [set(part.segments[1]) for part in (split.train, split.dev, split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 50
    assert all("questions about one passage together" in note for note in split.notes)
    shared = split_data(asked, asked.take([0, 1]), asked.take([2]), seed=1, columns={}, task="span_qa")
    assert shared.warnings[1] == "2 of the 2 test questions are about passages of the training questions."


def test_the_column_split_is_obeyed():
    given = replace(rows(100), parts=["train"] * 70 + ["dev"] * 10 + ["test"] * 20)
    split = split_data(given, None, None, seed=1, columns={})
    assert split.rows() == {"train": 70, "dev": 10, "test": 20}
    assert split.test.texts == given.texts[80:]
    assert split.notes == ("The column split was used: 70 train, 10 dev, 20 test rows.",)
    without_dev = replace(given, parts=["train"] * 80 + ["test"] * 20)
    assert split_data(without_dev, None, None, seed=1, columns={}).rows() == {
        "train": 72,
        "dev": 8,
        "test": 20,
    }
    with pytest.raises(
        SettingError, match=r"20 test rows in its column split, and rows.csv is given for test"
    ):
        split_data(given, rows(30, 200), None, seed=1, columns={})
    with pytest.raises(DataError, match="no rows for train, only 100 test"):
        split_data(replace(given, parts=["test"] * 100), None, None, seed=1, columns={})


def test_texts_in_two_parts_of_the_column_are_told():
    given = rows(100)
    given = replace(given.take([*range(100), 0, 70]), parts=["train"] * 70 + ["dev"] * 10 + ["test"] * 22)
    assert split_data(given, None, None, seed=1, columns={}).warnings == (
        "1 of the 22 test texts also occur in the training texts.",
        "1 of the 22 test texts also occur in the dev texts.",
    )


def test_a_group_is_in_one_part():
    given = replace(rows(600), groups=[f"author {n // 10}" for n in range(600)])
    split = split_data(given, None, None, seed=1, columns={})
    groups = [set(part.groups) for part in (split.train, split.dev, split.test)]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 60
    assert [len(one) for one in groups] == [43, 5, 12]
    assert all("rows of one group together" in note for note in split.notes[:2])
    assert split.notes[2] == "Groups: 43 in train, 5 in dev, 12 in test; intervals draw whole groups."
    shared = split_data(given, given.take(range(5)), None, seed=1, columns={})
    assert any("test rows are from groups that training rows are from" in told for told in shared.warnings)


def test_the_past_learns_and_the_newest_tests():
    order = np.random.default_rng(0).permutation(600)
    given = replace(rows(600), times=[date(2020, 1, 1) + timedelta(int(n) // 2) for n in order])
    split = split_data(given, None, None, seed=1, columns={})
    assert split.rows() == {"train": 432, "dev": 48, "test": 120}
    assert max(split.train.times) < min(split.dev.times) <= max(split.dev.times) < min(split.test.times)
    assert split.notes[2] == (
        "Times: train from 2020-01-01 to 2020-08-03, dev from 2020-08-04 to 2020-08-27, test from 2020-08-28 "
        "to 2020-10-26."
    )
    old = replace(rows(10, 700), times=[date(2020, 1, 1)] * 10)
    assert split_data(given, old, None, seed=1, columns={}).warnings == (
        "10 of the 10 test rows are not newer than the newest training row (2020-09-26).",
    )
    with pytest.raises(DataError, match="different kinds of times, such as 3 and 2020"):
        split_data(given, replace(old, times=[3] * 10), None, seed=1, columns={})


def test_labels_that_are_scarce_are_told():
    given = rows(40, labels=("a", "b"))
    given = replace(given, labels=["c", *given.labels[1:]])
    split = split_data(given, rows(10, 100), None, seed=1, columns={})
    assert split.warnings == (
        "The label 'c' occurs once in train.",
        "The label 'c' does not occur in dev.",
        "The label 'c' does not occur in test.",
    )


def test_the_first_of_many_scarce_labels_are_named():
    train = Examples((list("abcdefgh"),), [*"abcdefg", "a"])
    assert rare_labels(train, train) == ["The labels 'b', 'c', 'd', 'e', 'f' and 1 more occur once in train."]
    lacking = missing_labels(train, Examples((["a"],), [("b", "c")]), "test")
    assert lacking == ["The labels 'a', 'd', 'e', 'f', 'g' do not occur in test."]
    assert missing_labels(train, None, "test") == []
    tags = Examples((["Ann Bo"],), [(Span(0, 3, "PER"),)])
    assert rare_labels(tags, None) == ["The label 'PER' occurs once in train."]
