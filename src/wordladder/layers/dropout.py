"""Dropout for sequences: the components that a text loses are the same at all its words."""

import torch
from torch import Tensor, nn


class VariationalDropout(nn.Module):
    """Sets a share of the components to zero while training, the same ones for all words of a text.

    Kinder to recurrent layers than drawing anew at every word (Gal and Ghahramani 2016), and much cheaper.

    Args:
        share: Share of the components set to zero.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, vectors: Tensor) -> Tensor:
        """`(batch, time, dim)` to the same shape."""
        if not self.training or self.share == 0.0:
            return vectors
        kept = torch.rand(len(vectors), 1, vectors.shape[2], device=vectors.device) >= self.share
        return vectors * (kept / (1.0 - self.share))
