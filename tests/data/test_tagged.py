import gzip
import io
import json
import sys
from collections import Counter

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from wordladder.data.tagged import read_tagged, tagged_words, tags_of_words
from wordladder.data.tagged.words import join_words
from wordladder.errors import DataError, SettingError

ENGLISH = """-DOCSTART- -X- O

U.N. NNP I-ORG
official NN O
Ekeus NNP I-PER

Peter NNP I-PER
Blackburn NNP I-PER
Jan NNP B-PER

"""


@pytest.fixture
def write(tmp_path):
    def write(content, name="data.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    return write


def marked(examples):
    """The surface and the type of each span, row by row."""
    return [
        [(text[span.start : span.end], span.type) for span in spans]
        for text, spans in zip(examples.texts, examples.labels)
    ]


def lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [" ", "\t", "   "])
def test_columns(write, end, separator):
    content = ENGLISH.replace("\n", end).replace(" ", separator)
    examples = read_tagged(write(gzip.compress(content.encode()), "eng.train.gz"))
    assert examples.texts == ["U.N. official Ekeus", "Peter Blackburn Jan"]
    assert marked(examples) == [
        [("U.N.", "ORG"), ("Ekeus", "PER")],
        [("Peter Blackburn", "PER"), ("Jan", "PER")],
    ]
    assert examples.labels[0][1] == (14, 19, "PER")
    assert (examples.scheme, examples.lines.tolist()) == ("iob1", [3, 7])
    assert examples.notes == (
        "2 sentences of 6 words.",
        "1 -DOCSTART- line was left out.",
        "The tags are IOB1.",
    )


def test_columns_by_number(write):
    path = write(ENGLISH)
    examples = read_tagged(path, label=1)
    assert examples.scheme == "words"
    assert marked(examples)[0] == [("U.N.", "NNP"), ("official", "NN"), ("Ekeus", "NNP")]
    assert examples.notes[-1] == "Each word has a tag of its own, 2 different ones."
    assert read_tagged(path, text="1", label="2").texts == ["NNP NN NNP", "NNP NNP NNP"]
    with pytest.raises(SettingError, match="different columns, but both are 2"):
        read_tagged(path, text=2)
    with pytest.raises(DataError, match="no column number 3: line 3 has 0 to 2"):
        read_tagged(path, label=3)
    with pytest.raises(SettingError, match="label is 'ner', but columns of words go by number"):
        read_tagged(path, label="ner")


def test_words_alone(write):
    examples = read_tagged(write("A\nword\n\nB\n"), labelled=False)
    assert (examples.texts, examples.labels, examples.scheme) == (["A word", "B"], None, None)
    assert read_tagged(write("A\nword\n\nB\n"), labelled=None).labels is None
    assert read_tagged(write(ENGLISH), labelled=False).labels is None
    assert read_tagged(write(ENGLISH), labelled=None).labels is not None
    with pytest.raises(DataError, match="line 1: 'A' is one column; a word and its tag"):
        read_tagged(write("A\nword\n"))


def test_a_word_may_be_what_looks_like_something_else(write):
    content = "# O\n[ O\n{ O\n\n# text = A\nA O\n# B-X\n\u3000 O\n\xa0 O\n"
    examples = read_tagged(write(content))
    assert examples.texts == ["# [ {", "A # \u3000 \xa0"]
    assert marked(examples) == [[], [("#", "X")]]
    assert "1 comment line was left out." in examples.notes
    spaced = read_tagged(write("New York\tB-LOC\nis\tO\n"))
    assert marked(spaced) == [[("New York", "LOC")]]


def test_conllu(write):
    rows = [
        ("1-2", "vámonos", "_", "_"),
        ("1", "vamos", "ir", "VERB"),
        ("2", "nos", "nosotros", "PRON"),
        ("2.1", "x", "x", "NOUN"),
        ("3", "10 000", "_", "NUM"),
    ]
    content = "# sent_id = 1\n#x\n" + "".join("\t".join((*row, *"abcdef")) + "\n" for row in rows) + "\n"
    examples = read_tagged(write(content))
    assert examples.texts == ["vamos nos 10 000"]
    assert marked(examples) == [[("vamos", "VERB"), ("nos", "PRON"), ("10 000", "NUM")]]
    assert examples.lines.tolist() == [4]
    assert examples.notes[1:4] == (
        "2 comment lines were left out.",
        "1 line of a word range, such as 1-2, was left out.",
        "1 line of an empty node, such as 1.1, was left out.",
    )
    assert marked(read_tagged(write(content), text="lemma", label="xpos"))[0][0] == ("ir", "a")
    with pytest.raises(SettingError, match="Did you mean 'upos'"):
        read_tagged(write(content), label="upso")


@pytest.mark.parametrize("end", ["\t", " ", "\t\t", " \t", "\t "])
@pytest.mark.parametrize("between", [" ", "\t"])
def test_white_space_at_the_end_of_a_line_is_no_column(write, between, end):
    lines = [line.replace(" ", between) for line in ("w1 B-PER", "sees O", "b1 I-PER")]
    for ends in (("", end, end), (end, "", end), (end, end, end)):
        examples = read_tagged(write("".join(f"{line}{own}\n" for line, own in zip(lines, ends))))
        assert examples.texts == ["w1 sees b1"]
        assert marked(examples) == [[("w1", "PER"), ("b1", "PER")]]


@pytest.mark.parametrize("blank", ["\t O", "  O", " \tO", "\t\tO", "   \t O", "\t I-NAME"])
@pytest.mark.parametrize("first", [False, True])
def test_a_word_may_be_white_space(write, blank, first):
    """It is spacing: the entities beside it keep their places."""
    between = "\t" if blank.endswith("\tO") else " "
    lines = ["George B-NAME", "Washington I-NAME", "went O", "", "Washington B-CITY"]
    lines = [blank if not line else line.replace(" ", between) for line in lines]
    path = write("\n".join(([blank] if first else []) + lines) + "\n")
    examples = read_tagged(path)
    assert examples.texts[0].split() == ["George", "Washington", "went", "Washington"]
    assert marked(examples) == [[("George Washington", "NAME"), ("Washington", "CITY")]]
    assert f"{1 + first} word" in examples.notes[1]
    assert "white space alone" in examples.notes[1]
    assert read_tagged(path, labelled=False).texts == examples.texts
    assert read_tagged(path, label=1).labels == examples.labels


def test_lists_of_words_may_hold_white_space():
    examples = tagged_words([["New", " ", "York"]], [["B-LOC", "I-LOC", "I-LOC"]])
    assert marked(examples) == [[("New   York", "LOC")]]
    assert tags_of_words([["New", " ", "York"]], examples.labels) == [["B-LOC", "I-LOC", "I-LOC"]]
    assert marked(tagged_words([["a", " "]], [["N", "_"]])) == [[("a", "N")]]


SPACED = 'I O +\nca O -\nn\'t O +\nsee O +\n"Ann B-PER -\n" O -\n. O +\n'


@pytest.mark.parametrize(
    "content",
    [
        SPACED,
        SPACED.replace(" ", "\t"),
        SPACED.replace("+", "_").replace("-\n", "SpaceAfter=No\n"),
        SPACED.replace("+\n", "+\t\n"),
    ],
)
def test_a_last_column_may_tell_of_spaces(write, content):
    examples = read_tagged(write(content))
    assert examples.texts == ['I can\'t see "Ann".']
    assert marked(examples) == [[('"Ann', "PER")]]
    assert examples.words == [[0, 2, 4, 8, 12, 16, 17]]
    assert "3 words touch the next, as column 2 says." in examples.notes
    assert read_tagged(write(content), labelled=False).texts == examples.texts
    assert read_tagged(write(content), label=1).labels == examples.labels
    assert read_tagged(write(content), label=2).scheme == "words"


@pytest.mark.parametrize("last", ["- + x", "- - -", "_ _ _", "O O -"])
def test_what_tells_of_no_spaces_is_a_tag(write, last):
    content = "".join(f"{word} N {tag}\n" for word, tag in zip("abc", last.split()))
    assert read_tagged(write(content)).texts == ["a b c"]
    assert read_tagged(write("a +\nb -\n")).scheme == "words"


def test_ranges_and_spaces_of_conllu(write):
    """A range of words touches what follows if its own line says so."""
    rows = [
        ("1-2", "vámonos", "_", "SpaceAfter=No"),
        ("1", "vamos", "VERB", "_"),
        ("2", "nos", "PRON", "_"),
        ("3", "!", "PUNCT", "_"),
        ("4-5", "al", "_", "_"),
        ("4", "a", "ADP", "_"),
        ("5", "el", "DET", "_"),
        ("6", "mar", "NOUN", "Gloss=sea|SpaceAfter=No"),
        ("7", ".", "PUNCT", "-"),
        ("8", "x", "NOUN", "_"),
    ]
    lines = ["\t".join((*row[:2], "_", row[2], "_", "_", "_", "_", "_", row[3])) for row in rows]
    examples = read_tagged(write("\n".join([*lines, "", *lines[1:4]]) + "\n", "data.conllu"))
    assert examples.texts == ["vamos nos! a el mar. x", "vamos nos !"]
    assert marked(examples)[0][:3] == [("vamos", "VERB"), ("nos", "PRON"), ("!", "PUNCT")]
    assert "2 words touch the next, as column 9 says." in examples.notes


def test_chinese_words_stand_without_spaces(write):
    characters = "".join(f"{one} O\n" for one in "我在微软用AI。") + "北 B-LOC\n京 I-LOC\n"
    assert read_tagged(write(characters)).texts == ["我在微软用AI。北京"]
    words = "微软 B-ORG\n的 O\nOffice B-X\n2010 I-X\n， O\n“ O\n好 O\n” O\n\nIt O\nis O\n“ O\nso O\n” O\n"
    examples = read_tagged(write(words))
    assert examples.texts == ["微软的 Office 2010 ，“好”", "It is “ so ”"]
    assert marked(examples) == [[("微软", "ORG"), ("Office 2010", "X")], []]


words = st.lists(st.text("aB1中文，。カ“—é", min_size=1, max_size=3), max_size=6)


@settings(deadline=None)
@given(words, st.booleans(), st.none() | st.lists(st.booleans(), min_size=6, max_size=6))
def test_words_stand_where_they_are_said_to(sequence, characters, touching):
    touching = touching and touching[: len(sequence)]
    text, starts = join_words(sequence, characters, touching)
    assert [text[start : start + len(word)] for start, word in zip(starts, sequence)] == sequence
    assert "".join(text.split(" ")) == "".join(sequence)
    if touching:
        assert text.count(" ") == touching[:-1].count(False)
        return
    assert text.count(" ") <= max(0, len(sequence) - 1) * (not characters)
    if "".join(sequence).isascii() and not characters:
        assert text == " ".join(sequence)


def test_tags_out_of_their_scheme_are_told(write):
    examples = read_tagged(write("a B-X\nb O\n\nc O\nd I-X\ne I-X\nf I-Y\ng B-X\nh B-X\n"))
    assert marked(examples)[1] == [("d e", "X"), ("f", "Y"), ("g", "X"), ("h", "X")]
    assert examples.notes[1:] == (
        "The tags are BIO.",
        "2 tags do not follow BIO, the first in line 5: I-X after O; read as conlleval reads them.",
    )
    untyped = read_tagged(write("a B\nb E\nc S\nd O\n"))
    assert marked(untyped) == [[("a b", "span"), ("c", "span")]]
    assert untyped.notes[1:] == ("The tags are BIOES.", "Tags without a type are of the type 'span'.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a N O\nb O\n", r"data.txt, line 2: 2 columns \('b O'\), but line 1 has 3, separated by spaces"),
        ("a\tO\nb O\n", "line 2: 1 column .* line 1 has 2, separated by tabs"),
        ("a N O\nb N x O\n", "line 2: 4 columns"),
        ("a\tO\n\tO\n", "line 2: the word in column 0 is empty"),
        ("a\tO\nb\t\n", "line 2: the tag in column 1 is empty"),
        ("-DOCSTART- O\n\n", "has no words"),
        (" \n", "is empty"),
        (b"a O\n\xff O\n", "line 2: invalid UTF-8"),
    ],
)
def test_columns_that_cannot_be_used(write, content, message):
    with pytest.raises(DataError, match=message):
        read_tagged(write(content))


def test_a_column_in_the_middle_needs_no_even_lines(write):
    content = "a O x y\nb B-X x\n\nc B-X\n"
    assert marked(read_tagged(write(content), label=1)) == [[("b", "X")], [("c", "X")]]
    with pytest.raises(DataError, match="line 4: 2 columns"):
        read_tagged(write(content), label=2)


def test_comments_with_as_many_columns_as_words(write):
    content = "# id 52 domain=train\na _ _ B-X\n\n# id 53 domain=train\n# _ _ O\nb _ _ O\n"
    examples = read_tagged(write(content))
    assert (examples.texts, marked(examples)) == (["a", "# b"], [[("a", "X")], []])
    assert examples.lines.tolist() == [2, 5]


def test_cluener(write):
    rows = [
        {"text": "彭小军在台湾", "label": {"address": {"台湾": [[4, 5]]}, "name": {"彭小军": [[0, 2]]}}},
        {"text": "无", "label": {}},
    ]
    examples = read_tagged(write(lines(*rows), "train.json"))
    assert marked(examples) == [[("彭小军", "name"), ("台湾", "address")], []]
    assert (examples.scheme, examples.lines.tolist(), examples.notes) == ("spans", [1, 2], ())
    rows[0]["label"] = {"address": {"台湾": [[4, 6]]}, "name": {"彭小军": [[0, 3]]}}
    behind = read_tagged(write(json.dumps(rows), "train.txt"))
    assert behind.labels == examples.labels
    assert behind.notes == ("The ends of spans are the positions after their last characters.",)
    rows[0]["label"]["name"]["彭小军"] = [[0, 2]]
    with pytest.raises(DataError, match=r"line 1: '台湾' .* at characters 4 to 6, but .* '台湾'"):
        read_tagged(write(lines(*rows), "train.json"))


@pytest.mark.parametrize(
    ("key", "spans"),
    [
        ("entities", [{"start": 3, "end": 7, "type": "PER"}, {"start": 0, "end": 2, "type": "X"}]),
        ("spans", [{"start": 0, "end": 2, "label": "X"}, {"start": 3, "end": 7, "label": "PER"}]),
        ("label", [[3, 7, "PER"], [0, 2, "X"]]),
        ("labels", [{"start_offset": 0, "end_offset": 2, "label": "X"}, [3, 7, "PER"]]),
        (
            "entities",
            [
                {"type": "X", "start": 0, "end": 2, "text": "Mr", "confidence": 0.9},
                {"type": "PER", "start": 3, "end": 7, "text": "Home", "confidence": 0.9},
            ],
        ),
    ],
)
def test_spans_of_characters(write, tmp_path, key, spans):
    cell = json.dumps(spans).replace('"', '""')
    paths = [
        write(lines({"text": "Mr Home", key: spans}), "data.jsonl"),
        write(f'text,{key}\nMr Home,"{cell}"\n', "data.csv"),
    ]
    if all(isinstance(span, dict) for span in spans):  # a column of Parquet holds one type
        paths.append(tmp_path / "data.parquet")
        parquet.write_table(pyarrow.table({"text": ["Mr Home"], key: [spans]}), paths[-1])
    for path in paths:
        examples = read_tagged(path)
        assert marked(examples) == [[("Mr", "X"), ("Home", "PER")]]
        assert examples.scheme == "spans"
        assert read_tagged(path, text="text", label=key).labels == examples.labels
        assert read_tagged(path, labelled=False).labels is None


def test_of_spans_that_overlap_the_longest_stays(write):
    rows = [
        {"text": "abcdef", "spans": [[0, 2, "X"]]},
        {"text": "abcdef", "spans": [[0, 3, "X"], [2, 6, "Y"], [0, 2, "Z"], [0, 2, "W"]]},
        {"text": "abcdef", "spans": [[2, 4, "Y"], [1, 3, "X"], [2, 4, "Y"]]},
    ]
    examples = read_tagged(write(lines(*rows), "data.jsonl"))
    assert [[tuple(span) for span in spans] for spans in examples.labels] == [
        [(0, 2, "X")],
        [(0, 2, "Z"), (2, 6, "Y")],
        [(1, 3, "X")],
    ]
    assert examples.notes == (
        "4 spans overlap others and were left out, the first in line 2: the longest of them is kept.",
    )


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[1, 1, "X"]], r"line 1: the span 1:1 \(X\) is empty"),
        ([[1, 7, "X"]], r"line 1: the span 1:7 \(X\) is not part of the text, which has 4 characters"),
        ([[-1, 2, "X"]], "line 1: the span -1:2"),
        ([{"start": 0, "end": 1, "type": "X", "text": "ab"}], "should be 'ab', but the text there is 'a'"),
        ([{"start": 0, "type": "X"}], "marks no spans. Spans are written as"),
        ([[0, 1, 7]], "marks no spans"),
        ([[0, True, "X"]], "marks no spans"),
        ([[0.0, 1, "X"]], "marks no spans"),
        ({"X": [[0, 1]]}, "marks no spans"),
        ("X", "marks no spans"),
        (None, r"line 1: the tags or spans are missing; write \[\]"),
    ],
)
def test_spans_that_cannot_be_used(write, spans, message):
    with pytest.raises(DataError, match=message):
        read_tagged(write(lines({"text": "abcd", "entities": spans}), "data.jsonl"))


@pytest.mark.parametrize("name", ["data.jsonl", "data.parquet"])
def test_lists_of_words_and_tags(write, tmp_path, name):
    table = {
        "id": ["0", "1"],
        "tokens": [["New", "York", "sleeps"], []],
        "pos_tags": [["N", "N", "V"], []],
        "ner_tags": [["B-LOC", "I-LOC", "O"], []],
    }
    path = tmp_path / name
    parquet.write_table(pyarrow.table(table), path)
    if name.endswith("jsonl"):
        write(lines(*(dict(zip(table, row)) for row in zip(*table.values()))), name)
    examples = read_tagged(path)
    assert examples.texts == ["New York sleeps", ""]
    assert marked(examples) == [[("New York", "LOC")], []]
    assert "Column 'ner_tags' holds the tags of the words; 'pos_tags' could be meant too." in examples.notes
    assert read_tagged(path, label="pos_tags").scheme == "words"
    assert read_tagged(path, labelled=False).labels is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["a", "b"], "tags": ["O"]}, "line 2: 2 words, but 1 tags"),
        ({"tokens": ["a"], "tags": [3]}, "line 2: tag 0 is 3, .* A number does not say what its tag is"),
        ({"tokens": ["a", ""], "tags": ["O", "O"]}, "line 2: word 1 is an empty text"),
        ({"tokens": "a", "tags": ["O"]}, "line 2: a list of words is expected, found 'a'"),
        ({"tokens": ["a"]}, "line 2: the tags or spans are missing"),
    ],
)
def test_lists_that_cannot_be_used(write, row, message):
    with pytest.raises(DataError, match=message):
        read_tagged(write(lines({"tokens": ["a"], "tags": ["O"]}, row), "data.jsonl"))


def test_rows_without_the_right_columns(write):
    path = write(lines({"text": "a", "entities": []}), "data.jsonl")
    with pytest.raises(DataError, match=r"no column 'entites'. Did you mean 'entities'"):
        read_tagged(path, label="entites")
    with pytest.raises(SettingError, match="different columns, but 'text' is given twice"):
        read_tagged(path, text="text", label="text")
    other = write(lines({"a": "b", "c": []}), "data.jsonl")
    with pytest.raises(DataError, match=r"which column holds the words or the text\? .* Its columns: a, c"):
        read_tagged(other)
    with pytest.raises(DataError, match="which column holds the spans of the text"):
        read_tagged(other, text="a")
    assert marked(read_tagged(other, text="a", label="c")) == [[]]
    assert read_tagged(other, text="a", labelled=None).labels is None
    assert read_tagged(write(lines({"text": "a", "label": None})), labelled=None).labels is None


def test_formats(write, monkeypatch):
    with pytest.raises(SettingError, match=r"'conl' is unknown. Did you mean 'conllu'"):
        read_tagged(write(ENGLISH), format="conl")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_tagged(write(ENGLISH, "data.parquet"))
    with pytest.raises(DataError, match="line 1: invalid JSON"):
        read_tagged(write(ENGLISH, "data.json"))
    assert len(read_tagged(write(ENGLISH, "data.json"), format="columns")) == 2

    class Input:
        buffer = io.BytesIO(ENGLISH.encode())

    monkeypatch.setattr(sys, "stdin", Input)
    assert read_tagged("-").source == "standard input"


PUBLISHED = {
    "conll2003/eng.train.gz": (14_041, "iob1", {"LOC": 7140, "PER": 6600, "ORG": 6321, "MISC": 3438}),
    "conll2003/eng.testa.gz": (3_250, "iob1", {"LOC": 1837, "PER": 1842, "ORG": 1341, "MISC": 922}),
    "conll2003/eng.testb.gz": (3_453, "iob1", {"LOC": 1668, "PER": 1617, "ORG": 1661, "MISC": 702}),
    # 1,973 PER begin with B; eleven more are read where a sentence begins with I.
    "msra/test.txt.gz": (4_631, "bio", {"LOC": 2877, "PER": 1984, "ORG": 1331}),
    "cluener/dev.json.gz": (1_343, "spans", None),
    "cluener/train.json.gz": (10_748, "spans", None),
}


@pytest.mark.data
@pytest.mark.parametrize("name", PUBLISHED)
def test_research_data_are_read_as_published(data_folder, name):
    examples = read_tagged(data_folder / "ner" / name)
    rows, scheme, types = PUBLISHED[name]
    assert (len(examples), examples.scheme) == (rows, scheme)
    found = Counter(span.type for spans in examples.labels for span in spans)
    assert types is None or found == types
    if "train.gz" in name:
        assert examples.notes == (
            "14,041 sentences of 203,621 words.",
            "946 -DOCSTART- lines were left out.",
            "The tags are IOB1.",
            "2 tags do not follow IOB1, the first in line 152428: B-MISC after O; "
            "read as conlleval reads them.",
        )
    if "cluener" in name:
        assert (len(found), found.total()) == (10, 3_072 if "dev" in name else 23_971 - 2)
    if "msra" in name:
        assert " " not in "".join(examples.texts)
        assert marked(examples)[0][:2] == [("中共中央", "ORG"), ("中国致公党十一大", "ORG")]


@pytest.mark.data
def test_two_million_words(data_folder):
    examples = read_tagged(data_folder / "ner" / "msra" / "train.txt.gz")
    found = Counter(span.type for spans in examples.labels for span in spans)
    # 20,571 ORG and 17,615 PER begin with B; six more are read where a sentence begins with I.
    assert found == {"LOC": 36_517, "ORG": 20_574, "PER": 17_618}
    assert sum(map(len, examples.texts)) == 2_169_879
    assert examples.notes[-1].startswith(
        "6 tags do not follow BIO, the first in line 739284: I-PER after the"
    )


def test_incomplete_rows_may_be_left_out(write):
    words = [
        {"tokens": ["a"], "tags": ["O"]},
        {"tokens": ["b"]},
        {"tags": ["O"]},
        {"tokens": ["c"], "tags": ["B-X"]},
    ]
    path = write(lines(*words), "data.jsonl")
    examples = read_tagged(path, skip_incomplete=True)
    assert (examples.texts, examples.lines.tolist()) == (["a", "c"], [1, 4])
    assert marked(examples) == [[], [("c", "X")]]
    assert any(note.startswith("2 rows of ") for note in examples.notes)
    spans = [{"text": "a", "entities": []}, {"text": "b"}, {"text": None, "entities": []}]
    examples = read_tagged(write(lines(*spans), "data.jsonl"), skip_incomplete=True)
    assert (examples.texts, examples.labels, examples.lines.tolist()) == (["a"], [()], [1])
    assert read_tagged(write(ENGLISH), skip_incomplete=True).labels == read_tagged(write(ENGLISH)).labels
