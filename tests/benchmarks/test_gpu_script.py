"""The script for graphics cards, all its parts in a few steps on the processor."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import reviews
from made_up_tasks import write_columns, write_squad
from made_up_text import write_corpus
from tiny_transformers import tiny_bert

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the script has found."""
    folder = tmp_path_factory.mktemp("gpu")
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(*reviews(80))])
    files = {
        "table": folder / "table.csv",
        "tags": write_columns(folder / "tags.txt"),
        "questions": write_squad(folder / "squad.json"),
        "text": write_corpus(folder / "text.txt", documents=600),
        "encoder": tiny_bert(folder / "bert"),
        "output": folder / "out",
    }
    named = [part for name, path in files.items() for part in (f"--{name}", str(path))]
    command = [sys.executable, str(SCRIPT), "--tiny", "--device", "cpu", *named]
    threads = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout, json.loads((folder / "out" / "gpu.json").read_text(encoding="utf-8"))


def test_no_part_fails(found):
    out, parts = found
    assert list(parts) == ["machine", "smoke", "speed", "word2vec", "albert"]
    assert [name for name, part in parts.items() if "error" in part] == [], out[-3000:]


def test_smoke_compares_answers(found):
    smoke = found[1]["smoke"]
    cases = {name for name, one in smoke.items() if isinstance(one, dict)}
    assert cases == {
        "bilstm", "bilstm-crf", "bert", "albert-bilstm", "albert-bilstm-crf", "frozen", "bert-qa", "resume"
    }  # fmt: skip
    assert all(smoke[case]["right"] for case in cases)


def test_speed_measures_both_ways(found):
    speed = found[1]["speed"]
    assert speed["tflops_of_products"] > 0
    for what in ("pretrain albert tiny", "tune encoder"):
        assert speed[what]["ratio"] == pytest.approx(speed[what]["ours"] / speed[what]["usual"])
        assert speed[what]["share"] > 0
        assert speed[what]["gflop_a_piece"] > 0


def test_word_vectors_are_trained_both_ways(found):
    word2vec = found[1]["word2vec"]
    assert len(word2vec["runs"]["kernel"]) == len(word2vec["runs"]["device"]) == 1
    kernel, device = (word2vec["means"][side]["loss"] for side in ("kernel", "device"))
    assert device == pytest.approx(kernel, rel=0.2)


def test_encoders_are_pretrained_with_a_teacher_and_without(found):
    for name in ("own", "taught"):
        assert found[1]["albert"][name]["steps"] == 3
        assert 0 <= found[1]["albert"][name]["masked_accuracy"] <= 1
