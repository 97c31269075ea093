"""The schedule and the parameter groups."""

import pytest
from torch import nn

from wordladder.training.optimizer import build_optimizer, rate
from wordladder.training.settings import TrainingSettings


@pytest.mark.parametrize("decay", ["linear", "cosine", "constant"])
def test_the_rate_rises_then_falls(decay):
    settings = TrainingSettings(warmup=0.1, decay=decay)
    rates = [rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert all(a >= b for a, b in zip(rates[9:], rates[10:]))
    assert 0 <= rates[-1] <= (1.0 if decay == "constant" else 0.02)


def test_transformers_schedule_is_the_same():
    import torch
    from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

    for decay, twin in (("linear", get_linear_schedule_with_warmup), ("cosine", get_cosine_schedule_with_warmup)):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = twin(optimizer, 10, 100)
        settings = TrainingSettings(warmup=0.1, decay=decay)
        for step in range(10, 100):
            assert rate(step, 100, settings) == pytest.approx(schedule.lr_lambdas[0](step))


def test_groups():
    network = nn.ModuleDict(
        {"embedders": nn.ModuleList([nn.Embedding(5, 3)]), "task": nn.Linear(3, 2), "frozen": nn.Linear(2, 2)}
    )
    network["frozen"].requires_grad_(False)
    optimizer = build_optimizer(
        network, TrainingSettings(learning_rate=1e-5, head_learning_rate=1e-3, weight_decay=0.1)
    )
    found = {(g["peak"], g["weight_decay"]): len(g["params"]) for g in optimizer.param_groups}
    assert found == {(1e-5, 0.0): 1, (1e-3, 0.1): 1, (1e-3, 0.0): 1}
