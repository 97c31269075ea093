"""LSTM layers whose hidden vector is projected and whose memory may be clipped, over packed words.

The layer of Sak, Senior & Beaufays 2014: the memory is wide, and the hidden vector is a narrow projection of
it. torch has it without clipping, which pretrained language models need, and on a CPU without a fast path.
Here the input's share of the gates is one product for all steps, and each weight's gradient is one product;
the steps are in `lstm_projection_steps.py`. The weights are those of an `nn.LSTM`; on other devices, where
nothing is clipped, torch's own kernel runs.

Two layers, one that reads the texts forwards and one that reads them backwards, run together, on a CPU in two
threads.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from .lstm_projection_steps import Clips, Layer, Trace, backward, forward
from .threads import in_parallel

_BLOCK = 512  # words whose gates are computed together where no gradient is needed
_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0")


def run_both_ways(cells: Seq[Any], words: Seq[Tensor], counts: list[int], clips: Clips) -> list[Tensor]:
    """Run one layer in each direction, in float32.

    Args:
        cells: An `nn.LSTM` of one layer for each direction; `proj_size` may be 0: then nothing is projected
            and only the memory is clipped.
        words: The packed words of each direction, `(words, dim)`.
        counts: Words of each step, `(steps,)`, never rising; at least one step.
        clips: What is clipped.

    Returns:
        The hidden vectors of each direction, `(words, projection)`, in packed order.
    """
    device = words[0].device.type
    with torch.autocast(device, enabled=False):
        words = [inputs.float() for inputs in words]
        if device != "cpu" and clips == Clips():
            sizes = torch.tensor(counts)
            return [cell(PackedSequence(inputs, sizes))[0].data for cell, inputs in zip(cells, words)]
        weights = [[getattr(cell, name, None) for name in _NAMES] for cell in cells]
        flat = [weight for own in weights for weight in own]
        if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in (*words, *flat)):
            return list(_BothWays.apply(counts, clips, *words, *flat))
        run = partial(torch.no_grad()(_hidden_vectors), counts, clips)
        return in_parallel([partial(run, inputs, own) for inputs, own in zip(words, weights)], device)


def _run(
    counts: list[int], clips: Clips, words: Tensor, weights: Seq[Tensor], state: Seq[Tensor] | None = None
) -> Trace:
    """Run a layer from a state, memory and hidden vectors, or from zeros."""
    w_input, w_recurrent, b_input, b_recurrent, w_projection = weights
    gates = torch.addmm(b_input + b_recurrent, words, w_input.T)
    if state is None:
        columns, dim = w_recurrent.shape
        state = w_recurrent.new_zeros(counts[0], columns // 4), w_recurrent.new_zeros(counts[0], dim)
    memory, hidden = (rows[: counts[0]] for rows in state)
    return forward(Layer(counts, clips, w_recurrent, w_projection), gates, memory, hidden)


def _hidden_vectors(counts: list[int], clips: Clips, words: Tensor, weights: Seq[Tensor]) -> Tensor:
    """Run a layer in blocks of steps, so that little memory is used."""
    outputs, first, state = [], 0, None
    for block in _blocks(counts):
        trace = _run(block, clips, words[first : first + sum(block)], weights, state)
        outputs.append(trace.hidden[block[0] :])
        state = trace.memory[-block[-1] :], trace.hidden[-block[-1] :]
        first += sum(block)
    return torch.cat(outputs)


def _blocks(counts: list[int]) -> Iterator[list[int]]:
    """Consecutive steps of at most `_BLOCK` words together, or one step."""
    block: list[int] = []
    for count in counts:
        if block and sum(block) + count > _BLOCK:
            yield block
            block = []
        block.append(count)
    yield block


def _gradients(
    layer: Layer, trace: Trace, d_output: Tensor, words: Tensor, w_input: Tensor, of_words: bool
) -> list[Tensor | None]:
    """The gradients of the words, if asked for, and of the weights."""
    first = layer.counts[0]
    d_hidden = torch.cat([torch.zeros_like(trace.hidden[:first]), d_output])
    d_gates = backward(layer, trace, d_hidden)
    earlier = torch.cat([trace.hidden[before] for _, _, before in layer.steps()])
    d_bias = d_gates.sum(dim=0)
    d_words = d_gates @ w_input if of_words else None
    d_projection = None if layer.w_projection is None else d_hidden[first:].T @ trace.wide
    return [d_words, d_gates.T @ words, d_gates.T @ earlier, d_bias, d_bias, d_projection]


class _BothWays(torch.autograd.Function):
    """One layer in each direction, each on a thread of its own."""

    @staticmethod
    def forward(ctx: Any, counts: list[int], clips: Clips, *tensors: Tensor) -> tuple[Tensor, ...]:
        ways = len(tensors) // (1 + len(_NAMES))
        words, weights = tensors[:ways], _chunks(tensors[ways:], ways)
        run = partial(torch.no_grad()(_run), counts, clips)
        jobs = [partial(run, inputs, own) for inputs, own in zip(words, weights)]
        traces = in_parallel(jobs, words[0].device.type)
        ctx.counts, ctx.clips, ctx.ways = counts, clips, ways
        ctx.save_for_backward(*tensors, *(tensor for trace in traces for tensor in trace))
        return tuple(trace.hidden[counts[0] :].clone() for trace in traces)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *d_hidden: Tensor) -> tuple[Any, ...]:
        ways, saved = ctx.ways, ctx.saved_tensors
        inner = ways * (1 + len(_NAMES))
        words, weights = saved[:ways], _chunks(saved[ways:inner], ways)
        traces = [Trace(*tensors) for tensors in _chunks(saved[inner:], ways)]
        layers = [Layer(ctx.counts, ctx.clips, own[1], own[4]) for own in weights]
        inputs = [own[0] for own in weights]
        arguments = zip(layers, traces, d_hidden, words, inputs, ctx.needs_input_grad[2:])
        run = torch.no_grad()(_gradients)
        gradients = in_parallel([partial(run, *own) for own in arguments], words[0].device.type)
        d_weights = [gradient for own in gradients for gradient in own[1:]]
        return None, None, *(own[0] for own in gradients), *d_weights


def _chunks(tensors: Seq[Tensor], parts: int) -> list[Seq[Tensor]]:
    """So many parts of equal length."""
    size = len(tensors) // parts
    return [tensors[first : first + size] for first in range(0, len(tensors), size)]
