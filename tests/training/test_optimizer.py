"""The schedule and the parameter groups."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from wordladder.training.optimizer import build_optimizers, clip_gradients, rate
from wordladder.training.settings import TrainingSettings


@pytest.mark.parametrize("decay", ["linear", "cosine", "constant"])
def test_the_rate_rises_then_falls(decay):
    settings = TrainingSettings(warmup=0.1, decay=decay)
    rates = [rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert all(a >= b for a, b in pairwise(rates[9:]))
    assert 0 <= rates[-1] <= (1.0 if decay == "constant" else 0.02)


def test_transformers_schedule_is_the_same():
    from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

    for decay, twin in (
        ("linear", get_linear_schedule_with_warmup),
        ("cosine", get_cosine_schedule_with_warmup),
    ):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
        schedule = twin(optimizer, 10, 100)
        settings = TrainingSettings(warmup=0.1, decay=decay)
        for step in range(10, 100):
            assert rate(step, 100, settings) == pytest.approx(schedule.lr_lambdas[0](step))


def test_groups():
    network = nn.ModuleDict(
        {
            "embedders": nn.ModuleList([nn.Embedding(5, 3), nn.Embedding(5, 3, sparse=True)]),
            "task": nn.Linear(3, 2),
            "frozen": nn.Linear(2, 2),
        }
    )
    network["frozen"].requires_grad_(False)
    settings = TrainingSettings(learning_rate=1e-5, head_learning_rate=1e-3, weight_decay=0.1)
    dense, lazy = build_optimizers(network, settings)
    found = {(g["peak"], g["weight_decay"]): len(g["params"]) for g in dense.param_groups}
    assert found == {(1e-5, 0.0): 1, (1e-3, 0.1): 1, (1e-3, 0.0): 1}
    assert [(g["peak"], len(g["params"])) for g in lazy.param_groups] == [(1e-5, 1)]


def step_of_tables(sparse: bool):
    """Two identical steps that read every row; the table afterwards, and the gradient's norm."""
    torch.manual_seed(1)
    network = nn.ModuleDict({"table": nn.Embedding(6, 3, sparse=sparse), "head": nn.Linear(3, 1)})
    optimizers = build_optimizers(network, TrainingSettings(learning_rate=0.1, clip=0.5))
    for _ in range(2):
        for optimizer in optimizers:
            optimizer.zero_grad()
        network["head"](network["table"](torch.tensor([0, 1, 2, 2, 3, 4, 5]))).square().sum().backward()
        norm = clip_gradients(network.parameters(), 0.5)
        for optimizer in optimizers:
            optimizer.step()
    return network["table"].weight.detach(), norm


def test_sparse_and_dense_tables_learn_alike():
    (sparse, norm), (dense, same_norm) = step_of_tables(True), step_of_tables(False)
    torch.testing.assert_close(sparse, dense)
    torch.testing.assert_close(norm, same_norm)


def test_clipping_is_torchs():
    torch.manual_seed(2)
    ours, theirs = nn.Linear(4, 3), nn.Linear(4, 3)
    for net in (ours, theirs):
        torch.manual_seed(3)
        for p in net.parameters():
            p.grad = torch.randn_like(p)
    torch.testing.assert_close(
        clip_gradients(ours.parameters(), 1.0), nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
    )
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a.grad, b.grad)


class Exploding(torch.autograd.Function):
    """The number as it is, with a gradient that is not finite for numbers above one."""

    @staticmethod
    def forward(ctx, value):
        ctx.save_for_backward(value)
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        return torch.where(ctx.saved_tensors[0] > 1, torch.inf, gradient)


def test_a_step_with_gradients_that_are_not_finite_changes_nothing():
    from wordladder.progress import quiet
    from wordladder.training.run import Run

    network = nn.Linear(1, 1, bias=False)
    run = Run(network, TrainingSettings(), torch.device("cpu"), None, quiet)
    for number, given in enumerate((0.5, 3.0, 0.5), start=1):
        before = network.weight.detach().clone()
        network.weight.data.fill_(
            before.abs().item() + 1
        )  # the product is above one where the input is three
        before = network.weight.detach().clone()
        with run.optimizer_step(1.0, number):
            Exploding.apply(network(torch.tensor([[given / network.weight.item()]]))).sum().backward()
        assert torch.equal(network.weight, before) == (given == 3.0)
        assert network.weight.isfinite().all()
    assert (run.state.step, run.state.skipped) == (3, 1)
