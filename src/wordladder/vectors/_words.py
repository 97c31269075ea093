"""The words that a training is about: those of its text, and those of the vectors that it goes on from."""

from typing import NamedTuple

import numpy as np

from ..errors import SettingError
from ..text.corpus import Corpus
from ..word_vectors import WordVectors


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

    def in_order(self) -> "Words":
        """The same words, most frequent first."""
        if self._sorted:
            return self
        order = np.argsort(-self.counts, kind="stable")
        return Words([self.names[row] for row in order.tolist()], self.counts[order], self.before[order])

    def rows_in_order(self, matrix: np.ndarray) -> np.ndarray:
        """The rows (words, dim) of the words, most frequent first; not copied where they are so already."""
        return matrix if self._sorted else matrix[np.argsort(-self.counts, kind="stable")]

    @property
    def _sorted(self) -> bool:
        return bool((np.diff(self.counts) <= 0).all())
