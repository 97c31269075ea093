"""The climb of search: rungs of the same documents on the same queries."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tiny_transformers import tiny_bert
from wordladder.cli import app
from wordladder.errors import DataError, OutputError, SettingError
from wordladder.search.climb import RUNGS, _job, _recipe, climb_search
from wordladder.search.passages import Document

pytest.importorskip("qdrant_edge")
pytest.importorskip("ir_measures")

THEMES = ["cat dog pet", "bank money market", "rain snow weather", "film actor story"]


def collection():
    """Documents of four themes, and queries whose theme is relevant."""
    random = np.random.default_rng(1)
    documents = [
        Document(f"d{i}", " ".join(random.choice([*THEMES[i % 4].split(), "the", "a", "of"], 12)))
        for i in range(40)
    ]
    queries = {f"q{i}": " ".join(random.choice(THEMES[i % 4].split(), 2)) for i in range(18)}
    judgements = {f"q{i}": {f"d{n}": 1 for n in range(i % 4, 40, 4)} for i in range(18)}
    return documents, queries, judgements


def test_rungs_are_measured_and_one_recommended(tmp_path):
    documents, queries, judgements = collection()
    queries["unjudged"] = "nothing"
    rungs = ["bm25", "vectors-sif", "hybrid-static"]
    found = climb_search(documents, queries, judgements, output=tmp_path / "climb", rungs=rungs, threads=1)
    assert [rung.name for rung in found.rungs] == rungs
    assert (found.metric, dict(found.rows)) == ("nDCG@10", {"documents": 40, "dev": 6, "test": 12})
    assert found.recommended in rungs
    assert "1 queries without a relevant document are left out" in found.notes[0]
    for rung in found.rungs:
        assert rung.error is None
        assert rung.value > 0.9
        measures = json.loads((tmp_path / "climb" / "runs" / rung.name / "measures.json").read_text())
        assert measures["measures"]["nDCG@10"]["value"] == rung.value
        assert rung.price.latency_p50 > 0 < rung.price.size_mb
    assert found.rung("hybrid-static").recipe.startswith('[search]\nby = "hybrid"\nencoder = "vectors-sif"')
    page = (tmp_path / "climb" / "report.html").read_text(encoding="utf-8")
    assert "Queries a second" in page
    with pytest.raises(OutputError, match="there is a climb here already"):
        climb_search(documents, queries, judgements, output=tmp_path / "climb", rungs=["bm25"])


def test_what_a_rung_lacks_is_said(tmp_path):
    documents, queries, judgements = collection()
    with pytest.raises(SettingError, match="the rung hybrid: it needs a sentence encoder"):
        climb_search(documents, queries, judgements, output=tmp_path, rungs=["hybrid"])
    with pytest.raises(SettingError, match=r"there is no rung 'bm52' of retrieval. Did you mean 'bm25'"):
        climb_search(documents, queries, judgements, output=tmp_path, rungs=["bm52"])
    with pytest.raises(DataError, match="3 queries have a relevant document; a climb needs at least 6"):
        climb_search(documents, dict(list(queries.items())[:3]), judgements, output=tmp_path)


def test_an_encoder_and_the_command_line(tmp_path):
    documents, queries, judgements = collection()
    encoder = tiny_bert(tmp_path / "encoder")
    (tmp_path / "docs.jsonl").write_text(
        "".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in documents)
    )
    (tmp_path / "queries.tsv").write_text("".join(f"{name}\t{text}\n" for name, text in queries.items()))
    qrels = "".join(f"{q} 0 {d} {grade}\n" for q, ds in judgements.items() for d, grade in ds.items())
    (tmp_path / "qrels.txt").write_text(qrels)
    command = ["climb", str(tmp_path / "docs.jsonl"), "--task", "retrieval", "--rungs", "bm25,hybrid"]
    command += ["--queries", str(tmp_path / "queries.tsv"), "--qrels", str(tmp_path / "qrels.txt")]
    command += ["--output", str(tmp_path / "climb"), "--threads", "1"]
    ran = CliRunner().invoke(app, [*command, "--encoder", str(encoder), "--json"])
    assert ran.exit_code == 0, ran.output
    shown = json.loads(ran.stdout)
    assert [rung["name"] for rung in shown["rungs"]] == ["bm25", "hybrid"]
    assert shown["rungs"][1]["latency_ms"]["p50"] > 0
    ran = CliRunner().invoke(app, [*command, "--label-curve"])
    assert isinstance(ran.exception, SettingError)
    assert "--task retrieval has no option --label-curve" in str(ran.exception)


def test_only_what_is_distilled_has_a_teacher(tmp_path):
    alone, distilled = (
        _job(RUNGS[name], "some/encoder", None, tmp_path, 1) for name in ("vectors-sif", "static-distilled")
    )
    assert _recipe(alone) == '[search]\nby = "vectors"\nencoder = "vectors-sif"\n'
    assert _recipe(distilled).endswith('teacher = "some/encoder"\n')
    assert alone.model == str(tmp_path / "models" / "vectors-sif")


def test_rungs_are_listed():
    ran = CliRunner().invoke(app, ["rungs", "--task", "retrieval", "--json"])
    assert [row["name"] for row in json.loads(ran.stdout)] == list(RUNGS)


def test_a_climb_that_was_broken_off_goes_on_with_the_same_documents(tmp_path, monkeypatch):
    documents, queries, judgements = collection()

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("wordladder.search.climb.compare", stop)
        with pytest.raises(KeyboardInterrupt):
            climb_search(documents, queries, judgements, output=tmp_path, rungs=["bm25"], threads=1)
    with pytest.raises(SettingError, match="the climb here began with other documents"):
        climb_search(documents[1:], queries, judgements, output=tmp_path, rungs=["bm25"])
    found = climb_search(documents, queries, judgements, output=tmp_path, rungs=["bm25"], threads=1)
    assert found.recommended == "bm25"
