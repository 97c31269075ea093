import bz2
import csv
import gzip
import io
import json
import lzma
import sys

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from wordladder.data.split_columns import SplitColumns
from wordladder.data.tables import read_table, read_texts
from wordladder.errors import DataError, SettingError

ROWS = [
    ("A good film.", "pos"),
    ('He said "no",\nand left.', "neg"),
    ("", "pos"),
    ("很好看 🎬\u2028!", "pos"),
]


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def delimited(rows, delimiter=",", quoting=csv.QUOTE_MINIMAL, end="\r\n"):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


def zstandard(data):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


COMPRESS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_csv_with_quotes_and_line_breaks(write, suffix):
    text = "\ufeff" + delimited([("review", "sentiment"), *ROWS])
    examples = read_table(write(COMPRESS[suffix](text.encode("utf-8")), "data.csv" + suffix))
    assert list(zip(examples.texts, examples.labels)) == ROWS
    assert examples.lines.tolist() == [2, 3, 5, 6]
    assert examples.notes == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_separator_is_seen_in_the_header(write, delimiter):
    examples = read_table(write(delimited([("label", "text"), *((b, a) for a, b in ROWS)], delimiter)))
    assert list(zip(examples.texts, examples.labels)) == ROWS


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tsv_that_a_program_has_quoted(write, quoting, end):
    rows = [*ROWS, ("a\ttab", "neg")]
    examples = read_table(write(delimited([("text", "label"), *rows], "\t", quoting, end), "data.tsv"))
    assert list(zip(examples.texts, examples.labels)) == rows
    rows = [('"Quite" so', 1), ("plain", 0)]
    examples = read_table(write(delimited([("text", "label"), *rows], "\t", quoting, end), "data.tsv"))
    assert list(zip(examples.texts, examples.labels)) == [('"Quite" so', "1"), ("plain", "0")]


@pytest.mark.parametrize(
    "texts",
    [
        ['"the witness" he said', 'he said "no"', "plain"],
        ['"An opening quote', "plain", 'a closing one"'],
        ['"Good film."', "plain", "more"],
        ['a 5" disk', '"', 'x""y'],
    ],
)
def test_tsv_with_quote_characters_as_text(write, texts):
    lines = "".join(f"{text}\t{row % 2}\n" for row, text in enumerate(texts))
    examples = read_table(write("sentence\tlabel\n" + lines, "data.tsv"))
    assert examples.texts == texts
    assert examples.lines.tolist() == [2, 3, 4]


def test_tables_without_a_header(write):
    titles = "".join(f"标题 {row}\t{row % 3}\n" for row in range(9))
    examples = read_table(write(titles, "train.txt"))
    assert (examples.texts[0], examples.labels[:4]) == ("标题 0", ["0", "1", "2", "0"])
    assert "label from column 1" in examples.notes[0]
    assert examples.lines[0] == 1
    assert read_table(write(titles, "train.txt"), labelled=False).texts[0] == "标题 0"

    news = delimited([(str(1 + row % 2), f"Title {row}", f"Story {row}, told") for row in range(9)])
    examples = read_table(write(news))
    assert examples.segments[0][8] == "Title 8"
    assert examples.segments[1][8] == "Story 8, told"
    assert examples.labels[0] == "1"
    assert read_table(write(news), text=2, label=0).segments == (examples.segments[1],)


def test_a_label_called_topic_is_no_header(write):
    lines = "topic\tWhat is this about?\nquestion\tWhy?\ntopic\tAbout what?\nplace\tWhere?\n"
    examples = read_table(write(lines, "data.txt"))
    assert examples.labels == ["topic", "question", "topic", "place"]


def test_a_header_may_recur_as_a_text(write):
    assert read_table(write("sentence\tlabel\nsentence\t1\nbad\t0\n", "data.tsv")).texts == [
        "sentence",
        "bad",
    ]


@pytest.mark.parametrize(
    ("header", "texts", "label"),
    [
        ("id,Text,Label", ["1"], "2"),
        ("cat,label,review", ["2"], "1"),
        ("label\ttext_a", ["1"], "0"),
        ("sentence_A,sentence_B,entailment_judgment", ["0", "1"], "2"),
        ("Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", ["3", "4"], "0"),
        ("评论,情感", ["0"], "1"),
        ("review,stance_of_author", ["0"], "1"),
        ("label,wording", ["1"], "0"),
        ("id,title,body,category", ["1"], "3"),
    ],
)
def test_columns_by_their_usual_names(write, header, texts, label):
    separator = "\t" if "\t" in header else ","
    width = header.count(separator) + 1
    row = separator.join(map(str, range(width)))
    examples = read_table(write(f"{header}\n{row}\n", "data.tsv" if separator == "\t" else "data.csv"))
    assert [segment[0] for segment in examples.segments] == texts
    assert examples.labels == [label]


def test_columns_that_are_given(write):
    path = write("id,said,who,text\n1,a,b,c\n")
    assert read_table(path, text="said", label="who").texts == ["a"]
    assert read_table(path, text="SAID", label="2").labels == ["b"]
    assert read_table(path, text=["said", 3], label="who").segments == (["a"], ["c"])
    notes = read_table(write("title,review,y\n1,2,3\n")).notes
    assert notes == ("Column 'review' holds the text; 'title' could be meant too.",)


def test_a_wrong_column_is_answered_with_the_right_ones(write):
    path = write("review,sentiment\na,b\n")
    with pytest.raises(
        DataError, match=r"no column 'reveiw'. Did you mean 'review'\? Its columns: review, senti"
    ):
        read_table(path, text="reveiw")
    with pytest.raises(DataError, match="no column number 2"):
        read_table(path, label=2)
    with pytest.raises(SettingError, match="different columns"):
        read_table(path, text="review", label="review")
    with pytest.raises(DataError, match=r"which column holds the text\? .* Its columns: a, b, c"):
        read_table(write("a,b,c\n1,2,3\n"))
    with pytest.raises(DataError, match="which column holds the label"):
        read_table(write("text,id,b\n1,2,3\n"))
    assert read_table(write("text,id,b\n1,2,3\n"), labelled=None).labels is None


def test_json_lines(write):
    rows = [
        {"text": "a", "label": 1},
        {"label": 1.0, "text": "b\nc"},
        {"text": None, "label": True},
        {"text": 7, "label": " x "},
    ]
    text = "\n\n".join(map(json.dumps, rows)) + "\n"
    examples = read_table(write(text, "data.jsonl"))
    assert examples.texts == ["a", "b\nc", "", "7"]
    assert examples.labels == ["1", "1", "true", "x"]
    assert examples.lines.tolist() == [1, 3, 5, 7]
    assert read_table(write(text, "data.txt")).texts == examples.texts
    array = write(json.dumps(rows, indent=1), "data.json")
    assert read_table(array).labels == examples.labels
    assert read_table(array).lines.tolist() == [2, 6, 10, 14]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"text": "a", "label": 1}\n{"text": "b", label: 1}\n', "line 2: invalid JSON: .*, at: label: 1}"),
        ('{"text": "a", "label": 1}\n["b", 1]\n', r'line 2: an object .* found \["b", 1\]'),
        ('{"text": "a", "label": 1} {"text"\n', "line 1: invalid JSON: more than one value"),
        ('{"text": "a", "label": 1}\n{"label": 1}\n', "line 2: .*'text'.*nothing"),
        ('{"text": "a", "label": 1}\n{"text": "b"}\n', "line 2: the label is missing"),
        ('{"text": "a", "label": {"b": 1}}\n', 'line 1: a label is .* found {"b": 1}'),
        ('{"text": ["a"], "label": 1}\n', "line 1: column 'text'"),
        ('{"text": NaN, "label": 1}\n', "line 1: column 'text' has no text, but nan"),
        ('{"text": "\\ud83d", "label": 1}\n', "line 1: half a surrogate pair"),
        ('{"text": "a"' + "[" * 100_000, "line 1"),
        ('[{"text": "a"}\n{"text": "b"}]', "line 2: invalid JSON: a comma"),
        ('[{"text": "a"},', "line 1: invalid JSON"),
        ("[]", "is empty"),
    ],
)
def test_json_that_cannot_be_used(write, text, message):
    with pytest.raises(DataError, match=message):
        read_table(write(text, "data.jsonl"))


def test_emoji_written_as_surrogate_pairs(write):
    assert list(read_texts(write('{"text": "\\ud83d\\ude00"}\n', "data.jsonl"))) == ["😀"]


def test_parquet(write, tmp_path):
    path = tmp_path / "data.parquet"
    columns = {"text": ["a", None, "c"], "label": [1.0, 2.0, 1.0], "other": [[1], [2], []]}
    parquet.write_table(pyarrow.table(columns), path)
    examples = read_table(path)
    assert examples.texts == ["a", "", "c"]
    assert examples.labels == ["1", "2", "1"]
    assert examples.lines is None
    assert read_table(path, label="other").labels == [("1",), ("2",), ()]
    with pytest.raises(DataError, match="damaged or incomplete Parquet"):
        read_table(write(path.read_bytes()[:100], "cut.parquet"))
    parquet.write_table(pyarrow.table({"text": ["a", "b"], "label": ["x", None]}), path)
    with pytest.raises(DataError, match="row 2: the label is missing"):
        read_table(path)


def test_fasttext_lines(write):
    text = "__label__pos A good film\n__label__neg , bad\n"
    examples = read_table(write(text, "train.txt"))
    assert examples.texts == ["A good film", ", bad"]
    assert examples.labels == ["pos", "neg"]
    examples = read_table(write(text + "__label__a __label__b both\nnone\n", "train.txt"))
    assert examples.labels == [("pos",), ("neg",), ("a", "b"), ()]
    with pytest.raises(DataError, match="line 2: the label is missing"):
        read_table(write("__label__a x\ny\n", "train.txt"))


@pytest.mark.parametrize("name", ["data.csv", "data.tsv"])
def test_many_labels(write, name):
    separator = "\t" if name.endswith("tsv") else ","
    rows = [("a", '["x", "y"]'), ("b", "[]"), ("c", "[1]"), ("d", "z"), ("e", "")]
    examples = read_table(write(delimited([("text", "label"), *rows], separator), name))
    assert examples.labels == [("x", "y"), (), ("1",), ("z",), ()]
    rows = [("a", "x|y |x"), ("b", ""), ("c", "z")]
    path = write(delimited([("text", "label"), *rows], separator), name)
    assert read_table(path, label_separator="|").labels == [("x", "y"), (), ("z",)]
    with pytest.raises(DataError, match="line 3: the label is missing"):
        read_table(path)
    with pytest.raises(SettingError, match="separator is empty"):
        read_table(path, label_separator="")
    with pytest.raises(DataError, match=r"line 2: a label that begins with \"\[\" must be a JSON list"):
        read_table(write(delimited([("text", "label"), ("a", "['x']")], separator), name))


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "data.csv", "is empty"),
        (b"\n \n", "data.tsv", "is empty"),
        (b"text,label\n", "data.csv", "a header, but no rows"),
        (b'text,label\na,1\n"b,c\nd",1,2\n', "data.csv", "line 3: 3 fields, but line 1 has 2"),
        (b"text\tlabel\n\na\tb\t1\n", "data.tsv", "line 3: 3 fields, but line 1 has 2. A tab"),
        (b'text,label\na,1\n"b,2\nc,3\n', "data.csv", "line 3: a double quote opens a field .* never closed"),
        (b'text,label\n"a\nb"c,1\n', "data.csv", "line 2: a quoted field goes on"),
        (b"text,label\ra,1\rb,2\r", "data.csv", "line 1: a lone carriage return"),
        (
            b"text,label\na,1\n\xe4\xbd\xff,1\n",
            "data.csv",
            r"line 3: invalid UTF-8: 0xE4 at byte offset 15\.",
        ),
        ("text,label\na,b\n".encode("utf-16"), "data.csv", "is UTF-16"),
        (gzip.compress(b"text,label\na,b\n", mtime=0)[:-9], "data.csv.gz", "are truncated or damaged"),
        (lzma.compress(b"text,label\na,b\n")[:-9], "data.csv.xz", "are truncated or damaged"),
        (bz2.compress(b"text,label\na,b\n")[:-9], "data.csv.bz2", "are truncated or damaged"),
        (zstandard(b"text,label\na,b\n")[:-9], "data.csv.zst", "are truncated or damaged|is empty"),
        (b"PK\x03\x04...", "data.csv", "zip archive"),
        (b"text,label\n", "data.parquet", "not a Parquet file"),
        (b"some words\n", "data.txt", "which column holds the label"),
    ],
)
def test_files_that_cannot_be_used(write, content, name, message):
    path = write(content, name)
    with pytest.raises(DataError, match=message) as raised:
        read_table(path)
    assert name in str(raised.value)


def test_files_that_are_not_there(tmp_path, write):
    write("text,label\na,b\n", "train.csv")
    with pytest.raises(DataError, match=r"There is no file .*\. Did you mean 'train.csv'\?"):
        read_table(tmp_path / "tran.csv")
    with pytest.raises(DataError, match="no folder"):
        read_table(tmp_path / "nowhere" / "train.csv")
    with pytest.raises(DataError, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(SettingError, match=r"'jsnl' is unknown. Did you mean 'jsonl'"):
        read_table(tmp_path / "train.csv", format="jsnl")


def test_blank_lines_are_counted_and_byte_order_marks_dropped(write):
    examples = read_table(write("text,label\n\ufeffa,1\n\n\nb,\ufeff2\n"))
    assert (examples.texts, examples.labels) == (["a", "b"], ["1", "2"])
    assert examples.lines.tolist() == [2, 5]
    assert examples.notes == ("2 blank lines were left out.",)


def test_very_long_cells(write):
    long = "word " * 100_000
    assert read_table(write(f'text,label\n"{long}",1\n')).texts == [long]
    assert csv.field_size_limit() < len(long)


def test_texts_alone(write, monkeypatch):
    path = write("\ufeffone\n\ntwo\twords, and\u2028more\r\n", "texts.txt")
    texts = ["one", "", "two\twords, and\u2028more"]
    assert list(read_texts(path)) == texts
    examples = read_table(path, labelled=None)
    assert (examples.texts, examples.labels, examples.lines.tolist()) == (texts, None, [1, 2, 3])
    assert list(read_texts(write("text,label\na,b\n"))) == ["a"]
    assert list(read_texts(write("review\na\nb\n"))) == ["a", "b"]
    assert list(read_texts(write("text_a,text_b\na,b\n"))) == [("a", "b")]
    assert list(read_texts(write("a\t1\nb\t1\nc\t1\n", "data.txt"))) == ["a", "b", "c"]
    with pytest.raises(DataError, match=r"line 2: invalid UTF-8: 0xFF at byte offset 4\."):
        list(read_texts(write(b"abc\n\xff\n", "texts.txt")))
    assert read_table(write("text,label\na,\nb,\n"), labelled=None).labels is None

    class Input:
        buffer = io.BytesIO(b'{"text": "a"}\nb\n')

    monkeypatch.setattr(sys, "stdin", Input)
    assert list(read_texts("-")) == ['{"text": "a"}', "b"]
    Input.buffer = io.BytesIO(b'{"text": "a"}\n')
    assert list(read_texts("-", format="jsonl")) == ["a"]
    Input.buffer = io.BytesIO(b"")
    with pytest.raises(DataError, match="standard input is empty"):
        list(read_texts("-"))


CHARACTERS = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff")
TEXT = st.text(CHARACTERS | st.sampled_from('\n",'))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, st.sampled_from(["a", "b c", "1"])), min_size=1))
def test_what_was_written_is_read(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("tables")
    path = folder / "data.csv"
    written = [delimited([row], end="\n") for row in [("text", "label"), *rows]]
    path.write_bytes("".join(written).encode("utf-8"))
    examples = read_table(path)
    assert list(zip(examples.texts, examples.labels)) == rows
    before = ["".join(written[: row + 1]) for row in range(len(rows))]
    assert examples.lines.tolist() == [text.count("\n") + 1 for text in before]

    path = folder / "data.jsonl"
    written = [json.dumps({"text": text, "label": label}) for text, label in rows]
    path.write_bytes("\n".join(written).encode("utf-8"))
    examples = read_table(path)
    assert list(zip(examples.texts, examples.labels)) == rows


INCOMPLETE = [("a", "1"), ("", "0"), ("b", ""), ("c", "0"), (" ", " ")]


@pytest.mark.parametrize("name", ["data.csv", "data.tsv", "data.jsonl", "data.parquet"])
def test_incomplete_rows_are_refused_or_left_out(write, tmp_path, name):
    if name.endswith("parquet"):
        texts, labels = zip(*[(text.strip() or None, label.strip() or None) for text, label in INCOMPLETE])
        parquet.write_table(pyarrow.table({"text": texts, "label": labels}), path := tmp_path / name)
    elif name.endswith("jsonl"):
        rows = [{"text": text, "label": label} for text, label in INCOMPLETE]
        del rows[1]["text"], rows[2]["label"]
        path = write("\n".join(map(json.dumps, rows)), name)
    else:
        separator = "\t" if name.endswith("tsv") else ","
        path = write(delimited([("text", "label"), *INCOMPLETE], separator), name)
    with pytest.raises(DataError, match=r"(line|row) \d: (the label is missing|column 'text' has no text)"):
        read_table(path)
    examples = read_table(path, skip_incomplete=True)
    assert (examples.texts, examples.labels) == (["a", "c"], ["1", "0"])
    first = 2 if name.endswith(("jsonl", "parquet")) else 3
    assert examples.lines.tolist() == [first - 1, first + 2]
    place = f"{'row' if name.endswith('parquet') else 'line'} {first}"
    assert examples.notes == (
        f"3 rows of {path} without a text or a label were left out, the first in {place}.",
    )
    alone = read_table(path, labelled=False, skip_incomplete=True)
    assert (alone.texts, alone.labels) == (["a", "b", "c"], None)


def test_a_row_without_any_of_several_labels_is_complete(write):
    path = write('text,label\na,"[""x""]"\nb,\n,"[""y""]"\n')
    assert read_table(path, skip_incomplete=True).labels == [("x",), ()]
    assert read_table(path, label_separator="|", skip_incomplete=True).texts == ["a", "b"]
    path = write("text,label\na,\n,\n")
    assert read_table(path, labelled=None, skip_incomplete=True).texts == ["a"]
    with pytest.raises(DataError, match="each of its 2 rows lacks a text or a label"):
        read_table(path, skip_incomplete=True)


def test_both_texts_are_needed(write):
    path = write("question,passage,label,split\na,b,1,train\nc,,1,dev\n,d,0,test\ne,f,0,test\n")
    examples = read_table(path, skip_incomplete=True, split_columns=SplitColumns(split=True))
    assert examples.segments == (["a", "e"], ["b", "f"])
    assert examples.parts == ["train", "test"]
    assert examples.location(1).endswith("line 5")
