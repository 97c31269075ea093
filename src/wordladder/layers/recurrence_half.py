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
from .products import laid_out

_HALF = torch.bfloat16


def forward(
    cell: int, part: Any, vectors: NDArray, outputs: NDArray, state: Tensor | None, weights: Seq[Tensor]
) -> list[Tensor]:
    """Run one part; returns what its backward pass needs.

    Args:
        cell: As in `kernels.recurrence`.
        part: Some texts in one direction: `direction`, `places`, `counts` and `texts`.
        vectors: The words of the batch, `(texts * time, dim)`.
        outputs: The new hidden vectors are written here, `(texts * time, directions, hidden)`.
        state: What each text of the batch begins with, `(2, batch, hidden)`; None: zeros.
        weights: Those of torch's layer in the part's direction.
    """
    w_input, w_recurrent, b_input, b_recurrent = (_in_order(cell, i, one) for i, one in enumerate(weights))
    words, most, hidden, columns = len(part.places), part.counts[0], w_recurrent.shape[1], len(b_input)
    at = _recalled_at(cell, hidden)
    inputs = torch.from_numpy(vectors)[torch.from_numpy(part.places)].to(_HALF)
    bias = torch.zeros(at + columns)
    bias[:columns] += b_input
    bias[at:] += b_recurrent
    gates = bias.repeat(words, 1)
    gates[:, :columns] += inputs @ w_input.to(_HALF).T
    # The first rows are those before the first step.
    after, half = torch.zeros(most + words, hidden), torch.zeros(most + words, hidden, dtype=_HALF)
    memory = torch.zeros(most + words if cell == kernel.LSTM else 0, hidden)
    if state is not None:
        after[:most], first_memory = state[:, torch.from_numpy(part.texts)]
        half[:most] = after[:most].to(_HALF)
        memory[:most] = first_memory[: len(memory)]
    recall = laid_out(w_recurrent.to(_HALF), int(most))
    arrays = memory.numpy(), after.numpy(), _bits(half)
    for rows, before, here in _steps(part.counts):
        count = rows.stop - rows.start
        product = _bits(recall(half[before : before + count]))
        kernel.activate_half(cell, count, gates.numpy(), product, rows.start, before, here, *arrays)
    outputs[part.places, part.direction] = after[most:].numpy()
    return [inputs, after, half, gates, memory]


def backward(
    cell: int, part: Any, trace: Seq[Tensor], d_outputs: NDArray, d_vectors: NDArray, weights: Seq[Tensor]
) -> list[Tensor]:
    """The gradients of one part's weights; that of the words is written into `d_vectors`."""
    inputs, after, half, gates, memory = trace
    w_input, w_recurrent = (_in_order(cell, i, one).to(_HALF) for i, one in enumerate(weights[:2]))
    hidden, columns = w_recurrent.shape[1], len(w_input)
    at = _recalled_at(cell, hidden)
    d_half = torch.empty_like(gates, dtype=_HALF)
    d_hidden, d_memory = torch.zeros(2, part.counts[0], hidden)
    d_bias = np.zeros(gates.shape[1], np.float32)
    d_after = d_outputs[part.places, part.direction]
    recall, product = laid_out(w_recurrent.T, int(part.counts[0])), torch.empty(0, hidden, dtype=_HALF)
    arrays = d_hidden.numpy(), d_memory.numpy(), _bits(d_half), d_bias
    befores = []
    for rows, before, here in reversed(list(_steps(part.counts))):
        count = rows.stop - rows.start
        kernel.derive_half(
            cell, count, gates.numpy(), rows.start, before, here, memory.numpy(), after.numpy(),
            d_after, _bits(product), *arrays,
        )  # fmt: skip
        product = recall(d_half[rows, at:])
        befores.append(half[before : before + count])
    d_words, d_sums = d_half[:, :columns], d_half[:, at:]
    if len(d_vectors):
        d_vectors[part.places] = (d_words @ w_input).float().numpy()
    found = (
        (d_words.T @ inputs).float(),
        (d_sums.T @ torch.cat(befores[::-1])).float(),
        torch.from_numpy(d_bias[:columns]),
        torch.from_numpy(d_bias[at:]),
    )
    return [_in_order(cell, i, one, back=True) for i, one in enumerate(found)]


def _bits(half: Tensor) -> NDArray[np.int16]:
    """The memory of a bfloat16 tensor."""
    return half.view(torch.int16).numpy()


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
