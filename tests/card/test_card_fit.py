"""Whole trainings on a card, from a call to a saved model: the processor's losses, and its answers."""

import numpy as np
import pytest
from accelerate.state import AcceleratorState

from cards import card
from conftest import reviews
from made_up_tasks import sentences
from wordladder import Model
from wordladder.pretraining.pretrain import pretrain
from wordladder.pretraining.settings import PretrainingSettings
from wordladder.training.devices import device_of

WORDS = {"kind": "static", "dim": 8, "min_count": 1, "dropout": 0.0}
TRAINING = {"epochs": 2, "batch_rows": 16, "precision": "float32", "checkpoint_steps": 3}
RECIPES = {
    "classification": {"embedders": [WORDS], "encoders": [{"kind": "recurrent", "hidden": 8}]},
    "tagging": {"embedders": [WORDS, {"kind": "characters", "dim": 8}], "fusion": {"kind": "gate"}},
}


@pytest.fixture
def there(monkeypatch):
    """The name of the card, where accelerate finds it."""
    with card() as found:
        monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", str(found.device))
        AcceleratorState._reset_state(reset_partial_state=True)
        yield found.device.type
        AcceleratorState._reset_state(reset_partial_state=True)


def fitted(task, output, device):
    """The losses, and what the model answers once it has been saved and opened."""
    recipe = {**RECIPES[task], "task": {"kind": task, "dropout": 0.0}, "training": TRAINING}
    texts, labels = reviews(80) if task == "classification" else sentences(60)
    model = Model(recipe, device=device, threads=1).fit(texts, labels, output=output)
    assert device_of(model.engine_.network).type == device
    scores = Model.load(output, device=device).scores(texts[:20])
    losses = [[epoch["loss"], epoch["criterion"]] for epoch in model.report_["history"]]
    return losses, getattr(scores, "values", scores)


@pytest.mark.parametrize("task", RECIPES)
def test_fit(task, there, tmp_path):
    found = fitted(task, tmp_path / "card", there)
    AcceleratorState._reset_state(reset_partial_state=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ACCELERATE_TORCH_DEVICE")
        expected = fitted(task, tmp_path / "processor", "cpu")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "elmo"])
def test_pretrain(kind, there, small_encoders, corpus, tmp_path):
    given = {"kind": kind, "steps": 4, "max_pieces": 32, "batch_pieces": 512, "held_out": 0.1, "threads": 1}
    settings = PretrainingSettings(**given, precision="float32", log_steps=2, evaluations=2, device=there)
    report = pretrain([corpus], tmp_path / "made", settings)
    assert report["steps"] == 4
    assert all(np.isfinite(line["loss"]) for line in report["curve"])
    assert report["held_out"]["loss"] < 1.2 * report["curve"][0]["loss"]
