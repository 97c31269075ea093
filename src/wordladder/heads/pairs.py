"""The head of pairs: a classifier of the vector of both texts, or of the vectors of the two."""

from typing import Any

import torch
from torch import Tensor, nn

from ..layers.sequence import Sequence
from ..tasks.pairs import Pairs
from .classification import ClassificationHead

__all__ = ["PairsHead"]

_PARTS = {"compare": 4, "concatenate": 2}  # vectors that the head sees of two


class PairsHead(ClassificationHead):
    """Scores of labels."""

    activation = nn.Tanh

    def __init__(self, task: Pairs, dim: int, summary_dim: int) -> None:
        super().__init__(task, dim, summary_dim)
        self.features, self.symmetric = task.features, task.symmetric

    def _inputs(self, task: Any) -> int:
        return self.dim if self.use_summary else _PARTS[task.features] * self.dim

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores `(pairs, labels)`."""
        if self.use_summary:
            return super().forward(sequence)
        first, second = self.pooled_pairs(sequence)
        scores = self._score(first, second)
        if self.symmetric:
            scores = (scores + self._score(second, first)) / 2
        return scores.float()

    def _score(self, first: Tensor, second: Tensor) -> Tensor:
        parts = [first, second]
        if self.features == "compare":
            parts += [(first - second).abs(), first * second]
        return self.head(self.dropout(torch.cat(parts, dim=1)))
