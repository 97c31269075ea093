"""A pretraining that is killed and resumed ends with the weights of an unbroken one, bit for bit."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

from made_up_text import write_corpus
from tiny_transformers import tiny_bert
from wordladder.errors import SettingError
from wordladder.pretraining import loop, settings
from wordladder.pretraining.pretrain import pretrain

SCRIPT = """
import json, sys
from wordladder.pretraining import loop, settings
from wordladder.pretraining.pretrain import pretrain

loop.CHECKPOINT_SECONDS = 0.05
settings.SIZES["tiny"] = settings.Shape(2, 16, 24, 2, 8, 150)
corpus, output, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])

def tell(stage, done, total, **facts):
    if stage == "pretraining":
        print("step", done, flush=True)

pretrain([corpus], output, settings.PretrainingSettings(**given), progress=tell)
"""

BY_STEPS = {
    "kind": "albert",
    "steps": 60,
    "max_pieces": 32,
    "batch_pieces": 256,
    "dropout": 0.1,
    "threads": 1,
}
BY_STEPS |= {"tokenizer": "wordpiece", "held_out": 0.1, "log_steps": 7, "parts": 2, "device": "cpu"}
BY_THE_CLOCK = {**BY_STEPS, "steps": None, "minutes": 0.03}


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus.txt")


@pytest.fixture(autouse=True)
def tiny(monkeypatch):
    monkeypatch.setitem(settings.SIZES, "tiny", settings.Shape(2, 16, 24, 2, 8, 150))


def killed(corpus, output, given, last):
    """Start a run, and kill it after step `last`."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(corpus), str(output), json.dumps(given)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    for line in process.stdout:
        if line.strip() == f"step {last}":
            process.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            break
    process.communicate(timeout=120)
    assert not output.exists(), "nothing half-written"


def run(corpus, output, given, resume=False, tell=None):
    """Run to the end; the steps that were made."""
    seen = []

    def watch(stage, done, total, **facts):
        if stage == "pretraining":
            seen.append(done)
            if tell is not None:
                tell(done)

    pretrain([corpus], output, settings.PretrainingSettings(**given), resume=resume, progress=watch)
    return seen


def same_weights(one, two):
    a, b = (load_file(folder / "model.safetensors") for folder in (one, two))
    assert a.keys() == b.keys()
    return [name for name in a if not a[name].equal(b[name])]


def without_times(folder):
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    times = ("seconds", "tokens_per_second")
    held_out = "held_out_"  # how often it is looked at goes by the clock
    return [
        {k: v for k, v in json.loads(line).items() if k not in times and not k.startswith(held_out)}
        for line in lines
    ]


@pytest.mark.parametrize("taught", [False, True])
def test_killed_at_a_random_step(corpus, tmp_path, taught):
    last = random.Random(time.time_ns()).randint(5, 55)
    given = BY_STEPS
    if taught:
        given = {**BY_STEPS, "tokenizer": None, "teacher": str(tiny_bert(tmp_path / "teacher"))}
    killed(corpus, tmp_path / "broken", given, last)
    resumed = run(corpus, tmp_path / "broken", given, resume=True)
    assert resumed[0] > 1, "it went on, it did not begin again"
    whole = run(corpus, tmp_path / "whole", given)
    assert whole[-1] == resumed[-1] == 60
    different = same_weights(tmp_path / "whole", tmp_path / "broken")
    assert not different, f"killed at step {last}: {different}"
    assert without_times(tmp_path / "whole") == without_times(tmp_path / "broken")
    assert not (tmp_path / "broken.training").exists()


def test_broken_off_by_the_clock(corpus, tmp_path, monkeypatch):
    """The run's plans, followed by an unbroken run, lead to the same weights."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    journal, kept = tmp_path / "broken.training" / "plans.jsonl", [""]
    with pytest.raises(RuntimeError, match="stop here"):
        run(corpus, tmp_path / "broken", BY_THE_CLOCK, tell=lambda done: _stop(done, 5))
    early = journal.read_text(encoding="utf-8")

    def look(done):
        kept[0] = journal.read_text(encoding="utf-8")

    resumed = run(corpus, tmp_path / "broken", BY_THE_CLOCK, resume=True, tell=look)
    assert resumed[0] == 5, "the step after the last checkpoint"
    assert kept[0].startswith(early)
    assert len(kept[0]) > len(early)
    with pytest.raises(RuntimeError, match="stop here"):
        run(corpus, tmp_path / "whole", BY_THE_CLOCK, tell=_stop)
    folder = tmp_path / "whole.training"
    assert not (folder / "checkpoint.safetensors").exists()
    (folder / "plans.jsonl").write_text(kept[0], encoding="utf-8")
    monkeypatch.setattr(loop.Plans, "measure", lambda *_: None)  # all is planned, however slow this run is
    whole = run(corpus, tmp_path / "whole", BY_THE_CLOCK, resume=True)
    assert (whole[0], whole[-1]) == (1, resumed[-1])
    assert not same_weights(tmp_path / "whole", tmp_path / "broken")


def _stop(done, last=1):
    if done == last:
        raise RuntimeError("stop here")


def stopped_and_resumed(corpus, output):
    """Interrupt a run after seven steps, and start it again."""

    def stop(done):
        if done == 7:
            os.kill(os.getpid(), signal.SIGINT)

    given = {**BY_STEPS, "steps": 20}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
    with pytest.raises(KeyboardInterrupt):
        run(corpus, output, given, tell=stop)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    seen = run(corpus, output, given, resume=True)
    assert (seen[0], seen[-1]) == (8, 20)


def test_asked_to_stop(corpus, tmp_path):
    """An interrupt lets the step end and keeps a checkpoint; the same call goes on from there."""
    # In a process of its own: no other test's libraries have touched how signals arrive.
    process = multiprocessing.get_context("spawn").Process(
        target=stopped_and_resumed, args=(corpus, tmp_path / "out")
    )
    process.start()
    process.join()
    assert process.exitcode == 0


def test_an_interrupted_run_of_other_settings(corpus, tmp_path):
    with pytest.raises(RuntimeError, match="stop here"):
        run(corpus, tmp_path / "out", BY_STEPS, tell=_stop)
    with pytest.raises(SettingError, match="interrupted run had other"):
        run(corpus, tmp_path / "out", {**BY_STEPS, "learning_rate": 0.5}, resume=True)
