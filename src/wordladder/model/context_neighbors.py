"""Finds the nearest neighbours of a word in context: words that are used in the same sense elsewhere.

Each occurrence of a word is compared by its vector in its own sentence. Only the nearest ones are kept in
memory.
"""

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError
from ..progress import Progress, quiet
from ..text.words import Tokens, lower
from .inputs import unit_vectors
from .word_reader import WordReader

Only = Literal["same", "other"]
BLOCK = 1024  # sentences read at a time


@dataclass(frozen=True)
class Occurrence:
    """A word in a sentence.

    Attributes:
        word: The word as written.
        sentence: The sentence.
        start: Where the word starts in it, in characters.
        end: Where it ends.
    """

    word: str
    sentence: str
    start: int
    end: int


@dataclass(frozen=True)
class Neighbor(Occurrence):
    """A word in another sentence, with its cosine to the query word."""

    cosine: float


@dataclass(frozen=True)
class OccurrenceNeighbors(Occurrence):
    """An occurrence of the query word, and its neighbours, the nearest first."""

    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True)
class ContextNeighbors:
    """The neighbours of a word, and the amount of text searched.

    Attributes:
        encoder: The source of the vectors.
        sentences: The number of sentences read.
        of: The number of sentences without blank ones and the query sentence.
        words: The number of words compared.
        occurrences: Each occurrence of the query word in the query sentence.
    """

    encoder: str
    sentences: int
    of: int
    words: int
    occurrences: tuple[OccurrenceNeighbors, ...]

    def to_json(self) -> dict[str, Any]:
        """The attributes as JSON values."""
        return asdict(self)


def context_neighbors(
    reader: WordReader,
    text: str,
    word: str,
    among: Iterable[str],
    *,
    topn: int = 10,
    only: Only | None = None,
    distinct: bool = False,
    limit: int | None = 10_000,
    seed: int = 1,
    progress: Progress = quiet,
) -> ContextNeighbors:
    """The words nearest to `word` in the sense that it has in `text`, each in its own sentence.

    Punctuation, symbols and sentences equal to `text` are skipped.

    Args:
        reader: Computes the vectors of words.
        text: A sentence.
        word: One of its words, or several consecutive ones, whose vectors are averaged. Case is ignored.
        among: The sentences to search.
        topn: Number of neighbours.
        only: `same`: only this word in other sentences, if it is a single word; `other`: only other words.
        distinct: Show each word once, where it is nearest.
        limit: The most sentences to read, a random sample if there are more; None: all.
        seed: Seed of the sample.
        progress: Called with the number of sentences read.

    Raises:
        SettingError: the word does not occur in the text, or a setting is not valid.
        DataError: there are no sentences to search.
    """
    if topn < 1 or (limit is not None and limit < 1):
        raise SettingError(f"topn is {topn} and limit {limit}; both must be at least 1")
    if only not in (None, *get_args(Only)):
        raise SettingError(f'only is {only!r}; it must be "same" or "other"')
    occurrences, queries = _occurrences(reader, text, word)
    if only == "same" and len(reader.tokens([word]).starts) > 1:
        raise SettingError(
            f'only = "same" searches for a single word, but {word!r} is several; the segmenter "jieba" '
            "finds the words of Chinese"
        )
    others: Iterable[str] = (other for other in among if other.strip() not in ("", text.strip()))
    sentences, total = (others, None) if limit is None else sample(others, limit, seed)
    nearest = [_Nearest(query, topn, distinct) for query in queries]
    forms = set(reader.tokens([word]).surfaces(lowercase=True))
    read = words = 0
    remaining = iter(sentences)
    while block := list(islice(remaining, BLOCK)):
        tokens = reader.tokens(block)
        mask = _comparable_words(tokens, forms, only)
        for numbers, vectors in reader.vectors(tokens):
            compared = mask[numbers]
            units = unit_vectors(vectors[compared])
            for neighbors in nearest:
                neighbors.search(tokens, numbers[compared], units)
        words += int(mask.sum())
        read += len(block)
        progress("reading", read, total and min(total, limit or total))
    if not read:
        raise DataError("there are no sentences to search for neighbours")
    results = tuple(
        OccurrenceNeighbors(**vars(occurrence), neighbors=tuple(neighbors.best.values()))
        for occurrence, neighbors in zip(occurrences, nearest)
    )
    return ContextNeighbors(reader.name, read, max(total or 0, read), words, results)


def sample(sentences: Iterable[str], limit: int, seed: int) -> tuple[list[str], int]:
    """A random sample of at most `limit` sentences, in their order, and the number of sentences.

    Source: Vitter 1985, "Random Sampling with a Reservoir", algorithm R.
    """
    random_numbers = random.Random(seed)
    reservoir: list[tuple[int, str]] = []
    total = 0
    for sentence in sentences:
        if total < limit:
            reservoir.append((total, sentence))
        elif (slot := random_numbers.randrange(total + 1)) < limit:
            reservoir[slot] = (total, sentence)
        total += 1
    return [sentence for _, sentence in sorted(reservoir)], total


def _occurrences(reader: WordReader, text: str, word: str) -> tuple[list[Occurrence], NDArray[np.float32]]:
    """The occurrences of the word in the text, and its unit vectors there, `(occurrences, dim)`."""
    tokens, parts = reader.tokens([text]), reader.tokens([word]).surfaces(lowercase=True)
    surfaces = tokens.surfaces(lowercase=True)
    runs = range(len(surfaces) - len(parts) + 1)
    firsts = [first for first in runs if parts and surfaces[first : first + len(parts)] == parts]
    if not firsts:
        words = " ".join(tokens.words_of(0)[:50])
        raise SettingError(f"the word {word!r} does not occur in {text!r}; its words are: {words}")
    ((_, vectors),) = reader.vectors(tokens)
    queries = np.stack([vectors[first : first + len(parts)].mean(axis=0) for first in firsts])
    return [_occurrence(tokens, first, first + len(parts) - 1) for first in firsts], unit_vectors(queries)


def _comparable_words(tokens: Tokens, forms: set[str], only: Only | None) -> NDArray[np.bool_]:
    """Which words are compared: `(words,)`."""
    surfaces = tokens.surfaces(lowercase=True)
    mask = np.array([any(map(str.isalnum, word)) for word in surfaces], np.bool_)
    if only is not None:
        mask &= np.array([(word in forms) == (only == "same") for word in surfaces], np.bool_)
    return mask


class _Nearest:
    """The occurrences nearest to a query so far; if `distinct`, one of each word."""

    def __init__(self, query: NDArray[np.float32], topn: int, distinct: bool) -> None:
        self.query, self.topn, self.distinct = query, topn, distinct
        self.best: dict[Any, Neighbor] = {}  # the nearest first
        self.least = -2.0  # a new cosine must exceed it

    def search(self, tokens: Tokens, numbers: NDArray[np.int64], units: NDArray[np.float32]) -> None:
        """Compare words, given by their numbers and unit vectors `(words, dim)`."""
        cosines = units @ self.query
        for row in np.argsort(-cosines, kind="stable").tolist():
            if cosines[row] <= self.least:
                break
            number = int(numbers[row])
            occurrence = _occurrence(tokens, number, number)
            self.add(Neighbor(**vars(occurrence), cosine=float(cosines[row])))

    def add(self, neighbor: Neighbor) -> None:
        key = lower(neighbor.word) if self.distinct else (neighbor.sentence, neighbor.start)
        known = self.best.get(key)
        if known is not None and neighbor.cosine <= known.cosine:
            return
        self.best.pop(key, None)
        ranked = sorted([*self.best.items(), (key, neighbor)], key=lambda item: -item[1].cosine)
        self.best = dict(ranked[: self.topn])
        if len(self.best) == self.topn:
            self.least = ranked[self.topn - 1][1].cosine


def _occurrence(tokens: Tokens, first: int, last: int) -> Occurrence:
    """The words `first` to `last` of one text."""
    row = int(np.searchsorted(tokens.offsets, first, side="right")) - 1
    text, start, end = tokens.texts[row], int(tokens.starts[first]), int(tokens.ends[last])
    return Occurrence(text[start:end], text, start, end)
