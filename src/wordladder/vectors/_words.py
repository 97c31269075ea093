"""The words that a training is about: those of its text, and those of the vectors that it goes on from."""

from typing import NamedTuple

import numpy as np

from ..corpus import Corpus
from ..errors import SettingError
from ..word_vectors import WordVectors

__all__ = ["Words"]


class Words(NamedTuple):
    """Words with counts: first those of the text in its order, then those known before and not met again.

    Args:
        names: The words.
        counts: How often each was met, then and now.
        before: The row of each in the earlier vectors, −1 for a new word.
    """

    names: list[str]
    counts: np.ndarray
    before: np.ndarray

    @classmethod
    def of(cls, corpus: Corpus, start: WordVectors | None, dim: int) -> "Words":
        """The words of a training on `corpus` that goes on from `start`.

        Raises:
            SettingError: the earlier vectors have another dimension.
        """
        names = corpus.vocabulary.words
        counts = np.asarray(corpus.vocabulary.counts)
        if start is None:
            return cls(names, counts, np.full(len(names), -1))
        if start.dim != dim:
            raise SettingError(f"dim is {dim}; the vectors to go on from have {start.dim} numbers.")
        fresh = corpus.vocabulary.index
        rest = [row for row, word in enumerate(start.words) if word not in fresh]
        names = [*names, *(start.words[row] for row in rest)]
        before = np.array([*(start.index.get(word, -1) for word in names[: len(fresh)]), *rest])
        counts = np.append(counts, np.zeros(len(rest), counts.dtype))
        if start.counts is not None:
            counts = counts + np.where(before >= 0, start.counts[before], 0)
        return cls(names, np.maximum(1, counts), before)

    def put(self, matrix: np.ndarray, earlier: np.ndarray) -> None:
        """Write the rows of the words known before into `matrix` (words, dim)."""
        known = self.before >= 0
        matrix[known] = earlier[self.before[known]]

    def order(self) -> np.ndarray:
        """The rows, most frequent first."""
        return np.argsort(-self.counts, kind="stable")
