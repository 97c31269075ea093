"""A linear map of the vectors of texts that is fitted to them once, after training."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

_LEAST = 1e-7  # of the largest variance; a component with less is noise


class Postprocess(nn.Module):
    """Removes what all vectors of texts have in common, or whitens them. Until it is fitted, it only cuts.

    Args:
        kind: `"remove-common"` removes the projection on the first singular vector of the texts' vectors
            (Arora et al. 2017, algorithm 1); `"whiten"` gives zero mean and unit covariance (Su et al. 2021).
        dim: Numbers in a vector.
        kept: Components that whitening keeps, those of the largest variance first; None: all.
    """

    centre: Tensor
    axes: Tensor

    def __init__(self, kind: str, dim: int, kept: int | None = None) -> None:
        super().__init__()
        self.kind, self.dim = kind, dim
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("axes", torch.eye(dim, dim if kept is None else kept))

    def fit(self, vectors: NDArray[np.float32]) -> None:
        """Fit the map to the vectors of the training texts, `(texts, dim)`."""
        whiten, rows = self.kind == "whiten", vectors.astype(np.float64)
        centre = rows.mean(axis=0) if whiten else np.zeros(self.dim)
        rows -= centre
        values, axes = np.linalg.eigh(rows.T @ rows / len(rows))
        if whiten:
            values, axes = values[::-1], axes[:, ::-1]
            scales = np.where(values > _LEAST * values[0], np.abs(values), np.inf) ** -0.5
            axes = (axes * scales)[:, : self.axes.shape[1]]
        else:
            axes = np.eye(self.dim) - np.outer(axes[:, -1], axes[:, -1])
        self.centre.copy_(torch.from_numpy(centre))
        self.axes.copy_(torch.from_numpy(axes))

    def forward(self, vectors: Tensor) -> Tensor:
        """`(batch, dim)` to `(batch, kept)`."""
        return (vectors.float() - self.centre) @ self.axes
