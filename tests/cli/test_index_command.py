"""`wordladder index`: building, bringing up to date, evaluating, fitting."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from wordladder import WordVectors
from wordladder.cli import app
from wordladder.errors import DataError, SettingError, StoreError
from wordladder.search.index import Index

ROWS = [
    {"_id": "a", "title": "Apples", "text": "apple pear", "year": 1},
    {"_id": "b", "title": "Pears", "text": "pear fig", "year": 2},
    {"_id": "c", "title": "Figs", "text": "fig lime kiwi", "year": 3},
]


@pytest.fixture
def run(tmp_path):
    """Runs `wordladder index` in a folder with documents, queries and judgements; standard output."""
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, ROWS)), encoding="utf-8")
    (tmp_path / "queries.tsv").write_text("1\tapple\n2\tfig lime\n3\tnone\n", encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("1 0 a 1\n2 0 c 1\n2 0 gone 0\n", encoding="utf-8")
    words = ["apple", "pear", "fig", "lime", "kiwi", "dog"]
    WordVectors(words, np.eye(6, dtype=np.float32)).save(tmp_path / "words.safetensors")

    def command(*arguments):
        given = [str(tmp_path / one[1:]) if one.startswith("@") else one for one in arguments]
        done = CliRunner().invoke(app, ["index", *given])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    return command


BUILD = ("build", "@corpus.jsonl", "--encoder", "@words.safetensors", "-o", "@index")
EVALUATE = ("evaluate", "@index", "--queries", "@queries.tsv", "--qrels", "@qrels.tsv")


def test_build_and_update(run, tmp_path):
    out = run(*BUILD, "--field", "year", "--passage-words", "64")
    assert out.startswith("added 3   updated 0   unchanged 0\n3 documents in 3 passages, ")
    with Index.open(tmp_path / "index") as index:
        assert index.settings.passage_words == 64
        assert index.search("lime", where={"year": 3})[0].fields == {"year": 3}
    rows = [ROWS[0], ROWS[1] | {"text": "new"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = json.loads(run("build", "@corpus.jsonl", "-o", "@index", "--prune", "--field", "year", "--json"))
    assert [found[name] for name in ("added", "updated", "unchanged", "deleted")] == [0, 1, 1, 1]
    assert (found["documents"], found["passages"]) == (2, 2)
    assert found["size_mb"] > 0
    with pytest.raises(SettingError, match="overlap is 32 in this index"):
        run(*BUILD, "--overlap", "3")


def test_an_interrupted_build_says_how_to_go_on(tmp_path, monkeypatch, run):
    from wordladder.search import building

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(building, "build_index", stop)
    done = CliRunner().invoke(app, ["index", "build", str(tmp_path / "corpus.jsonl"), "-o", "index"])
    assert done.exit_code == 130
    assert "the same command goes on" in done.stderr


def test_an_index_without_an_encoder_stays_so(run):
    run("build", "@corpus.jsonl", "-o", "@index", "--stemmer", "none", "--no-chinese")
    with pytest.raises(StoreError, match="built without an encoder"):
        run(*BUILD)


def test_evaluate(run):
    run(*BUILD)
    out = run(*EVALUATE)
    lines = [line.rstrip() for line in out.split("\n")]
    assert lines[0] == "nDCG@10     1.000  (95 % interval 1.000 – 1.000)"
    assert lines[1].strip() == "sum of grade / log2(rank + 1), as a share of that of the best order"
    assert [line.split()[0] for line in lines[2:8:2]] == ["MRR@10", "recall@10", "recall@100"]
    assert lines[8].startswith("2 queries by hybrid, ")
    assert "1 query without a relevant document left out" in out
    assert "1 judgement of documents that the index does not have" in out
    found = json.loads(run(*EVALUATE, "--by", "words", "--k", "1", "--json"))
    assert (found["by"], found["queries"], found["left_out"], found["unknown"]) == ("words", 2, 1, 1)
    assert list(found["measures"]) == ["nDCG@1", "MRR@1", "recall@1", "recall@100"]
    assert found["measures"]["MRR@1"]["value"] == 1


def test_judged_queries_that_are_not_asked(run, tmp_path):
    run(*BUILD)
    (tmp_path / "queries.tsv").write_text("1\tapple\n5\tfig lime\n", encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("1 a 1\n2 c 1\n", encoding="utf-8")
    told = "1 of 2 judged queries are not in"
    assert told in run(*EVALUATE)
    assert told not in run(*EVALUATE, "--json")
    assert told not in run(*EVALUATE, "--numbering", "order")


def test_numbering_and_grades(run, tmp_path):
    run(*BUILD)
    (tmp_path / "queries.tsv").write_text("x\tapple\ny\tfig lime\n", encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("1 a 1\n2 c 1\n2 b 4\n", encoding="utf-8")
    with pytest.raises(DataError, match="no query has a relevant document"):
        run(*EVALUATE)
    one, other = (
        json.loads(run(*EVALUATE, "--numbering", "order", "--json", *more))["measures"]["nDCG@10"]["value"]
        for more in ((), ("--lowest-is-best",))
    )
    assert one < other == pytest.approx(1)


def test_fit(run, tmp_path):
    run(*BUILD)
    out = run(*EVALUATE, "--fit")
    assert "The index keeps the share 0.5." in out
    assert "share of words" in out
    assert json.loads(run(*EVALUATE, "--fit", "--json"))["words"]["share"] == 0.5
    with Index.open(tmp_path / "index") as index:
        assert index.settings.words_share == 0.5
    with pytest.raises(SettingError, match="leave --by out"):
        run(*EVALUATE, "--fit", "--by", "words")


def test_no_index(run, tmp_path):
    with pytest.raises(StoreError, match="there is no index"):
        run(*EVALUATE)
    with pytest.raises(DataError, match="no such file"):
        run("build", "@none", "-o", "@index")
    assert not (tmp_path / "index").exists()


def test_an_upgrade_is_measured(run, tmp_path):
    words = ["apple", "pear", "fig", "lime", "kiwi", "dog"]
    turned = np.roll(np.eye(6, dtype=np.float32), 1, axis=1)
    WordVectors(words, turned).save(tmp_path / "turned.safetensors")
    rows = [{"_id": str(row), "text": f"{words[row % 5]} {words[row % 3]} kiwi {row}"} for row in range(40)]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "qrels.tsv").write_text("1 0 0 1\n2 0 2 1\n", encoding="utf-8")
    run(*BUILD)
    given = ("upgrade", "@index", "--encoder", "@turned.safetensors", "--sample", "30")
    with pytest.raises(SettingError, match="belong together"):
        run(*given, "--queries", "@queries.tsv")
    out = " ".join(run(*given, *EVALUATE[2:]).split())
    assert "by vectors: nDCG@10" in out
    found = json.loads(run(*given[:3], "@words.safetensors", *given[4:], *EVALUATE[2:], "--json"))
    assert found["nDCG@10"]["before"] == pytest.approx(found["nDCG@10"]["after"], abs=0.2)
    assert json.loads(run(*given, "--json"))["nDCG@10"] is None
