"""The boundaries embedder: the place of each Chinese character in a segmenter's word. It does not know the
character itself.
"""

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn

from ..errors import RecipeError
from ..layers.devices import tensors
from ..layers.sequence import Sequence, VariationalDropout
from ..text.words import Tokens
from ._training_text import TrainingText
from ._word_boundaries import PLACES, Prepared, WordBoundaries

__all__ = ["Boundaries"]


class Boundaries(nn.Module):
    """A learned vector for the place of a Chinese character in its word, like the segmentation features in
    Chinese named entity recognition (Peng & Dredze 2016; Zhang & Yang 2018): begin, middle, end, or a word by
    itself; one more for what is not Chinese. The words are the segmenter's, of the whole text.

    A word of `[text]` with several Chinese characters gets the place that it has as a whole.

    Args:
        segmenter: What finds words in Chinese text: `"jieba"`.
        dim: Length of a vector.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.

    Raises:
        RecipeError: `dim` is below 1.
    """

    summary_dim = 0

    def __init__(self, *, segmenter: Literal["jieba"] = "jieba", dim: int = 20, dropout: float = 0.0) -> None:
        super().__init__()
        if dim < 1:
            raise RecipeError(f"[[embedders]]: dim = {dim}: it must be at least 1")
        self.segmenter, self.dim = segmenter, dim
        self.dropout = VariationalDropout(dropout)
        weight = torch.randn(len(PLACES), dim) * dim**-0.5
        weight[PLACES.index("padding")] = 0.0
        self.table = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=PLACES.index("padding"))
        self.reader: Any = None

    def initialise(self, text: TrainingText) -> None:
        """Check that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        self.reader = WordBoundaries()

    def keep(self, folder: Path) -> None:
        """Write nothing: there are only weights."""

    def restore(self, folder: Path) -> None:
        """Check that the segmenter is there.

        Raises:
            MissingExtraError: it is not installed.
        """
        self.reader = WordBoundaries()

    def prepare(self, tokens: Tokens) -> Prepared:
        """The place of each word in the segmenter's words, padded to the longest example."""
        return tensors(self.reader.read(tokens))

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        vectors = self.dropout(self.table(prepared.places))
        return Sequence(vectors, prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that are Chinese: this embedder knows nothing about the others."""
        chinese = self.reader.places(tokens) != PLACES.index("other")
        return {"chinese_words": float(np.mean(chinese)) if len(chinese) else 0.0}
