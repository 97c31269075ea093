"""The head of regression: a number for each text, or a decision for each step between levels."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers.sequence import Sequence
from ..tasks.regression import Regression
from ._pooled import PooledHead

__all__ = ["RegressionHead"]


class RegressionHead(PooledHead):
    """Scores `(batch, 1)`, or `(batch, levels − 1)`, which share their weights and have a threshold each."""

    cuts: Tensor

    def __init__(self, task: Regression, dim: int, summary_dim: int) -> None:
        super().__init__(task, dim, summary_dim, 1)
        self.register_buffer("cuts", torch.from_numpy(task.cuts) if len(task.levels) else torch.zeros(0))
        self.thresholds = nn.Parameter(self.cuts.clone()) if len(task.levels) else None

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores."""
        scores = super().forward(sequence)
        return scores if self.thresholds is None else scores - self.thresholds

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The mean squared error, or the mean cross-entropy of the decisions."""
        if self.thresholds is None:
            return functional.mse_loss(scores[:, 0], targets)
        above = (targets[:, None] > self.cuts).float()
        return functional.binary_cross_entropy_with_logits(scores, above)
