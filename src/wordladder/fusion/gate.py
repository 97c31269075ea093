"""Fusion by a gate: at every word the embedders are mixed, and all their vectors together say how."""

from collections.abc import Sequence as Seq
from typing import Literal

import torch
from torch import Tensor, nn

from ..layers.sequence import Sequence
from ._mixture import Projections, mixed, without_padding

__all__ = ["Gate"]


class Gate(nn.Module):
    """Vectors projected to one length and mixed by a gate that reads all of them: a sigmoid for two
    embedders, a softmax for more.

    After Miyamoto and Cho (2016) with one number a word, and Yang et al. (2017) with one a dimension. What
    the gate gave each embedder can be read with `Model.fusion_weights`.

    Args:
        dim: Length of the vectors that come out; left out, that of the embedder with the longest.
        per: `"dimension"` gives each number of a word's vector a mixture of its own, `"word"` all of them the
            same.

    Raises:
        RecipeError: `dim` is below 1.
    """

    def __init__(
        self,
        dims: Seq[int],
        summary_dims: Seq[int],
        *,
        dim: int | None = None,
        per: Literal["dimension", "word"] = "dimension",
    ) -> None:
        super().__init__()
        self.projections = Projections(dims, dim)
        self.dim, self.summary_dim = self.projections.dim, sum(summary_dims)
        self.embedders = len(dims)
        width = self.dim if per == "dimension" else 1
        gates = {1: 0, 2: 1}.get(self.embedders, self.embedders)
        self.gate = nn.Linear(sum(dims), gates * width) if gates else None

    def weights(self, sequences: Seq[Sequence]) -> Tensor:
        """What each embedder gets at each word, `(batch, time, embedders)`; zero after each text's end.

        They add up to one. With a gate a dimension, this is their mean over the dimensions.
        """
        return without_padding(self._shares(sequences).mean(dim=-1), sequences[0].mask)

    def forward(self, sequences: Seq[Sequence]) -> Sequence:
        """Vectors `(batch, time, dim)`; all sequences must have the same words."""
        return mixed(sequences, self.projections(sequences), self._shares(sequences))

    def _shares(self, sequences: Seq[Sequence]) -> Tensor:
        """`(batch, time, embedders, dim)`, or 1 in the place of dim."""
        vectors = torch.cat([s.vectors for s in sequences], dim=-1)
        if self.gate is None:
            return vectors.new_ones(*vectors.shape[:2], 1, 1)
        scores = self.gate(vectors)
        if self.embedders == 2:
            first = scores.sigmoid()
            return torch.stack([first, 1 - first], dim=2)
        return scores.unflatten(-1, (self.embedders, -1)).softmax(dim=2)
