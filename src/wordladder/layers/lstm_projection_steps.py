"""The steps of an LSTM layer with a projection and clipping, forward and backward, over packed words.

On a CPU the kernels of `kernels/lstm_projection.py` run the layers whose sizes fill whole registers; other
layers and devices run in torch operations. Rows of memory and hidden vectors begin with the state before the
first step, one row for each word of that step.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..kernels import lstm_projection as kernel
from ..kernels.recurrence import LANES, PANEL, panels


class Clips(NamedTuple):
    """The largest absolute value in the memory, and in a projected hidden vector; None: no limit."""

    memory: float | None = None
    hidden: float | None = None


class Layer(NamedTuple):
    """One direction of a layer, and the steps that it runs.

    Attributes:
        counts: Words of each step, `(steps,)`, never rising.
        clips: What is clipped.
        w_recurrent, w_projection: As in `nn.LSTM`; without a projection None.
    """

    counts: list[int]
    clips: Clips
    w_recurrent: Tensor
    w_projection: Tensor | None

    def steps(self) -> list[tuple[slice, slice, slice]]:
        """For each step its words, their rows of memory and hidden vectors, and the rows of the state before
        them.
        """
        result, start, before = [], 0, 0
        for count in self.counts:
            here = self.counts[0] + start
            words = slice(start, start + count)
            result.append((words, slice(here, here + count), slice(before, before + count)))
            start, before = start + count, here
        return result


class Trace(NamedTuple):
    """What the backward pass of a layer needs.

    Attributes:
        gates: Activations in the order of torch, `(words, 4 * units)`.
        memory: `(counts[0] + words, units)`.
        wide: The hidden vectors before the projection, `(words, units)`.
        hidden: The hidden vectors, `(counts[0] + words, dim)`.
    """

    gates: Tensor
    memory: Tensor
    wide: Tensor
    hidden: Tensor


def forward(layer: Layer, gates: Tensor, memory: Tensor, hidden: Tensor) -> Trace:
    """Run all steps.

    Args:
        layer: The layer.
        gates: The input's share of the gates' sums, biases included; overwritten.
        memory, hidden: The state before the first step, one row for each of its words.
    """
    words = len(gates)
    memory = torch.cat([memory, memory.new_empty(words, memory.shape[1])])
    hidden = torch.cat([hidden, hidden.new_empty(words, hidden.shape[1])])
    trace = Trace(gates, memory, torch.empty_like(memory[:words]), hidden)
    if _fits_kernel(layer):
        kernel.forward(*_kernel_arguments(layer, transposed=True), *(tensor.numpy() for tensor in trace))
    else:
        _forward_in_torch(layer, trace)
    return trace


def backward(layer: Layer, trace: Trace, d_hidden: Tensor) -> Tensor:
    """The gradient of the gates' sums, `(words, 4 * units)`.

    Args:
        layer: The layer.
        trace: What `forward` returned.
        d_hidden: The gradient of `trace.hidden`; overwritten with that of the vectors before clipping.
    """
    d_gates = torch.empty_like(trace.gates)
    if _fits_kernel(layer):
        arrays = (trace.gates, trace.memory, trace.hidden, d_hidden, d_gates)
        kernel.backward(*_kernel_arguments(layer, transposed=False), *(tensor.numpy() for tensor in arrays))
    else:
        _backward_in_torch(layer, trace, d_hidden, d_gates)
    return d_gates


def _fits_kernel(layer: Layer) -> bool:
    if layer.w_projection is None or layer.w_projection.device.type != "cpu":
        return False
    dim, units = layer.w_projection.shape
    return dim % PANEL == 0 and units % LANES == 0


def _kernel_arguments(layer: Layer, transposed: bool) -> tuple[Any, ...]:
    weights: tuple[Any, Any] = (layer.w_recurrent, layer.w_projection)
    arrays = [panels((weight.T if transposed else weight).numpy()) for weight in weights]
    limits = [np.float32(np.inf if clip is None else clip) for clip in layer.clips]
    return np.array(layer.counts), *arrays, *limits


def _forward_in_torch(layer: Layer, trace: Trace) -> None:
    clips, w_projection = layer.clips, layer.w_projection
    for step, here, before in layer.steps():
        gates = trace.gates[step].addmm_(trace.hidden[before], layer.w_recurrent.T)
        memory, wide, hidden = trace.memory[here], trace.wide[step], trace.hidden[here]
        i, f, g, o = gates.chunk(4, dim=1)
        gates[:, : 2 * memory.shape[1]].sigmoid_()
        g.tanh_()
        o.sigmoid_()
        torch.mul(i, g, out=memory).addcmul_(f, trace.memory[before])
        if clips.memory is not None:
            memory.clamp_(-clips.memory, clips.memory)
        torch.tanh(memory, out=wide).mul_(o)
        if w_projection is None:
            hidden.copy_(wide)
            continue
        torch.mm(wide, w_projection.T, out=hidden)
        if clips.hidden is not None:
            hidden.clamp_(-clips.hidden, clips.hidden)


def _backward_in_torch(layer: Layer, trace: Trace, d_hidden: Tensor, d_gates: Tensor) -> None:
    """Clipped values pass no gradient on."""
    clips, w_projection = layer.clips, layer.w_projection
    d_memories = torch.zeros_like(trace.memory[: layer.counts[0]])
    for step, here, before in reversed(layer.steps()):
        d_wide, memory = d_hidden[here], trace.memory[here]
        if w_projection is not None:
            if clips.hidden is not None:
                d_wide.mul_(trace.hidden[here].abs() < clips.hidden)
            d_wide = d_wide @ w_projection
        d_memory = d_memories[: len(memory)]
        i, f, g, o = trace.gates[step].chunk(4, dim=1)
        d_i, d_f, d_g, d_o = d_gates[step].chunk(4, dim=1)
        activated = memory.tanh()
        torch.mul(d_wide, activated, out=d_o).mul_(o).mul_(1.0 - o)
        d_memory.addcmul_(d_wide * o, 1.0 - activated.square_())
        if clips.memory is not None:
            d_memory.mul_(memory.abs() < clips.memory)
        torch.mul(d_memory, g, out=d_i).mul_(i).mul_(1.0 - i)
        torch.mul(d_memory, trace.memory[before], out=d_f).mul_(f).mul_(1.0 - f)
        torch.mul(d_memory, i, out=d_g).mul_(1.0 - g.square())
        d_memory.mul_(f)
        d_hidden[before].addmm_(d_gates[step], layer.w_recurrent)
