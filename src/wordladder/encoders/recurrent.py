"""The recurrent encoder: RNN, GRU or LSTM, one or two directions, several layers. It has no attention."""

import warnings
from collections.abc import Iterator
from collections.abc import Sequence as Seq
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import RecipeError
from ..layers.recurrence import advance, carried, new_cell, run_layer, run_on
from ..layers.saved_weights import saved_weights
from ..layers.sequence import Sequence, VariationalDropout

__all__ = ["Recurrent"]


class Recurrent(nn.Module):
    """Words read in order: each vector depends on the words before it, and on those after it if
    bidirectional.

    Recurrent weights start orthogonal, the others as in Glorot & Bengio (2010), biases at zero, and the
    forget gate of an LSTM at one (Jozefowicz et al. 2015), so that it remembers from the start.

    Args:
        cell: `"rnn"` (Elman 1990), `"gru"` (Cho et al. 2014) or `"lstm"` (Hochreiter & Schmidhuber 1997).
        hidden: Numbers in the hidden vector of each direction.
        layers: Layers, one on top of the other.
        bidirectional: Whether a second direction reads each text backwards; the output is then twice as wide.
        dropout: Share of the numbers set to zero between one layer and the next, the same ones for every word
            of a text (Gal & Ghahramani 2016).
        weight_dropout: Share of the recurrent weights set to zero in training (Merity et al. 2018).
        source: The folder of a saved model, such as a language model, whose recurrent layers these start
            from; left out, they start from random numbers.
    """

    reads = "segment"
    state: Tensor

    def __init__(
        self,
        dim: int,
        *,
        cell: Literal["rnn", "gru", "lstm"] = "lstm",
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        weight_dropout: float = 0.0,
        source: str | None = None,
    ) -> None:
        super().__init__()
        if dropout and layers == 1:
            warnings.warn("dropout acts between layers; with layers = 1 it does nothing", stacklevel=2)
        directions = 1 + bidirectional
        self.dim = hidden * directions
        self.layers: Any = nn.ModuleList()
        for layer in range(layers):
            inputs = self.dim if layer else dim
            self.layers.append(nn.ModuleList(new_cell(cell, inputs, hidden) for _ in range(directions)))
        self.causal = not bidirectional
        self.begin: Tensor | None = None
        self.dropout, self.weight_dropout, self.source = VariationalDropout(dropout), weight_dropout, source

    def initialise(self, folder: Path) -> None:
        """Start from the layers of a saved model, if the recipe says so.

        Args:
            folder: Where a relative source starts.

        Raises:
            RecipeError: there is no such model, or its layers are others.
        """
        if self.source is None:
            return
        weights = saved_weights(folder / self.source, "encoders.0.")
        own = {name: tensor.shape for name, tensor in self.state_dict().items()}
        if own != {name: tensor.shape for name, tensor in weights.items()}:
            raise RecipeError(
                f"[[encoders]]: the recurrent layers of {self.source} have other sizes than these"
            )
        self.load_state_dict(weights)

    def remember(self, rows: int) -> None:
        """Keep the state of up to `rows` texts from one batch to the next. It reads from left to right."""
        shape = len(self.layers), 2, rows, self.layers[0][0].hidden_size
        self.register_buffer("state", torch.zeros(shape), persistent=False)

    def go_on(self, rows: Tensor | None) -> None:
        """Begin the next batch with the states that texts of the last one ended with.

        Args:
            rows: Which text of the last batch each one goes on from, -1 for none; None: all begin anew.
        """
        self.begin = None if rows is None else carried(self.state, rows, dim=2)

    def forward(self, sequence: Sequence) -> Sequence:
        """Hidden vectors `(batch, time, dim)`, zero after each text's end; the summary is dropped."""
        vectors = sequence.vectors
        for number, cells in enumerate(self.layers):
            vectors = self.dropout(vectors) if number else vectors
            with self._dropped(cells):
                if self.begin is None:
                    vectors = run_layer(list(cells.children()), vectors, sequence.mask)
                else:
                    vectors, state = run_on(cells[0], vectors, sequence.mask, self.begin[number])
                    self.state[number, :, : len(vectors)] = state
        return sequence._replace(vectors=vectors, summary=None)

    @contextmanager
    def _dropped(self, cells: Any) -> Iterator[None]:
        """Cells with some of their recurrent weights set to zero, if they are training."""
        kept = [cell.weight_hh_l0 for cell in cells] if self.training and self.weight_dropout else []
        for cell, weight in zip(cells, kept):
            del cell.weight_hh_l0
            cell.weight_hh_l0 = functional.dropout(weight, self.weight_dropout)
        yield
        for cell, weight in zip(cells, kept):
            del cell.weight_hh_l0
            cell.weight_hh_l0 = weight

    def step(
        self, vectors: Tensor, state: Seq[tuple[Tensor, ...]] | None
    ) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
        """One more word of texts that are read from left to right.

        Args:
            vectors: The word of each, `(rows, dim)`.
            state: What the last step returned; None before the first.
        """
        after = []
        for number, (cell,) in enumerate(self.layers):
            zeros = vectors.new_zeros(len(vectors), cell.hidden_size)
            before = (zeros,) * (1 + isinstance(cell, nn.LSTM)) if state is None else state[number]
            after.append(advance(cell, vectors, before, functional.linear))
            vectors = after[-1][0]
        return vectors, after
