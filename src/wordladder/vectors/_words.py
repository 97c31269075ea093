"""The words of a training: those of its text, and those of the vectors that it goes on from."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from ..errors import SettingError
from ..text.corpus import Corpus
from ..word_vectors import WordVectors


def sif_weights(counts: np.ndarray, a: float = 1e-3) -> np.ndarray:
    """The smooth inverse frequency of words, a / (a + p), from their counts (Arora et al. 2017)."""
    return a / (a + counts / max(1, counts.sum()))


class Words(NamedTuple):
    """Words with counts: first those of the text in its order, then known words that it does not have.

    Args:
        names: The words.
        counts: How often each occurred, in this text and before.
        start_rows: The row of each in the earlier vectors, −1 for a new word.
    """

    names: list[str]
    counts: np.ndarray
    start_rows: np.ndarray

    @classmethod
    def from_corpus(cls, corpus: Corpus, start: WordVectors | None, dim: int) -> "Words":
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
        new = corpus.vocabulary.index
        rest = [row for row, word in enumerate(start.words) if word not in new]
        start_rows = np.array([*(start.index.get(word, -1) for word in names), *rest])
        names = [*names, *(start.words[row] for row in rest)]
        counts = np.append(counts, np.zeros(len(rest), counts.dtype))
        if start.counts is not None:
            counts = counts + np.where(start_rows >= 0, start.counts[start_rows], 0)
        return cls(names, np.maximum(1, counts), start_rows)

    def copy_known(self, matrix: np.ndarray, earlier: np.ndarray) -> None:
        """Write the earlier rows of known words into `matrix` (words, dim)."""
        known = self.start_rows >= 0
        matrix[known] = earlier[self.start_rows[known]]

    def by_frequency(
        self, vectors: np.ndarray, settings: Mapping[str, object], outputs: np.ndarray
    ) -> WordVectors:
        """Word vectors, the most frequent word first; rows that are in this order already are not copied."""
        names, counts = self.names, self.counts
        if (np.diff(counts) > 0).any():
            order = np.argsort(-counts, kind="stable")
            names = [names[row] for row in order.tolist()]
            counts, vectors, outputs = counts[order], vectors[order], outputs[order]
        return WordVectors(names, vectors, counts, settings, outputs=outputs)
