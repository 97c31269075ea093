"""The card's own rules, which a real one has too: what may meet, what is waited for, what autocast makes."""

import pytest
import torch
from torch import nn

from cards import card


@pytest.fixture
def there():
    with card() as found:
        yield found


@pytest.fixture
def here(there):
    """A tensor of the card."""
    return torch.arange(6.0).view(2, 3).to(there.device)


MIXED = {
    "elementwise": lambda here: here + torch.ones(3),
    "product": lambda here: here @ torch.ones(3, 2),
    "joined": lambda here: torch.cat([here, torch.ones(2, 3)]),
    "stacked": lambda here: torch.stack([here[0, 0], torch.tensor(1.0)]),
    "selected": lambda here: here.index_select(0, torch.tensor([1])),
    "gathered": lambda here: here.gather(0, torch.zeros(1, 3, dtype=torch.long)),
    "looked up": lambda here: nn.functional.embedding(torch.tensor([1]), here),
    "indexed from there": lambda here: torch.ones(3)[here[0].long()],
    "masked": lambda here: here.masked_fill(torch.ones(2, 3) > 0, 0.0),
    "changed": lambda here: torch.tensor(1.0).add_(here[0, 0]),
    "loss": lambda here: nn.functional.cross_entropy(here, torch.tensor([0, 1])),
}


@pytest.mark.parametrize("name", MIXED)
def test_tensors_of_the_processor_are_refused(name, here):
    with pytest.raises(RuntimeError):
        MIXED[name](here)


MEETING = {
    "number": lambda here: here + torch.tensor(1.0),
    "chosen": lambda here: torch.where(here > 2, here, torch.tensor(0.0)),
    "made there": lambda here: here + torch.arange(3, device=here.device),
    "threshold": lambda here: here.clamp(min=1).masked_fill(here > 3, 0.0),
    "by number": lambda here: here[torch.arange(2, device=here.device), torch.zeros_like(here[:, 0]).long()],
    "brought": lambda here: torch.ones(3).to(here.device, non_blocking=True),
}
WAITED_FOR = {
    "number out": lambda here: here.sum().item(),
    "truth": lambda here: bool((here > 2).any()),
    "list": lambda here: here.tolist(),
    "copied out": lambda here: here.cpu(),
    "copied in": lambda here: torch.ones(3).to(here.device),
    "made of numbers": lambda here: torch.tensor([1.0, 2.0], device=here.device),
    "places": lambda here: here.nonzero(),
    "mask": lambda here: here[here > 2],
    "index from here": lambda here: here[torch.tensor([1])],
    "module copied in": lambda here: nn.Linear(3, 2).to(here.device)(here),
}


@pytest.mark.parametrize("name", [*MEETING, *WAITED_FOR])
def test_what_is_waited_for(name, there, here):
    there.waits()
    (MEETING | WAITED_FOR)[name](here)
    assert bool(there.waits()) == (name in WAITED_FOR)


def test_no_array_without_a_copy(here):
    with pytest.raises((TypeError, RuntimeError)):
        here.numpy()
    assert here.cpu().numpy().tolist() == [[0, 1, 2], [3, 4, 5]]


def test_views_share_their_numbers(here):
    here[0] += 1
    here.view(-1)[4:].zero_()
    assert here.tolist() == [[1, 2, 3], [3, 0, 0]]


def test_a_module_that_moves_keeps_its_parameters(there):
    table = nn.Embedding(4, 3)
    out = nn.Linear(3, 4, bias=False)
    out.weight = table.weight
    weights = list(nn.Sequential(table, out).to(there.device).parameters())
    assert len(weights) == 1
    assert weights[0] is table.weight is out.weight
    assert weights[0].device.type == there.device.type


def test_autocast(there, here):
    cells = nn.LSTM(3, 2, batch_first=True).to(there.device)
    with torch.autocast(there.device.type, torch.bfloat16):
        products, states = here @ here.mT, cells(here[None])[0]
        assert products.dtype == states.dtype == torch.bfloat16
        assert products.softmax(dim=-1).dtype == torch.float32
        assert (here + here).dtype == torch.float32
