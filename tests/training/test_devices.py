"""Which device is taken, how batches reach it, and batches that make up one step."""

from contextlib import closing
from itertools import count
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from wordladder.errors import SettingError, TrainingError
from wordladder.layers.devices import batches_on_device, choose_device, explain_out_of_memory
from wordladder.training.loop import Job, train
from wordladder.training.settings import TrainingSettings

CPU = torch.device("cpu")


def test_the_processor_is_there():
    assert choose_device("cpu") == CPU
    assert choose_device(None).type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "cuda:-3", ""])
def test_no_such_device(name):
    with pytest.raises(SettingError, match=f"device is '{name}'"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is an accelerator")
def test_no_accelerator_is_told():
    with pytest.raises(SettingError, match=r"PyTorch sees no accelerator; `wordladder doctor` shows"):
        choose_device("cuda")


class Pair(NamedTuple):
    one: torch.Tensor
    other: tuple[torch.Tensor, None, list[int]]


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_order_and_whole(workers):
    made = []

    def make(number):
        made.append(number)
        return Pair(torch.full((2,), number), (torch.arange(number), None, [number]))

    with closing(batches_on_device(make, count(), CPU, workers)) as batches:
        for number in range(20):
            one, (other, nothing, listed) = next(batches)
            assert one.tolist() == [number, number]
            assert other.tolist() == list(range(number))
            assert (nothing, listed) == (None, [number])
    assert len(made) <= 20 + 2 * workers, "no further ahead than there are workers"
    assert [int(batch.one[0]) for batch in batches_on_device(make, [4, 2], CPU, workers)] == [4, 2]


def test_an_error_in_a_worker_arrives():
    def make(number):
        if number == 3:
            raise ValueError("row 3")
        return torch.zeros(number)

    batches = batches_on_device(make, range(9), CPU, 2)
    assert [len(next(batches)) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="row 3"):
        next(batches)


def test_full_memory_is_told_with_what_to_do():
    with pytest.raises(TrainingError) as told, explain_out_of_memory("Lower training.batch_words."):
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which "
            "1.1 GiB is free. See documentation for Memory Management"
        )
    assert str(told.value) == "CUDA out of memory. Tried to allocate 2.00 GiB. Lower training.batch_words."


class Line(nn.Module):
    """The mean squared error of a layer on rows."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 4)

    def forward(self, rows):
        return (self.layer(rows) - rows).square().mean()


def test_batches_of_one_step_are_one_batch():
    """Each counts by its rows, whatever their number."""
    rows = torch.randn(24, 4, generator=torch.Generator().manual_seed(1))

    def weights(batches, accumulate):
        network = Line()
        settings = TrainingSettings(
            epochs=3, accumulate=accumulate, learning_rate=0.05, precision="float32", average=0.0
        )
        order = [np.array(batch) for batch in batches]
        place = train(
            Job(network, lambda epoch: order, lambda chosen: rows[chosen], None, settings, device="cpu")
        )
        return network.layer.weight.detach(), place

    whole, one = weights([range(16), range(16, 24)], 1)
    parted, other = weights([range(4), range(4, 16), range(16, 22), range(22, 24)], 2)
    torch.testing.assert_close(whole, parted, atol=1e-6, rtol=0)
    assert one.step == other.step == 6
    for ours, theirs in zip(one.history, other.history):
        assert ours["loss"] == pytest.approx(theirs["loss"], rel=1e-5)


def test_accumulate_is_a_number():
    with pytest.raises(SettingError, match=r"training.accumulate is 0; it must be at least 1"):
        TrainingSettings(accumulate=0)
