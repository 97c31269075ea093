"""A run that is killed and resumed ends with the weights of an unbroken one, bit for bit."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
from safetensors.torch import load_file

SCRIPT = """
import sys
from conftest import reviews
from wordladder import Model

precision, output, resume, contrast = sys.argv[1], sys.argv[2], sys.argv[3] == "resume", int(sys.argv[4])
recipe = {
    "vectors": {"kind": "word2vec", "dim": 8, "min_count": 1, "epochs": 1},
    "embedders": [{"kind": "static", "source": "trained", "dropout": 0.2}],
    "encoders": [{"kind": "recurrent", "hidden": 8, "dropout": 0.1, "layers": 2}],
    "task": {"kind": "classification", "dropout": 0.3},
    "training": {"epochs": 6, "batch_rows": 8, "precision": precision, "checkpoint_steps": 3, "patience": 9},
}
recipe["training"] |= {"contrast": contrast, "steps": 14}

def tell(stage, done, total, **facts):
    if stage == "training":
        print("step", done, flush=True)

Model(recipe, device="cpu", threads=1).fit(*reviews(), output=output, resume=resume, progress=tell)
"""


def start(*args):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *args], stdout=subprocess.PIPE, text=True, env=environment
    )


def finish(process):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return output


@pytest.mark.parametrize(("precision", "contrast"), [("float32", 0), ("bfloat16", 0), ("float32", 2)])
def test_killed_at_a_random_step(precision, contrast, tmp_path):
    whole = start(precision, str(tmp_path / "whole"), "new", str(contrast))
    broken = start(precision, str(tmp_path / "broken"), "new", str(contrast))
    last = random.Random(time.time_ns()).randint(2, 70)
    for line in broken.stdout:
        if line.strip() == f"step {last}":
            broken.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
            break
    broken.communicate(timeout=120)
    assert not (tmp_path / "broken").exists(), "nothing half-written"
    resumed = finish(start(precision, str(tmp_path / "broken"), "resume", str(contrast)))
    steps = [int(line.split()[1]) for line in resumed.split("\n") if line.startswith("step")]
    if last > 3:
        assert steps[0] > 1, "it went on, it did not begin again"
    finish(whole)
    a, b = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "broken"))
    assert a.keys() == b.keys()
    different = [name for name in a if not a[name].equal(b[name])]
    assert not different, f"killed at step {last}: {different}"
    assert not (tmp_path / "broken.training").exists()
