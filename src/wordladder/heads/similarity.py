"""The head of similarity: one vector a text, and what two vectors are compared by."""

from itertools import pairwise

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
        whitens = task.postprocess == "whiten"
        sizes = [self.dim, *(task.layers or ())]
        layers = [part for shape in pairwise(sizes) for part in (nn.Linear(*shape), nn.Tanh())]
        last = [] if task.dim is None or whitens else [nn.Linear(sizes[-1], task.dim)]
        self.projection = nn.Sequential(*layers, *last)
        self.postprocess = self._postprocess(task, sizes[-1] if whitens or not task.dim else task.dim)
        self.dim = task.dim or sizes[-1]
        self.objective, self.temperature, self.margin = task.objective, task.temperature, task.margin
        self.lengths = [*(length for length in task.matryoshka or () if length < self.dim), self.dim]
        if self.objective == "softmax":
            self.classes = nn.ModuleList(nn.Linear(3 * length, len(task.levels)) for length in self.lengths)
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
        return self.projection(self.dropout(super().pooled(sequence)))

    def pooled(self, sequence: Sequence) -> Tensor:
        """One vector a text, `(batch, dim)`."""
        vectors = self.raw(sequence)
        return vectors if self.postprocess is None or self.training else self.postprocess(vectors)

    def forward(self, sequence: Sequence) -> Tensor:
        """What `compare` makes of the texts."""
        return self.compare(torch.stack(self.pooled_pairs(sequence), dim=1).flatten(0, 1))

    def compare(self, vectors: Tensor) -> Tensor:
        """Vectors `(2 · pairs, dim)` to cosines `(pairs, 1)`. In training the last axis is the lengths that a
        vector may have: cosines `(pairs, lengths)`, those of each first text with each second one
        `(pairs, pairs, lengths)` to be ranked, or scores of classes `(pairs, classes, lengths)`.
        """
        texts = vectors.float().unflatten(0, (-1, 2))
        lengths = self.lengths if self.training else self.lengths[-1:]
        parts = [texts[..., :length].unbind(dim=1) for length in lengths]
        if self.training and self.objective == "softmax":
            both = [torch.cat([u, v, (u - v).abs()], dim=1) for u, v in parts]
            return torch.stack([layer(one) for layer, one in zip(self.classes, both)], dim=-1)
        parts = [tuple(functional.normalize(one, dim=-1) for one in pair) for pair in parts]
        if self.training and self.objective == "ranking":
            return torch.stack([first @ second.mT for first, second in parts], dim=-1)
        return torch.stack([(first * second).sum(dim=-1) for first, second in parts], dim=-1)

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The objective, the mean over lengths.

        Args:
            scores: What `compare` made.
            targets: Of each pair the right score, from 0 to 1, or its class, and the numbers of both texts,
                `(pairs, 3)`.
        """
        right, first, second = targets.unbind(dim=1)
        if self.objective == "softmax":
            return functional.cross_entropy(scores, right.long()[:, None].expand(-1, scores.shape[-1]))
        if self.objective == "cosine":
            return functional.mse_loss(scores, right[:, None].expand_as(scores))
        if self.objective == "ranking":
            return self._ranking(scores / self.temperature, right >= 0.5, first, second)
        lower = right[:, None] < right  # pair i than pair j
        if self.objective == "triplet":
            lower &= first[:, None] == first
            gaps = functional.relu(self.margin + scores[:, None] - scores[None])
            return (gaps.mean(dim=-1) * lower).sum() / lower.sum().clamp(min=1)
        gaps = (scores[:, None] - scores[None]) / self.temperature
        wrong = gaps.masked_fill(~lower[..., None], float("-inf")).flatten(0, 1)
        return torch.cat([torch.zeros_like(wrong[:1]), wrong]).logsumexp(dim=0).mean()

    def _ranking(self, scores: Tensor, near: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """The mean cross-entropy of finding the own partner. No wrong answers are the text itself, the same
        partner in another pair, and other partners of the same text.
        """
        right = (second == second[:, None]) | (second == first[:, None])
        right |= near & (first == first[:, None])
        right.fill_diagonal_(fill_value=False)
        scores = scores.masked_fill(right[..., None], float("-inf"))
        own = torch.arange(len(near), device=near.device)[:, None].expand(-1, scores.shape[-1])
        losses = functional.cross_entropy(scores, own, reduction="none").mean(dim=1)
        return (losses * near).sum() / near.sum().clamp(min=1)
