"""Child processes: what reaches the parent when they end well, break, are killed, or take too long."""

import os
import sys
import textwrap

import pytest

from wordladder.ladder.subprocess_job import run_child

HEAD = """
import json, os, sys, time
from wordladder.errors import DataError
from wordladder.ladder.subprocess_job import answering
job = json.load(open(sys.argv[1], encoding="utf-8"))
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    """Runs a script as the child's module."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    modules = iter(range(100))

    def run(script, job=None, **settings):
        name = f"childs_play_{next(modules)}"
        (tmp_path / f"{name}.py").write_text(HEAD + textwrap.dedent(script), encoding="utf-8")
        return run_child(name, job or {}, tmp_path / "job", **{"threads": 1, **settings})

    return run


def test_the_result_and_the_progress_arrive(child, tmp_path):
    told = []

    def progress(*place, **facts):
        told.append((place, facts))

    ended = child(
        """
        with answering() as line:
            print("and again, to standard output")
            os.system("echo from a grandchild")
            line("training", 3, 10, loss=0.5, state="good")
            line("testing", 0, None)
            line.send("result", facts={"got": job["text"], "threads": os.environ["OMP_NUM_THREADS"]})
        """,
        {"text": "Grüße, 世界 🙂 \ud800"},
        threads=3,
        progress=progress,
    )
    assert ended.error is None
    assert ended.facts == {"got": "Grüße, 世界 🙂 \ud800", "threads": "3"}
    assert told == [(("training", 3.0, 10.0), {"loss": 0.5, "state": "good"}), (("testing", 0.0, None), {})]
    log = (tmp_path / "job" / "log.txt").read_text(encoding="utf-8")
    assert "and again" in log
    assert "from a grandchild" in log
    assert not (tmp_path / "job" / "job.json").exists()


def test_a_silent_child_leaves_no_log(child, tmp_path):
    assert child('with answering() as line: line.send("result", facts={})').facts == {}
    assert list((tmp_path / "job").iterdir()) == []


def test_an_error_on_purpose_is_its_message(child):
    ended = child('with answering(): raise DataError("data.csv, line 7:\\n no label")')
    assert ended.error == "data.csv, line 7: no label"
    assert ended.user_error
    assert ended.facts is None


def test_an_unforeseen_error_is_its_last_line_and_the_place_of_the_rest(child, tmp_path):
    ended = child('with answering(): raise ZeroDivisionError("so sorry\\nfor many\\nreasons")')
    assert ended.error == f"ZeroDivisionError: so sorry (all of it: {tmp_path / 'job' / 'log.txt'})"
    assert not ended.user_error
    assert "Traceback" in (tmp_path / "job" / "log.txt").read_text(encoding="utf-8")


def test_an_error_after_the_result_is_still_an_error(child):
    ended = child('with answering() as line: line.send("result", facts={}); sys.exit(3)')
    assert ended.facts is None
    assert "exit code 3" in ended.error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to be killed by")
def test_a_kill_is_told(child):
    ended = child(
        """
        with answering() as line:
            line.stream.write('{"event": "progress", "stage')
            line.stream.flush()
            os.kill(os.getpid(), 9)
        """
    )
    assert ended.error == "the process was killed (SIGKILL); most likely the memory was exhausted"


def test_training_that_takes_too_long_is_stopped(child):
    ended = child('with answering() as line: line.send("clock_starts"); time.sleep(60)', minutes=0.001)
    assert ended.error == "training takes more than the 0.001 minutes that are allowed"


def test_only_the_time_between_the_clock_events_counts(child):
    ended = child(
        """
        with answering() as line:
            line.send("clock_starts")
            line.send("clock_stops")
            time.sleep(0.3)
            line.send("result", facts={})
        """,
        minutes=0.004,
    )
    assert ended.error is None


def test_an_interrupt_ends_the_child(child, tmp_path):
    def interrupt(*_, **facts):
        interrupt.pid = int(facts["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        child(
            'with answering() as line: line("training", 0, None, pid=os.getpid()); time.sleep(60)',
            progress=interrupt,
        )
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(interrupt.pid, 0)


def test_a_file_in_the_working_folder_hides_no_library(child, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "json.py").write_text("raise RuntimeError", encoding="utf-8")
    assert child('with answering() as line: line.send("result", facts={})').error is None
