"""Groups, times and parts of rows, read from every kind of file."""

import json
from datetime import date, datetime

import pandas
import pytest

from wordladder.data.questions import read_questions
from wordladder.data.reading import read_examples
from wordladder.data.split_columns import SplitColumns, group_or_time
from wordladder.data.tables import read_table
from wordladder.data.tagged import read_tagged
from wordladder.errors import DataError, SettingError

ROWS = pandas.DataFrame(
    {
        "title": ["one", "one", "two"],
        "review": ["good", "bad", "so so"],
        "sentiment": ["pos", "neg", "neg"],
        "when": ["2024-01-31", "2024-02-01", "2023-12-24"],
        "Split": ["train", "Validation", "TEST"],
    }
)
WRITERS = {
    "t.csv": lambda path: ROWS.to_csv(path, index=False),
    "t.tsv": lambda path: ROWS.to_csv(path, index=False, sep="\t"),
    "t.jsonl": lambda path: ROWS.to_json(path, orient="records", lines=True),
    "t.parquet": lambda path: ROWS.to_parquet(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format(tmp_path, name):
    WRITERS[name](tmp_path / name)
    found = read_table(tmp_path / name, split_columns=SplitColumns("title", "when", split=True))
    assert found.groups == ["one", "one", "two"]
    assert found.times == [date(2024, 1, 31), date(2024, 2, 1), date(2023, 12, 24)]
    assert found.parts == ["train", "dev", "test"]
    assert found.texts == ["good", "bad", "so so"], "the group is not taken for the text"
    plain = read_table(tmp_path / name, text="review")
    assert (plain.groups, plain.times, plain.parts) == (None, None, None)
    assert found.take([2]).groups == ["two"]


def table(tmp_path, column, *cells):
    lines = [f"text,label,{column}", *(f"text {n},{'ab'[n % 2]},{cell}" for n, cell in enumerate(cells))]
    (tmp_path / "t.csv").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "t.csv"


@pytest.mark.parametrize(
    ("cells", "times"),
    [
        (["3", "1.5", "20240101"], [3, 1.5, 20240101]),
        (["1" * 400, "2"], [int("1" * 400), 2]),
        (["2024-05", "2023-01"], [date(2024, 5, 1), date(2023, 1, 1)]),
        (
            ["2024-05-31T12:00", "2024-05-31 11:00:01"],
            [datetime(2024, 5, 31, 12), datetime(2024, 5, 31, 11, 0, 1)],
        ),
    ],
)
def test_times(tmp_path, cells, times):
    assert read_table(table(tmp_path, "when", *cells), split_columns=SplitColumns(time="when")).times == times


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "soon"], r"t.csv, line 3: column 'when' has 'soon', which is no time"),
        (["1", "nan"], r"line 3: column 'when' has 'nan', which is no time"),
        (["1", ""], r"line 3: column 'when' has nothing"),
        (
            ["1", "2024-05-31"],
            r"line 3: column 'when' has '2024-05-31', a date, but the rows before have a number",
        ),
        (["2024-05-31", "2024-05-31T01:00"], r"line 3: .* a datetime, but the rows before have a date"),
        (["2024-05-31T01:00", "2024-05-31T01:00Z"], r"line 3: .* a datetime with a time zone, but"),
    ],
)
def test_times_that_do_not_compare(tmp_path, cells, message):
    with pytest.raises(DataError, match=message):
        read_table(table(tmp_path, "when", *cells), split_columns=SplitColumns(time="when"))


def test_what_is_wrong_is_named(tmp_path):
    with pytest.raises(DataError, match=r"t.csv has no column 'autor'. Did you mean 'author'"):
        read_table(table(tmp_path, "author", "x", "y"), split_columns=SplitColumns(group="autor"))
    with pytest.raises(DataError, match=r"t.csv, line 3: column 'author' has nothing"):
        read_table(table(tmp_path, "author", "x", ""), split_columns=SplitColumns(group="author"))
    with pytest.raises(DataError, match=r"t.csv, line 3: column 'split' has 'fold 2'"):
        read_table(table(tmp_path, "split", "train", "fold 2"), split_columns=SplitColumns(split=True))
    with pytest.raises(SettingError, match="only one of them"):
        group_or_time("author", "when")


@pytest.mark.parametrize("label", ["split", "Split", 2])
def test_a_column_that_is_given_as_the_label_is_no_split(tmp_path, label):
    found = read_table(
        table(tmp_path, "split", "banana", "apple"), label=label, split_columns=SplitColumns(split=True)
    )
    assert found.labels == ["banana", "apple"]
    assert found.parts is None


def test_tagged_columns_have_documents(tmp_path):
    path = tmp_path / "t.conll"
    path.write_text("-DOCSTART- O\n\na B-X\n\nb O\nc O\n\n-DOCSTART- O\n\nd O\n", encoding="utf-8")
    assert read_tagged(path, split_columns=SplitColumns(group="document")).groups == ["1", "1", "2"]
    with pytest.raises(SettingError, match=r"t.conll: group is 'author', but .* group can be 'document'"):
        read_tagged(path, split_columns=SplitColumns(group="author"))
    with pytest.raises(SettingError, match=r"t.conll: time is 'when', but"):
        read_tagged(path, split_columns=SplitColumns(time="when"))
    path.write_text("a B-X\n\nb O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"t\.conll has no documents"):
        read_tagged(path, split_columns=SplitColumns(group="document"))
    path.write_text("# newdoc id = 1\na B-X\n\nb O\n\n# newdoc id = 2\nc O\n", encoding="utf-8")
    assert read_tagged(path, split_columns=SplitColumns(group="document")).groups == ["1", "1", "2"]


def test_tagged_rows_have_columns(tmp_path):
    row = {"tokens": ["a", "b"], "ner_tags": ["O", "B-X"], "doc": 7, "split": "val"}
    (tmp_path / "t.jsonl").write_text(json.dumps(row), encoding="utf-8")
    found = read_tagged(tmp_path / "t.jsonl", split_columns=SplitColumns(group="doc", split=True))
    assert (found.groups, found.parts) == (["7"], ["dev"])


def test_questions_of_one_article(tmp_path):
    def article(title, *passages):
        asked = [[{"id": f"{title}{p}", "question": "what?", "answers": []}] for p in passages]
        return {"title": title, "paragraphs": [{"context": p, "qas": q} for p, q in zip(passages, asked)]}

    data = {"data": [article("Rome", "first", "second"), article("Oslo", "third")]}
    (tmp_path / "t.json").write_text(json.dumps(data), encoding="utf-8")
    assert read_questions(tmp_path / "t.json", split_columns=SplitColumns(group="title")).groups == [
        "Rome",
        "Rome",
        "Oslo",
    ]
    with pytest.raises(SettingError, match=r"t.json: time is 'when', but .* group can be 'title'"):
        read_examples(tmp_path / "t.json", "span_qa", split_columns=SplitColumns(time="when"))


def test_a_file_for_another_task_is_still_noticed(tmp_path):
    (tmp_path / "t.txt").write_text("a B-X\nb O\n", encoding="utf-8")
    with pytest.raises(DataError, match="looks like tagged text"):
        read_examples(tmp_path / "t.txt", "classification", split_columns=SplitColumns(split=True))
