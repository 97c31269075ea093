"""The head of classification: the vectors of a text's words are pooled, and a linear layer scores labels."""

import torch
from torch import Tensor
from torch.nn import functional

from ..tasks.classification import Classification
from ._pooled import PooledHead

__all__ = ["ClassificationHead"]


class ClassificationHead(PooledHead):
    """Scores of labels."""

    def __init__(self, task: Classification, dim: int, summary_dim: int) -> None:
        super().__init__(task, dim, summary_dim, len(task.labels))
        self.multi_label, self.label_smoothing = task.multi_label, task.label_smoothing
        self.weights = None if task.weights is None else torch.from_numpy(task.weights)

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
