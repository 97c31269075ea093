"""Sequence: what flows between the parts of a network, one vector a word, and which places are words."""

from typing import NamedTuple

from torch import Tensor


class Sequence(NamedTuple):
    """The vectors of a batch of texts.

    Attributes:
        vectors: `(batch, time, dim)`, zero where the mask is False.
        mask: `(batch, time)` bool; True for words, which come first in each row.
        summary: `(batch, summary_dim)`, one vector a text, where an embedder has its own.
        segments: `(batch, time)`, the segment of each word, where a text has several.
    """

    vectors: Tensor
    mask: Tensor
    summary: Tensor | None = None
    segments: Tensor | None = None

    @property
    def lengths(self) -> Tensor:
        """Words a text, `(batch,)`."""
        return self.mask.sum(dim=1)
