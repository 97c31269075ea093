"""Recurrent layers over padded batches, without packing: torch's results for a packed batch, at full speed.

On a CPU, torch leaves its fast path as soon as a batch is packed. Here each direction is a layer of its own,
the second one reads each text backwards, and padding is removed from the results. Where gradients are needed
on a CPU, `recurrence_training.py` takes over.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from .threads import in_parallel

LEAST_HALF = 256  # hidden numbers; below, single steps take longer than their products

Product = Callable[[Tensor, Tensor, Tensor], Tensor]


def new_cell(kind: Literal["rnn", "gru", "lstm"], inputs: int, hidden: int) -> nn.RNNBase:
    """One layer in one direction, initialised: recurrent weights orthogonal, the others as in Glorot & Bengio
    (2010), biases zero, and the forget gate of an LSTM one (Jozefowicz et al. 2015).
    """
    cell = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[kind](inputs, hidden, batch_first=True)
    initialisers = {"weight_ih_l0": nn.init.xavier_uniform_, "weight_hh_l0": nn.init.orthogonal_}
    for name, parameter in cell.named_parameters():
        for block in parameter.detach().split(hidden):  # each gate is a layer of its own
            initialisers.get(name, nn.init.zeros_)(block)
        if kind == "lstm" and name == "bias_ih_l0":
            parameter.detach()[hidden : 2 * hidden] = 1.0  # the forget gate
    return cell


def run_layer(cells: Sequence[Any], vectors: Tensor, mask: Tensor) -> Tensor:
    """One recurrent layer in one or two directions.

    On a CPU it computes in the precision of its weights; only wide layers multiply in bfloat16 under
    autocast.

    Args:
        cells: One `nn.LSTM`, `nn.GRU` or `nn.RNN` a direction, `batch_first`, of one layer and the same
            sizes.
        vectors: Words `(batch, time, dim)`.
        mask: `(batch, time)`, True for words, which come first in each row.

    Returns:
        Hidden vectors `(batch, time, directions * hidden)`, zero where the mask is False.
    """
    if torch.jit.is_tracing():
        from .recurrence_export import run_in_graph

        return run_in_graph(cells, vectors, mask.sum(dim=1))
    if not mask.numel():
        return vectors.new_zeros(*mask.shape, len(cells) * cells[0].hidden_size)
    lengths = mask.sum(dim=1)
    if vectors.device.type != "cpu":
        return _join([_run_direction(cells, i, vectors, lengths) for i in range(len(cells))], mask)
    half = torch.is_autocast_enabled("cpu") and cells[0].hidden_size >= LEAST_HALF
    with torch.autocast("cpu", enabled=False):
        vectors = vectors.to(cells[0].weight_hh_l0.dtype)
        trainable = any(parameter.requires_grad for cell in cells for parameter in cell.parameters())
        learns = torch.is_grad_enabled() and (trainable or vectors.requires_grad)
        if vectors.dtype == torch.float32 and (learns or half):
            from .recurrence_training import run_with_gradients

            return run_with_gradients(cells, vectors, lengths, half=half)[0]
        if not learns and len(vectors) > 1:  # with one text, threads cost more than they save
            return _join(_in_threads(cells, vectors, lengths), mask)
        return _join([_run_direction(cells, i, vectors, lengths) for i in range(len(cells))], mask)


def run_on(cell: Any, vectors: Tensor, mask: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """One recurrent layer that reads from left to right and goes on from a state.

    Args:
        cell: An `nn.LSTM`, `nn.GRU` or `nn.RNN`, as above.
        vectors: As above.
        mask: As above.
        state: The hidden vector and the memory (of LSTM) of each text, `(2, batch, hidden)`. No gradients
            reach it.

    Returns:
        Hidden vectors as above, and the state after the last word of each text.
    """
    if not mask.numel():
        return vectors.new_zeros(*mask.shape, cell.hidden_size), state
    lengths = mask.sum(dim=1)
    if vectors.device.type == "cpu" and cell.weight_hh_l0.dtype == torch.float32:
        from .recurrence_training import run_with_gradients

        half = torch.is_autocast_enabled("cpu") and cell.hidden_size >= LEAST_HALF
        with torch.autocast("cpu", enabled=False):
            found, memory = run_with_gradients([cell], vectors.float(), lengths, half=half, state=state)
        last = found.detach()[torch.arange(len(found)), (lengths - 1).clamp(min=0)]
    else:
        packed = pack_padded_sequence(
            vectors, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False
        )
        before = state[:, None].to(vectors.dtype)
        states = (before[0], before[1]) if isinstance(cell, nn.LSTM) else before[0]
        result, after = cell(packed, states)
        found = pad_packed_sequence(result, batch_first=True, total_length=mask.shape[1])[0]
        found = found.masked_fill(~mask[..., None], 0.0)
        last, memory = (
            one[0].detach().float() for one in (after if isinstance(after, tuple) else (after,) * 2)
        )
    ended = torch.stack([last, memory if isinstance(cell, nn.LSTM) else state[1]])
    return found, torch.where((lengths > 0)[:, None], ended, state)


def carried(kept: Tensor, rows: Tensor, dim: int) -> Tensor:
    """What was kept of texts, for those that go on from them.

    Args:
        kept: A row of dimension `dim` for each text.
        rows: Which of them each one goes on from, or -1: that has zeros.
        dim: The dimension of texts, the last but one.
    """
    return kept.index_select(dim, rows.clamp(min=0)) * (rows >= 0)[:, None]


def _in_threads(cells: Sequence[Any], vectors: Tensor, lengths: Tensor) -> list[Tensor]:
    """The directions in parallel; with threads to spare, also the rows of the batch."""
    groups = max(1, min(torch.get_num_threads() // len(cells), len(vectors)))
    rows = list(zip(vectors.tensor_split(groups), lengths.tensor_split(groups)))
    run = torch.no_grad()(_run_direction)  # which is set for each thread
    results = in_parallel([partial(run, cells, i, *group) for i in range(len(cells)) for group in rows])
    return [torch.cat(results[i : i + groups]) for i in range(0, len(results), groups)]


def _run_direction(cells: Sequence[Any], number: int, vectors: Tensor, lengths: Tensor) -> Tensor:
    """The first direction reads each text forwards, the second one backwards."""
    if number == 0:
        return cells[0](vectors)[0]
    return flip_by_length(cells[1](flip_by_length(vectors, lengths))[0], lengths)


def _join(directions: Sequence[Tensor], mask: Tensor) -> Tensor:
    return torch.cat(list(directions), dim=-1).masked_fill(~mask[..., None], 0.0)


def flip_by_length(vectors: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the words of each text; padding stays in place. `(batch, time, dim)`."""
    rows, time, dim = vectors.shape
    step = torch.arange(time, device=vectors.device)
    step = torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)
    place = step + time * torch.arange(rows, device=vectors.device)[:, None]
    return vectors.reshape(rows * time, dim).index_select(0, place.reshape(-1)).view(rows, time, dim)


def advance(cell: Any, vectors: Tensor, before: tuple[Tensor, ...], product: Product) -> tuple[Tensor, ...]:
    """The hidden vectors of a layer after one more step, and the memory of LSTM, `(rows, hidden)`.

    Args:
        cell: One layer of torch in one direction.
        vectors: The next words, `(rows, dim)`.
        before: What the last step returned, or zeros.
        product: Computes `vectors weightᵀ + bias`.
    """
    hidden = before[0]
    new = product(vectors, cell.weight_ih_l0, cell.bias_ih_l0).float()
    old = product(hidden, cell.weight_hh_l0, cell.bias_hh_l0).float()
    if isinstance(cell, nn.LSTM):
        enter, forget, given, leave = (new + old).chunk(4, dim=1)
        memory = forget.sigmoid() * before[1] + enter.sigmoid() * given.tanh()
        return leave.sigmoid() * memory.tanh(), memory
    if isinstance(cell, nn.RNN):
        return ((new + old).tanh(),)
    (reset, update, given), (old_reset, old_update, recalled) = new.chunk(3, dim=1), old.chunk(3, dim=1)
    given = (given + (reset + old_reset).sigmoid() * recalled).tanh()
    return (torch.lerp(given, hidden, (update + old_update).sigmoid()),)
