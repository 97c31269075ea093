"""What an index says when it is given the wrong thing: an error that names it and what to do."""

import shutil
import subprocess
import sys
from datetime import date, datetime

import numpy as np
import pytest

from made_up_index import made_up_document, tiny_encoder
from wordladder.errors import DataError, OutputError, SettingError, StoreError, VectorsError
from wordladder.search.index import Index
from wordladder.search.passages import Document
from wordladder.search.postgres import PostgresStore


@pytest.fixture
def index(target):
    with Index.create(target, tiny_encoder()) as made:
        made.add([made_up_document(i) for i in range(10)])
        yield made


@pytest.fixture
def folder(tmp_path):
    """A folder with an index that is closed."""
    with Index.create(tmp_path / "index", tiny_encoder()) as made:
        made.add([made_up_document(i) for i in range(10)])
    return tmp_path / "index"


def test_ids(index):
    with pytest.raises(DataError, match="'d3' comes twice"):
        index.update([made_up_document(3), made_up_document(4), made_up_document(3)])
    with pytest.raises(DataError, match="'d3' is there already; update"):
        index.add([made_up_document(30), made_up_document(3)])
    for wrong in ("", 7, None):
        with pytest.raises(DataError, match=r"document (''|7|None): its id must be a string"):
            index.update([Document(wrong, "word1")])
    assert index.count() == 10


def test_queries(index):
    for query, error, told in [
        ("", DataError, "query is empty"),
        (" \n", DataError, "query is empty"),
        (np.ones(7), DataError, "a vector of 8 numbers is needed, not of 7"),
        (np.ones((2, 8)), DataError, "a vector of 8 numbers is needed, not of 16"),
        (np.full(8, np.nan), VectorsError, "not finite"),
    ]:
        with pytest.raises(error, match=told):
            index.search(query)
    with pytest.raises(SettingError, match="a vector has no words"):
        index.search(np.ones(8), by="words")
    with pytest.raises(DataError, match="some queries are texts"):
        index.search_all(["word1", np.ones(8)])
    with pytest.raises(DataError, match="where: n is of type dict"):
        index.search("word1", where={"n": [{"a": 1}]})
    with pytest.raises(DataError, match="where: n is of type NoneType"):
        index.search("word1", where={"n": None})
    assert index.search_all([]) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"a": {"b": 1}}, "the field 'a' is of type dict; it can be"),
        ({"a": [1, None]}, "the field 'a' is of type NoneType"),
        ({"a": b"x"}, "the field 'a' is of type bytes"),
        ({"a": float("nan")}, "the field 'a' is nan"),
        ({"a": 2**63}, "more than 64 bits"),
        ({"a": "\ud800"}, "half a character"),
        ({"": 1}, "the field ''"),
        ({'a"b': 1}, "without quotation marks"),
        ({3: 1}, "the field 3"),
        ([1], "its fields are list"),
    ],
)
def test_fields_that_cannot_be_kept(index, fields, told):
    with pytest.raises(DataError, match=told) as caught:
        index.add([Document("new", "word1", fields)])
    assert "'new'" in str(caught.value)
    assert index.count() == 10


def test_texts_that_cannot_be_kept(index, target):
    with pytest.raises(DataError, match="'new': its text is NoneType"):
        index.add([Document("new", None)])
    with pytest.raises(DataError, match="half a character"):
        index.add([Document("new", "word1 \udc00")])
    if "://" in str(target):  # a folder keeps it
        with pytest.raises(DataError, match=r"PostgreSQL cannot keep this: .*\\u0000"):
            index.add([Document("new", "word1 \0 word2")])
    assert index.count() == 10


def test_fields_are_plain_values(index):
    given = {"none": None, "day": date(2020, 2, 3), "at": datetime(2020, 2, 3, 4, 5), "deep": (1, 2)}
    given |= {"number": np.int64(5), "share": np.float32(0.5), "sure": np.bool_(True), "more": np.arange(2)}
    index.add([Document("new", "word1 word2", given)])
    kept = {"day": "2020-02-03", "at": "2020-02-03T04:05:00", "deep": [1, 2], "number": 5, "share": 0.5}
    (hit,) = index.search("word1", where={"day": date(2020, 2, 3), "sure": True, "number": {"lt": 6}})
    assert hit.fields == kept | {"sure": True, "more": [0, 1]}
    assert index.update([Document("new", "word1 word2", kept | {"sure": True, "more": [0, 1]})]) == (0, 0, 1)


def test_an_int_here_and_a_float_there(index):
    values = [1, 1.5, 2, 2.0, 2.5, True, "2"]
    index.add([Document(f"v{i}", f"word{i}", {"x": value}) for i, value in enumerate(values)])
    query = np.ones(8)

    def found(where):
        return {hit.id for hit in index.search(query, 20, where={"x": where})}

    assert found(2) == found(2.0) == {"v2", "v3"}
    assert found({"gt": 1, "lte": 2}) == {"v1", "v2", "v3"}
    assert found([1, 2.5]) == {"v0", "v4"}
    assert found(True) == {"v5"}
    assert found("2") == {"v6"}


def test_another_encoder(index, target):
    index.close()
    with pytest.raises(StoreError, match="have 8 numbers, those of this encoder 5"):
        Index.open(target, tiny_encoder(5))
    with pytest.raises(StoreError, match="not the encoder it was built with"):
        Index.open(target, tiny_encoder(8, seed=2))
    with pytest.raises(StoreError, match="there is an index already"):
        Index.create(target, tiny_encoder())
    with Index.open(target, tiny_encoder()) as opened:
        assert opened.count() == 10


def test_vectors_and_words_alone(target):
    with Index.create(target) as index:
        index.add([made_up_document(1)])
        with pytest.raises(SettingError, match="built without an encoder, and is searched by words"):
            index.search("word1", by="vectors")
    with pytest.raises(StoreError, match="built without an encoder"):
        Index.open(target, tiny_encoder())


def first(folder, pattern):
    return sorted(folder.glob(pattern))[0]


BROKEN = {
    "truncated settings": lambda folder: (folder / "index.json").write_text('{"encoder": "giv'),
    "empty settings": lambda folder: (folder / "index.json").write_text("{}"),
    "wrong settings": lambda folder: (folder / "index.json").write_text('{"dim": "8"}'),
    "no passages": lambda folder: shutil.rmtree(folder / "passages"),
    "no configuration": lambda folder: (folder / "passages" / "edge_config.json").write_text("{"),
    "a segment without its state": lambda folder: first(folder, "passages/segments/*/segment.json").unlink(),
    "a damaged segment": lambda folder: first(folder, "passages/segments/*/segment.json").write_text("x"),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_folder(folder, how):
    BROKEN[how](folder)
    for opening in (Index.open, Index.create):
        with pytest.raises(StoreError, match="is broken; delete the folder and build it again") as caught:
            opening(folder, tiny_encoder())
        assert str(folder) in str(caught.value)


def test_a_format_of_a_later_version(folder):
    text = (folder / "index.json").read_text()
    (folder / "index.json").write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(StoreError, match="its format 99 is unknown"):
        Index.open(folder, tiny_encoder())


def test_something_else_is_left_alone(tmp_path, folder):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "other" / "passages").mkdir(parents=True)
    (folder / "index.json").unlink()
    (tmp_path / "empty").mkdir()
    for opening in (Index.open, Index.create):
        with pytest.raises(StoreError, match="this is a file"):
            opening(tmp_path / "file", tiny_encoder())
        for place in (tmp_path / "other", folder):
            with pytest.raises(StoreError, match="this is no index"):
                opening(place, tiny_encoder())
            assert (place / "passages").is_dir()
    for place in ("nowhere", "empty"):
        with pytest.raises(StoreError, match="there is no index"):
            Index.open(tmp_path / place)
    with pytest.raises(StoreError, match="a folder, or on a server at postgresql"):
        Index.open("milvus://somewhere")


def test_an_index_that_was_killed_in_the_making_is_made(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wordladder.search.store.write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            Index.create(tmp_path / "index", tiny_encoder())._store.close()
    with Index.create(tmp_path / "index", tiny_encoder()) as index:
        assert index.add([made_up_document(1)]).added == 1
    assert sorted(path.name for path in (tmp_path / "index").iterdir()) == ["index.json", "passages"]


def test_two_processes_at_once(folder):
    code = "import sys; from wordladder.search.index import Index; Index.open(sys.argv[1])"
    with Index.open(folder, tiny_encoder()):
        done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True)
    assert "OutputError" in done.stderr
    assert "wait until it ends" in done.stderr
    with Index.open(folder, tiny_encoder()), pytest.raises(OutputError, match="has it open"):
        Index.open(folder)


def test_addresses_of_servers(postgres, tmp_path):
    folder = postgres.partition("host=")[2]
    for url, told in [
        ("postgresql://me:secret@127.0.0.1:1/db", "no connection"),
        (f"postgresql://postgres:secret@/nowhere?host={folder}", "no connection: .*nowhere"),
        (f"postgresql://me:secret@/postgres?host={folder}", "no connection: .*me"),
        (f"postgresql://postgres:secret@/postgres?host={folder}&colour=red", "no connection: .*colour"),
        (f"postgresql://postgres:secret@/postgres?host={folder}&index=A-b", "digits and _ in its name"),
    ]:
        for opening in (Index.open, Index.create):
            with pytest.raises(StoreError, match=told) as caught:
                opening(url)
            assert str(caught.value).startswith("postgresql://")
            assert "secret" not in str(caught.value)
    with pytest.raises(StoreError, match="there is no index"):
        Index.open(f"{postgres}&index=nobody")


def test_a_server_without_pgvector_or_permission(postgres):
    import psycopg

    with psycopg.connect(postgres, autocommit=True) as server:
        server.execute("create database bare")
        server.execute("create role guest login")
    bare = postgres.replace("postgres@/postgres", "guest@/bare")
    with pytest.raises(StoreError, match=r"permission denied.*needs the extension pgvector"):
        Index.create(bare, tiny_encoder())
    with pytest.raises(StoreError, match="permission denied for database bare"):
        Index.create(bare)
    with Index.create(bare.replace("guest", "postgres")) as index:  # words alone need no pgvector
        index.add([made_up_document(1)])
        assert len(index.search(made_up_document(1).text)) == 1


def test_a_connection_that_is_lost(postgres):
    import psycopg

    store = PostgresStore(f"{postgres}&index=lost")
    store.keep({"dim": 0})
    with psycopg.connect(postgres, autocommit=True) as server:
        (process,) = store._run("select pg_backend_pid()")[0]
        server.execute("select pg_terminate_backend(%s)", [process])
    with pytest.raises(StoreError, match=r"index=lost: .*; open the index again"):
        store.count()
    store.close()
