"""What engines have in common that compute batch by batch: scores and vectors of any number of texts."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.batches import length_batches
from ..data.examples import Examples
from ..tasks._word_scores import WordScores
from ..text.words import Tokens
from .engine import Engine

PREDICT_ROWS, PREDICT_WORDS = 256, 32_768  # the most in a batch, padding included


class BatchedEngine(Engine):
    """An engine that computes what the task needs of some texts at a time.

    Attributes:
        scorer: What `_results` computes to get scores.
        encoder: What it computes to get vectors of texts.
        vector_dim: Numbers in such a vector.
        reads_both_orders: Whether the texts of a pair are read together, and their order is to mean nothing.
        chain: The chain of tags, if there is one.
    """

    scorer: Any
    encoder: Any
    vector_dim: Any
    reads_both_orders: Any
    chain: Any

    def _results(
        self, tokens: Tokens, compute: Any, max_rows: int | None = None, targets: Any = None
    ) -> Iterator[tuple[NDArray[np.int64], Any]]:
        """For each batch of examples of similar length their row numbers and the result of `compute`."""
        raise NotImplementedError

    @staticmethod
    def _in_batches(tokens: Tokens, max_rows: int | None) -> list[NDArray[np.int64]]:
        """The row numbers of examples of similar length."""
        if len(tokens) == 1:  # answered alone: every array counts
            return [np.zeros(1, np.int64)]
        lengths = np.diff(tokens.example_offsets)
        most = PREDICT_ROWS if max_rows is None else max_rows
        return length_batches(lengths, max_words=PREDICT_WORDS, max_rows=most)

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """The input of the head: one vector a text, `(rows, dim)`, or a pair if it is read as a whole."""
        tokens = self.words.tokens(examples)
        tokens = tokens.apart() if self.reads_apart else tokens
        return self._run(tokens, self.encoder, self.vector_dim, batch_rows)

    def scores(self, examples: Examples) -> Any:
        """Scores `(rows, labels)`, or of words."""
        return self._scores(self.words.tokens(examples))

    def _scores(self, tokens: Tokens) -> Any:
        """Scores, one row an example or a word."""
        if getattr(self.task, "towers", False):
            vectors, numbers = self._text_vectors(tokens)
            return np.einsum("pd,pd->p", *(vectors[side] for side in numbers.T))[:, None]
        if not self.task.per_word:
            scores = self._run(tokens, self.scorer, self.task.width)
            if self.reads_both_orders:
                scores += self._run(tokens.swapped(), self.scorer, self.task.width)
                scores /= 2
            return scores
        values = np.empty((len(tokens.starts), self.task.width), np.float32)
        offsets = tokens.example_offsets.tolist()
        for rows, result in self._results(tokens, self.scorer):
            for row, padded in zip(rows.tolist(), result):
                start, end = offsets[row], offsets[row + 1]
                values[start:end] = padded[: end - start]
        return WordScores(values, tokens, self.chain)

    def _run(
        self, tokens: Tokens, compute: Any, width: int, max_rows: int | None = None, targets: Any = None
    ) -> NDArray[np.float32]:
        """The results of `compute`, one row an example, in order."""
        out = np.empty((len(tokens), width), np.float32)
        for rows, result in self._results(tokens, compute, max_rows, targets):
            out[rows] = result
        return out

    def _text_vectors(self, tokens: Tokens) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The vectors of the different texts of pairs, of length one, `(texts, dim)`, and for each pair which
        of them are its own, `(pairs, 2)`.
        """
        texts, first = tokens.apart(), dict[str, int]()
        numbers = [first.setdefault(text, len(first)) for text in texts.texts]
        rows = np.unique(numbers, return_index=True)[1]
        vectors = self._run(texts.take(rows), self.encoder, self.vector_dim)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.maximum(lengths, 1e-12), np.reshape(numbers, (-1, 2))
