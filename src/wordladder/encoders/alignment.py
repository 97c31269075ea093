"""The alignment encoder: each word of a text gets a soft alignment with the other text of the example.

It ignores word order; recurrent layers before and after it do not.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.sequence import Sequence, VariationalDropout

__all__ = ["Alignment"]

_PARTS = 4  # vectors that either form concatenates for a word


class Alignment(nn.Module):
    """Soft alignment of the two texts of an example.

    `"bidaf"` (Seo et al. 2017, equations 1 and 2) scores a word `p` of one text and a word `q` of the other
    by `w · [p; q; p∘q]`. With `a` the mean of the other text's words, weighted by their scores with `p`, and
    `b` the mean of all words of the text of `p`, weighted by each one's highest score, it gives
    `[p; a; p∘a; p∘b]`. The paper does so for the passage; here for both texts, with the same scores.

    `"esim"` (Chen et al. 2017, equations 11 to 15) scores by `p · q` and gives `[p; a; p−a; p∘a]`.

    Where the other text is empty, `a` and `b` are zero.

    Args:
        form: `"bidaf"`, made for a question and a passage, or `"esim"`, made for two sentences.
        projection: Output size of a linear layer with a ReLU on top of either form, whose output is four
            times as wide as its input; 0 for no such layer. ESIM as published has one.
        dropout: Share of the output set to zero in training, the same numbers for every word of a text.

    Raises:
        RecipeError: `projection` is below 0.
    """

    reads = "example"

    def __init__(
        self, dim: int, *, form: Literal["bidaf", "esim"] = "bidaf", projection: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        if projection < 0:
            raise RecipeError(
                f"[[encoders]]: projection = {projection}: it is the length of a vector, or 0 for none"
            )
        self.dim = projection or _PARTS * dim
        self.form = form
        self.similarity = nn.Parameter(torch.empty(3, dim)) if form == "bidaf" else None
        if self.similarity is not None:
            nn.init.uniform_(self.similarity, -((3 * dim) ** -0.5), (3 * dim) ** -0.5)
        self.projection = nn.Linear(_PARTS * dim, projection) if projection else None
        self.dropout = VariationalDropout(dropout)

    def forward(self, texts: tuple[Sequence, Sequence]) -> tuple[Sequence, Sequence]:
        """Both texts, `(batch, time, dim)` each, zero after each text's end; the summaries are dropped.

        Raises:
            RecipeError: an example does not have two texts.
        """
        if len(texts) != 2:
            raise RecipeError(
                f"[[encoders]] kind = 'alignment' compares two texts; an example here has {len(texts)}"
            )
        first, second = texts
        scores = self._scores(first.vectors, second.vectors)
        pairs = first.mask[:, :, None] & second.mask[:, None, :]
        return (
            self._aligned(first, second, scores, pairs),
            self._aligned(second, first, scores.transpose(1, 2), pairs.transpose(1, 2)),
        )

    def _scores(self, first: Tensor, second: Tensor) -> Tensor:
        """Every word of the first text with every word of the second, `(batch, first time, second time)`."""
        if self.similarity is None:
            return first @ second.transpose(1, 2)
        # w · [p; q; p∘q] is a sum of three products, so that no pair of words needs a vector.
        of_first, of_second, of_both = self.similarity
        return (
            (first * of_both) @ second.transpose(1, 2)
            + (first @ of_first)[:, :, None]
            + (second @ of_second)[:, None]
        )

    def _aligned(self, own: Sequence, other: Sequence, scores: Tensor, pairs: Tensor) -> Sequence:
        """`own` aligned with `other`; `scores` and `pairs` are `(batch, own time, other time)`."""
        words = own.vectors
        aligned = _shares(scores, pairs) @ other.vectors
        if self.form == "esim":
            parts = (words, aligned, words - aligned, words * aligned)
        else:
            whole = _shares(*_highest(scores, pairs))[:, None] @ words
            parts = (words, aligned, words * aligned, words * whole)
        vectors = torch.cat(parts, dim=-1)
        if self.projection is not None:
            vectors = self.projection(vectors).relu()
        vectors = self.dropout(vectors).masked_fill(~own.mask[..., None], 0.0)
        return own._replace(vectors=vectors, summary=None)


def _shares(scores: Tensor, mask: Tensor) -> Tensor:
    """The softmax over the last axis, where the mask is True; all zero where it is never True."""
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest).softmax(dim=-1).masked_fill(~mask, 0.0)


def _highest(scores: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Each word's highest score with a word of the other text, `(batch, time)`, and whether there is one."""
    if not scores.shape[-1]:  # all other texts are empty
        return scores.sum(dim=-1), mask.any(dim=-1)
    return scores.masked_fill(~mask, torch.finfo(scores.dtype).min).amax(dim=-1), mask.any(dim=-1)
