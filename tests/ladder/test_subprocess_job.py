"""Jobs in subprocesses: what reaches the parent when they succeed, fail, are killed, or take too long."""

import os
import sys
import textwrap

import pytest

from wordladder.ladder.subprocess_job import JobError, run_job

HEAD = """
import json, os, sys, time
from wordladder.errors import DataError
from wordladder.ladder.subprocess_job import job_events
job = json.load(open(sys.argv[1], encoding="utf-8"))
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Runs a script as the module of a job."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    modules = iter(range(100))

    def run(script, content=None, **settings):
        name = f"job_module_{next(modules)}"
        (tmp_path / f"{name}.py").write_text(HEAD + textwrap.dedent(script), encoding="utf-8")
        return run_job(name, content or {}, tmp_path / "job", **{"threads": 1, **settings})

    return run


def test_the_result_and_the_progress_arrive(job, tmp_path):
    received = []

    def progress(*stage, **facts):
        received.append((stage, facts))

    facts = job(
        """
        with job_events() as events:
            print("and again, to standard output")
            os.system("echo from a grandchild")
            events("training", 3, 10, loss=0.5, state="good")
            events("testing", 0, None)
            events.send("result", facts={"got": job["text"], "threads": os.environ["OMP_NUM_THREADS"]})
        """,
        {"text": "Grüße, 世界 🙂 \ud800"},
        threads=3,
        progress=progress,
    )
    assert facts == {"got": "Grüße, 世界 🙂 \ud800", "threads": "3"}
    assert received == [
        (("training", 3.0, 10.0), {"loss": 0.5, "state": "good"}),
        (("testing", 0.0, None), {}),
    ]
    log = (tmp_path / "job" / "log.txt").read_text(encoding="utf-8")
    assert "and again" in log
    assert "from a grandchild" in log
    assert not (tmp_path / "job" / "job.json").exists()


def test_a_silent_job_leaves_no_log(job, tmp_path):
    assert job('with job_events() as events: events.send("result", facts={})') == {}
    assert list((tmp_path / "job").iterdir()) == []


def test_an_error_on_purpose_is_its_message(job):
    with pytest.raises(JobError, match=r"^data.csv, line 7: no label$") as caught:
        job('with job_events(): raise DataError("data.csv, line 7:\\n no label")')
    assert caught.value.user_error


def test_an_unforeseen_error_is_its_last_line_and_the_place_of_the_rest(job, tmp_path):
    with pytest.raises(JobError) as caught:
        job('with job_events(): raise ZeroDivisionError("so sorry\\nfor many\\nreasons")')
    assert str(caught.value) == f"ZeroDivisionError: so sorry (full log: {tmp_path / 'job' / 'log.txt'})"
    assert not caught.value.user_error
    assert "Traceback" in (tmp_path / "job" / "log.txt").read_text(encoding="utf-8")


def test_an_error_after_the_result_is_still_an_error(job):
    with pytest.raises(JobError, match=r"^it ended with exit code 3$"):
        job('with job_events() as events: events.send("result", facts={}); sys.exit(3)')


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals to be killed by")
def test_a_kill_is_told(job):
    script = """
        with job_events() as events:
            events.stream.write('{"event": "progress", "stage')
            events.stream.flush()
            os.kill(os.getpid(), 9)
    """
    with pytest.raises(
        JobError, match=r"^the process was killed \(SIGKILL\); it probably ran out of memory$"
    ):
        job(script)


def test_training_that_takes_too_long_is_stopped(job):
    with pytest.raises(JobError, match=r"^training took longer than the limit of 0.001 minutes$"):
        job('with job_events() as events: events.send("clock_starts"); time.sleep(60)', minutes=0.001)


def test_only_the_time_between_the_clock_events_counts(job):
    facts = job(
        """
        with job_events() as events:
            events.send("clock_starts")
            events.send("clock_stops")
            time.sleep(0.3)
            events.send("result", facts={})
        """,
        minutes=0.004,
    )
    assert facts == {}


def test_an_interrupt_ends_the_job(job, tmp_path):
    def interrupt(*_, **facts):
        interrupt.pid = int(facts["pid"])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(
            'with job_events() as events: events("training", 0, None, pid=os.getpid()); time.sleep(60)',
            progress=interrupt,
        )
    if sys.platform != "win32":
        with pytest.raises(ProcessLookupError):
            os.kill(interrupt.pid, 0)


def test_a_file_in_the_working_folder_hides_no_library(job, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "json.py").write_text("raise RuntimeError", encoding="utf-8")
    assert job('with job_events() as events: events.send("result", facts={})') == {}
