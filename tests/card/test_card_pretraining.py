"""Pretraining on a card, on every objective: the processor's numbers, and steps that wait for nothing."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cards import card
from wordladder.embedders._elmo_options import ElmoOptions
from wordladder.layers.devices import to_device
from wordladder.pretraining import elmo, settings
from wordladder.pretraining.pretrain import Job
from wordladder.pretraining.raw_text import RawText
from wordladder.pretraining.word_vectors import project_embeddings
from wordladder.text.corpus import read_corpus
from wordladder.training.optimizer import build_optimizers, clip_gradients
from wordladder.training.settings import TrainingSettings

SMALL = ElmoOptions(units=16, dim=8, character_dim=4, filters=((1, 8), (3, 8)), highways=1)
MASKED = [(kind, aims) for kind, all_ in settings._OBJECTIVES.items() if kind != "elmo" for aims in all_]


def learned(objective, folder, device, waits=list, half=False):
    """What three steps and the figures after them came to, and what the steps waited for."""
    network = objective.network.to(device)
    for part in network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0  # cards draw other numbers
    optimizers = build_optimizers(network, TrainingSettings(learning_rate=1e-3, weight_decay=0.01))
    found, waited = {}, []
    for step in range(3):
        network.train()
        for optimizer in optimizers:
            optimizer.zero_grad()
        batch = objective.batch(step, 0)
        waits()
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            loss, facts = network(to_device(batch, device))
        loss.backward()
        clip_gradients(network.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        waited += waits()
        found |= {f"{name} {step}": value.item() for name, value in {"loss": loss, **facts}.items()}
    if any(getattr(part, "sparse", False) for part in network.modules()):
        waited = []  # PyTorch looks how many rows a sparse gradient has
    network.eval()
    with torch.no_grad():
        found |= objective.held_out()
    folder.mkdir()
    objective.keep(folder)
    assert all(tensor.isfinite().all() for tensor in load_file(folder / "model.safetensors").values())
    return found, waited


def compared(make, folder):
    """The same on the processor and on the card, near it in half precision, and nothing waited for."""
    expected, _ = learned(make(), folder / "processor", torch.device("cpu"))
    with card() as there:
        found, waited = learned(make(), folder / "card", there.device, there.waits)
        near, waited_half = learned(make(), folder / "half", there.device, there.waits, half=True)
    assert found.keys() == near.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, err_msg=name)
    assert near["loss 2"] == pytest.approx(expected["loss 2"], rel=0.05)
    assert waited == waited_half == []


@pytest.mark.parametrize("bridged", [False, True])
@pytest.mark.parametrize(("kind", "aims"), MASKED)
def test_masked_language_models(kind, aims, bridged, small_encoders, corpus, tmp_path):
    given = {"max_pieces": 32, "batch_pieces": 512, "held_out": 0.1}
    chosen = settings.PretrainingSettings(kind=kind, objectives=aims, steps=3, **given)

    def make():
        objective, _ = Job(RawText([corpus], None), chosen).masked(tmp_path)
        if bridged:
            rows, dim = objective.network.model.get_input_embeddings().weight.shape
            project_embeddings(objective.network.model, torch.randn(rows, 6) * 0.02, torch.randn(6, dim))
        return objective

    compared(make, tmp_path)


@pytest.mark.parametrize("clip", [None, 0.5])
@pytest.mark.parametrize("samples", [1000, 5])
def test_elmo(samples, clip, corpus, tmp_path, monkeypatch):
    options = ElmoOptions(**{**SMALL.__dict__, "memory_clip": clip, "hidden_clip": clip})
    monkeypatch.setitem(elmo.SIZES, "tiny", options)
    monkeypatch.setattr(elmo, "MIN_COUNT", 2)
    monkeypatch.setattr(elmo, "SAMPLES", samples)
    monkeypatch.setattr(elmo, "HELD_OUT_WORDS", 40)
    given = settings.PretrainingSettings(kind="elmo", max_pieces=16, batch_pieces=60)
    compared(lambda: elmo.elmo_objective(read_corpus([corpus], min_count=1), given), tmp_path)
