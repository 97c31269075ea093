"""The loops of training and pretraining on a card, whole: the processor's numbers, broken off or not."""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

from cards import card
from conftest import reviews
from wordladder import Model
from wordladder.pretraining.pretrain import pretrain
from wordladder.pretraining.settings import PretrainingSettings
from wordladder.training.devices import device_of

RECIPE = {
    "embedders": [{"kind": "static", "dim": 8, "min_count": 1}],
    "encoders": [{"kind": "recurrent", "hidden": 6}],
    "task": {"kind": "classification"},
    "training": {
        "epochs": 2,
        "batch_rows": 8,
        "accumulate": 2,
        "learning_rate": 0.02,
        "precision": "float32",
        "average": 0.5,
        "checkpoint_steps": 2,
    },
}
TEXTS, LABELS = reviews(72)


def fitted(device, **where):
    return Model(RECIPE, device=device, threads=1).fit(TEXTS, LABELS, **where)


def test_training(tmp_path):
    expected = fitted("cpu")
    with card() as there:
        found = fitted(str(there.device), output=tmp_path / "model")
        probabilities = found.predict_proba(TEXTS)
        history = found.report_["history"]
        assert device_of(found.engine_.network).type == there.device.type
    np.testing.assert_allclose(probabilities, expected.predict_proba(TEXTS), atol=1e-4)
    for ours, theirs in zip(history, expected.report_["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
        assert ours["dev"] == theirs["dev"]
    brought = Model.load(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(brought.predict_proba(TEXTS), probabilities, atol=1e-5)


def test_a_broken_run_goes_on(tmp_path):
    def stop(stage, done, total, **facts):
        if stage == "training" and done >= 3:
            raise KeyboardInterrupt

    with card() as there:
        device = str(there.device)
        whole = fitted(device, output=tmp_path / "whole").predict_proba(TEXTS)
        with pytest.raises(KeyboardInterrupt):
            Model(RECIPE, device=device, threads=1).fit(
                TEXTS, LABELS, output=tmp_path / "broken", progress=stop
            )
        resumed = fitted(device, output=tmp_path / "broken", resume=True).predict_proba(TEXTS)
    np.testing.assert_allclose(resumed, whole, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "elmo"])
def test_pretraining(kind, small_encoders, corpus, tmp_path):
    given = {"kind": kind, "steps": 6, "parts": 2, "log_steps": 2, "precision": "float32", "threads": 1}
    given |= (
        {"max_pieces": 32, "batch_pieces": 64} if kind == "elmo" else {"max_pieces": 32, "batch_pieces": 256}
    )
    curves = {}
    for device in ("cpu", "card"):
        with card() as there:
            name = str(there.device) if device == "card" else device
            report = pretrain([corpus], tmp_path / device, PretrainingSettings(**given, device=name))
        curves[device] = [
            {key: line[key] for key in line if key.endswith(("loss", "accuracy", "step"))}
            for line in report["curve"]
        ]
        assert json.loads((tmp_path / device / "pretraining.json").read_text())["steps"] == 6
    for ours, theirs in zip(curves["card"], curves["cpu"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    one, other = (load_file(tmp_path / device / "model.safetensors") for device in ("card", "cpu"))
    for name, weight in one.items():
        np.testing.assert_allclose(weight.numpy(), other[name].numpy(), atol=2e-4, err_msg=name)
