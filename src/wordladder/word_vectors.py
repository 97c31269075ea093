"""Word vectors: a matrix with words, read, queried, tested and saved; nothing is trained here.

NumPy only. Every trainer of static vectors returns a `WordVectors`; its methods follow gensim's
`KeyedVectors`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from .errors import DataError, SettingError, VectorsError, did_you_mean
from .formats import Table, read_vectors, write_vectors
from .streams import ByteReader
from .text import TextSettings, tokenize

__all__ = ["Analogies", "AnalogySection", "WordPairs", "WordVectors"]

_ROWS = 1 << 14  # rows of the matrix taken at once: a memory-mapped matrix is never copied whole
Query = str | np.ndarray | Sequence[str | np.ndarray]


@dataclass(frozen=True)
class WordPairs:
    """How well cosine similarities of word pairs agree with people's scores."""

    spearman: float
    pearson: float
    used: int
    total: int


@dataclass(frozen=True)
class AnalogySection:
    """The analogies of one section of a file."""

    name: str
    correct: int
    used: int
    total: int


@dataclass(frozen=True)
class Analogies:
    """How many analogies are completed correctly, of those whose words are all known."""

    accuracy: float
    correct: int
    used: int
    total: int
    sections: tuple[AnalogySection, ...]


class WordVectors:
    """Words with one vector each.

    Args:
        words: The words, one a row, each once.
        vectors: The matrix (words, dim), float32, perhaps memory-mapped.
        counts: How often each word occurred in the training text, int64 (words,).
        settings: How the vectors were trained: kind, model, text settings, seed.

    Raises:
        VectorsError: words, vectors and counts do not fit together.
    """

    def __init__(
        self,
        words: Sequence[str],
        vectors: np.ndarray,
        counts: np.ndarray | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.words = list(words)
        self.vectors = np.asanyarray(vectors, dtype=np.float32)
        self.counts = None if counts is None else np.asarray(counts, dtype=np.int64)
        self.settings: dict[str, object] = dict(settings or {})
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
        return cls(table.words, table.vectors, table.counts, table.settings)

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write a file of word vectors; only safetensors keeps counts and settings.

        Args:
            path: The file; one that exists is replaced when the new one is complete.
            format: `text`, `binary` or `safetensors`; None takes it from the suffix.

        Raises:
            VectorsError: the format cannot be told, or cannot hold one of the words.
            OutputError: the file cannot be written.
        """
        write_vectors(path, Table(self.words, self.vectors, self.counts, self.settings), format)

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
        """The vector (dim,) of a word, or the vectors (words, dim) of several."""
        return self.vectors[self.row(word) if isinstance(word, str) else [self.row(one) for one in word]]

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
        scores[[self.row(one) for one in added + taken if isinstance(one, str)]] = -np.inf
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
        known = self._folded(restrict_vocab)
        people: list[float] = []
        ours: list[float] = []
        total = 0
        for number, line in _lines(path):
            parts = line.split("\t" if "\t" in line else None)
            score = _score(parts)
            if score is None and number == 1:
                continue  # the names of the columns
            if score is None:
                raise DataError(f"{path}, line {number}: two words and a score are expected, not {line!r}.")
            total += 1
            rows = [known.get(word.strip().upper(), -1) for word in parts[:2]]
            if min(rows) >= 0:
                people.append(score)
                ours.append(self.similarity(*(self.words[row] for row in rows)))
        spearman = _correlation(_ranks(np.array(people)), _ranks(np.array(ours)))
        return WordPairs(spearman, _correlation(np.array(people), np.array(ours)), len(people), total)

    def evaluate_word_analogies(self, path: str | Path, *, restrict_vocab: int = 300_000) -> Analogies:
        """Share of analogies whose fourth word is found by `analogy`; case is ignored.

        Args:
            path: A file (also `.gz`) with four words a line, and a section's name after `: `.
            restrict_vocab: Only the first so many words are known, and can be answers.

        Raises:
            DataError: a line cannot be read; the message names it.
        """
        names, section_of, questions = _questions(path)
        known = self._folded(restrict_vocab)
        rows = np.array([[known.get(word.upper(), -1) for word in four] for four in questions])
        rows = rows.reshape(-1, 4)
        usable = np.all(rows >= 0, axis=1)
        right: np.ndarray = np.zeros(len(rows), dtype=bool)
        right[usable] = self._solved(rows[usable], restrict_vocab, known)
        sections = tuple(
            AnalogySection(name, int(right[mine].sum()), int(usable[mine].sum()), len(mine))
            for name, mine in ((name, np.flatnonzero(section_of == i)) for i, name in enumerate(names))
        )
        used, correct = int(usable.sum()), int(right.sum())
        return Analogies(correct / used if used else float("nan"), correct, used, len(rows), sections)

    def _solved(self, rows: np.ndarray, limit: int, known: Mapping[str, int]) -> np.ndarray:
        """Of analogies given as rows (questions, 4): is the fourth the answer? (questions,)"""
        units = self.vectors[:limit] / self.norms[:limit, None]
        # words that differ by case only are one word: none of them may answer if one was given
        form = np.array([known[word.upper()] for word in self.words[:limit]], dtype=np.int64)
        order = np.argsort(form, kind="stable")
        ends = np.searchsorted(form[order], np.arange(len(form) + 1))
        right = np.zeros(len(rows), dtype=bool)
        step = max(1, (1 << 24) // max(1, len(units)))
        for start in range(0, len(rows), step):
            a, b, c, d = rows[start : start + step].T
            scores = (units[b] - units[a] + units[c]) @ units.T
            for i, given in enumerate(rows[start : start + step, :3]):
                for one in given:
                    scores[i, order[ends[one] : ends[one + 1]]] = -np.inf
            right[start : start + step] = form[scores.argmax(axis=1)] == d
        return right

    def _folded(self, limit: int) -> dict[str, int]:
        """The first row of each word without its case, among the first `limit` words."""
        known: dict[str, int] = {}
        for row, word in enumerate(self.words[:limit]):
            known.setdefault(word.upper(), row)
        return known

    def _unit(self, one: str | np.ndarray) -> np.ndarray:
        if isinstance(one, str):
            row = self.row(one)
            return self.vectors[row] / self.norms[row]
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


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Line numbers and lines of a test file, without the empty ones and the comments."""
    with ByteReader(path) as reader:
        data = b"".join(iter(lambda: reader.read(1 << 20), b""))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {number}: byte {error.start} is not UTF-8.") from None
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _score(parts: Sequence[str]) -> float | None:
    try:
        return float(parts[2])
    except (IndexError, ValueError):
        return None


def _questions(path: str | Path) -> tuple[list[str], np.ndarray, list[list[str]]]:
    """Section names, the section (questions,) of each question, and the questions, four words each."""
    names: list[str] = []
    section_of: list[int] = []
    questions: list[list[str]] = []
    for number, line in _lines(path):
        if line.startswith(":"):
            names.append(line[1:].strip())
            continue
        words = line.split()
        if len(words) != 4:
            raise DataError(f"{path}, line {number}: four words are expected, not {line!r}.")
        if not names:
            names.append("all")
        section_of.append(len(names) - 1)
        questions.append(words)
    return names, np.array(section_of, dtype=np.int64), questions


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks, the mean of their places for values that are equal."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[group]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; not a number where there is nothing to correlate."""
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
