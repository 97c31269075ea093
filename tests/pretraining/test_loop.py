"""The loop with a network of one layer: parts, log, evaluations, errors."""

import json

import pytest
import torch
from torch import nn

from wordladder.errors import SettingError, TrainingError
from wordladder.pretraining import loop
from wordladder.pretraining.loop import pretrain_network
from wordladder.pretraining.settings import PretrainingSettings

PLAIN = {"device": "cpu", "threads": 1, "precision": "float32"}


class Line(nn.Module):
    """Learns to give back what it is given."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 4)

    def forward(self, batch):
        loss = (self.layer(batch[0]) - batch[0]).square().mean()
        return loss, {"masked_accuracy": 1 - loss}


class Lines:
    """Rows of random numbers; with `parts` of them a step, each part is a share of the same rows."""

    def __init__(self, parts=1, broken_at=None):
        self.network, self.parts, self.broken_at, self.evaluated = Line(), parts, broken_at, 0

    def batch(self, step, part):
        rows = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
        if step == self.broken_at:
            rows = rows * float("nan")
        return (rows.chunk(self.parts)[part],)

    def tokens(self, batch):
        return len(batch[0])

    def held_out(self):
        self.evaluated += 1
        assert not self.network.training
        assert not torch.is_grad_enabled()
        rows = torch.randn(8, 4, generator=torch.Generator().manual_seed(10_000))
        return {"loss": self.network((rows,))[0].item()}

    def keep(self, folder):
        pass


def weights(objective):
    return objective.network.layer.weight.detach().clone()


def test_it_learns_and_logs(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "EVALUATION_SHARE", 9)
    objective = Lines()
    given = PretrainingSettings(steps=50, learning_rate=0.05, log_steps=5, evaluations=5, **PLAIN)
    outcome = pretrain_network(objective, given, tmp_path)
    assert outcome.steps == 50
    assert outcome.tokens == 400
    assert objective.evaluated == 5
    assert [line["step"] for line in outcome.curve] == list(range(5, 51, 5))
    held = {line["step"]: line["held_out_loss"] for line in outcome.curve if "held_out_loss" in line}
    assert list(held) == [10, 20, 30, 40, 50]
    assert outcome.held_out["loss"] == held[50] < held[10]
    log = (tmp_path / "log.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    assert [json.loads(line) for line in log] == outcome.curve
    assert all(line["masked_accuracy"] == pytest.approx(1 - line["loss"]) for line in outcome.curve)


def test_evaluation_takes_little_of_the_time(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "EVALUATION_SHARE", 0.0)
    objective = Lines()
    pretrain_network(objective, PretrainingSettings(steps=50, log_steps=1, **PLAIN), tmp_path)
    assert objective.evaluated <= 2, "once, and at the end"


def test_parts_of_a_step_are_one_step(tmp_path):
    whole, parted = Lines(), Lines(parts=4)
    for name, objective in {"whole": whole, "parted": parted}.items():
        (tmp_path / name).mkdir()
        settings = PretrainingSettings(steps=10, parts=objective.parts, **PLAIN)
        pretrain_network(objective, settings, tmp_path / name)
    assert torch.allclose(weights(whole), weights(parted), atol=1e-6)


def test_a_finished_run_is_not_run_again(tmp_path):
    given = PretrainingSettings(steps=10, **PLAIN)
    first = Lines()
    outcome = pretrain_network(first, given, tmp_path)
    again = Lines()
    same = pretrain_network(again, given, tmp_path)
    assert torch.equal(weights(first), weights(again))
    assert same.curve == outcome.curve


def test_a_loss_that_is_no_number(tmp_path):
    with pytest.raises(TrainingError, match="the loss is nan at step 20"):
        pretrain_network(Lines(broken_at=12), PretrainingSettings(steps=50, evaluations=0, **PLAIN), tmp_path)
    assert not (tmp_path / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "either steps or minutes"),
        ({"steps": 1, "minutes": 1.0}, "either steps or minutes"),
        ({"minutes": -1.0}, "minutes is -1.0"),
        ({"steps": 3, "warmup": 1.0}, "warmup is 1.0"),
        ({"steps": 3, "learning_rate": 0.0}, "learning_rate is 0.0"),
    ],
)
def test_settings_that_cannot_be_used(given, message, tmp_path):
    with pytest.raises(SettingError, match=message):
        pretrain_network(Lines(), PretrainingSettings(**given), tmp_path)
