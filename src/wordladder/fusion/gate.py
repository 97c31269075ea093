"""Fusion by a gate: at every word the embedders are mixed, with weights that depend on all their vectors."""

from collections.abc import Sequence as Seq
from typing import Literal

import torch
from torch import Tensor, nn

from ..layers.sequence import Sequence
from ._mixture import Mixture

__all__ = ["Gate"]


class Gate(Mixture):
    """Vectors projected to one length and mixed by a gate that reads all of them: a sigmoid for two
    embedders, a softmax for more.

    After Miyamoto and Cho (2016) with one number a word, and Yang et al. (2017) with one a dimension.
    `Model.fusion_weights` returns the weight of each embedder.

    Args:
        dim: Length of the output vectors; left out, that of the embedder with the longest.
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
        super().__init__(dims, summary_dims, dim)
        self.embedders = len(dims)
        width = self.dim if per == "dimension" else 1
        gates = {1: 0, 2: 1}.get(self.embedders, self.embedders)
        self.gate = nn.Linear(sum(dims), gates * width) if gates else None

    def _shares(self, sequences: Seq[Sequence], projected: Tensor) -> Tensor:
        if self.gate is None:
            return projected.new_ones(*projected.shape[:2], 1, 1)
        scores = self.gate(torch.cat([s.vectors for s in sequences], dim=-1))
        if self.embedders == 2:
            first = scores.sigmoid()
            return torch.stack([first, 1 - first], dim=2)
        return scores.unflatten(-1, (self.embedders, -1)).softmax(dim=2)
