"""Recurrent layers over padded batches, without packing: torch's answers for a packed batch, at full speed.

On a CPU, torch leaves its fast path as soon as a batch is packed. Here each direction is a layer of its own,
the second one reads each text from its end, and padding is cut out of the answers. Where gradients are wanted
on a CPU, `recurrence_training.py` takes over.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .threads import in_parallel


def run_layer(cells: Sequence[Any], vectors: Tensor, mask: Tensor) -> Tensor:
    """One recurrent layer in one or two directions.

    On a CPU it computes in the precision of its weights, also under autocast.

    Args:
        cells: One `nn.LSTM`, `nn.GRU` or `nn.RNN` a direction, `batch_first`, of one layer and the same
            sizes.
        vectors: Words `(batch, time, dim)`.
        mask: `(batch, time)`, True for words, which come first in each row.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero where the mask is False.
    """
    if not mask.numel():
        return vectors.new_zeros(*mask.shape, len(cells) * cells[0].hidden_size)
    lengths = mask.sum(dim=1)
    if vectors.device.type != "cpu":
        return _joined([_direction(cells, i, vectors, lengths) for i in range(len(cells))], mask)
    with torch.autocast("cpu", enabled=False):
        vectors = vectors.to(cells[0].weight_hh_l0.dtype)
        tunable = any(parameter.requires_grad for cell in cells for parameter in cell.parameters())
        if torch.is_grad_enabled() and (tunable or vectors.requires_grad):
            return _with_gradients(cells, vectors, lengths, mask)
        return _without_gradients(cells, vectors, lengths, mask)


def _with_gradients(cells: Sequence[Any], vectors: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
    if vectors.dtype != torch.float32:
        return _joined([_direction(cells, i, vectors, lengths) for i in range(len(cells))], mask)
    from .recurrence_training import run_with_gradients

    return run_with_gradients(cells, vectors, lengths)


def _without_gradients(cells: Sequence[Any], vectors: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
    """The directions side by side; with threads to spare, also the rows of the batch."""
    if len(vectors) == 1:  # handing two millisecond jobs to threads costs more than it saves
        return _joined([_direction(cells, i, vectors, lengths) for i in range(len(cells))], mask)
    groups = max(1, min(torch.get_num_threads() // len(cells), len(vectors)))
    rows = list(zip(vectors.tensor_split(groups), lengths.tensor_split(groups)))
    run = torch.no_grad()(_direction)  # a thread has settings of its own
    done = in_parallel([partial(run, cells, i, *some) for i in range(len(cells)) for some in rows])
    return _joined([torch.cat(done[i : i + groups]) for i in range(0, len(done), groups)], mask)


def _direction(cells: Sequence[Any], number: int, vectors: Tensor, lengths: Tensor) -> Tensor:
    """The first direction reads the texts as they stand, the second one from each text's end."""
    if number == 0:
        return cells[0](vectors)[0]
    return flip_by_length(cells[1](flip_by_length(vectors, lengths))[0], lengths)


def _joined(directions: Sequence[Tensor], mask: Tensor) -> Tensor:
    return torch.cat(list(directions), dim=-1).masked_fill(~mask[..., None], 0.0)


def flip_by_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Turn the words of each text round; what comes after its end stays in place. `(batch, time, dim)`."""
    rows, time, dim = vectors.shape
    step = torch.arange(time, device=vectors.device)
    step = torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)
    place = step + time * torch.arange(rows, device=vectors.device)[:, None]
    return vectors.reshape(rows * time, dim).index_select(0, place.reshape(-1)).view(rows, time, dim)
