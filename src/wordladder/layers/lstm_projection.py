"""LSTM layers whose hidden vector is projected and whose memory may be clipped, over packed words.

The layer of Sak, Senior & Beaufays 2014: the memory is wide, and what recurs and what comes out is a narrow
projection of it. torch has it without clipping, which pretrained language models need, and on a CPU without a
fast path. Here the words' share of the gates is one product for all steps, and the gradients of the weights
are one product each; the steps between are in `lstm_projection_torch.py` and, for a CPU,
`lstm_projection_compiled.py`. The weights lie in an `nn.LSTM`; on other devices, where nothing is clipped,
torch's own kernel runs.

Two layers, one that reads the texts from the start and one from the end, are run together, on a CPU a thread
each.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.utils.rnn import PackedSequence

from . import lstm_projection_compiled as projected_kernel
from . import lstm_projection_torch as projected_steps
from .lstm_projection_torch import Clips, Trace, steps
from .threads import in_parallel

_BLOCK = 512  # words whose gates are found together where nothing is kept
_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "weight_hr_l0")


def run_both_ways(cells: Seq[Any], words: Seq[Tensor], counts: list[int], clips: Clips) -> list[Tensor]:
    """One layer a direction, in float32.

    Args:
        cells: An `nn.LSTM` of one layer a direction; `proj_size` may be 0, and then nothing is projected and
            only the memory is clipped.
        words: The packed words of each direction, `(words, dim)`.
        counts: Words of each step, `(steps,)`, never rising; at least one step.
        clips: What is clipped.

    Returns:
        The hidden vectors of each direction, `(words, projection)`, in packed order.
    """
    device = words[0].device.type
    with torch.autocast(device, enabled=False):
        words = [some.float() for some in words]
        if device != "cpu" and clips == Clips():
            sizes = torch.tensor(counts)
            return [cell(PackedSequence(some, sizes))[0].data for cell, some in zip(cells, words)]
        weights = [[getattr(cell, name, None) for name in _NAMES] for cell in cells]
        flat = [weight for some in weights for weight in some]
        if torch.is_grad_enabled() and any(x is not None and x.requires_grad for x in (*words, *flat)):
            return list(_BothWays.apply(counts, clips, *words, *flat))
        run = partial(torch.no_grad()(_answer), counts, clips)
        return in_parallel([partial(run, some, own) for some, own in zip(words, weights)], device)


def _forward(counts: list[int], clips: Clips, words: Tensor, weights: Seq[Tensor]) -> Trace:
    """Run a layer, and keep what the way back needs."""
    w_input, w_recurrent, b_input, b_recurrent, w_projection = weights
    gates = torch.addmm(b_input + b_recurrent, words, w_input.T)
    return _chosen(gates, w_projection).forward(
        counts, clips, w_recurrent, w_projection, gates, *_beginning(counts[0], w_recurrent)
    )


def _answer(counts: list[int], clips: Clips, words: Tensor, weights: Seq[Tensor]) -> Tensor:
    """Run a layer; of what lies between, there is only as much as some steps need."""
    w_input, w_recurrent, b_input, b_recurrent, w_projection = weights
    bias, outputs, first = b_input + b_recurrent, [], 0
    memory, hidden = _beginning(counts[0], w_recurrent)
    for some in _blocks(counts):
        gates = torch.addmm(bias, words[first : first + sum(some)], w_input.T)
        trace = _chosen(gates, w_projection).forward(
            some, clips, w_recurrent, w_projection, gates, memory[: some[0]], hidden[: some[0]]
        )
        outputs.append(trace.hidden[some[0] :])
        memory, hidden = trace.memory[-some[-1] :], trace.hidden[-some[-1] :]
        first += sum(some)
    return torch.cat(outputs)


def _blocks(counts: list[int]) -> Iterator[list[int]]:
    """Neighbouring steps of at most `_BLOCK` words together, or one step."""
    some: list[int] = []
    for count in counts:
        if some and sum(some) + count > _BLOCK:
            yield some
            some = []
        some.append(count)
    yield some


def _beginning(rows: int, w_recurrent: Tensor) -> tuple[Tensor, Tensor]:
    """Memory and hidden vectors before the first step."""
    columns, dim = w_recurrent.shape
    return w_recurrent.new_zeros(rows, columns // 4), w_recurrent.new_zeros(rows, dim)


def _chosen(gates: Tensor, w_projection: Tensor | None) -> Any:
    return projected_kernel if projected_kernel.fits(gates, w_projection) else projected_steps


def _backward(
    counts: list[int],
    clips: Clips,
    trace: Trace,
    d_output: Tensor,
    words: Tensor,
    weights: Seq[Tensor],
    wanted: bool,
) -> list[Tensor | None]:
    """The gradient of the words, if wanted, and of the weights."""
    w_input, w_recurrent, _, _, w_projection = weights
    d_hidden = torch.cat([torch.zeros_like(trace.hidden[: counts[0]]), d_output])
    made = _chosen(trace.gates, w_projection)
    d_gates = made.backward(counts, clips, w_recurrent, w_projection, trace, d_hidden)
    earlier = torch.cat([trace.hidden[before] for _, _, before in steps(counts)])
    d_bias = d_gates.sum(dim=0)
    return [
        d_gates @ w_input if wanted else None,
        d_gates.T @ words,
        d_gates.T @ earlier,
        d_bias,
        d_bias,
        None if w_projection is None else d_hidden[counts[0] :].T @ trace.wide,
    ]


class _BothWays(torch.autograd.Function):
    """A layer a direction, each on a thread of its own."""

    @staticmethod
    def forward(ctx: Any, counts: list[int], clips: Clips, *tensors: Tensor) -> tuple[Tensor, ...]:
        ways = len(tensors) // (1 + len(_NAMES))
        words, weights = tensors[:ways], _chunks(tensors[ways:], ways)
        run = partial(torch.no_grad()(_forward), counts, clips)
        jobs = [partial(run, some, own) for some, own in zip(words, weights)]
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
        traces = [Trace(*some) for some in _chunks(saved[inner:], ways)]
        run = partial(torch.no_grad()(_backward), ctx.counts, ctx.clips)
        jobs = [
            partial(run, traces[way], d_hidden[way], words[way], weights[way], ctx.needs_input_grad[2 + way])
            for way in range(ways)
        ]
        done = in_parallel(jobs, words[0].device.type)
        d_weights = [gradient for gradients in done for gradient in gradients[1:]]
        return None, None, *(gradients[0] for gradients in done), *d_weights


def _chunks(tensors: Seq[Tensor], parts: int) -> list[Seq[Tensor]]:
    """So many parts of equal length."""
    size = len(tensors) // parts
    return [tensors[first : first + size] for first in range(0, len(tensors), size)]
