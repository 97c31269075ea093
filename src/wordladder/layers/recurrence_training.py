"""Recurrent layers trained on a CPU: both directions at once, no padding, about twice as fast as torch's own.

Connects autograd and `kernels/recurrence.py`: which rows each thread takes, and the order of weights and
gradients in the kernels. The results are those of torch's layers on a packed batch. Where products may be
bfloat16, wide layers take `recurrence_half.py`.
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
from . import recurrence_half
from .packing import pack
from .threads import in_parallel

_NAMES = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
_LEAST_ROWS = 8  # fewer rows side by side leave the kernel waiting for weights


_CELLS = {nn.LSTM: kernel.LSTM, nn.GRU: kernel.GRU, nn.RNN: kernel.RNN}


class _Part(NamedTuple):
    """What one thread does: some texts in one direction. `places` and `counts` are as in `kernel.forward`,
    `texts` the rows of the batch.
    """

    direction: int
    places: NDArray[np.int64]
    counts: NDArray[np.int64]
    texts: NDArray[np.int64]

    def of(self, weights: Seq[Tensor]) -> Seq[Tensor]:
        """The weights of the part's direction."""
        return weights[self.direction * len(_NAMES) :][: len(_NAMES)]

    def ends(self) -> NDArray[np.int64]:
        """The row of LSTM's memory after the last word of each text."""
        steps = (self.counts[:, None] > np.arange(len(self.texts))).sum(axis=0)
        starts = np.cumsum(self.counts) - self.counts
        return len(self.texts) + starts[steps - 1] + np.arange(len(self.texts))


def run_with_gradients(
    cells: Seq[Any], vectors: Tensor, lengths: Tensor, *, half: bool = False, state: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Run one layer, with gradients where they are wanted.

    Args:
        cells: One layer of torch for each direction, with the same sizes.
        vectors: Words `(batch, time, dim)`, float32, on the CPU.
        lengths: Words a text, `(batch,)`.
        half: Whether products are bfloat16.
        state: The hidden vector and the memory that each text begins with, `(2, batch, hidden)`, which get no
            gradients; left out, zeros.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero after each text's end; and, for LSTM with a
        state, its memory after the last word of each text, `(batch, hidden)`.
    """
    weights = [getattr(cell, name) for cell in cells for name in _NAMES]
    parts = _split(lengths.numpy(), vectors.shape[1], len(cells), torch.get_num_threads())
    found: tuple[Tensor, Tensor] = _Run.apply(_CELLS[type(cells[0])], half, parts, state, vectors, *weights)
    return found


def _split(lengths: NDArray[np.int64], time: int, directions: int, threads: int) -> list[_Part]:
    """Deal the texts out to the threads, longest first, so that each gets texts of all lengths."""
    order = np.argsort(-lengths, kind="stable")
    order = order[: np.count_nonzero(lengths)]
    groups = max(1, min(threads // directions, len(order) // _LEAST_ROWS)) if len(order) else 0
    dealt = [order[group::groups] for group in range(groups)]
    packings = [(texts, *pack(lengths, time, texts)) for texts in dealt]
    return [
        _Part(i, places[i], counts, texts) for texts, places, counts in packings for i in range(directions)
    ]


def _to_kernel(weights: Tensor, hidden: int, rolled: int = 0) -> NDArray[np.float32]:
    """Rows of torch's weights `(blocks * hidden, …)` as columns of gates, `(blocks * units, …)`."""
    blocks = weights.detach().numpy().reshape(-1, hidden, weights.shape[1] if weights.ndim > 1 else 1)
    padded = np.zeros((len(blocks), _units(hidden), blocks.shape[2]), np.float32)
    padded[:, :hidden] = np.roll(blocks, rolled, axis=0)
    return padded.reshape(-1, blocks.shape[2])


def _from_kernel(gradient: NDArray[np.float32], hidden: int, rolled: int = 0) -> Tensor:
    """From columns of gates `(…, blocks * units)` back to rows of torch's weights."""
    blocks = gradient.T.reshape(-1, _units(hidden), len(gradient))[:, :hidden]
    return torch.from_numpy(np.roll(blocks, -rolled, axis=0).reshape(-1, len(gradient)))


def _rolled(cell: int) -> int:
    """How many blocks of `hidden` rows from the end of the words' weights come first in the kernel; also the
    first block of the gates that the hidden vector reaches.

    torch's GRU has r, z, n; the kernel has the word's n first and the hidden vector's n last.
    """
    return 1 if cell == kernel.GRU else 0


def _units(hidden: int) -> int:
    return -(-hidden // kernel.LANES) * kernel.LANES


def _empty(rows: int, columns: int) -> Tensor:
    """Uninitialised memory. NumPy asks for huge pages, which are faster to get than torch's small ones."""
    return torch.from_numpy(np.empty((rows, columns), np.float32))


def _forward(
    cell: int, part: _Part, vectors: NDArray, outputs: NDArray, state: Tensor | None, weights: Seq[Tensor]
) -> list[Tensor]:
    """Run one part; returns the inputs, gates and memory that its backward pass needs."""
    w_input, w_recurrent, b_input, b_recurrent = weights
    hidden, words, rolled = w_recurrent.shape[1], len(part.places), _rolled(cell)
    units = _units(hidden)
    columns, recurrent_at = len(b_input) // hidden * units, rolled * units
    bias = np.zeros(recurrent_at + columns, np.float32)
    bias[:columns] = _to_kernel(b_input, hidden, rolled)[:, 0]
    bias[recurrent_at:] += _to_kernel(b_recurrent, hidden)[:, 0]
    panels = kernel.panels(_to_kernel(w_recurrent, hidden).T)
    inputs = _empty(words, vectors.shape[1] + units)
    gates = _empty(words, recurrent_at + len(panels) * kernel.PANEL)
    memory = _empty(part.counts[0] + words if cell == kernel.LSTM else 0, units)
    first = np.zeros((2, part.counts[0], units), np.float32)
    if state is not None:
        first[:, :, :hidden] = state[:, torch.from_numpy(part.texts)].numpy()
    memory[: part.counts[0]] = torch.from_numpy(first[1, : len(memory)])
    kernel.forward(
        cell, part.direction, vectors, part.places, part.counts,
        kernel.panels(_to_kernel(w_input, hidden, rolled).T), panels, bias, first[0],
        inputs.numpy(), gates.numpy(), memory.numpy(), outputs,
    )  # fmt: skip
    return [inputs, gates, memory]


def _backward(
    cell: int, part: _Part, trace: Seq[Tensor], d_outputs: NDArray, d_vectors: NDArray, weights: Seq[Tensor]
) -> list[Tensor]:
    """The gradients of one part's weights; that of the words is written into `d_vectors`."""
    hidden, rolled = weights[1].shape[1], _rolled(cell)
    w_input, w_recurrent = _to_kernel(weights[0], hidden, rolled), _to_kernel(weights[1], hidden)
    columns, recurrent_at = len(w_input), rolled * _units(hidden)
    width = -(-columns // kernel.PANEL) * kernel.PANEL
    d_input = np.zeros((w_input.shape[1], width), np.float32)
    d_recurrent = np.zeros((hidden, width), np.float32)
    d_bias = np.zeros((1, recurrent_at + columns), np.float32)
    kernel.backward(
        cell, part.direction, part.places, part.counts,
        kernel.panels(w_input), kernel.panels(w_recurrent), *(tensor.numpy() for tensor in trace),
        d_outputs, d_input, d_recurrent, d_bias[0], d_vectors,
    )  # fmt: skip
    return [
        _from_kernel(d_input[:, :columns], hidden, rolled),
        _from_kernel(d_recurrent[:, :columns], hidden),
        _from_kernel(d_bias[:, :columns], hidden, rolled)[:, 0],
        _from_kernel(d_bias[:, recurrent_at:], hidden)[:, 0],
    ]


class _Run(torch.autograd.Function):
    """All directions of a layer: a part a thread, each writing to places of its own."""

    @staticmethod
    def forward(
        ctx: Any,
        cell: int,
        half: bool,
        parts: list[_Part],
        state: Tensor | None,
        vectors: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        directions, hidden = len(weights) // len(_NAMES), weights[1].shape[1]
        outputs = torch.zeros(*vectors.shape[:2], directions * hidden)
        places = outputs.numpy().reshape(-1, directions, hidden)
        function = recurrence_half.forward if half else _forward
        run = partial(function, cell, vectors=_rows(vectors), outputs=places, state=state)
        traces = in_parallel([partial(run, part, weights=part.of(weights)) for part in parts])
        ctx.cell, ctx.half, ctx.parts, ctx.shape, ctx.count = cell, half, parts, vectors.shape, len(weights)
        ctx.save_for_backward(*weights, *(tensor for trace in traces for tensor in trace))
        ends = torch.empty(0)
        if state is not None and cell == kernel.LSTM:
            ends = state[1].clone()
            for part, (*_, memory) in zip(parts, traces):
                ends[torch.from_numpy(part.texts)] = memory[torch.from_numpy(part.ends()), :hidden]
        ctx.mark_non_differentiable(ends)
        return outputs, ends

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_outputs: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors  # asked for once, as checkpointing wants it
        weights, rest = saved[: ctx.count], saved[ctx.count :]
        directions, of_words = ctx.count // len(_NAMES), ctx.needs_input_grad[4]
        d_vectors = torch.zeros(directions, *(ctx.shape if of_words else (0, ctx.shape[2])))
        d_places = d_outputs.contiguous().numpy().reshape(-1, directions, weights[1].shape[1])
        kept = len(rest) // max(1, len(ctx.parts))
        function = recurrence_half.backward if ctx.half else _backward
        run = partial(function, ctx.cell, d_outputs=d_places)
        jobs = [
            partial(
                run,
                part,
                rest[kept * i : kept * (i + 1)],
                d_vectors=_rows(d_vectors[part.direction]),
                weights=part.of(weights),
            )
            for i, part in enumerate(ctx.parts)
        ]
        d_weights = [torch.zeros_like(weight) for weight in weights]
        for part, gradients in zip(ctx.parts, in_parallel(jobs)):
            for total, gradient in zip(part.of(d_weights), gradients):
                total += gradient
        return None, None, None, None, d_vectors.sum(0) if of_words else None, *d_weights


def _rows(vectors: Tensor) -> NDArray[np.float32]:
    """One row for each place of the batch."""
    return vectors.detach().contiguous().numpy().reshape(-1, vectors.shape[-1])
