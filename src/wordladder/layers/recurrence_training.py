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
from .threads import in_parallel

_WEIGHTS = 4  # of a direction: word's and hidden vector's, and a bias for each
_LEAST_ROWS = 8  # fewer rows side by side leave the kernel waiting for weights


class _Kind(NamedTuple):
    """How a cell's weights lie in torch, and where its kernel wants them; in blocks of `hidden` rows."""

    number: int
    blocks: int
    recalled_at: int  # first block of the gates that the hidden vector reaches
    rolled: int  # blocks from the end that come first in the kernel, in the words' weights


# torch's GRU has r, z, n; the kernel has the word's n first and the hidden vector's n last.
_KINDS = {
    nn.LSTM: _Kind(kernel.LSTM, 4, 0, 0),
    nn.GRU: _Kind(kernel.GRU, 3, 1, 1),
    nn.RNN: _Kind(kernel.RNN, 1, 0, 0),
}


class _Part(NamedTuple):
    """What one thread does: some texts in one direction. `places` and `counts` as in `kernel.forward`."""

    direction: int
    places: NDArray[np.int64]
    counts: NDArray[np.int64]


class _Saved(NamedTuple):
    """What the way back of a part needs, as `kernel.forward` leaves it."""

    inputs: Tensor
    gates: Tensor
    memory: Tensor


def run_with_gradients(cells: Seq[Any], vectors: Tensor, lengths: Tensor) -> Tensor:
    """One layer, with gradients.

    Args:
        cells: One layer of torch a direction, with the same sizes.
        vectors: Words `(batch, time, dim)`, float32, on the CPU.
        lengths: Words a text, `(batch,)`.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero after each text's end.
    """
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [getattr(cell, name) for cell in cells for name in names]
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
        steps, texts = (np.arange(own[0])[:, None] < own).nonzero()
        counts = np.bincount(steps)
        for direction, words in enumerate((steps, own[texts] - 1 - steps)[:directions]):
            parts.append(_Part(direction, rows[texts] * time + words, counts))
    return parts


def _blocks(weights: Tensor, hidden: int, rolled: int = 0) -> NDArray[np.float32]:
    """Rows of torch's weights `(blocks * hidden, …)` as columns of gates, `(blocks * units, …)`."""
    blocks = weights.detach().numpy().reshape(-1, hidden, weights.shape[1] if weights.ndim > 1 else 1)
    padded = np.zeros((len(blocks), _units(hidden), blocks.shape[2]), np.float32)
    last = len(blocks) - rolled
    padded[:rolled, :hidden], padded[rolled:, :hidden] = blocks[last:], blocks[:last]
    return padded.reshape(-1, blocks.shape[2])


def _unblocked(gradient: NDArray[np.float32], hidden: int, rolled: int = 0) -> Tensor:
    """The way back: from columns of gates `(…, blocks * units)` to rows of torch's weights."""
    blocks = gradient.T.reshape(-1, _units(hidden), len(gradient))[:, :hidden]
    turned = blocks if rolled == 0 else np.concatenate([blocks[rolled:], blocks[:rolled]])
    return torch.from_numpy(turned.reshape(-1, len(gradient)))


def _units(hidden: int) -> int:
    return -(-hidden // kernel.LANES) * kernel.LANES


def _room(rows: int, columns: int) -> Tensor:
    """Memory to be filled. NumPy asks for huge pages, which cost less to come by than torch's small ones."""
    return torch.from_numpy(np.empty((rows, columns), np.float32))


def _forward(kind: _Kind, part: _Part, vectors: NDArray, outputs: NDArray, weights: Seq[Tensor]) -> _Saved:
    """Run one part; returns what its way back needs."""
    w_input, w_recurrent, b_input, b_recurrent = weights
    hidden, words = w_recurrent.shape[1], len(part.places)
    units = _units(hidden)
    columns, recalled_at = kind.blocks * units, kind.recalled_at * units
    bias = np.zeros(recalled_at + columns, np.float32)
    bias[:columns] = _blocks(b_input, hidden, kind.rolled)[:, 0]
    bias[recalled_at:] += _blocks(b_recurrent, hidden)[:, 0]
    panels = kernel.panels(_blocks(w_recurrent, hidden).T)
    inputs = _room(words, vectors.shape[1] + units)
    gates = _room(words, recalled_at + len(panels) * kernel.PANEL)
    memory = _room(part.counts[0] + words if kind.number == kernel.LSTM else 0, units)
    memory[: part.counts[0]] = 0
    kernel.forward(
        kind.number, part.direction, vectors, part.places, part.counts,
        kernel.panels(_blocks(w_input, hidden, kind.rolled).T), panels, bias,
        inputs.numpy(), gates.numpy(), memory.numpy(), outputs,
    )  # fmt: skip
    return _Saved(inputs, gates, memory)


def _backward(
    kind: _Kind, part: _Part, saved: _Saved, d_outputs: NDArray, d_vectors: NDArray, weights: Seq[Tensor]
) -> list[Tensor]:
    """The gradients of one part's weights; that of the words is written into `d_vectors`."""
    hidden = weights[1].shape[1]
    w_input, w_recurrent = _blocks(weights[0], hidden, kind.rolled), _blocks(weights[1], hidden)
    columns, recalled_at = len(w_input), kind.recalled_at * _units(hidden)
    width = -(-columns // kernel.PANEL) * kernel.PANEL
    d_input = np.zeros((w_input.shape[1], width), np.float32)
    d_recurrent = np.zeros((hidden, width), np.float32)
    d_bias = np.zeros((1, recalled_at + columns), np.float32)
    kernel.backward(
        kind.number, part.direction, part.places, part.counts,
        kernel.panels(w_input), kernel.panels(w_recurrent), *(tensor.numpy() for tensor in saved),
        d_outputs, d_input, d_recurrent, d_bias[0], d_vectors,
    )  # fmt: skip
    return [
        _unblocked(d_input[:, :columns], hidden, kind.rolled),
        _unblocked(d_recurrent[:, :columns], hidden),
        _unblocked(d_bias[:, :columns], hidden, kind.rolled)[:, 0],
        _unblocked(d_bias[:, recalled_at:], hidden)[:, 0],
    ]


class _Run(torch.autograd.Function):
    """Both directions of a layer: a part a thread, each writing to places of its own."""

    @staticmethod
    def forward(ctx: Any, kind: _Kind, parts: list[_Part], vectors: Tensor, *weights: Tensor) -> Tensor:
        directions, hidden = len(weights) // _WEIGHTS, weights[1].shape[1]
        outputs = torch.zeros(*vectors.shape[:2], directions * hidden)
        places = outputs.numpy().reshape(-1, directions, hidden)
        run = partial(_forward, kind, vectors=_words(vectors), outputs=places)
        saved = in_parallel([partial(run, part, weights=_of(weights, part)) for part in parts])
        ctx.kind, ctx.parts, ctx.shape = kind, parts, vectors.shape
        ctx.save_for_backward(*weights, *(tensor for some in saved for tensor in some))
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor) -> tuple[Tensor | None, ...]:
        directions = (len(ctx.needs_input_grad) - 3) // _WEIGHTS
        weights, rest = ctx.saved_tensors[: directions * _WEIGHTS], ctx.saved_tensors[directions * _WEIGHTS :]
        saved = [_Saved(*rest[i : i + 3]) for i in range(0, len(rest), 3)]
        wanted = ctx.needs_input_grad[2]
        d_vectors = torch.zeros(directions, *(ctx.shape if wanted else (0, ctx.shape[2])))
        d_places = d_outputs.contiguous().numpy().reshape(-1, directions, weights[1].shape[1])
        run = partial(_backward, ctx.kind, d_outputs=d_places)
        jobs = [
            partial(run, part, kept, d_vectors=_words(d_vectors[part.direction]), weights=_of(weights, part))
            for part, kept in zip(ctx.parts, saved)
        ]
        d_weights = [torch.zeros_like(weight) for weight in weights]
        for part, gradients in zip(ctx.parts, in_parallel(jobs)):
            for total, gradient in zip(_of(d_weights, part), gradients):
                total += gradient
        return None, None, d_vectors.sum(0) if wanted else None, *d_weights


def _words(vectors: Tensor) -> NDArray[np.float32]:
    """One row a place of the batch."""
    return vectors.detach().contiguous().numpy().reshape(-1, vectors.shape[-1])


def _of(weights: Seq[Tensor], part: _Part) -> Seq[Tensor]:
    """The weights of the part's direction."""
    return weights[part.direction * _WEIGHTS :][:_WEIGHTS]
