"""One label has one spelling, whatever program wrote the file."""

import json

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from conftest import reviews
from wordladder import Model
from wordladder.data.examples import Examples, Span
from wordladder.data.labels import spell_like
from wordladder.data.tables import read_table
from wordladder.errors import DataError
from wordladder.ladder.split import read_parts


def write(path, labels):
    """A table of labels, in the format of the path's ending."""
    texts = [f"text {row}" for row in range(len(labels))]
    if path.suffix == ".parquet":
        parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path)
        return path
    if path.suffix == ".jsonl":
        rows = [json.dumps({"text": text, "label": label}) for text, label in zip(texts, labels)]
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        rows = [separator.join(row) for row in (("text", "label"), *zip(texts, map(str, labels)))]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    ("labels", "read"),
    [
        ([True, False], ["true", "false"]),
        (["TRUE", "FALSE"], ["true", "false"]),
        ([1.0, 0.0], ["1", "0"]),
        ([1, 0], ["1", "0"]),
        (["-1.0", "1.00", "n/a"], ["-1", "1", "n/a"]),
        (["1.0", "1.5"], ["1.0", "1.5"]),
        (["1.0", "2", ".5"], ["1.0", "2", ".5"]),
        (["True", "False", "Unknown"], ["True", "False", "Unknown"]),
        (["007", "1.0.0", "v1.0", "."], ["007", "1.0.0", "v1.0", "."]),
    ],
    ids=str,
)
def test_one_spelling(tmp_path, suffix, labels, read):
    found = read_table(write(tmp_path / f"data.{suffix}", labels))
    assert found.labels == read
    in_text = isinstance(labels[0], str) or suffix in ("csv", "tsv")
    assert bool(found.notes) == (in_text and list(map(str, labels)) != read)


def test_it_is_told_once(tmp_path):
    path = write(tmp_path / "data.csv", [float(row % 5) for row in range(20)])
    assert read_table(path).notes == ("Labels are read in one spelling: 0.0 as 0, 1.0 as 1, 2.0 as 2, ….",)
    parts = read_parts(path, path, None, task="classification", columns={})
    assert len([note for note in parts.notes if "spelling" in note]) == 1


def test_several_labels(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("text,label\na,1.0|2.0|1\nb,\n", encoding="utf-8")
    assert read_table(path, label_separator="|").labels == [("1", "2"), ()]


def test_labels_that_became_decimals_because_some_are_missing(tmp_path):
    path = write(tmp_path / "data.csv", [1.0, "", 0.0])
    with pytest.raises(DataError, match="line 3: the label is missing"):
        read_table(path)
    assert read_table(path, skip_incomplete=True).labels == ["1", "0"]
    assert len(read_table(path, skip_incomplete=True).notes) == 2


@pytest.mark.parametrize(
    ("labels", "known", "spelled"),
    [
        (["1", "2"], ["1.0", "1.5", "2.0"], ["1.0", "2.0"]),
        (["true"], ["True", "False", "Unknown"], ["True"]),
        ([("1.0", "1"), ()], ["1", "x"], [("1",), ()]),
        (["1", "x"], ["1", "1.0"], ["1", "x"]),
        (["1.00"], ["1", "1.0"], ["1.00"]),
        ([(Span(0, 1, "1.0"),)], ["1"], [(Span(0, 1, "1.0"),)]),
    ],
)
def test_labels_are_spelled_as_the_known_ones(labels, known, spelled):
    texts = ["a"] * len(labels)
    assert spell_like(Examples((texts,), labels), known).labels == spelled


@pytest.mark.parametrize(
    ("learned", "measured", "answered"),
    [
        (["1.0", "0.0"], ["1", "0"], "1.0"),
        (["1", "0"], [1.0, 0.0], "1"),
        ([1.0, 0.0], ["1", "0"], 1.0),
        ([1, 0], np.array([1.0, 0.0], np.float32), 1),
        ([True, False], ["TRUE", "FALSE"], True),
        (["True", "False"], [np.True_, np.False_], "True"),
        ([1.5, 1.0], ["1.50", "1.0"], None),
    ],
)
def test_a_model_agrees_with_all_spellings(learned, measured, answered):
    texts, labels = reviews(20)
    given, other = ([two[int(label == "negative")] for label in labels] for two in (learned, measured))
    model = Model({"shallow": {"kind": "tfidf"}}).fit(texts, given, dev=(texts, given))
    if answered is None:
        with pytest.raises(DataError, match=r"the label '1\.50' does not occur"):
            model.score(texts, other)
        return
    for call in (model.score, lambda *rows: model.evaluate(*rows, resamples=2).value):
        assert call(texts, other) == call(texts, given) == 1.0
    assert model.predict("good") == answered
    assert type(model.predict("good").item()) is type(answered)
    Model({"shallow": {"kind": "tfidf"}}).fit(texts, given, dev=(texts, other))


@pytest.mark.parametrize("known", [["True", "False"], ["true", "false"]])
def test_truths_come_back_from_saved_models_of_either_spelling(known):
    from wordladder.model.inputs import LabelKind, classes_of, to_user_labels

    assert to_user_labels(known, LabelKind("bool")).tolist() == [True, False]
    assert classes_of(known, LabelKind("bool"))[1] == [1, 0]
