"""Recurrent layers trained on a CPU that multiplies in bfloat16, which is more than twice as fast for wide
layers: the products are bfloat16, all between them is float32, as autocast has it on an accelerator.

What a cell does is shared with the float32 kernels; products are torch's, as these kernels have no bfloat16.
"""

from collections.abc import Iterator
from collections.abc import Sequence as Seq
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..kernels import recurrence as kernel

_HALF = torch.bfloat16


def forward(cell: int, part: Any, vectors: NDArray, outputs: NDArray, weights: Seq[Tensor]) -> list[Tensor]:
    """Run one part; returns what its backward pass needs.

    Args:
        cell: As in `kernels.recurrence`.
        part: Some texts in one direction: `direction`, `places` and `counts`.
        vectors: The words of the batch, `(texts * time, dim)`.
        outputs: The new hidden vectors are written here, `(texts * time, directions, hidden)`.
        weights: Those of torch's layer in the part's direction.
    """
    w_input, w_recurrent, b_input, b_recurrent = (_in_order(cell, i, one) for i, one in enumerate(weights))
    words, hidden, columns = len(part.places), w_recurrent.shape[1], len(b_input)
    at = _recalled_at(cell, hidden)
    inputs = torch.from_numpy(vectors)[torch.from_numpy(part.places)].to(_HALF)
    bias = torch.zeros(at + columns)
    bias[:columns] += b_input
    bias[at:] += b_recurrent
    gates = bias.repeat(words, 1)
    gates[:, :columns] += inputs @ w_input.to(_HALF).T
    before, after = torch.zeros(2, words, hidden)
    memory = torch.zeros(part.counts[0] + words if cell == kernel.LSTM else 0, hidden)
    recalled = w_recurrent.to(_HALF).T.contiguous()
    last = before[: part.counts[0]]
    for rows, *where in _steps(part.counts):
        count = rows.stop - rows.start
        before[rows] = last[:count]
        gates[rows, at:] += last[:count].to(_HALF) @ recalled
        last = after[rows]
        kernel.activate(
            cell, count, gates.numpy(), rows.start, before.numpy(), 0, memory.numpy(), *where, last.numpy()
        )
    outputs[part.places, part.direction] = after.numpy()
    return [inputs, before, gates, memory]


def backward(
    cell: int, part: Any, trace: Seq[Tensor], d_outputs: NDArray, d_vectors: NDArray, weights: Seq[Tensor]
) -> list[Tensor]:
    """The gradients of one part's weights; that of the words is written into `d_vectors`."""
    inputs, before, gates, memory = trace
    w_input, w_recurrent = (_in_order(cell, i, one).to(_HALF) for i, one in enumerate(weights[:2]))
    hidden, columns = w_recurrent.shape[1], len(w_input)
    at = _recalled_at(cell, hidden)
    d_gates, d_half = torch.zeros_like(gates), torch.empty_like(gates, dtype=_HALF)
    d_hidden, d_memory = torch.zeros(2, part.counts[0], hidden)
    d_after = torch.from_numpy(d_outputs[part.places, part.direction])
    for rows, *where in reversed(list(_steps(part.counts))):
        count, start = rows.stop - rows.start, rows.start
        d_hidden[:count] += d_after[rows]
        kernel.derive(
            cell, count, gates.numpy(), start, before.numpy(), 0, memory.numpy(), *where,
            d_gates.numpy(), start, d_hidden.numpy(), d_memory.numpy(),
        )  # fmt: skip
        d_half[rows] = d_gates[rows]
        d_hidden[:count] += d_half[rows, at:] @ w_recurrent
    d_words, d_sums = d_half[:, :columns], d_half[:, at:]
    if len(d_vectors):
        d_vectors[part.places] = (d_words @ w_input).float().numpy()
    found = (
        (d_words.T @ inputs).float(),
        (d_sums.T @ before.to(_HALF)).float(),
        d_gates[:, :columns].sum(0),
        d_gates[:, at:].sum(0),
    )
    return [_in_order(cell, i, one, back=True) for i, one in enumerate(found)]


def _steps(counts: NDArray[np.int64]) -> Iterator[tuple[slice, int, int]]:
    """The packed rows of each step, and where LSTM's memory before and after it begins."""
    ends, before = np.cumsum(counts).tolist(), 0
    for start, end in pairwise([0, *ends]):
        here = int(counts[0]) + start
        yield slice(start, end), before, here
        before = here


def _recalled_at(cell: int, hidden: int) -> int:
    return hidden if cell == kernel.GRU else 0


def _in_order(cell: int, number: int, weights: Tensor, *, back: bool = False) -> Tensor:
    """A weight's rows as the kernel has its gates, or back: of GRU, the words' last third comes first."""
    if cell != kernel.GRU or number % 2:
        return weights.detach()
    third = len(weights) // 3
    return weights.detach().roll(-third if back else third, dims=0)
