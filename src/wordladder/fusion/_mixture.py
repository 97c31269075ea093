"""Fusion by weights: vectors of one length from every embedder, and their weighted sum."""

from collections.abc import Sequence as Seq
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.sequence import Sequence


class Projections(nn.Module):
    """A linear layer for each embedder, to vectors of one length; a single embedder of this length needs
    none.

    Args:
        dims: Lengths of the embedders' vectors, in order.
        dim: Length of the output vectors; left out, the largest of `dims`.

    Raises:
        RecipeError: `dim` is below 1.
    """

    def __init__(self, dims: Seq[int], dim: int | None = None) -> None:
        super().__init__()
        self.dim = max(dims) if dim is None else dim
        if self.dim < 1:
            raise RecipeError(f"[fusion]: dim = {dim}: it must be at least 1, or left out")
        alone = list(dims) == [self.dim]
        self.layers = nn.ModuleList(nn.Identity() if alone else _linear(size, self.dim) for size in dims)

    def forward(self, sequences: Seq[Sequence]) -> Tensor:
        """`(batch, time, embedders, dim)`."""
        return torch.stack([layer(s.vectors) for layer, s in zip(self.layers, sequences)], dim=2)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Mixture(nn.Module):
    """A weighted sum of projected vectors. Each kind has a method `_shares(sequences, projected)`, which
    gives the weights `(batch, time, embedders, dim)`, or with 1 in place of dim.
    """

    _shares: Any

    def __init__(self, dims: Seq[int], summary_dims: Seq[int], dim: int | None) -> None:
        super().__init__()
        self.projections = Projections(dims, dim)
        self.dim, self.summary_dim = self.projections.dim, sum(summary_dims)

    def weights(self, sequences: Seq[Sequence]) -> Tensor:
        """The weight of each embedder at each word, `(batch, time, embedders)`; zero after each text's end.

        They add up to one. If each dimension has weights of its own, this is their mean.
        """
        shares = self._shares(sequences, self.projections(sequences)).mean(dim=-1)
        return shares.masked_fill(~sequences[0].mask[..., None], 0.0)

    def forward(self, sequences: Seq[Sequence]) -> Sequence:
        """Vectors `(batch, time, dim)`; all sequences must have the same words."""
        projected = self.projections(sequences)
        vectors = (self._shares(sequences, projected) * projected).sum(dim=2)
        return fuse(sequences, vectors.masked_fill(~sequences[0].mask[..., None], 0.0))


def fuse(sequences: Seq[Sequence], vectors: Tensor) -> Sequence:
    """The sequence of these vectors, with all summaries concatenated."""
    summaries = [s.summary for s in sequences if s.summary is not None]
    return sequences[0]._replace(vectors=vectors, summary=torch.cat(summaries, dim=-1) if summaries else None)
