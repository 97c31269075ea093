"""Word vectors: words with a matrix, read, queried, evaluated and saved; nothing is trained here.

NumPy only. Every trainer of static vectors returns a `WordVectors`; its methods follow gensim's
`KeyedVectors`.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from ..errors import SettingError, VectorsError, check_choice, nearest
from ..formats import MappedWords, Table, UnicodeErrors, check_finite, first_rows, read_vectors, write_vectors
from ..text.subwords import Subwords
from ..text.words import TextSettings, Tokens, lower, tokenize
from .intrinsic import EPSILON, METHODS, Analogies, Method, WordPairs, word_analogies, word_pairs
from .means import means_of_rows
from .ranking import ROWS, highest

_SEARCHES = 50  # of the bytes of mapped words, before a dictionary of all of them is built
_HINTED = 200_000  # words that an unknown one is compared with
Query = str | np.ndarray | Sequence[str | np.ndarray]


class WordVectors:
    """Words with one vector each.

    Args:
        words: The words, one for each row, without repetition.
        vectors: The matrix (words, dim), float32, perhaps memory-mapped.
        counts: How often each word occurred in the training text, int64 (words,).
        settings: How the vectors were trained: kind, model, text settings, seed.
        subwords: The subwords that give vectors to out-of-vocabulary words.
        outputs: The output matrix of the training, (words, dim), needed to continue it.

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
        """Read a file of word vectors, or a model2vec folder; a safetensors file is memory-mapped. Words that
        are left out, such as repeated ones, give a warning.

        Args:
            path: The file or the folder.
            format: `text`, `binary`, `fasttext`, `gensim`, `safetensors` or `model2vec`; None takes it from
                the name, and that of text and binary files from their first bytes.
            dim: Numbers in a vector, if the file does not say and it cannot be inferred.
            unicode_errors: What to do with words in text and word2vec binary that are not UTF-8: `strict`
                refuses them, `ignore` drops the wrong bytes, `replace` puts U+FFFD in their place.

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
        """The vectors of a file."""
        vectors = cls(table.words, table.vectors, table.counts, table.settings, subwords=table.subwords)
        vectors.outputs, vectors.notes = table.outputs, table.notes
        return vectors

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write a file of word vectors, or a model2vec folder; only safetensors keeps everything. Words that
        are left out because they are repeated or word2vec files cannot hold them give a warning.

        Args:
            path: The file or the folder; an existing one is replaced when the new one is complete.
            format: `text`, `binary`, `fasttext`, `safetensors` or `model2vec`; None takes it from the name:
                `.bin` is a fastText model where there are subwords, else word2vec binary.

        Raises:
            VectorsError: the format is unknown or cannot hold a word, or a number is not finite.
            OutputError: the file cannot be written.
        """
        for note in write_vectors(path, self.table, format).notes:
            warnings.warn(note, stacklevel=2)

    @property
    def table(self) -> Table:
        """These vectors as the content of a file."""
        return Table(self.words, self.vectors, self.counts, self.settings, self.subwords, self.outputs)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        return self.vectors.shape[1]

    @cached_property
    def index(self) -> dict[str, int]:
        """The row of each word, the first of a repeated one."""
        index = first_rows(self.words)
        if len(index) < len(self.words):  # those of a mapped file were not checked before
            text = f"{len(self.words) - len(index):,} words are repeated; the first of each counts."
            warnings.warn(text, stacklevel=2)
        return index

    @cached_property
    def norms(self) -> np.ndarray:
        """Euclidean length of each vector (words,); 1 where it is zero."""
        norms = np.empty(len(self.words), dtype=np.float32)
        for start in range(0, len(norms), ROWS):
            norms[start : start + ROWS] = np.linalg.norm(self.vectors[start : start + ROWS], axis=1)
        norms[self._finite(norms) == 0] = 1
        return norms

    def _finite(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers derived from the vectors; a VectorsError if one of the vectors is not finite."""
        if not np.isfinite(numbers).all():  # those of a mapped file were not checked before
            check_finite(self.vectors, lambda row: f"The vector of {self.words[row]!r}")
        return numbers

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._find(word) >= 0

    def _find(self, word: str) -> int:
        """The row of a word, or -1. The first few words are searched in the mapped bytes of the file."""
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

        An out-of-vocabulary word has one if there are `subwords`.

        Raises:
            VectorsError: a word has no vector, or one with a number that is not finite.
        """
        if isinstance(word, str):
            if self._is_unknown(word):
                return self._compose([word])[0]
            return self._finite(self.vectors[self.row(word)])
        if any(map(self._is_unknown, word)):
            return np.stack([self[one] for one in word])
        return self._finite(self.vectors[[self.row(one) for one in word]])

    def _is_unknown(self, word: str) -> bool:
        """Whether a word is out of vocabulary and has a vector composed of its subwords."""
        return self.subwords is not None and word not in self

    def _compose(self, words: Sequence[str]) -> np.ndarray:
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

        Words are represented by their unit vectors; vectors are used as they are. The words of the query are
        never among the answers.

        Args:
            positive: A word, a vector (dim,), or a list of them.
            negative: The same, to subtract.
            topn: How many words.

        Raises:
            VectorsError: a word has no vector.
            SettingError: there is neither.
        """
        added, subtracted = _as_list(positive), _as_list(negative)
        if not added and not subtracted:
            raise SettingError("most_similar needs at least one word or vector.")
        zero = np.zeros(self.dim, np.float32)
        query = sum(map(self._unit, added), zero) - sum(map(self._unit, subtracted), zero)
        return self._best(self._cosines(query), added + subtracted, topn)

    def most_similar_cosmul(
        self, positive: Query, negative: Query = (), topn: int = 10
    ) -> list[tuple[str, float]]:
        """The words with the largest product of cosines with `positive`, divided by that with `negative`.

        Cosines are shifted to 0…1. The words of the query are never among the answers.

        Source: Levy and Goldberg 2014, "Linguistic Regularities in Sparse and Explicit Word Representations",
        equation 4 (3CosMul).

        Args:
            positive: A word, a vector (dim,), or a list of them.
            negative: The same, to divide by.
            topn: How many words.

        Raises:
            VectorsError: a word has no vector.
            SettingError: there is no positive one.
        """
        above, below = _as_list(positive), _as_list(negative)
        if not above:
            raise SettingError("most_similar_cosmul needs at least one positive word or vector.")
        products = np.ones((2, len(self)), np.float32)
        for product, queries in zip(products, (above, below)):
            for query in queries:
                product *= (1 + self._cosines(self._unit(query))) / 2
        return self._best(products[0] / (products[1] + EPSILON), above + below, topn)

    def analogy(
        self, a: str, b: str, c: str, topn: int = 10, *, method: Method = "add"
    ) -> list[tuple[str, float]]:
        """What is to `c` as `b` is to `a`: the words nearest to b − a + c, without the three.

        Source: Mikolov et al. 2013, "Linguistic Regularities in Continuous Space Word Representations";
        called 3CosAdd by Levy and Goldberg 2014.

        Args:
            a: A word.
            b: The word it is related to.
            c: The word whose related word is sought.
            topn: How many words.
            method: `add` is 3CosAdd, `mul` 3CosMul (`most_similar_cosmul`).

        Raises:
            VectorsError: a word has no vector.
            SettingError: there is no such method.
        """
        check_choice("method", method, METHODS)
        return (self.most_similar if method == "add" else self.most_similar_cosmul)([b, c], [a], topn)

    def encode(self, texts: Sequence[str], *, normalize_embeddings: bool = False) -> np.ndarray:
        """The mean of the vectors of each text's words, (texts, dim); zero where none is known.

        Words are found as when the vectors were trained. With `normalize_embeddings`, each mean is scaled to
        length one.
        """
        tokens = self.tokens(texts)
        surfaces = tokens.surfaces(lowercase=bool(self.settings.get("lowercase", False)))
        places = {word: self._find(word) for word in set(surfaces)}
        rows = np.array([places[word] for word in surfaces], np.int64)
        owner = np.repeat(np.arange(len(texts)), tokens.lengths)[rows >= 0]
        means = means_of_rows(self._finite(self.vectors[rows[rows >= 0]]), owner, len(texts))
        if normalize_embeddings:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The words of texts, found as when the vectors were trained."""
        text = self.settings.get("text")
        return tokenize(texts, TextSettings(**text) if isinstance(text, Mapping) else TextSettings())

    def doesnt_match(self, words: Sequence[str]) -> str:
        """The word whose vector is farthest, by cosine, from the mean of all of them.

        Raises:
            VectorsError: a word has no vector.
            SettingError: there is no word.
        """
        if not len(words):
            raise SettingError("doesnt_match needs at least one word.")
        units = np.stack([self._unit(word) for word in words])
        return words[int(np.argmin(units @ units.mean(axis=0)))]

    def evaluate_word_pairs(
        self, path: str | Path, *, restrict_vocab: int = 300_000, subwords: bool = True
    ) -> WordPairs:
        """Correlation of cosines with human scores of word pairs; case is ignored.

        Args:
            path: A file (also `.gz`) with a line for each pair: word, word, score, separated by tabs, commas
                or spaces.
            restrict_vocab: Only this many words are known, the first ones.
            subwords: Whether other words have the vectors of their `subwords`, if there are any.

        Raises:
            DataError: a line cannot be read; the message names it.
        """
        compose = self._compose_as_trained if subwords and self.subwords is not None else None
        rows = self._finite(self.vectors[:restrict_vocab])
        return word_pairs(path, self.words[:restrict_vocab], rows, compose)

    def evaluate_word_analogies(
        self, path: str | Path, *, restrict_vocab: int = 300_000, method: Method = "add"
    ) -> Analogies:
        """How many analogies are completed correctly by `analogy`; case is ignored.

        Args:
            path: A file (also `.gz`) with four words a line, and the names of sections after `: `.
            restrict_vocab: Only this many words are known and can be answers, the first ones.
            method: `add` is 3CosAdd, `mul` 3CosMul.

        Raises:
            DataError: a line cannot be read; the message names it.
            SettingError: there is no such method.
        """
        rows = self._finite(self.vectors[:restrict_vocab])
        return word_analogies(path, self.words[:restrict_vocab], rows, method)

    def _compose_as_trained(self, words: Sequence[str]) -> np.ndarray:
        return self._compose(list(map(lower, words)) if self.settings.get("lowercase") else words)

    def _best(self, scores: np.ndarray, given: Query, topn: int) -> list[tuple[str, float]]:
        scores[[self._find(one) for one in given if isinstance(one, str) and one in self]] = -np.inf
        count = max(0, min(topn, int(np.isfinite(scores).sum())))
        return [(self.words[row], float(scores[row])) for row in highest(scores, count)]

    def _unit(self, one: str | np.ndarray) -> np.ndarray:
        if isinstance(one, str):
            vector = self[one]
            return vector / (np.linalg.norm(vector) or 1)
        vector = np.asarray(one, dtype=np.float32)
        if vector.shape != (self.dim,):
            raise SettingError(f"A vector of shape ({self.dim},) is expected, not {vector.shape}.")
        return vector  # not normalised, as in gensim

    def _cosines(self, query: np.ndarray) -> np.ndarray:
        cosines = np.asarray(self.vectors @ (query / (np.linalg.norm(query) or 1)))
        cosines /= self.norms
        return cosines

    def _hint(self, word: str) -> str:
        if word.lower() in self:
            return nearest(word.lower(), [word.lower()])
        # difflib is slow on a whole vocabulary; a typo is rarely in the first letter
        alike = [one for one in self.words[:_HINTED] if one[:1] == word[:1] and abs(len(one) - len(word)) < 3]
        return nearest(word, alike[:5000])


def _as_list(query: Query) -> list[str | np.ndarray]:
    one = isinstance(query, str) or (isinstance(query, np.ndarray) and query.ndim == 1)
    return [query] if one else list(query)  # type: ignore[list-item]
