"""LSTM layers with a projection and clips: torch's own, and plain loops with autograd, say the same."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from wordladder.layers.lstm_projection import Clips, run_both_ways
from wordladder.layers.packing import pack

LENGTHS = np.array([3, 1, 0, 6, 2])


def cells(projection, units=7, seed=0):
    torch.manual_seed(seed)
    made = [nn.LSTM(5, units, proj_size=projection) for _ in range(2)]
    for cell in made:
        for weight in cell.parameters():
            nn.init.normal_(weight, std=0.5 * (7 / units) ** 0.5)
    return made


def packed_words(count, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, 5, generator=generator, requires_grad=True) for _ in range(2)]


def plainly(cell, words, counts, clips):
    """Step by step, with torch's gradients."""
    units = cell.hidden_size
    hidden, memory = torch.zeros(counts[0], cell.proj_size or units), torch.zeros(counts[0], units)
    start, outputs = 0, []
    for count in counts:
        gates = words[start : start + count] @ cell.weight_ih_l0.T + cell.bias_ih_l0 + cell.bias_hh_l0
        i, f, g, o = (gates + hidden[:count] @ cell.weight_hh_l0.T).chunk(4, dim=1)
        memory = f.sigmoid() * memory[:count] + i.sigmoid() * g.tanh()
        if clips.memory is not None:
            memory = memory.clamp(-clips.memory, clips.memory)
        hidden = o.sigmoid() * memory.tanh()
        if cell.proj_size:
            hidden = hidden @ cell.weight_hr_l0.T
            if clips.hidden is not None:
                hidden = hidden.clamp(-clips.hidden, clips.hidden)
        outputs.append(hidden)
        start += count
    return torch.cat(outputs)


def test_packed_order():
    places, counts = pack(LENGTHS, 6)
    assert counts.tolist() == [4, 3, 2, 1, 1, 1]
    sequence = nn.utils.rnn.pack_padded_sequence(
        torch.arange(30).view(5, 6)[LENGTHS > 0], LENGTHS[LENGTHS > 0], batch_first=True, enforce_sorted=False
    )
    assert places[0].tolist() == sequence.data.tolist()
    assert counts.tolist() == sequence.batch_sizes.tolist()
    assert places[1].tolist()[:4] == [23, 2, 25, 6]
    assert pack(np.zeros(2, np.int64), 1)[0].shape == (2, 0)


# The last shape is one that the compiled kernel takes.
@pytest.mark.parametrize(("projection", "units"), [(0, 7), (3, 7), (64, 80)])
@pytest.mark.parametrize("clips", [Clips(), Clips(0.3, 0.2), Clips(None, 0.1), Clips(0.2, None)])
def test_outputs_and_gradients(projection, units, clips):
    both, counts = cells(projection, units), pack(LENGTHS, 6)[1].tolist()
    words = packed_words(sum(counts))
    found = run_both_ways(both, words, counts, clips)
    expected = [plainly(cell, some, counts, clips) for cell, some in zip(both, words)]
    weights = [torch.randn_like(some) for some in found]
    inputs = [*words, *(weight for cell in both for weight in cell.parameters())]
    gradients = [
        torch.autograd.grad(sum((a * b).sum() for a, b in zip(some, weights)), inputs)
        for some in (found, expected)
    ]
    for a, b in zip([*found, *gradients[0]], [*expected, *gradients[1]]):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("projection", "units"), [(3, 7), (64, 80)])
def test_it_is_the_layer_of_torch(projection, units):
    both, counts = cells(projection, units), pack(LENGTHS, 6)[1]
    words = [some.detach() for some in packed_words(int(counts.sum()))]
    for found, cell, some in zip(run_both_ways(both, words, counts.tolist(), Clips()), both, words):
        torch.testing.assert_close(found, cell(PackedSequence(some, torch.from_numpy(counts)))[0].data)


@pytest.mark.parametrize("words", [1, 5, 512])
@pytest.mark.parametrize(("projection", "units"), [(3, 7), (64, 80)])
def test_without_gradients_in_blocks_of_any_size(words, projection, units, monkeypatch):
    monkeypatch.setattr("wordladder.layers.lstm_projection._BLOCK", words)
    both, counts = cells(projection, units), pack(LENGTHS, 6)[1].tolist()
    words, clips = packed_words(sum(counts)), Clips(0.3, 0.2)
    expected = run_both_ways(both, words, counts, clips)
    with torch.no_grad():
        for a, b in zip(run_both_ways(both, words, counts, clips), expected):
            torch.testing.assert_close(a, b)
    both[0].requires_grad_(False)
    frozen = run_both_ways(both[:1], [words[0].detach()], counts, clips)
    assert not frozen[0].requires_grad
    torch.testing.assert_close(frozen[0], expected[0])
