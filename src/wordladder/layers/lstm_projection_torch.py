"""The steps of an LSTM with a projection and clips, in torch's own operations: for every device and size.

`lstm_projection_compiled.py` has the same two functions for a CPU, compiled. Rows of memory and hidden
vectors begin with those that the first step goes on from, as many as it has words.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Clips(NamedTuple):
    """The largest size of a number of the memory, and of a projected hidden vector; None: any."""

    memory: float | None = None
    hidden: float | None = None


class Trace(NamedTuple):
    """What the way back of a layer needs.

    Attributes:
        gates: Activations in the order of torch, `(words, 4 * units)`.
        memory: `(counts[0] + words, units)`.
        wide: The hidden vectors before the projection, `(words, units)`.
        hidden: Those that come out, `(counts[0] + words, dim)`.
    """

    gates: Tensor
    memory: Tensor
    wide: Tensor
    hidden: Tensor


def steps(counts: list[int]) -> list[tuple[slice, slice, slice]]:
    """The words of each step, their rows of memory and hidden vectors, and the rows that they go on from."""
    found, start, before = [], 0, 0
    for count in counts:
        here = counts[0] + start
        found.append((slice(start, start + count), slice(here, here + count), slice(before, before + count)))
        start, before = start + count, here
    return found


def forward(
    counts: list[int],
    clips: Clips,
    w_recurrent: Tensor,
    w_projection: Tensor | None,
    gates: Tensor,
    memory: Tensor,
    hidden: Tensor,
) -> Trace:
    """Run all steps.

    Args:
        counts: Words of each step, `(steps,)`, never rising.
        clips: What is clipped.
        w_recurrent, w_projection: As in `nn.LSTM`.
        gates: The words' share of the sums, biases included; overwritten.
        memory, hidden: What the first step goes on from, a row a word of it.
    """
    words = len(gates)
    memory = torch.cat([memory, memory.new_empty(words, memory.shape[1])])
    hidden = torch.cat([hidden, hidden.new_empty(words, hidden.shape[1])])
    wide = torch.empty_like(memory[:words])
    for step, here, before in steps(counts):
        some = gates[step].addmm_(hidden[before], w_recurrent.T)
        _cell(some, memory[before], memory[here], wide[step], clips.memory)
        if w_projection is None:
            hidden[here] = wide[step]
            continue
        torch.mm(wide[step], w_projection.T, out=hidden[here])
        if clips.hidden is not None:
            hidden[here].clamp_(-clips.hidden, clips.hidden)
    return Trace(gates, memory, wide, hidden)


def _cell(gates: Tensor, before: Tensor, memory: Tensor, wide: Tensor, clip: float | None) -> None:
    """One step of the cell: sums of the gates become activations, memory and output are written."""
    i, f, g, o = gates.chunk(4, dim=1)
    gates[:, : 2 * memory.shape[1]].sigmoid_()
    g.tanh_()
    o.sigmoid_()
    torch.mul(i, g, out=memory).addcmul_(f, before)
    if clip is not None:
        memory.clamp_(-clip, clip)
    torch.tanh(memory, out=wide).mul_(o)


def backward(
    counts: list[int],
    clips: Clips,
    w_recurrent: Tensor,
    w_projection: Tensor | None,
    trace: Trace,
    d_hidden: Tensor,
) -> Tensor:
    """The gradient of the sums of the gates, `(words, 4 * units)`.

    Args:
        counts, clips, w_recurrent, w_projection: As in `forward`.
        trace: What it returned.
        d_hidden: The gradient of `trace.hidden`; that of every hidden vector before its clip when done.
    """
    d_gates = torch.empty_like(trace.gates)
    d_memory = torch.zeros_like(trace.memory[: counts[0]])
    for step, here, before in reversed(steps(counts)):
        d_wide = d_hidden[here]
        if w_projection is not None:
            if clips.hidden is not None:
                d_wide.mul_(trace.hidden[here].abs() < clips.hidden)
            d_wide = d_wide @ w_projection
        given, made = trace.memory[before], trace.memory[here]
        d_new = d_memory[: len(given)]
        _cell_backward(trace.gates[step], given, made, d_gates[step], d_wide, d_new, clips.memory)
        d_hidden[before].addmm_(d_gates[step], w_recurrent)
    return d_gates


def _cell_backward(
    gates: Tensor,
    before: Tensor,
    memory: Tensor,
    d_gates: Tensor,
    d_wide: Tensor,
    d_memory: Tensor,
    clip: float | None,
) -> None:
    """One step of the cell: the gates' gradient is written, `d_memory` taken to the step before. A number
    that was clipped passes no gradient on.
    """
    i, f, g, o = gates.chunk(4, dim=1)
    d_i, d_f, d_g, d_o = d_gates.chunk(4, dim=1)
    bent = memory.tanh()
    torch.mul(d_wide, bent, out=d_o).mul_(o).mul_(1.0 - o)
    d_memory.addcmul_(d_wide * o, 1.0 - bent.square_())
    if clip is not None:
        d_memory.mul_(memory.abs() < clip)
    torch.mul(d_memory, g, out=d_i).mul_(i).mul_(1.0 - i)
    torch.mul(d_memory, before, out=d_f).mul_(f).mul_(1.0 - f)
    torch.mul(d_memory, i, out=d_g).mul_(1.0 - g.square())
    d_memory.mul_(f)
