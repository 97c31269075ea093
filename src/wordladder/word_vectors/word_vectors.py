"""Word vectors: a matrix with words, read, queried, tested and saved; nothing is trained here.

NumPy only. Every trainer of static vectors returns a `WordVectors`; its methods follow gensim's
`KeyedVectors`.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import SettingError, VectorsError, nearest
from ..formats import MappedWords, Table, UnicodeErrors, check_finite, read_vectors, write_vectors
from ..text.subwords import Subwords
from ..text.words import TextSettings, lower, tokenize
from .intrinsic import EPSILON, Analogies, Method, WordPairs, checked_method, word_analogies, word_pairs

_ROWS = 1 << 14  # rows of the matrix taken at once: a memory-mapped matrix is never copied whole
_SEARCHES = 50  # times the bytes of mapped words are searched before the dictionary of all is built
_HINTED = 200_000  # words that a mistyped one is compared with
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

    Attributes:
        notes: Sentences on what was left out or changed when a file was read.

    Raises:
        VectorsError: words, vectors and counts do not fit together.
    """

    notes: tuple[str, ...] = ()

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
        self.words: Sequence[str] = words if isinstance(words, MappedWords) else list(words)
        self.vectors = np.asanyarray(vectors, dtype=np.float32)
        self.counts = None if counts is None else np.asarray(counts, dtype=np.int64)
        self.settings: dict[str, object] = dict(settings or {})
        self.subwords, self.outputs = subwords, outputs
        if self.vectors.ndim != 2 or len(self.words) != len(self.vectors):
            raise VectorsError(f"{len(self.words)} words do not fit vectors of shape {self.vectors.shape}.")
        if self.counts is not None and self.counts.shape != (len(self.words),):
            raise VectorsError(f"{len(self.words)} words do not fit counts of shape {self.counts.shape}.")

    @classmethod
    def load(
        cls,
        path: str | Path,
        format: str | None = None,
        *,
        dim: int | None = None,
        unicode_errors: UnicodeErrors = "strict",
    ) -> "WordVectors":
        """Read a file of word vectors, or a model2vec folder; a safetensors file is memory-mapped. Words left
        out, such as repeated ones, are warned of.

        Args:
            path: The file or the folder.
            format: `text`, `binary`, `fasttext`, `gensim`, `safetensors` or `model2vec`; None takes it from
                the name, and that of text and binary files from their first bytes.
            dim: Numbers in a vector, where the file does not say and they cannot be told.
            unicode_errors: What becomes of words in text and word2vec binary that are not UTF-8: `strict`
                refuses them, `ignore` leaves out the wrong bytes, `replace` puts U+FFFD there.

        Raises:
            VectorsError: the file is missing or broken; the message names the line or the byte.
            SettingError: there is no such `unicode_errors`.
        """
        table = read_vectors(path, format, dim=dim, unicode_errors=unicode_errors)
        for note in table.notes:
            warnings.warn(note, stacklevel=2)
        return cls.of(table)

    @classmethod
    def of(cls, table: Table) -> "WordVectors":
        """The vectors that a file holds."""
        made = cls(table.words, table.vectors, table.counts, table.settings, subwords=table.subwords)
        made.outputs, made.notes = table.outputs, table.notes
        return made

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write a file of word vectors, or a model2vec folder; safetensors alone keeps all that they have.
        Words left out, since they are repeated or word2vec files cannot hold them, are warned of.

        Args:
            path: The file or the folder; one that exists is replaced when the new one is complete.
            format: `text`, `binary`, `fasttext`, `safetensors` or `model2vec`; None takes it from the name:
                `.bin` is a fastText model where there are subwords, else word2vec binary.

        Raises:
            VectorsError: the format cannot be told or cannot hold a word, or a number is not finite.
            OutputError: the file cannot be written.
        """
        for note in write_vectors(path, self.table, format).notes:
            warnings.warn(note, stacklevel=2)

    @property
    def table(self) -> Table:
        """What a file of these vectors holds."""
        return Table(self.words, self.vectors, self.counts, self.settings, self.subwords, self.outputs)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.vectors.shape[1]

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each word, the first of a repeated one."""
        index: dict[str, int] = {}
        for row, word in enumerate(self.words):
            index.setdefault(word, row)
        if len(index) < len(self.words):  # those of a mapped file are not looked at before
            text = f"{len(self.words) - len(index):,} words are repeated; the first of each counts."
            warnings.warn(text, stacklevel=2)
        return index

    @cached_property
    def norms(self) -> np.ndarray:
        """Euclidean length of each vector (words,); 1 where it is zero."""
        norms = np.empty(len(self.words), dtype=np.float32)
        for start in range(0, len(norms), _ROWS):
            norms[start : start + _ROWS] = np.linalg.norm(self.vectors[start : start + _ROWS], axis=1)
        norms[self._finite(norms) == 0] = 1
        return norms

    def _finite(self, found: np.ndarray) -> np.ndarray:
        """What was found of the vectors; a VectorsError if one of them is not finite."""
        if not np.isfinite(found).all():  # those of a mapped file are not looked at before
            check_finite(self.vectors, lambda row: f"The vector of {self.words[row]!r}")
        return found

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._find(word) >= 0

    def _find(self, word: str) -> int:
        """The row of a word, or -1. A few words are searched in the mapped bytes of the file."""
        words = self.words
        if (
            isinstance(words, MappedWords)
            and "index" not in self.__dict__
            and words.searched <= _SEARCHES * len(words.text)
        ):
            return words.find(word)
        return self.index.get(word, -1)

    def __getitem__(self, word: str | Sequence[str]) -> np.ndarray:
        """The vector (dim,) of a word, or the vectors (words, dim) of several.

        A word that is not among the words has one where there are `subwords`.

        Raises:
            VectorsError: a word has no vector, or one with a number that is not finite.
        """
        if isinstance(word, str):
            unseen = self._unseen(word)
            return self._composed([word])[0] if unseen else self._finite(self.vectors[self.row(word)])
        if any(map(self._unseen, word)):
            return np.stack([self[one] for one in word])
        return self._finite(self.vectors[[self.row(one) for one in word]])

    def _unseen(self, word: str) -> bool:
        return self.subwords is not None and word not in self

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
        row = self._find(word)
        if row < 0:
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
        return self._best(self._cosines(query), added + taken, topn)

    def most_similar_cosmul(
        self, positive: Query, negative: Query = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """The words whose cosines with `positive`, multiplied, over those with `negative` are largest.

        Cosines are shifted to 0…1. The given words are never among the answers.

        Source: Levy and Goldberg 2014, "Linguistic Regularities in Sparse and Explicit Word Representations",
        equation 4 (3CosMul).

        Args:
            positive: A word, a vector (dim,), or a list of them.
            negative: The same, to stay away from.
            topn: How many words.

        Raises:
            VectorsError: a word has no vector.
            SettingError: nothing was given.
        """
        added, taken = _listed(positive), _listed(negative)
        if not added:
            raise SettingError("most_similar_cosmul needs at least one positive word or vector.")
        above, below = np.ones((2, len(self)), np.float32)
        for product, ones in ((above, added), (below, taken)):
            for one in ones:
                product *= (1 + self._cosines(self._unit(one))) / 2
        return self._best(above / (below + EPSILON), added + taken, topn)

    def analogy(
        self, a: str, b: str, c: str, topn: int = 10, *, method: Method = "add"
    ) -> list[tuple[str, float]]:
        """What is to `c` as `b` is to `a`: the words nearest to b − a + c, without the three.

        Source: Mikolov et al. 2013, "Linguistic Regularities in Continuous Space Word Representations";
        called 3CosAdd by Levy and Goldberg 2014.

        Args:
            a: A word.
            b: What it goes with.
            c: The word whose companion is sought.
            topn: How many words.
            method: `add` is 3CosAdd, `mul` 3CosMul (`most_similar_cosmul`).

        Raises:
            VectorsError: a word has no vector.
            SettingError: there is no such method.
        """
        checked_method(method)
        return (self.most_similar if method == "add" else self.most_similar_cosmul)([b, c], [a], topn)

    def encode(self, texts: Sequence[str], *, normalize_embeddings: bool = False) -> np.ndarray:
        """The mean of the vectors of each text's words, (texts, dim); zero where none is known.

        Words are found as when the vectors were trained. With `normalize_embeddings`, each mean is scaled to
        length one.
        """
        text = self.settings.get("text")
        settings = TextSettings(**text) if isinstance(text, Mapping) else TextSettings()
        tokens = tokenize(texts, settings)
        surfaces = tokens.surfaces(lowercase=bool(self.settings.get("lowercase", False)))
        rows = np.fromiter((self._find(word) for word in surfaces), np.int64, len(surfaces))
        owner = np.repeat(np.arange(len(texts)), tokens.lengths)[rows >= 0]
        means = np.zeros((len(texts), self.dim), dtype=np.float32)
        np.add.at(means, owner, self._finite(self.vectors[rows[rows >= 0]]))
        means /= np.maximum(1, np.bincount(owner, minlength=len(texts)))[:, None].astype(np.float32)
        if normalize_embeddings:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means

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

    def evaluate_word_pairs(
        self, path: str | Path, *, restrict_vocab: int = 300_000, subwords: bool = True
    ) -> WordPairs:
        """Rank correlation of cosines with people's scores of word pairs; case is ignored.

        Args:
            path: A file (also `.gz`) with a line a pair: word, word, score, between tabs, commas or spaces.
            restrict_vocab: Only the first so many words are known.
            subwords: Whether other words count with the vector that `subwords`, if there, give them.

        Raises:
            DataError: a line cannot be read; the message names it.
        """
        compose = self._composed_as_trained if subwords and self.subwords is not None else None
        rows = self._finite(self.vectors[:restrict_vocab])
        return word_pairs(path, self.words[:restrict_vocab], rows, compose)

    def evaluate_word_analogies(
        self, path: str | Path, *, restrict_vocab: int = 300_000, method: Method = "add"
    ) -> Analogies:
        """Share of analogies whose fourth word is found by `analogy`; case is ignored.

        Args:
            path: A file (also `.gz`) with four words a line, and a section's name after `: `.
            restrict_vocab: Only the first so many words are known, and can be answers.
            method: `add` is 3CosAdd, `mul` 3CosMul.

        Raises:
            DataError: a line cannot be read; the message names it.
            SettingError: there is no such method.
        """
        rows = self._finite(self.vectors[:restrict_vocab])
        return word_analogies(path, self.words[:restrict_vocab], rows, method)

    def _composed_as_trained(self, words: Sequence[str]) -> np.ndarray:
        return self._composed([lower(word) for word in words] if self.settings.get("lowercase") else words)

    def _best(self, scores: np.ndarray, given: Query, topn: int) -> list[tuple[str, float]]:
        scores[[self._find(one) for one in given if isinstance(one, str) and one in self]] = -np.inf
        count = max(0, min(topn, int(np.isfinite(scores).sum())))
        return [(self.words[row], float(scores[row])) for row in _highest(scores, count)]

    def _unit(self, one: str | np.ndarray) -> np.ndarray:
        if isinstance(one, str):
            vector = self[one]
            return vector / (np.linalg.norm(vector) or 1)
        vector = np.asarray(one, dtype=np.float32)
        if vector.shape != (self.dim,):
            raise SettingError(f"A vector of shape ({self.dim},) is expected, not {vector.shape}.")
        return vector  # of the length that the caller gave it, as in gensim

    def _cosines(self, query: np.ndarray) -> np.ndarray:
        found = np.asarray(self.vectors @ (query / (np.linalg.norm(query) or 1)))
        found /= self.norms
        return found

    def _hint(self, word: str) -> str:
        if word.lower() in self:
            return nearest(word.lower(), [word.lower()])
        # difflib is slow on a whole vocabulary; a typing error seldom hits the first letter
        alike = [one for one in self.words[:_HINTED] if one[:1] == word[:1] and abs(len(one) - len(word)) < 3]
        return nearest(word, alike[:5000])


def _highest(scores: np.ndarray, count: int) -> np.ndarray:
    """The rows of the `count` highest scores, falling; of equals, the first ones first."""
    rows = np.zeros(0, np.int64)
    least = -np.inf
    for start in range(0, len(scores) if count else 0, _ROWS):
        rows = np.append(rows, np.flatnonzero(scores[start : start + _ROWS] > least) + start)
        if len(rows) > count:
            rows = rows[np.argsort(-scores[rows], kind="stable")[:count]]
            rows.sort()
            least = scores[rows].min()
    return rows[np.argsort(-scores[rows], kind="stable")]


def _listed(query: Query) -> list[str | np.ndarray]:
    one = isinstance(query, str) or (isinstance(query, np.ndarray) and query.ndim == 1)
    return [query] if one else list(query)  # type: ignore[list-item]
