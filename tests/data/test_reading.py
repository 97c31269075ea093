import pytest

from wordladder.data.reading import read_examples
from wordladder.errors import SettingError


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
    with pytest.raises(SettingError, match="label_separator is given, but the files of tagging have none"):
        read_examples(path, "tagging", label_separator="|")
    with pytest.raises(SettingError, match=r"the task 'taging'. Did you mean 'tagging'"):
        read_examples(path, "taging")
