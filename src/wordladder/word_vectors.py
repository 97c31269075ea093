"""Word vectors: a matrix with words, read, queried, tested and saved; nothing is trained here.

NumPy only. Every trainer of static vectors returns a `WordVectors`; its methods follow gensim's
`KeyedVectors`.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from .errors import SettingError, VectorsError, did_you_mean
from .formats import Table, read_vectors, write_vectors
from .subwords import Subwords
from .text import TextSettings, tokenize
from .word_tests import Analogies, WordPairs, word_analogies, word_pairs

__all__ = ["WordVectors"]

_ROWS = 1 << 14  # rows of the matrix taken at once: a memory-mapped matrix is never copied whole
Query = str | np.ndarray | Sequence[str | np.ndarray]


class WordVectors:
    """Words with one vector each.

    Args:
        words: The words, one a row, each once.
        vectors: The matrix (words, dim), float32, perhaps memory-mapped.
        counts: How often each word occurred in the training text, int64 (words,).
        settings: How the vectors were trained: kind, model, text settings, seed.
        subwords: What gives vectors to words that are not among them.
        outputs: The other matrix of the training, (words, dim), with which it can go on.

    Raises:
        VectorsError: words, vectors and counts do not fit together.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | None = None,
        settings: Mapping[str, object] | None = None,
        *,
        subwords: Subwords | None = None,
        outputs: np.ndarray | None = None,
    ) -> None:
        self.words = list(words)
        self.vectors = np.asanyarray(vectors, dtype=np.float32)
        self.counts = None if counts is None else np.asarray(counts, dtype=np.int64)
        self.settings: dict[str, object] = dict(settings or {})
        self.subwords, self.outputs = subwords, outputs
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise VectorsError(f"{len(self.words)} words do not fit vectors of shape {self.vectors.shape}.")
        if self.counts is not None and self.counts.shape != (len(self.words),):
            raise VectorsError(f"{len(self.words)} words do not fit counts of shape {self.counts.shape}.")

    @classmethod
    def load(cls, path: str | Path, format: str | None = None) -> "WordVectors":
        """Read a file of word vectors; a safetensors file is memory-mapped.

        Args:
            path: The file.
            format: `text`, `binary` or `safetensors`; None takes it from the suffix.

        Raises:
            VectorsError: the file is missing or broken; the message names the line or the byte.
        """
        table = read_vectors(path, format)
        parts = {"subwords": table.subwords, "outputs": table.outputs}
        return cls(table.words, table.vectors, table.counts, table.settings, **parts)  # type: ignore[arg-type]

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write a file of word vectors; only safetensors keeps counts and settings.

        Args:
            path: The file; one that exists is replaced when the new one is complete.
            format: `text`, `binary` or `safetensors`; None takes it from the suffix.

        Raises:
            VectorsError: the format cannot be told, or cannot hold one of the words.
            OutputError: the file cannot be written.
        """
        table = Table(self.words, self.vectors, self.counts, self.settings, self.subwords, self.outputs)
        write_vectors(path, table, format)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.vectors.shape[1]

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each word."""
        index = {word: row for row, word in enumerate(self.words)}
        if len(index) < len(self.words):
            twice = next(word for row, word in enumerate(self.words) if index[word] != row)
            raise VectorsError(f"The word {twice!r} has more than one vector.")
        return index

    @cached_property
    def norms(self) -> np.ndarray:
        """Euclidean length of each vector (words,); 1 where it is zero."""
        norms = np.empty(len(self.words), dtype=np.float32)
        for start in range(0, len(norms), _ROWS):
            norms[start : start + _ROWS] = np.linalg.norm(self.vectors[start : start + _ROWS], axis=1)
        norms[norms == 0] = 1
        return norms

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __getitem__(self, word: str | Sequence[str]) -> np.ndarray:
        """The vector (dim,) of a word, or the vectors (words, dim) of several.

        A word that is not among the words has one where there are `subwords`.

        Raises:
            VectorsError: a word has no vector.
        """
        if isinstance(word, str):
            return self._composed([word])[0] if self._unseen(word) else self.vectors[self.row(word)]
        if any(map(self._unseen, word)):
            return np.stack([self[one] for one in word])
        return self.vectors[[self.row(one) for one in word]]

    def _unseen(self, word: str) -> bool:
        return self.subwords is not None and word not in self.index

    def _composed(self, words: Sequence[str]) -> np.ndarray:
        assert self.subwords is not None
        return self.subwords.vectors(words)

    def __repr__(self) -> str:
        return f"<WordVectors: {len(self):,} words, {self.dim} numbers each>"

    def row(self, word: str) -> int:
        """The row of a word.

        Raises:
            VectorsError: the word has no vector.
        """
        row = self.index.get(word)
        if row is None:
            raise VectorsError(f"There is no vector for {word!r}.{self._hint(word)}")
        return row

    def similarity(self, first: str, second: str) -> float:
        """Cosine of the vectors of two words.

        Raises:
            VectorsError: a word has no vector.
        """
        return float(self._unit(first) @ self._unit(second))

    def most_similar(
        self, positive: Query = (), negative: Query = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """The words nearest, by cosine, to the sum of `positive` minus the sum of `negative`.

        Words count with their unit vectors, vectors as they are. The given words are never among the answers.

        Args:
            positive: A word, a vector (dim,), or a list of them.
            negative: The same, to stay away from.
            topn: How many words.

        Raises:
            VectorsError: a word has no vector.
            SettingError: nothing was given.
        """
        added, taken = _listed(positive), _listed(negative)
        if not added and not taken:
            raise SettingError("most_similar needs at least one word or vector.")
        query = sum((self._unit(one) for one in added), np.zeros(self.dim, np.float32))
        query = query - sum((self._unit(one) for one in taken), np.zeros(self.dim, np.float32))
        scores = self._cosines(query)
        scores[[self.index[one] for one in added + taken if isinstance(one, str) and one in self]] = -np.inf
        count = max(0, min(topn, int(np.isfinite(scores).sum())))
        best = np.argpartition(-scores, count - 1)[:count] if count else np.zeros(0, np.int64)
        best = best[np.argsort(-scores[best], kind="stable")]
        return [(self.words[row], float(scores[row])) for row in best]

    def analogy(self, a: str, b: str, c: str, topn: int = 10) -> list[tuple[str, float]]:
        """What is to `c` as `b` is to `a`: the words nearest to b − a + c, without the three.

        Source: Mikolov et al. 2013, "Linguistic Regularities in Continuous Space Word Representations";
        called 3CosAdd by Levy and Goldberg 2014.

        Raises:
            VectorsError: a word has no vector.
        """
        return self.most_similar([b, c], [a], topn)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """The mean of the vectors of each text's words, (texts, dim); zero where none is known.

        Words are found as when the vectors were trained.
        """
        text = self.settings.get("text")
        settings = TextSettings(**text) if isinstance(text, Mapping) else TextSettings()
        tokens = tokenize(texts, settings)
        surfaces = tokens.surfaces(lowercase=bool(self.settings.get("lowercase", False)))
        rows = np.fromiter((self.index.get(word, -1) for word in surfaces), np.int64, len(surfaces))
        owner = np.repeat(np.arange(len(texts)), tokens.lengths)[rows >= 0]
        means = np.zeros((len(texts), self.dim), dtype=np.float32)
        np.add.at(means, owner, self.vectors[rows[rows >= 0]])
        return means / np.maximum(1, np.bincount(owner, minlength=len(texts)))[:, None].astype(np.float32)

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word whose vector is farthest, by cosine, from the mean of all of them.

        Raises:
            VectorsError: a word has no vector.
            SettingError: no word was given.
        """
        if not len(words):
            raise SettingError("doesnt_match needs at least one word.")
        units = np.stack([self._unit(word) for word in words])
        return words[int(np.argmin(units @ units.mean(axis=0)))]

    def evaluate_word_pairs(self, path: str | Path, *, restrict_vocab: int = 300_000) -> WordPairs:
        """Rank correlation of cosines with people's scores of word pairs; case is ignored.

        Args:
            path: A file (also `.gz`) with a line a pair: word, word, score, between tabs or spaces.
            restrict_vocab: Only the first so many words are known.

        Raises:
            DataError: a line cannot be read; the message names it.
        """
        return word_pairs(path, self.words[:restrict_vocab], self.vectors[:restrict_vocab])

    def evaluate_word_analogies(self, path: str | Path, *, restrict_vocab: int = 300_000) -> Analogies:
        """Share of analogies whose fourth word is found by `analogy`; case is ignored.

        Args:
            path: A file (also `.gz`) with four words a line, and a section's name after `: `.
            restrict_vocab: Only the first so many words are known, and can be answers.

        Raises:
            DataError: a line cannot be read; the message names it.
        """
        return word_analogies(path, self.words[:restrict_vocab], self.vectors[:restrict_vocab])

    def _unit(self, one: str | np.ndarray) -> np.ndarray:
        if isinstance(one, str):
            vector = self[one]
            return vector / (np.linalg.norm(vector) or 1)
        vector = np.asarray(one, dtype=np.float32)
        if vector.shape != (self.dim,):
            raise SettingError(f"A vector of shape ({self.dim},) is expected, not {vector.shape}.")
        return vector  # of the length that the caller gave it, as in gensim

    def _cosines(self, query: np.ndarray) -> np.ndarray:
        return (self.vectors @ (query / (np.linalg.norm(query) or 1))) / self.norms

    def _hint(self, word: str) -> str:
        if word.lower() in self.index:
            return did_you_mean(word.lower(), [word.lower()])
        # difflib is slow on a whole vocabulary; a typing error seldom hits the first letter
        alike = [one for one in self.words if one[:1] == word[:1] and abs(len(one) - len(word)) < 3]
        hint = did_you_mean(word, alike[:5000])
        return hint if hint.startswith(" Did you mean") else ""


def _listed(query: Query) -> list[str | np.ndarray]:
    one = isinstance(query, str) or (isinstance(query, np.ndarray) and query.ndim == 1)
    return [query] if one else list(query)  # type: ignore[list-item]
