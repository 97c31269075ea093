"""The commands on tagged text and on questions: what they print, what they write, and how they fail."""

import io
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest
from test_commands import fails, run

from made_up_tasks import questions, sentences, write_columns, write_squad
from wordladder.ladder import climb as climbing
from wordladder.ladder import cost
from wordladder.ladder.run import Run, train_and_test
from wordladder.ladder.runner import Runner
from wordladder.ladder.subprocess_job import EventWriter

QUICK = ("embedders.0.dim=12", "embedders.0.min_count=1", "encoders.0.hidden=12", "training.batch_rows=8")
QUICK += ("training.learning_rate=0.03", "training.epochs=6", "task.dropout=0.0", "embedders.0.dropout=0.0")
SMALL = ("vectors.dim=12", "vectors.epochs=1", "embedders.0.tune=true", "embedders.1.filters=6")
SMALL += ("encoders.0.hidden=12", "encoders.2.hidden=12", "encoders.2.layers=1", "training.epochs=6")
SMALL += ("training.batch_rows=8", "training.learning_rate=0.02", "task.dropout=0.0")
SMALL += tuple(f"{part}.dropout=0.0" for part in ("embedders.0", "embedders.1", "encoders.1", "encoders.2"))
FIGURES = {"task", "metric", "value", "interval", "rows", "metrics"}


def settings(given):
    return [part for one in given for part in ("--set", one)]


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    return write_columns(tmp_path_factory.mktemp("tags") / "train.txt", 80)


@pytest.fixture(scope="module")
def squad(tmp_path_factory):
    return write_squad(tmp_path_factory.mktemp("asked") / "train.json", 60, none=0.3)


@pytest.fixture(scope="module")
def tagger(columns, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tagger"
    out = run("train", "bilstm-crf", "--train", columns, "--output", folder, *settings(QUICK))
    assert "bilstm-crf trained on 72 rows" in " ".join(out.split())
    assert "f1" in out
    assert "The tags are BIO" in out
    return folder


@pytest.fixture(scope="module")
def reader(squad, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "reader"
    out = run(
        "train", "bidaf", "--train", squad, "--test", squad, "--output", folder, *settings(SMALL), "--json"
    )
    found = json.loads(out)
    assert found["metric"] == "f1"
    assert found["test"]["value"] > 0.6
    return folder


def objects(out):
    return [json.loads(line) for line in out.split("\n")[:-1]]


class TestTagging:
    def test_evaluate(self, tagger, columns):
        found = json.loads(run("evaluate", tagger, columns, "--json"))
        assert found.keys() >= FIGURES
        assert (found["task"], found["metric"], found["rows"]) == ("tagging", "f1", 80)
        assert found["interval"][0] <= found["value"] <= found["interval"][1]
        assert found["value"] > 0.9
        out = run("evaluate", tagger, columns)
        assert "80 rows" in out
        assert "LOC" in out
        assert "PER" in out

    def test_predict_lines(self, tagger):
        text = "the cat met Ann Bo in Oslo .\n\n  we met   Eve in\tRome .\n"
        assert run("predict", tagger, "-", text=text).split("\n") == [
            "the cat met [Ann Bo PER] in [Oslo LOC] .",
            "",
            "  we met   [Eve PER] in\t[Rome LOC] .",
            "",
        ]

    def test_predict_as_json(self, tagger):
        line = "  we met   Eve in\tRome ."
        (found,) = objects(run("predict", tagger, "-", "--json", text=f"{line}\n"))
        assert found.keys() == {"entities"}
        for entity, text, kind in zip(found["entities"], ("Eve", "Rome"), ("PER", "LOC"), strict=True):
            assert entity.keys() == {"type", "start", "end", "text", "confidence"}
            assert entity["text"] == line[entity["start"] : entity["end"]] == text
            assert entity["type"] == kind
            assert 0.5 < entity["confidence"] <= 1

    def test_other_ways_to_tag(self, tagger):
        text = "we met Eve in Rome .\n"
        (found,) = objects(run("predict", tagger, "-", "--json", "--top", 2, text=text))
        first, second = found["alternatives"]
        assert first["probability"] >= second["probability"]
        assert first["entities"] == found["entities"]
        lines = run("predict", tagger, "-", "--top", 2, text=text).split("\n")
        assert lines[0] == "we met [Eve PER] in [Rome LOC] ."
        assert lines[1].startswith(f"{second['probability']:.3f}  we met")

    def test_a_page(self, tagger, tmp_path):
        page = tmp_path / "new" / "page.html"
        out = run("predict", tagger, "-", "--html", page, text="we met Eve in Rome .\nno one & none\n")
        written = page.read_text(encoding="utf-8")
        assert "2 texts marked" in out
        assert "Eve" in written
        assert "no one &amp; none" in written

    def test_a_file_with_a_word_a_line_is_read_as_its_sentences(self, tagger, columns, tmp_path):
        words, _ = sentences(80)
        again = tmp_path / "words.conll"
        again.write_bytes(columns.read_bytes())
        for told in ((again,), (columns, "--format", "columns")):
            lines = run("predict", tagger, *told).split("\n")
            assert len(lines) == 81
            assert lines[0].startswith(words[0][0])
            assert "PER]" in lines[0]

    def test_what_the_user_gave_is_wrong(self, tagger, columns, tmp_path):
        broken = tmp_path / "broken.txt"
        broken.write_text("Ann B-PER\nmet\nBo B-PER\n", encoding="utf-8")
        empty = tmp_path / "empty.txt"
        empty.write_text("Ann O\nmet O\n\nBo O\n", encoding="utf-8")
        out = tmp_path / "out"
        message = fails("train", "bilstm-crf", "--train", broken, "--output", out)
        assert "broken.txt, line 2" in message
        assert "nothing to learn: no entities" in fails("train", "crf", "--train", empty, "--output", out)
        assert "broken.txt, line 2" in fails("evaluate", tagger, broken)
        assert "label_separator" in fails("evaluate", tagger, columns, "--label-separator", "|")
        assert not out.exists()
        message = fails("train", "bilstm", "--train", columns, "--output", out)
        assert "train.txt looks like tagged text" in message
        assert "wordladder rungs --task tagging" in message

    def test_parts_of_speech(self, tmp_path):
        path = tmp_path / "tags.txt"
        rows = zip(*sentences(60))
        kinds = [[f"{word} {'X' if tag == 'O' else 'NOUN'}" for word, tag in zip(*row)] for row in rows]
        path.write_text("\n\n".join(map("\n".join, kinds)) + "\n", encoding="utf-8")
        run("train", "crf", "--train", path, "--output", tmp_path / "m")
        found = json.loads(run("evaluate", tmp_path / "m", path, "--json"))
        assert found["metric"] == "accuracy"
        (told,) = objects(run("predict", tmp_path / "m", "-", "--json", text="we met Eve .\n"))
        assert [word["type"] for word in told["words"]] == ["X", "X", "NOUN", "X"]
        run("predict", tmp_path / "m", "-", "--html", tmp_path / "p.html", text="we met Eve .\n")
        assert "NOUN" in (tmp_path / "p.html").read_text(encoding="utf-8")


class TestQuestions:
    def test_evaluate(self, reader, squad):
        found = json.loads(run("evaluate", reader, squad, "--json"))
        assert found.keys() >= FIGURES
        assert (found["task"], found["metric"], found["rows"]) == ("span_qa", "f1", 120)
        assert found["metrics"].keys() >= {"exact_match", "f1_answerable", "f1_unanswerable"}
        assert "exact match" in run("evaluate", reader, squad)

    def test_predict_a_document(self, reader, squad):
        pairs = dict(enumerate(questions(60, none=0.3)[0]))
        told = objects(run("predict", reader, squad, "--json"))
        assert len(told) == 120
        for one in told:
            assert one.keys() == {"id", "answer"}
            assert one["answer"].keys() == {"text", "start", "end", "score"}
            _, passage = pairs[int(one["id"].removeprefix("q"))]
            answer = one["answer"]
            assert answer["text"] == (
                "" if answer["start"] is None else passage[answer["start"] : answer["end"]]
            )
        assert any(one["answer"]["text"] == "" for one in told)

    def test_predict_lines(self, reader):
        line = "car ?\tthe car red , hat blue ,\n"
        (told,) = objects(run("predict", reader, "-", "--json", "--top", 3, text=line))
        assert 1 <= len(told["candidates"]) <= 3
        answer, score, question = run("predict", reader, "-", text=line).rstrip("\n").split("\t")
        assert answer == (told["answer"]["text"] or "–")
        assert score == f"{told['answer']['score']:.3f}"
        assert question == "car ?"

    def test_predict_a_table(self, reader, tmp_path):
        path = tmp_path / "asked.csv"
        path.write_text("frage,absatz\ncar ?,the car red .\n", encoding="utf-8")
        (told,) = objects(run("predict", reader, path, "--text", "frage,absatz", "--json"))
        assert told.keys() == {"answer"}
        assert "Name both" in fails("predict", reader, path)
        assert "Name both columns" in fails("predict", reader, path, "--text", "frage")

    def test_what_the_user_gave_is_wrong(self, reader, squad, tmp_path):
        document = json.loads(squad.read_text(encoding="utf-8"))
        del document["data"][0]["paragraphs"][0]["qas"][0]["answers"]
        document["data"][0]["paragraphs"][0]["qas"][0]["is_impossible"] = False
        broken = tmp_path / "broken.json"
        broken.write_text(json.dumps(document), encoding="utf-8")
        message = fails("train", "bidaf", "--train", broken, "--output", tmp_path / "out")
        assert "broken.json, q0" in message
        assert "'answers' is missing" in message
        assert "broken.json, q0" in fails("evaluate", reader, broken)
        assert "with a tab between" in fails("predict", reader, "-", text="no passage here\n")
        assert "--html shows entities" in fails("predict", reader, squad, "--html", tmp_path / "page.html")
        message = fails("train", "bilstm", "--train", squad, "--output", tmp_path / "out")
        assert "looks like questions about passages" in message


def here(module, job, folder, *, threads, minutes=None, progress=None):
    """Does in this process what a subprocess would, so that torch is loaded once."""
    from wordladder import Model

    folder.mkdir(parents=True, exist_ok=True)
    if module.endswith(".run"):
        return asdict(train_and_test(Run(**job), EventWriter(io.StringIO())))
    texts = json.loads(Path(job["texts"]).read_text(encoding="utf-8"))
    return cost.measure(lambda: Model.load(job["model"]).predict, texts, threads=threads)


@pytest.fixture
def climb(monkeypatch, tmp_path):
    monkeypatch.setattr(climbing, "Runner", partial(Runner, run_job=here))
    for name, value in {"WARM_UP_CALLS": 2, "TIMED_CALLS": 10, "FEWEST_CALLS": 5, "BATCH_TEXTS": 64}.items():
        monkeypatch.setattr(cost, name, value)

    def climbed(file, *options):
        out = run("climb", file, "--seeds", 1, "--output", tmp_path / "out", *options)
        found = json.loads((tmp_path / "out" / "climb.json").read_text(encoding="utf-8"))
        return out, found, (tmp_path / "out" / "report.html").read_text(encoding="utf-8")

    return climbed


class TestClimb:
    def test_tagging(self, climb, columns):
        chosen = ("--task", "tagging", "--rungs", "crf,bilstm-crf", "--set", "training.epochs=2")
        out, found, page = climb(columns, *chosen)
        assert found.keys() >= {"task", "metric", "recommended", "reason", "rungs"}
        assert (found["task"], found["metric"]) == ("tagging", "f1")
        assert [rung["name"] for rung in found["rungs"]] == ["crf", "bilstm-crf"]
        for rung in found["rungs"]:
            assert rung["error"] is None
            assert rung["latency_ms"].keys() == {"p50", "p95"}
            assert rung["interval"][0] <= rung["value"] <= rung["interval"][1]
        assert found["recommended"] == "crf"
        assert "The tags are BIO" in out
        assert "F1 of entities" in page
        assert "crf reaches" in page  # the baseline of this task
        assert "the best on dev (F1 " in found["reason"]

    def test_questions(self, climb, squad):
        _, found, page = climb(
            squad, "--task", "span_qa", "--rungs", "bidaf", *settings([*SMALL, "training.epochs=1"])
        )
        assert (found["task"], found["metric"], found["recommended"]) == ("span_qa", "f1", "bidaf")
        assert found["rungs"][0]["error"] is None
        assert "F1 of answers" in page
        assert "questions about one passage together" in page
        assert "Questions a second" in page

    def test_what_the_user_gave_is_wrong(self, columns, squad, tmp_path):
        out = ("--output", tmp_path / "out")
        message = fails("climb", columns, *out, "--rungs", "tfidf")
        assert "train.txt looks like tagged text" in message
        assert "--task tagging" in message
        message = fails("climb", squad, *out, "--rungs", "tfidf")
        assert "--task span_qa" in message
        message = fails("climb", columns, *out, "--task", "tagging", "--rungs", "bilstm")
        assert "there is no rung 'bilstm' for tagging. Did you mean 'bilstm-crf'" in message
        assert "Did you mean 'tagging'" in fails("climb", columns, *out, "--task", "taging", "--rungs", "crf")
        assert not (tmp_path / "out").exists()
