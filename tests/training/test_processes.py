"""Two processes that train together make the steps of one that has the batches of both."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
from safetensors.torch import load_file

from made_up_text import write_corpus
from wordladder import climb
from wordladder.data.examples import Examples
from wordladder.errors import SettingError

TRAIN = """
import json, sys
from conftest import reviews
from wordladder import Model

output, settings = sys.argv[1], json.loads(sys.argv[2])
recipe = {
    "vectors": {"kind": "word2vec", "dim": 8, "min_count": 1, "epochs": 1},
    "embedders": [{"kind": "static", "source": "trained", "dropout": 0.0}],
    "encoders": [{"kind": "recurrent", "hidden": 8}],
    "task": {"kind": "classification", "dropout": 0.0},
    "training": {"epochs": 6, "batch_rows": 4, "precision": "float32", "patience": 9, "checkpoint_steps": 1},
}
recipe["training"] |= settings

def tell(stage, done, total, **facts):
    if stage == "training":
        print("step", done, flush=True)

model = Model(recipe, device="cpu", threads=1)
model.fit(*reviews(), output=output, resume=len(sys.argv) > 3, progress=tell)
print(json.dumps([model.report_["history"], model.report_["steps"]]))
"""

PRETRAIN = """
import json, sys
from wordladder.pretraining import settings
from wordladder.pretraining.pretrain import pretrain

settings.SIZES["tiny"] = settings.Shape(2, 16, 24, 2, 8, 150)
given = {"kind": "bert", "steps": 20, "max_pieces": 32, "batch_pieces": 256, "dropout": 0.0, "threads": 1}
given |= {"tokenizer": "wordpiece", "held_out": 0.1, "log_steps": 5, "device": "cpu", "precision": "float32"}
given |= json.loads(sys.argv[3])
report = pretrain([sys.argv[1]], sys.argv[2], settings.PretrainingSettings(**given))
print(json.dumps(report["curve"]))
"""


def start(script, *arguments, count=1):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    if count > 1:
        common |= {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    return [
        subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            env=common | ({"RANK": str(number)} if count > 1 else {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]


def finish(processes):
    """What the first process says in the end."""
    outputs = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return json.loads(outputs[0][0].splitlines()[-1])


def weights_differ(one, other):
    """By how much weights differ at most."""
    one, other = (load_file(folder) for folder in (one, other))
    assert one.keys() == other.keys()
    return max((one[name].float() - other[name].float()).abs().max().item() for name in one)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """A training by two processes, and the same by one that adds up two batches a step."""
    folder = tmp_path_factory.mktemp("together")
    runs = [start(TRAIN, folder / "two", "{}", count=2), start(TRAIN, folder / "one", '{"accumulate": 2}')]
    return folder, *map(finish, runs)


def test_two_processes_make_the_steps_of_one(together):
    folder, (two, steps), (one, same_steps) = together
    assert steps == same_steps
    for name in ("loss", "dev"):
        assert [epoch[name] for epoch in two] == pytest.approx([epoch[name] for epoch in one], abs=1e-5)
    assert (
        weights_differ(folder / "two" / "weights.safetensors", folder / "one" / "weights.safetensors") < 1e-4
    )
    assert not (folder / "two.training").exists()


@pytest.mark.parametrize("count", [1, 2])
def test_a_process_is_killed_and_the_training_resumed(together, count, tmp_path):
    folder, (history, steps), _ = together
    settings = '{"accumulate": 2}'
    first, second = processes = start(TRAIN, tmp_path / "model", settings, count=2)
    for line in second.stdout:
        if line.strip() == "step 9":
            second.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            break
    (_, told), _ = (process.communicate(timeout=120) for process in processes)
    assert first.returncode not in (0, None), "the other one ends too"
    assert "another process of this training has ended" in told
    assert not (tmp_path / "model").exists(), "nothing half-written"
    resumed, same_steps = finish(start(TRAIN, tmp_path / "model", settings, "resume", count=count))
    assert same_steps == steps
    assert [epoch["loss"] for epoch in resumed] == pytest.approx(
        [epoch["loss"] for epoch in history], abs=1e-4
    )
    files = (at / "weights.safetensors" for at in (folder / "two", tmp_path / "model"))
    assert weights_differ(*files) < 1e-3


def test_pretraining(tmp_path):
    corpus = write_corpus(tmp_path / "corpus.txt")
    two = finish(start(PRETRAIN, corpus, tmp_path / "two", "{}", count=2))
    one = finish(start(PRETRAIN, corpus, tmp_path / "one", '{"parts": 2}'))
    for name in ("step", "tokens", "loss", "learning_rate", "masked_accuracy"):
        assert [line[name] for line in two] == pytest.approx([line[name] for line in one], abs=1e-5), name
    assert (
        weights_differ(tmp_path / "two" / "model.safetensors", tmp_path / "one" / "model.safetensors") < 1e-4
    )


def test_a_climb_starts_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SettingError, match="torchrun is for train and pretrain"):
        climb(Examples((["a", "b"],), ["x", "y"]), output=tmp_path / "climb")


def test_the_command_tells_its_results_once(tmp_path):
    table = tmp_path / "reviews.tsv"
    rows = [f"{'good' if number % 2 else 'bad'} film number {number}\t{number % 2}" for number in range(60)]
    table.write_text("\n".join(["text\tlabel", *rows]), encoding="utf-8")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    train = [
        "-m",
        "wordladder",
        "train",
        "bilstm",
        "--train",
        str(table),
        "--output",
        str(tmp_path / "model"),
    ]
    done = subprocess.run(
        [*torchrun, *train, "--set", "training.epochs=2", "--test", str(table), "--json"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["test"]["value"] > 0.9, "one document"
    assert (tmp_path / "model" / "weights.safetensors").exists()
