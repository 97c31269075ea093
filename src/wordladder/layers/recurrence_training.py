"""Recurrent layers trained on a CPU: both directions at once, no padding, about twice as fast as torch's own.

Glue between autograd and `kernels/recurrence.py`: which rows each thread takes, weights into the order of the
kernels and gradients back out of it. float32 only; the answers are those of torch's layers on a packed batch.
"""

from collections.abc import Sequence as Seq
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..kernels import recurrence as kernel
from ..kernels.recurrence import Shape
from .workers import in_parallel

__all__ = ["run_layer"]

_LEAST_ROWS = 8  # fewer rows side by side leave the kernel waiting for weights


class _Kind(NamedTuple):
    """How a cell's weights lie in torch, and where its kernel wants them; in blocks of `hidden` rows."""

    number: int
    blocks: int
    recalled_at: int  # first block of the gates that the hidden vector reaches
    rolled: int  # blocks from the end that come first in the kernel, in the words' weights


_KINDS = {
    nn.LSTM: _Kind(kernel.LSTM, 4, 0, 0),
    nn.GRU: _Kind(kernel.GRU, 3, 1, 1),  # r, z, n; the kernel has n of the word first, n of the hidden vector last
    nn.RNN: _Kind(kernel.RNN, 1, 0, 0),
}


class _Part(NamedTuple):
    """What one thread does: some texts in one direction. `index` and `counts` as in `kernel.forward`."""

    direction: int
    index: NDArray[np.int64]
    counts: NDArray[np.int64]


def run_layer(cells: Seq[nn.RNNBase], vectors: Tensor, lengths: Tensor) -> Tensor:
    """One layer, with gradients.

    Args:
        cells: One layer of torch a direction, with the same sizes.
        vectors: Words `(batch, time, inputs)`, float32, on the CPU.
        lengths: Words a text, `(batch,)`.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero after each text's end.
    """
    weights = [w for cell in cells for w in (cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0, cell.bias_hh_l0)]
    parts = _parts(lengths.numpy(), vectors.shape[1], len(cells), torch.get_num_threads())
    return _Run.apply(_KINDS[type(cells[0])], parts, vectors, *weights)


def _parts(lengths: NDArray[np.int64], time: int, directions: int, threads: int) -> list[_Part]:
    """Deal the texts out to the threads, longest first, so that each gets texts of all lengths."""
    order = np.argsort(-lengths, kind="stable")
    order = order[: np.count_nonzero(lengths)]
    groups = max(1, min(threads // directions, len(order) // _LEAST_ROWS))
    parts = []
    for rows in (order[group::groups] for group in range(groups if len(order) else 0)):
        own = lengths[rows]
        steps, places = (np.arange(own[0])[:, None] < own).nonzero()
        counts = np.bincount(steps)
        for direction, times in enumerate((steps, own[places] - 1 - steps)[:directions]):
            parts.append(_Part(direction, rows[places] * time + times, counts))
    return parts


def _shape(kind: _Kind, w_input: Tensor, w_recurrent: Tensor) -> Shape:
    inputs, hidden = w_input.shape[1], w_recurrent.shape[1]
    units = -(-hidden // kernel.LANES) * kernel.LANES
    columns, recalled_at = kind.blocks * units, kind.recalled_at * units
    row = recalled_at + kernel.in_panels(columns)
    return Shape(kind.number, inputs, hidden, units, columns, recalled_at, columns, row)


def _blocks(weights: Tensor, shape: Shape, rolled: int = 0) -> NDArray[np.float32]:
    """Rows of torch's weights `(blocks * hidden, …)` as columns of gates, `(blocks * units, …)`."""
    blocks = weights.detach().numpy().reshape(-1, shape.hidden, weights.shape[1] if weights.ndim > 1 else 1)
    padded = np.zeros((len(blocks), shape.units, blocks.shape[2]), np.float32)
    padded[:, : shape.hidden] = np.roll(blocks, rolled, axis=0)
    return padded.reshape(-1, blocks.shape[2])


def _unblocked(gradient: NDArray[np.float32], shape: Shape, rolled: int = 0) -> Tensor:
    """The way back of `_blocks`, from columns of gates `(…, blocks * units)`."""
    blocks = gradient.T.reshape(-1, shape.units, len(gradient))[:, : shape.hidden]
    return torch.from_numpy(np.roll(blocks, -rolled, axis=0).reshape(-1, len(gradient)))


def _flat(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().contiguous().numpy().reshape(-1)


def _forward(
    kind: _Kind, part: _Part, vectors: NDArray, weights: Seq[Tensor], outputs: NDArray, row: int
) -> tuple[Tensor, ...]:
    """Run one part; returns what its way back needs."""
    w_input, w_recurrent, b_input, b_recurrent = weights
    shape, words = _shape(kind, w_input, w_recurrent), len(part.index)
    bias = np.zeros(shape.gates_row, np.float32)
    bias[: shape.fed] = _blocks(b_input, shape, kind.rolled)[:, 0]
    bias[shape.recalled_at : shape.recalled_at + shape.recalled] += _blocks(b_recurrent, shape)[:, 0]
    inputs = torch.empty(words * (shape.inputs + shape.units))
    gates = torch.empty(words * shape.gates_row)
    memory = torch.empty((part.counts[0] + words) * shape.units if kind.number == kernel.LSTM else 0)
    memory[: part.counts[0] * shape.units] = 0
    kernel.forward(
        shape,
        vectors,
        part.index,
        part.counts,
        kernel.panels(_blocks(w_input, shape, kind.rolled).T),
        kernel.panels(_blocks(w_recurrent, shape).T),
        bias,
        inputs.numpy(),
        gates.numpy(),
        memory.numpy(),
        outputs[part.direction * shape.hidden :],
        row,
    )
    return inputs, gates, memory


def _backward(
    kind: _Kind,
    part: _Part,
    weights: Seq[Tensor],
    saved: Seq[Tensor],
    d_outputs: NDArray,
    row: int,
    d_vectors: NDArray,
) -> list[Tensor]:
    """The weights' gradients of one part; that of the words is written into `d_vectors`."""
    shape = _shape(kind, *weights)
    d_input = np.zeros((shape.inputs, kernel.in_panels(shape.fed)), np.float32)
    d_recurrent = np.zeros((shape.hidden, kernel.in_panels(shape.recalled)), np.float32)
    d_bias = np.zeros((1, shape.recalled_at + shape.recalled), np.float32)
    kernel.backward(
        shape,
        part.index,
        part.counts,
        kernel.panels(_blocks(weights[0], shape, kind.rolled)),
        kernel.panels(_blocks(weights[1], shape)),
        *(tensor.numpy() for tensor in saved),
        d_outputs[part.direction * shape.hidden :],
        row,
        d_input.reshape(-1),
        d_recurrent.reshape(-1),
        d_bias.reshape(-1),
        d_vectors,
    )
    return [
        _unblocked(d_input[:, : shape.fed], shape, kind.rolled),
        _unblocked(d_recurrent[:, : shape.recalled], shape),
        _unblocked(d_bias[:, : shape.fed], shape, kind.rolled)[:, 0],
        _unblocked(d_bias[:, shape.recalled_at :], shape)[:, 0],
    ]


class _Run(torch.autograd.Function):
    """Both directions of a layer: a part a thread, each writing to places of its own."""

    @staticmethod
    def forward(ctx: Any, kind: _Kind, parts: list[_Part], vectors: Tensor, *weights: Tensor) -> Tensor:
        by_direction = [weights[i : i + 4] for i in range(0, len(weights), 4)]
        row = len(by_direction) * weights[1].shape[1]
        outputs = torch.zeros(*vectors.shape[:2], row)
        run = partial(_forward, kind, vectors=_flat(vectors), outputs=outputs.numpy().reshape(-1), row=row)
        saved = in_parallel([partial(run, part, weights=by_direction[part.direction]) for part in parts])
        ctx.kind, ctx.parts, ctx.directions = kind, parts, len(by_direction)
        ctx.save_for_backward(vectors, *weights, *(tensor for tensors in saved for tensor in tensors))
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        vectors, *rest = ctx.saved_tensors
        weights, saved = rest[: 4 * ctx.directions], rest[4 * ctx.directions :]
        wanted = ctx.needs_input_grad[2]
        d_vectors = torch.zeros(ctx.directions, *(vectors.shape if wanted else (0,)))
        jobs = []
        for number, part in enumerate(ctx.parts):
            own, kept = weights[4 * part.direction :][:2], saved[3 * number :][:3]
            arguments = (own, kept, _flat(d_outputs), d_outputs.shape[-1], _flat(d_vectors[part.direction]))
            jobs.append(partial(_backward, ctx.kind, part, *arguments))
        d_weights = [torch.zeros_like(weight) for weight in weights]
        for part, gradients in zip(ctx.parts, in_parallel(jobs)):
            for total, gradient in zip(d_weights[4 * part.direction :], gradients):
                total += gradient
        return None, None, d_vectors.sum(0) if wanted else None, *d_weights
