"""Recurrent layers over padded batches, without packing: torch's answers for a packed batch, at full speed.

torch leaves its fast path on a CPU as soon as a batch is packed. Here each direction is a layer of its own, the
second reads each text from its end, and padding is cut out of the answers. Where gradients are wanted on a CPU,
`recurrence_training.py` takes over.
"""

from collections.abc import Sequence as Seq
from functools import partial

import torch
from torch import Tensor, nn

from .workers import in_parallel

__all__ = ["flip_by_length", "run_layer"]


def run_layer(cells: Seq[nn.RNNBase], vectors: Tensor, mask: Tensor) -> Tensor:
    """One recurrent layer in one or two directions.

    On a CPU it computes in the precision of the weights also under autocast.

    Args:
        cells: One `nn.LSTM`, `nn.GRU` or `nn.RNN` a direction: a single layer, `batch_first`, with the same sizes.
        vectors: Words `(batch, time, inputs)`.
        mask: `(batch, time)`, True for words, which come first in each row.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero where the mask is False.
    """
    if not mask.numel():
        return vectors.new_zeros(*mask.shape, len(cells) * cells[0].hidden_size)
    if vectors.device.type != "cpu":
        return _masked([_direction(cells, i, vectors, mask.sum(1)) for i in range(len(cells))], mask)
    with torch.autocast("cpu", enabled=False):
        return _on_cpu(cells, vectors.to(cells[0].weight_hh_l0.dtype), mask)


def _on_cpu(cells: Seq[nn.RNNBase], vectors: Tensor, mask: Tensor) -> Tensor:
    lengths = mask.sum(1)
    directions = range(len(cells))
    tunable = any(parameter.requires_grad for cell in cells for parameter in cell.parameters())
    if torch.is_grad_enabled() and (tunable or vectors.requires_grad):
        if vectors.dtype != torch.float32:
            return _masked([_direction(cells, i, vectors, lengths) for i in directions], mask)
        from .recurrence_training import run_layer as run_with_gradients

        return run_with_gradients(cells, vectors, lengths)
    groups = max(1, min(torch.get_num_threads() // len(cells), len(vectors)))
    rows = list(zip(vectors.tensor_split(groups), lengths.tensor_split(groups)))
    done = in_parallel([partial(_without_gradients, cells, i, *some) for i in directions for some in rows])
    return _masked([torch.cat(done[i * groups : (i + 1) * groups]) for i in directions], mask)


@torch.no_grad()
def _without_gradients(cells: Seq[nn.RNNBase], number: int, vectors: Tensor, lengths: Tensor) -> Tensor:
    return _direction(cells, number, vectors, lengths)


def _direction(cells: Seq[nn.RNNBase], number: int, vectors: Tensor, lengths: Tensor) -> Tensor:
    """One direction: the first as the texts stand, the second from each text's end."""
    if number == 0:
        return cells[0](vectors)[0]
    return flip_by_length(cells[1](flip_by_length(vectors, lengths))[0], lengths)


def flip_by_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Turn the words of each text round; what comes after its end stays where it is. `(batch, time, dim)`."""
    rows, time, dim = vectors.shape
    places = torch.arange(time, device=vectors.device)
    flipped = lengths[:, None] - 1 - places
    flipped = torch.where(flipped < 0, places, flipped) + time * torch.arange(rows, device=vectors.device)[:, None]
    return vectors.reshape(rows * time, dim).index_select(0, flipped.reshape(-1)).view(rows, time, dim)


def _masked(directions: Seq[Tensor], mask: Tensor) -> Tensor:
    return torch.cat(list(directions), dim=-1).masked_fill(~mask[..., None], 0.0)
