"""Documents from files of each format, and errors that name the line."""

import gzip
import json
from datetime import date

import pyarrow
import pytest
from pyarrow import parquet

from wordladder.errors import DataError, SettingError
from wordladder.search.documents import read_documents
from wordladder.search.passages import Document


@pytest.fixture
def read(tmp_path):
    """Writes a file and reads its documents."""

    def write_and_read(name, content, **options):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return list(read_documents(path, **options))

    return write_and_read


def test_text_files_are_documents_named_by_their_path_in_the_folder(tmp_path):
    for name, text in (("b.txt", "two"), ("a/c.md", "# one\n"), ("a/d.txt.gz", ""), (".git/x", "hidden")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        data = text.encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    found = list(read_documents(tmp_path))
    assert found == [Document("a/c.md", "# one\n"), Document("a/d.txt.gz", ""), Document("b.txt", "two")]
    assert [one.id for one in read_documents(tmp_path, only=["*.md", "b.*"])] == ["a/c.md", "b.txt"]
    assert [one.id for one in read_documents([tmp_path / "b.txt"])] == [(tmp_path / "b.txt").as_posix()]
    with pytest.raises(DataError, match=r"no file in this folder fits \*\.rst"):
        list(read_documents(tmp_path, only=["*.rst"]))


def test_an_id_in_two_files_is_an_error_that_names_both(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(name)
    both = [tmp_path / "one", tmp_path / "two"]
    with pytest.raises(DataError, match=r"two/a.txt: the id 'a.txt' comes twice; .*one/a.txt has it too"):
        list(read_documents(both))
    assert [one.id for one in read_documents(tmp_path)] == ["one/a.txt", "two/a.txt"]


def test_json_lines_of_beir(read):
    lines = [
        {"_id": "d1", "title": "A title", "text": "Some text", "metadata": {"year": 1999, "open": True}},
        {"_id": 2, "title": "", "text": "Other", "metadata": {}},
        {"_id": "d3", "text": "No title", "tags": ["a", "b"], "nested": {"a": [1]}, "none": None},
    ]
    content = "\n\n".join(map(json.dumps, lines)) + "\n"
    expected = [
        Document("d1", "A title\nSome text", {"title": "A title", "year": 1999, "open": True}),
        Document("2", "Other", {}),
        Document("d3", "No title", {"tags": ["a", "b"], "nested": '{"a": [1]}'}),
    ]
    assert read("corpus.jsonl", content) == read("corpus.jsonl.gz", content) == expected
    assert read("corpus.json", content) == expected
    assert read("array.json", json.dumps(lines)) == expected
    only = read("corpus.jsonl", content, text=["text", "title"], id="text", fields=["year"])
    assert only[0] == Document("Some text", "Some text\nA title", {"year": 1999})
    assert only[2] == Document("No title", "No title", {})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": 1, "text": "a"}\n{"id": 2, "text"', r"corpus\.jsonl, line 2: invalid JSON"),
        ('{"id": 1, "text": "a"}\n\n[1]\n', r"line 3: an object .* is expected"),
        ('{"id": 1, "text": "a"}\n{"id": 2, "text": null}', "line 2: there is no text in 'text'"),
        ('{"id": 1, "text": "a"}\n{"id": 2, "text": {"a": 1}}', "line 2: 'text' has no text, but"),
        ('{"id": 1, "text": "a"}\n{"id": " ", "text": "b"}', "line 2: 'id' has no id"),
        ('{"id": 1, "text": "a"}\n{"id": null, "text": "b"}', "line 2: 'id' has no id, but null"),
        ('{"id": 1, "text": "a"}\n{"text": "b"}', "line 2: there is no id"),
        ('{"id": 1, "plot": "a", "year": 1}', "line 1: which of id, plot, year holds the text"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_with_json_lines_is_told_with_the_line(read, content, message):
    with pytest.raises(DataError, match=message):
        read("corpus.jsonl", content)


def test_lines_before_a_broken_one_are_given(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"id": 1, "text": "a"}\nbroken\n', encoding="utf-8")
    documents = read_documents(tmp_path / "corpus.jsonl")
    assert next(documents) == Document("1", "a")
    with pytest.raises(DataError, match="line 2"):
        next(documents)


def test_columns_of_csv_become_fields_of_their_kind(read):
    content = "id,title,text,year,price,open,zip,note\n" + (
        "007,One,1.50,1999,1.5,true,01234,\n" + '8,Two,"two\nlines",-3,2,False,99999,x\n'
    )
    assert read("table.csv", content) == [
        Document(
            "007", "One\n1.50", {"title": "One", "year": 1999, "price": 1.5, "open": True, "zip": "01234"}
        ),
        Document(
            "8",
            "Two\ntwo\nlines",
            {"title": "Two", "year": -3, "price": 2.0, "open": False, "zip": "99999", "note": "x"},
        ),
    ]
    found = read("table.csv", "name,plot\nA,long story\nB,other\n", text=["plot"])
    assert [(one.text, one.fields) for one in found] == [
        ("long story", {"name": "A"}),
        ("other", {"name": "B"}),
    ]
    assert [one.id.rpartition("table.csv:")[2] for one in found] == ["2", "3"]


def test_tables_without_a_header(read):
    assert read("collection.tsv", "7\tsome passage\n8\tother\n") == [
        Document("7", "some passage"),
        Document("8", "other"),
    ]
    assert [one.text for one in read("plain.txt", "a\nb\n", format="lines")] == ["a", "b"]
    with pytest.raises(DataError, match="which of 0, 1, 2 holds the text"):
        read("three.tsv", "7\tx\tsome passage\n")
    (one,) = read("three.tsv", "7\tx\tsome passage\n", text=["2"], id="0")
    assert one == Document("7", "some passage", {"1": "x"})
    with pytest.raises(DataError, match=r"line 2: 1 field, but line 1 has 2"):
        read("broken.tsv", "7\tsome passage\n8\n")


def test_parquet_keeps_the_types_of_its_columns(read, tmp_path):
    columns = {
        "docid": [1, 2],
        "passage": ["12", "b"],
        "year": [1999, None],
        "day": [date(2020, 1, 2), date(2020, 1, 3)],
        "tags": [["x"], []],
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "rows.parquet")
    data = (tmp_path / "rows.parquet").read_bytes()
    expected = [
        Document("1", "12", {"year": 1999, "day": "2020-01-02", "tags": ["x"]}),
        Document("2", "b", {"day": "2020-01-03", "tags": []}),
    ]
    assert read("rows.parquet", data) == read("no_suffix", data) == expected
    with pytest.raises(DataError, match=r"no row has the field 'yaer'. Did you mean 'year'"):
        read("rows.parquet", data, fields=["yaer"])


SMART = """.I 1
.T
a title
 on two lines
.A
Ann
.W
the text .
.Not a mark
.I 2
.W
.X
1 2 3
"""


def test_smart(read):
    fields = {"title": "a title on two lines", "author": "Ann"}
    expected = [
        Document("1", "a title\n on two lines\nthe text .\n.Not a mark", fields),
        Document("2", "", {}),
    ]
    assert read("cran.all.1400", SMART) == read("cran.all.1400.gz", SMART) == expected
    with pytest.raises(DataError, match="line 2: an id must follow"):
        read("x", ".I 1\n.I\n")
    with pytest.raises(DataError, match=r"line 2: a mark such as \.W is expected, found 'text'"):
        read("x", ".I 1\ntext\n")
    with pytest.raises(DataError, match="line 1: an entry, which begins"):
        read("x", "text\n.I 1\n", format="smart")


TREC = """<DOC>
<DOCNO> FT-1 </DOCNO>
<HEADLINE><P>A &amp; B</P></HEADLINE>
<TEXT>
first <P>line</P>
</TEXT>
<DATE>1</DATE>
<TEXT>second</TEXT>
</DOC>
<doc><docno>FT-2</docno><text>two</text></doc><DOC><DOCNO>FT-3</DOCNO><TEXT>three</TEXT></DOC>
"""


def test_trec(read):
    assert read("trec.sgml", TREC) == [
        Document("FT-1", "A & B\nfirst line\nsecond", {"title": "A & B"}),
        Document("FT-2", "two"),
        Document("FT-3", "three"),
    ]
    whole = "<DOC><DOCNO>1</DOCNO><TEXT>a</TEXT></DOC>\n"
    for rest, message in (
        ("<DOC><DOCNO>2</DOCNO>\n", "line 2: the <DOC> that begins here is not closed"),
        (f"<DOC>\n{whole}", "line 2: the <DOC> that begins here is not closed"),
        ("<DOC>\n<TEXT>a</TEXT></DOC>", "line 2: the <DOC> that begins here has no <DOCNO>"),
        ("<DOC><DOCNO>2</DOCNO></DOC>", "line 2: .* has no <TEXT>"),
        ("loose\n", "line 2: a text outside <DOC>: 'loose'"),
    ):
        with pytest.raises(DataError, match=message):
            read("x", whole + rest)


def squad(*articles):
    """A SQuAD document of articles: titles with their paragraphs, and their questions with their ids."""
    data = [
        {
            "title": title,
            "paragraphs": [
                {
                    "context": context,
                    "qas": [{"id": name, "question": text, "answers": []} for name, text in asked.items()],
                }
                for context, asked in paragraphs.items()
            ],
        }
        for title, paragraphs in articles
    ]
    return json.dumps({"version": "1.1", "data": data})


def test_paragraphs_of_squad(read):
    content = squad(
        ("Oslo", {"one": {"q1": "a?"}, "two": {}}), ("Rome", {"three": {}}), ("Oslo", {"four": {}})
    )
    assert read("dev.json", content) == [
        Document("Oslo#1", "one", {"title": "Oslo"}),
        Document("Oslo#2", "two", {"title": "Oslo"}),
        Document("Rome#1", "three", {"title": "Rome"}),
        Document("Oslo#3", "four", {"title": "Oslo"}),
    ]
    with pytest.raises(DataError, match="no SQuAD document"):
        read("x", '{"text": "a"}', format="squad")
    with pytest.raises(DataError, match=r"data\[0\]\.paragraphs\[0\].*context"):
        read("dev.json", '{"data": [{"paragraphs": [{"qas": []}]}]}')


def test_what_is_no_text_is_told(read, tmp_path):
    with pytest.raises(DataError, match="picture is no text"):
        read("picture", b"\x89PNG\0\0")
    with pytest.raises(DataError, match="line 2: invalid UTF-8"):
        read("latin.txt", "a\nß".encode("latin-1"))
    with pytest.raises(DataError, match="is an archive"):
        read("all.zip", b"PK")
    with pytest.raises(DataError, match="no such file"):
        list(read_documents(tmp_path / "none"))
    with pytest.raises(SettingError, match="Did you mean 'jsonl'"):
        read_documents(tmp_path, format="json")


def test_cranfield(data_folder):
    documents = list(read_documents(data_folder / "retrieval/cranfield/cran.all.1400.gz"))
    assert [one.id for one in documents] == [str(number) for number in range(1, 1401)]
    assert [one.id for one in documents if not one.text] == ["471", "995"]
    assert documents[0].fields["author"] == "brenckman,m."
