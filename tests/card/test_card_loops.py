"""The loops of training and pretraining on a card, whole: the processor's numbers, broken off or not. Without
dropout, which a real card draws otherwise.
"""

import json

import numpy as np
import pytest
from safetensors.torch import load_file

from cards import card
from conftest import reviews
from made_up_tasks import sentences
from wordladder import Model
from wordladder.embedders._elmo_options import ElmoOptions
from wordladder.layers.devices import device_of
from wordladder.pretraining import elmo
from wordladder.pretraining.pretrain import pretrain
from wordladder.pretraining.settings import PretrainingSettings

WORDS = {"kind": "static", "dim": 8, "min_count": 1}
TRAINING = {"epochs": 2, "batch_rows": 8, "accumulate": 2, "learning_rate": 0.02, "average": 0.5}
TRAINING |= {"precision": "float32", "checkpoint_steps": 2}
RECIPES = {
    "classification": {"embedders": [WORDS], "encoders": [{"kind": "recurrent", "hidden": 6}]},
    "tagging": {"embedders": [WORDS, {"kind": "characters", "dim": 8}], "fusion": {"kind": "gate"}},
}
EXAMPLES = {"classification": reviews(72), "tagging": sentences(60)}
ELMO = ElmoOptions(units=16, dim=8, character_dim=4, filters=((1, 8), (3, 8)), highways=1)


def fitted(task, device, contrast=0, **where):
    training = {**TRAINING, "contrast": contrast}
    recipe = {**RECIPES[task], "task": {"kind": task, "dropout": 0.0}, "training": training}
    return Model(recipe, device=device, threads=1).fit(*EXAMPLES[task], **where)


def scores(model, task):
    found = model.scores(EXAMPLES[task][0])
    return getattr(found, "values", found)


@pytest.mark.parametrize(("task", "contrast"), [*((task, 0) for task in RECIPES), ("classification", 2)])
def test_training(task, contrast, tmp_path):
    expected = fitted(task, "cpu", contrast)
    with card() as there:
        model = fitted(task, str(there.device), contrast, output=tmp_path / "model")
        assert device_of(model.engine_.network).type == there.device.type
        found = scores(model, task)
    np.testing.assert_allclose(found, scores(expected, task), rtol=1e-3, atol=1e-4)
    for ours, theirs in zip(model.report_["history"], expected.report_["history"], strict=True):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-4)
        assert ours.get("dev") == pytest.approx(theirs.get("dev"))
    brought = Model.load(tmp_path / "model", device="cpu")
    np.testing.assert_allclose(scores(brought, task), found, rtol=1e-4, atol=1e-5)


def test_a_broken_run_goes_on(tmp_path):
    def stop(stage, done, total, **facts):
        if stage == "training" and done >= 3:
            raise KeyboardInterrupt

    task = "classification"
    with card() as there:
        device = str(there.device)
        whole = scores(fitted(task, device, output=tmp_path / "whole"), task)
        with pytest.raises(KeyboardInterrupt):
            fitted(task, device, output=tmp_path / "broken", progress=stop)
        resumed = scores(fitted(task, device, output=tmp_path / "broken", resume=True), task)
    varying = 5e-3 if device.startswith("cuda") else 1e-5  # a real card sums in varying order
    np.testing.assert_allclose(resumed, whole, atol=varying)


@pytest.mark.parametrize("kind", ["bert", "elmo"])
def test_pretraining(kind, small_encoders, corpus, tmp_path, monkeypatch):
    monkeypatch.setitem(elmo.SIZES, "tiny", ELMO)
    monkeypatch.setattr(elmo, "DROPOUT", 0.0)
    given = {"kind": kind, "steps": 6, "parts": 2, "log_steps": 2, "precision": "float32", "threads": 1}
    given |= (
        {"max_pieces": 32, "batch_pieces": 64} if kind == "elmo" else {"max_pieces": 32, "batch_pieces": 256}
    )
    curves, held = {}, {}
    for device in ("cpu", "card"):
        with card() as there:
            name = str(there.device) if device == "card" else device
            report = pretrain([corpus], tmp_path / device, PretrainingSettings(**given, device=name))
        curves[device] = [
            {key: line[key] for key in line if key in ("step", "loss", "masked_accuracy", "forward_loss")}
            for line in report["curve"]
        ]
        held[device] = report["held_out"]
        assert json.loads((tmp_path / device / "pretraining.json").read_text())["steps"] == 6
    for ours, theirs in zip(curves["card"], curves["cpu"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-3)
    assert held["card"] == pytest.approx(held["cpu"], rel=1e-3)
    one, other = (load_file(tmp_path / device / "model.safetensors") for device in ("card", "cpu"))
    for name, weight in one.items():
        np.testing.assert_allclose(weight.numpy(), other[name].numpy(), atol=2e-4, err_msg=name)
