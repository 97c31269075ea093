"""The recurrent encoder: RNN, GRU or LSTM, one or two directions, several layers. It has no attention."""

import warnings
from typing import Literal

from torch import nn

from ..layers.recurrence import new_cell, run_layer
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
    """

    reads = "segment"

    def __init__(
        self,
        dim: int,
        *,
        cell: Literal["rnn", "gru", "lstm"] = "lstm",
        hidden: int = 128,
        layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if dropout and layers == 1:
            warnings.warn("dropout acts between layers; with layers = 1 it does nothing", stacklevel=2)
        directions = 1 + bidirectional
        self.dim = hidden * directions
        self.layers = nn.ModuleList()
        for layer in range(layers):
            inputs = self.dim if layer else dim
            self.layers.append(nn.ModuleList(new_cell(cell, inputs, hidden) for _ in range(directions)))
        self.dropout = VariationalDropout(dropout)

    def forward(self, sequence: Sequence) -> Sequence:
        """Hidden vectors `(batch, time, dim)`, zero after each text's end; the summary is dropped."""
        vectors = sequence.vectors
        for number, cells in enumerate(self.layers):
            vectors = self.dropout(vectors) if number else vectors
            vectors = run_layer(list(cells.children()), vectors, sequence.mask)
        return sequence._replace(vectors=vectors, summary=None)
