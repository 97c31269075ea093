"""The head of similarity: one vector a text, and what two vectors are compared by."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import RecipeError
from ..layers.sequence import Sequence
from ..tasks.similarity import Similarity
from ._pooled import PooledText
from ._postprocess import Postprocess

__all__ = ["SimilarityHead"]


class SimilarityHead(PooledText):
    """Cosines of the texts of pairs, which are neighbours in the batch."""

    def __init__(self, task: Similarity, dim: int, summary_dim: int) -> None:
        super().__init__(task.pooling, dim, summary_dim, auto="mean")
        learned = None if task.postprocess == "whiten" else task.dim
        self.projection = None if learned is None else nn.Linear(self.dim, learned)
        self.postprocess = self._postprocess(task, learned or self.dim)
        self.dim = task.dim or self.dim
        self.objective, self.temperature = task.objective, task.temperature
        self.lengths = [*(length for length in task.matryoshka or () if length < self.dim), self.dim]
        self.dropout = nn.Dropout(task.dropout)

    @staticmethod
    def _postprocess(task: Similarity, dim: int) -> Postprocess | None:
        if task.postprocess == "none":
            return None
        if (task.dim or 0) > dim:
            raise RecipeError(f"[task] dim = {task.dim}: the vectors of texts have {dim} numbers")
        return Postprocess(task.postprocess, dim, task.dim)

    def raw(self, sequence: Sequence) -> Tensor:
        """One vector a text before it is postprocessed, `(batch, dim)`."""
        vectors = self.dropout(super().pooled(sequence))
        return vectors if self.projection is None else self.projection(vectors)

    def pooled(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        vectors = self.raw(sequence)
        return vectors if self.postprocess is None or self.training else self.postprocess(vectors)

    def forward(self, sequence: Sequence) -> Tensor:
        """What `compare` makes of the texts."""
        return self.compare(torch.stack(self.pooled_pairs(sequence), dim=1).flatten(0, 1))

    def compare(self, vectors: Tensor) -> Tensor:
        """Vectors `(2 · pairs, dim)` to cosines `(pairs, 1)`; in training one row of columns for each length
        that a vector may have, `(pairs, lengths)`, or, to be ranked, `(pairs, pairs, lengths)`, of each first
        text with each second one.
        """
        texts = vectors.float().unflatten(0, (-1, 2))
        lengths = self.lengths if self.training else self.lengths[-1:]
        parts = (functional.normalize(texts[..., :length], dim=-1).unbind(dim=1) for length in lengths)
        if self.training and self.objective == "ranking":
            return torch.stack([first @ second.mT for first, second in parts], dim=-1)
        return torch.stack([(first * second).sum(dim=-1) for first, second in parts], dim=-1)

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The objective, the mean over lengths.

        Args:
            scores: What `compare` made.
            targets: The right scores, from 0 to 1, `(pairs,)`.
        """
        if self.objective == "cosine":
            return functional.mse_loss(scores, targets[:, None].expand_as(scores))
        scores = scores / self.temperature
        if self.objective == "cosent":
            gaps = scores[None] - scores[:, None]  # of pair j over pair i
            ordered = (targets[:, None] > targets)[..., None]
            wrong = gaps.masked_fill(~ordered, float("-inf")).flatten(0, 1)
            return torch.cat([torch.zeros_like(wrong[:1]), wrong]).logsumexp(dim=0).mean()
        near = (targets >= 0.5).float()
        own = torch.arange(len(targets), device=targets.device)[:, None].expand(-1, scores.shape[-1])
        losses = functional.cross_entropy(scores, own, reduction="none").mean(dim=1)
        return (losses * near).sum() / near.sum().clamp(min=1)
