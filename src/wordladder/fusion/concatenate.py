"""Fusion by concatenation: every word keeps all its vectors, side by side."""

from collections.abc import Sequence as Seq

import torch
from torch import nn

from ..layers.sequence import Sequence

__all__ = ["Concatenate"]


class Concatenate(nn.Module):
    """Vectors side by side; summaries too. `dims` and `summary_dims` are those of the embedders, in order."""

    def __init__(self, dims: Seq[int], summary_dims: Seq[int]) -> None:
        super().__init__()
        self.dim, self.summary_dim = sum(dims), sum(summary_dims)

    def forward(self, sequences: Seq[Sequence]) -> Sequence:
        """Vectors `(batch, time, sum of dims)`; all sequences must have the same words."""
        summaries = [s.summary for s in sequences if s.summary is not None]
        return sequences[0]._replace(
            vectors=torch.cat([s.vectors for s in sequences], dim=-1),
            summary=torch.cat(summaries, dim=-1) if summaries else None,
        )
