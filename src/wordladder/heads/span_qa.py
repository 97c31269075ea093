"""The head of span_qa: one pointer scores for each word of the passage whether the answer starts there,
another whether it ends there (Wang & Jiang 2017; Devlin et al. 2019).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..layers.sequence import Pooling, Sequence, VariationalDropout
from ..tasks._word_scores import IGNORED
from ..tasks.span_qa import SpanQa

__all__ = ["SpanQaHead"]


class SpanQaHead(nn.Module):
    """Scores of the first and the last word, and of no answer."""

    def __init__(self, task: SpanQa, dim: int, summary_dim: int) -> None:
        super().__init__()
        self.dim, self.no_answer = dim, task.no_answer
        self.dropout, self.pooling = VariationalDropout(task.dropout), Pooling("max")
        self.pointers, self.nothing = nn.Linear(dim, 2), nn.Linear(dim, 2)

    def pooled(self, sequence: Sequence) -> Tensor:
        """The highest components of all words' vectors, `(batch, dim)`."""
        return self.pooling(sequence)

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores of start and end `(batch, time, 2)`, `-inf` except for the passage's words.

        The score of no answer is at the question's first word.
        """
        sequence = sequence._replace(vectors=self.dropout(sequence.vectors))
        scores = self.pointers(sequence.vectors).float()
        segments = sequence.segments
        assert segments is not None  # the task has two texts
        scores = scores.masked_fill(~(sequence.mask & (segments == 1))[..., None], float("-inf"))
        if self.no_answer and scores.shape[1]:
            nothing = self.nothing(self.pooling(sequence)).float()
            first = (segments[:, 0] == 0)[:, None]
            scores = torch.cat([torch.where(first, nothing, scores[:, 0])[:, None], scores[:, 1:]], dim=1)
        return scores

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of start and end over the rows whose answer is known."""
        known = (targets != IGNORED).all(dim=1)
        scores = scores.masked_fill(~known[:, None, None], 0.0)  # selecting rows would wait for a device
        targets = targets.masked_fill(~known[:, None], IGNORED)
        total = functional.cross_entropy(scores, targets, ignore_index=IGNORED, reduction="sum")
        return total / (2 * known.sum().clamp(min=1))
