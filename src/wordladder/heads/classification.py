"""The head of classification: the vectors of a text's words are pooled, and a linear layer scores labels."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers.sequence import Pooling, Sequence
from ..tasks.classification import Classification

__all__ = ["ClassificationHead"]


class ClassificationHead(nn.Module):
    """Scores of labels."""

    def __init__(self, task: Classification, dim: int, summary_dim: int) -> None:
        super().__init__()
        self.multi_label, self.label_smoothing = task.multi_label, task.label_smoothing
        self.weights = None if task.weights is None else torch.from_numpy(task.weights)
        self.use_summary = task.pooling == "auto" and summary_dim > 0
        kind: Any = "max" if task.pooling == "auto" else task.pooling
        self.pooling = None if self.use_summary else Pooling(kind)
        self.dim = summary_dim if self.use_summary else dim
        self.dropout = nn.Dropout(task.dropout)
        out = nn.Linear(task.hidden or self.dim, len(task.labels))
        hidden = [nn.Linear(self.dim, task.hidden), nn.ReLU()] if task.hidden else []
        self.head = nn.Sequential(*hidden, out)

    def pooled(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        if self.pooling is not None:
            return self.pooling(sequence)
        assert sequence.summary is not None  # there is one where it has a length
        return sequence.summary

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores `(batch, labels)`."""
        return self.head(self.dropout(self.pooled(sequence))).float()

    def loss(self, scores: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean cross-entropy of the batch, one decision a text or one a label, with a weight for each text,
        `(batch,)`, if given.
        """
        per_class = None if self.weights is None else self.weights.to(scores.device, non_blocking=True)
        mode = "mean" if weights is None else "none"
        if self.multi_label:
            smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
            losses = functional.binary_cross_entropy_with_logits(scores, smooth, per_class, reduction=mode)
            return losses if weights is None else (losses.mean(dim=1) * weights).mean()
        losses = functional.cross_entropy(
            scores, targets, per_class, label_smoothing=self.label_smoothing, reduction=mode
        )
        if weights is None:
            return losses
        total = len(targets) if per_class is None else per_class[targets].sum()
        return (losses * weights).sum() / total
