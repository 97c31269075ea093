"""`wordladder search`, as a user types it: the list and its marks, conditions, JSON, queries of standard
input, answers; and the index of docstrings.
"""

import json
import math
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from wordladder import Model, WordVectors
from wordladder.cli import app, index_demo
from wordladder.cli import search as command
from wordladder.data.docstrings import documentation
from wordladder.errors import DataError, ModelError, SettingError, StoreError
from wordladder.search.index import Index
from wordladder.search.passages import Document

SAVED = Path(__file__).parents[1] / "model" / "saved_by_0_1"
LONG = (
    "Nothing is here. " * 30 + "The Wings were heated, and the wing of 1950 was running hot. " + "More. " * 60
)
DOCUMENTS = [
    Document("a", "the wing is red", {"year": 1950, "kind": "note", "tags": ["x", "y"]}),
    Document("b", "a boat runs\n\tand runs \x1b[31m", {"year": 1990, "kind": "letter"}),
    Document("long", LONG, {"year": 2000, "kind": "report"}),
    Document("红", "《红楼梦》的作者是曹雪芹。" * 20, {"year": 1791}),
]


@pytest.fixture
def index(tmp_path):
    with Index.create(tmp_path / "index", passage_words=400) as made:
        made.add(DOCUMENTS)
    return tmp_path / "index"


@pytest.fixture
def run(index, monkeypatch):
    """Runs the command on the index; standard output, with the marks between `[` and `]` if asked."""

    def search(*arguments, given=None, width=80, colour=False):
        console = Console(highlight=False, width=width, color_system="standard" if colour else None)
        monkeypatch.setattr(command, "console", console)
        console._force_terminal = colour
        done = CliRunner().invoke(app, ["search", str(index), *map(str, arguments)], input=given)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return search


def test_a_list_with_the_passages(run):
    out = run("red", "wing")
    assert re.fullmatch(
        r" 1  \d\.\d{3}  a  year: 1950  kind: note  tags: x, y\n"
        r"    the wing is red\n"
        r" 2  \d\.\d{3}  long  year: 2000  kind: report\n"
        r"(    .*\n){1,4}"
        r"4 documents searched in [\d.]+ m?s\n",
        out,
    )
    assert run("zebra").startswith("nothing found\n")
    assert "long" not in run("red", "wing", "--top", 1)


@pytest.mark.parametrize("width", [80, 120])
def test_the_words_are_in_bold_and_the_lines_fit(run, width):
    out = run("why were heating wings red", colour=True, width=width)
    bold = re.findall(r"\x1b\[1m(.*?)\x1b\[0m", out)
    assert bold == ["wing", "red", "Wings", "heated", "wing"]
    lines = re.sub(r"\x1b\[[\d;]*m", "", out).split("\n")
    assert max(map(len, lines)) <= width
    shown = [line for line in lines if line.startswith("    ")]
    assert shown[1].startswith("    … The Wings were heated")
    assert 3 <= len(shown) - 1 <= 4
    assert shown[-1].endswith(" …")


def test_chinese_takes_two_cells_a_character(run):
    out = run("红楼梦", colour=True)
    assert "\x1b[1m红楼梦\x1b[0m" in out
    assert len([line for line in out.split("\n") if "曹雪芹" in line]) <= 4


def test_what_a_terminal_would_obey_is_not_printed(run):
    out = run("boat")
    assert "    a boat runs and runs [31m\n" in out
    assert "\x1b" not in out


def test_json_is_what_the_library_finds(run, index):
    (line,) = run("wing", "--json", "--top", 2).splitlines()
    with Index.open(index) as opened:
        hits = opened.search("wing", 2)
    assert json.loads(line) == {"query": "wing", "hits": [vars(hit) for hit in hits]}
    lines = run("-", "--json", given="wing\nboat runs\n").splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["wing", "boat runs"]
    assert json.loads(lines[1])["hits"][0]["id"] == "b"


def test_queries_of_standard_input(run):
    out = run("-", given="red\nboat\n").split("\n")
    assert (out[0], out[3]) == ("red", "boat")
    with pytest.raises(DataError, match="standard input, line 2: the query is empty"):
        run("-", given="wing\n \n")
    with pytest.raises(DataError, match="the query is empty"):
        run("")


def test_conditions(run):
    def ids(*conditions):
        given = [part for one in conditions for part in ("--where", one)]
        return {hit["id"] for hit in json.loads(run("wing boat 红楼梦", "--json", *given))["hits"]}

    assert ids() == {"a", "b", "long", "红"}
    assert ids("year>=1950", "year < 2000") == {"a", "b"}
    assert ids("kind=note, letter") == {"a", "b"}
    assert ids("kind=report", "year>1990") == {"long"}
    assert ids("tags=y") == {"a"}
    assert ids("kind=none") == set()
    assert ids('kind="note", letter') == {"a", "b"}
    parse = command.parse_where
    assert parse(['a="x, y", z,"1"']) == {"a": ["x, y", "z", "1"]}
    assert parse(['a="12"', "b=true", "c==1.5", "d=a b", 'e="x, y" ,z,5" x 6"']) == {
        "a": ["12"],
        "b": [True],
        "c": [1.5],
        "d": ["a b"],
        "e": ["x, y", "z", '5" x 6"'],
    }
    for wrong, told in (
        (["year"], "write it as FIELD=VALUE"),
        (["year="], "write it as FIELD=VALUE"),
        (["a!=3"], "write it as FIELD=VALUE"),
        (["a=1", "a>2"], "another condition on a"),
        (["a>1", "a>2"], "another condition on a"),
    ):
        with pytest.raises(SettingError, match=told):
            parse(wrong)
    with pytest.raises(SettingError, match="a number is needed"):
        run("wing", "--where", "year>x")


def test_a_field_that_no_document_has(index):
    def told(*more):
        return CliRunner().invoke(app, ["search", str(index), "wing", *more]).stderr

    assert "no document has a field 'yeer'. Did you mean 'year'?" in told("--where", "yeer>1990", "--json")
    assert told("--where", "year>3000") == ""


def test_an_index_with_vectors_and_its_encoder_elsewhere(tmp_path, run, index):
    WordVectors(["wing", "boat"], [[1, 0.2], [0.1, 1]]).save(tmp_path / "words.vec")
    with pytest.raises(StoreError, match="without an encoder"):
        run("wing", "--encoder", tmp_path / "words.vec")
    with pytest.raises(SettingError, match="without an encoder"):
        run("wing", "--by", "vectors")
    with pytest.raises(SettingError, match="Did you mean 'words'"):
        run("wing", "--by", "word")
    with Index.create(tmp_path / "second", tmp_path / "words.vec") as made:
        made.add(DOCUMENTS)
    (tmp_path / "words.vec").rename(tmp_path / "moved.vec")
    given = [str(tmp_path / "second"), "boat", "--encoder", str(tmp_path / "moved.vec"), "--by", "vectors"]
    done = CliRunner().invoke(app, ["search", *given, "--json"])
    best = json.loads(done.stdout)["hits"][0]
    assert (best["id"], best["score"]) == ("b", pytest.approx(1, abs=1e-2))
    index.rename(tmp_path / "gone")
    with pytest.raises(StoreError, match="wordladder index build"):
        run("wing")


def test_a_reranker(run, tmp_path):
    pairs = [("wing", "the wing"), ("wing", "a boat"), ("boat", "a boat"), ("boat", "the wing")] * 10
    Model("tfidf-cosine").fit(pairs, ["yes", "no"] * 20, output=tmp_path / "model")
    hits = json.loads(run("wing boat", "--rerank", tmp_path / "model", "--json"))["hits"]
    model = Model.load(tmp_path / "model")
    expected = model.predict_proba([("wing boat", hit["text"]) for hit in hits])[:, 1]
    chances = [1 / (1 + math.exp(-hit["score"])) for hit in hits]
    assert chances == pytest.approx(sorted(expected, reverse=True))
    with pytest.raises(ModelError, match="a reranker is"):
        run("wing", "--rerank", SAVED / "tfidf")


def test_the_answer_of_a_reader(run):
    found = json.loads(run("wing", "--answer", SAVED / "span_qa", "--json"))
    answer = found["answer"]
    assert answer["id"] == found["hits"][answer["hit"]]["id"]
    text = {document.id: document.text for document in DOCUMENTS}[answer["id"]]
    assert text[answer["start"] : answer["end"]] == answer["text"]
    out = run("wing", "--answer", SAVED / "span_qa", colour=True)
    green = re.findall(r"\x1b\[1;32m(.*?)\x1b\[0m", out)
    assert green[0] == answer["text"]
    assert " ".join(green[1:]) == answer["text"], "marked in its passage, perhaps over several lines"
    assert f"{answer['id']}, characters {answer['start']:,} to {answer['end']:,}" in out
    assert "no answer in these passages" in run("zebra", "--answer", SAVED / "span_qa")
    with pytest.raises(ModelError, match="span_qa is needed"):
        run("wing", "--answer", SAVED / "tfidf")


def test_the_demo_indexes_docstrings(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(index_demo, "MOST", 60)
    index_demo.demo(tmp_path / "demo" / "index")
    out = capsys.readouterr().out
    assert "60 docstrings of" in out
    assert all(query in out for query in index_demo.QUERIES)
    with Index.open(tmp_path / "demo" / "index") as index:
        assert index.count() == 60
        one = documentation(60)[7]
        (hit, *_) = index.search(one.text, 1, where={"module": one.module})
        assert (hit.fields["package"], hit.fields["module"]) == (one.package, one.module)
        assert hit.id.startswith(one.module)
    index_demo.demo(tmp_path / "demo" / "index")
