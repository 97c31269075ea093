"""The head of tagging: a linear layer scores the tags of each word, and a CRF pairs of neighbouring tags."""

from torch import Tensor, nn
from torch.nn import functional

from ..layers.crf import CRF
from ..layers.sequence import Pooling, Sequence, VariationalDropout
from ..tasks._word_scores import IGNORED
from ..tasks.tagging import Tagging

__all__ = ["TaggingHead"]


class TaggingHead(nn.Module):
    """Scores of tags; without a CRF, all allowed transitions cost the same."""

    def __init__(self, task: Tagging, dim: int, summary_dim: int) -> None:
        super().__init__()
        self.dim, self.crf = dim, task.crf
        self.dropout, self.pooling = VariationalDropout(task.dropout), Pooling("mean")
        self.chain = CRF(task.allowed).requires_grad_(task.crf)
        self.head = nn.Linear(dim, task.width)

    def pooled(self, sequence: Sequence) -> Tensor:
        """The mean of the words' vectors, `(batch, dim)`."""
        return self.pooling(sequence)

    def forward(self, sequence: Sequence) -> Tensor:
        """Unnormalised scores `(batch, time, tags)`."""
        return self.head(self.dropout(sequence.vectors)).float()

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Mean negative log-likelihood: of a sentence with a CRF, of a word without."""
        if self.crf:
            return self.chain.loss(scores, targets)
        words = (targets != IGNORED).sum().clamp(min=1)
        flat = scores.flatten(0, 1), targets.flatten()
        return functional.cross_entropy(*flat, ignore_index=IGNORED, reduction="sum") / words
