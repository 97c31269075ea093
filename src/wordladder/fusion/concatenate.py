"""Fusion by concatenation: every word keeps all its vectors."""

from collections.abc import Sequence as Seq

import torch
from torch import nn

from ..layers.sequence import Sequence
from ._mixture import fuse

__all__ = ["Concatenate"]


class Concatenate(nn.Module):
    """Concatenated vectors and summaries. `dims` and `summary_dims` are those of the embedders, in order."""

    def __init__(self, dims: Seq[int], summary_dims: Seq[int]) -> None:
        super().__init__()
        self.dim, self.summary_dim = sum(dims), sum(summary_dims)

    def forward(self, sequences: Seq[Sequence]) -> Sequence:
        """Vectors `(batch, time, sum of dims)`; all sequences must have the same words."""
        return fuse(sequences, torch.cat([s.vectors for s in sequences], dim=-1))
