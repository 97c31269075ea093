import pytest

from wordladder.data.reading import read_examples
from wordladder.errors import DataError, SettingError


@pytest.fixture
def write(tmp_path):
    def write(content, name):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    return write


def test_each_task_has_its_reader(write):
    table = write("text,label\na,x|y\n", "a.csv")
    assert read_examples(table, "classification", label_separator="|").labels == [("x", "y")]
    columns = write("a O\nb B-X\n", "a.txt")
    layout = {"text": None, "label": None, "label_separator": None, "labelled": True, "format": None}
    assert read_examples(columns, "tagging", **layout).labels == [((2, 3, "X"),)]
    rows = write('{"question": "?", "context": "c", "answers": []}\n', "a.jsonl")
    assert read_examples(rows, "span_qa", **layout).segments == (["?"], ["c"])
    assert read_examples(rows, "span_qa", labelled=False).labels is None


def test_settings_that_a_reader_does_not_have(write):
    path = write("a O\n", "a.txt")
    with pytest.raises(SettingError, match="label_separator is given, but files of tagging have none"):
        read_examples(path, "tagging", label_separator="|")
    with pytest.raises(SettingError, match=r"the task 'taging'. Did you mean 'tagging'"):
        read_examples(path, "taging")


TAGGED = "-DOCSTART- -X- O\n\nAnn NNP B-PER\nmet VBD O\n\nBo NNP I-PER\n"
ASKED = '{"version": "1.1", "data": [{"title": "x", "paragraphs": []}]}'


@pytest.mark.parametrize(
    ("content", "name", "task"),
    [
        (TAGGED, "a.conll", "tagging"),
        (TAGGED.replace(" ", "\t"), "a.tsv", "tagging"),
        ("# a comment\n" + TAGGED, "a.txt", "tagging"),
        (ASKED, "a.json", "span_qa"),
        (ASKED.replace('"version": "1.1", ', ""), "a", "span_qa"),
        ('[{"context_id": "x", "qas": []}]', "a.json", "span_qa"),
    ],
)
def test_a_file_that_is_for_another_task_says_so(write, content, name, task):
    with pytest.raises(DataError, match=f"{name} looks like .* --task {task}"):
        read_examples(write(content, name), "classification", text=None, format=None)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("text\tlabel\ngood\tO\nbad\tB-film\n", "a.tsv"),  # a header
        ("good\tO\nbad\tO\nfine\tO\nwell\tO\n", "a.tsv"),  # one tag alone may be a label
        ("good\tB-1\nbad\tA-2\n" * 3, "a.tsv"),
        ('{"text": "data", "label": "a"}\n{"text": "qas", "label": "b"}\n', "a.jsonl"),
    ],
)
def test_tables_that_look_a_little_like_it_are_read(write, content, name):
    assert len(read_examples(write(content, name), "classification")) > 1


def test_columns_that_are_named_are_read_as_they_are(write):
    table = write(TAGGED.replace("-DOCSTART- -X- O\n\n", "").replace(" ", "\t"), "a.tsv")
    assert read_examples(table, "classification", text="0", label="2").labels == ["B-PER", "O", "I-PER"]
