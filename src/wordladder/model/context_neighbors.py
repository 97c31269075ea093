"""Neighbours of a word in its sentence: where else, in a text, a word stands for the same.

Every occurrence of a word is compared by the vector that it has in its own sentence. Nothing but the best
is held in memory, whatever the length of the text.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import heappush, heapreplace
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError
from ..progress import Progress, quiet
from ..text.words import Tokens, lower
from .word_reader import WordReader

Only = Literal["same", "other"]
BLOCK = 1024  # sentences read at a time


@dataclass(frozen=True)
class Occurrence:
    """A word in a sentence.

    Attributes:
        word: The word as written.
        sentence: The sentence.
        start: Where the word begins in it, in characters.
        end: Where it ends.
    """

    word: str
    sentence: str
    start: int
    end: int


@dataclass(frozen=True)
class Found:
    """What is near to an occurrence of the word that was asked for.

    Attributes:
        asked: The occurrence.
        neighbors: The nearest others with their cosines, the nearest first.
    """

    asked: Occurrence
    neighbors: tuple[tuple[Occurrence, float], ...]

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        near = [{**asdict(one), "cosine": cosine} for one, cosine in self.neighbors]
        return {**asdict(self.asked), "neighbors": near}


@dataclass(frozen=True)
class ContextNeighbors:
    """What was found, and among how much.

    Attributes:
        encoder: What gave the vectors.
        found: For each occurrence of the word in the sentence that was asked about.
        sentences: Sentences that were read.
        of: Sentences that there are, blank ones and the one that was asked about left out.
        words: Words that were compared.
    """

    encoder: str
    found: tuple[Found, ...]
    sentences: int
    of: int
    words: int

    def to_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        facts = {"encoder": self.encoder, "sentences": self.sentences, "of": self.of, "words": self.words}
        return {**facts, "occurrences": [one.to_json() for one in self.found]}


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
    """The words that are nearest to `word` as it is meant in `text`, each in its own sentence.

    Marks and symbols are not compared, nor are the words of a sentence that is `text` itself.

    Args:
        reader: What gives words their vectors.
        text: A sentence.
        word: One of its words, or several that follow each other, whose mean is taken. Case does not matter.
        among: The sentences to look in.
        topn: How many neighbours.
        only: `same`: only this word in other sentences, if it is a single one; `other`: only other words.
        distinct: Show each word once, where it is nearest.
        limit: Most sentences to read, a random sample if there are more; None reads all.
        seed: Seed of the sample.
        progress: Told how many sentences have been read.

    Raises:
        SettingError: the word does not stand in the text, or a setting cannot be used.
        DataError: there is nothing to look in.
    """
    if topn < 1 or (limit is not None and limit < 1):
        raise SettingError(f"topn is {topn} and limit {limit}; both are 1 or more")
    if only not in (None, *get_args(Only)):
        raise SettingError(f'only is {only!r}; it can be "same" or "other"')
    asked, queries = _asked(reader, text, word)
    if only == "same" and len(reader.tokens([word]).starts) > 1:
        raise SettingError(
            f'only = "same" looks for a single word, but {word!r} is several; the segmenter "jieba" makes '
            "words of Chinese"
        )
    others: Iterable[str] = (one for one in among if one.strip() and one.strip() != text.strip())
    chosen, total = (others, None) if limit is None else sample(others, limit, seed)
    best = [_Best(topn, distinct) for _ in asked]
    wanted = set(reader.tokens([word]).surfaces(lowercase=True))
    read = words = 0
    left = iter(chosen)
    while block := list(islice(left, BLOCK)):
        tokens = reader.tokens(block)
        places = _compared(tokens, wanted, only)
        for numbers, vectors in reader.vectors(tokens):
            known = places.take(numbers)
            if known.any():
                _look(best, queries, tokens, numbers[known], vectors[known])
        words += int(places.sum())
        read += len(block)
        progress("reading", read, total and min(total, limit or total))
    if not read:
        raise DataError("there is no sentence to look for neighbours in")
    found = tuple(Found(one, tuple(near.answers())) for one, near in zip(asked, best))
    return ContextNeighbors(reader.name, found, read, max(total or 0, read), words)


def sample(sentences: Iterable[str], limit: int, seed: int) -> tuple[list[str], int]:
    """At most `limit` of the sentences, in their order, each as likely as the others; and how many there are.

    Source: Vitter 1985, "Random Sampling with a Reservoir", algorithm R.
    """
    draw = random.Random(seed)
    kept: list[tuple[int, str]] = []
    total = 0
    for sentence in sentences:
        if total < limit:
            kept.append((total, sentence))
        elif (place := draw.randrange(total + 1)) < limit:
            kept[place] = (total, sentence)
        total += 1
    return [sentence for _, sentence in sorted(kept)], total


def _asked(reader: WordReader, text: str, word: str) -> tuple[list[Occurrence], NDArray[np.float32]]:
    """Where the word stands in the text, and its unit vectors there, `(occurrences, dim)`."""
    tokens, parts = reader.tokens([text]), [lower(part) for part in reader.tokens([word]).surfaces()]
    surfaces = tokens.surfaces(lowercase=True)
    runs = range(len(surfaces) - len(parts) + 1)
    firsts = [first for first in runs if parts and surfaces[first : first + len(parts)] == parts]
    if not firsts:
        raise SettingError(f"the word {word!r} does not stand in {text!r}; its words are: {_shown(tokens)}")
    vectors = np.zeros((len(surfaces), 0), np.float32)
    for numbers, values in reader.vectors(tokens):
        vectors = np.zeros((len(surfaces), values.shape[1]), np.float32)
        vectors[numbers] = values
    queries = np.stack([vectors[first : first + len(parts)].mean(axis=0) for first in firsts])
    asked = []
    for first in firsts:
        start, end = int(tokens.starts[first]), int(tokens.ends[first + len(parts) - 1])
        asked.append(Occurrence(text[start:end], text, start, end))
    return asked, _unit(queries)


def _shown(tokens: Tokens) -> str:
    return " ".join(tokens.words_of(0)[:50])


def _compared(tokens: Tokens, wanted: set[str], only: Only | None) -> NDArray[np.bool_]:
    """Which words are compared: `(words,)`."""
    surfaces = tokens.surfaces(lowercase=True)
    named = (any(map(str.isalnum, one)) for one in surfaces)
    places = np.fromiter(named, np.bool_, len(surfaces))
    if only is not None:
        same = np.fromiter((one in wanted for one in surfaces), np.bool_, len(surfaces))
        places &= same if only == "same" else ~same
    return places


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class _Best:
    """The nearest so far."""

    def __init__(self, topn: int, distinct: bool) -> None:
        self.topn, self.distinct = topn, distinct
        self.heap: list[tuple[float, int, Occurrence]] = []
        self.seen = 0

    @property
    def least(self) -> float:
        """The cosine that a newcomer has to exceed."""
        return self.heap[0][0] if len(self.heap) >= self.topn else -2.0

    def add(self, cosine: float, one: Occurrence) -> None:
        key = lower(one.word) if self.distinct else (one.sentence, one.start)
        for place, (known, _, other) in enumerate(self.heap):
            if key == (lower(other.word) if self.distinct else (other.sentence, other.start)):
                if cosine > known:
                    del self.heap[place]
                    self.heap.sort()
                    break
                return
        self.seen += 1
        # Of equals, the first one stays.
        entry = (cosine, -self.seen, one)
        if len(self.heap) < self.topn:
            heappush(self.heap, entry)
        else:
            heapreplace(self.heap, entry)

    def answers(self) -> Iterator[tuple[Occurrence, float]]:
        for cosine, _, one in sorted(self.heap, reverse=True):
            yield one, cosine


def _look(
    best: Sequence[_Best],
    queries: NDArray[np.float32],
    tokens: Tokens,
    numbers: NDArray[np.int64],
    vectors: NDArray[np.float32],
) -> None:
    """Compare words with those that were asked for."""
    cosines = _unit(vectors) @ queries.T
    for column, near in enumerate(best):
        order = np.argsort(-cosines[:, column], kind="stable")
        for place in order.tolist():
            if cosines[place, column] <= near.least:
                break
            near.add(float(cosines[place, column]), _occurrence(tokens, int(numbers[place])))


def _occurrence(tokens: Tokens, number: int) -> Occurrence:
    row = int(np.searchsorted(tokens.offsets, number, side="right")) - 1
    text, start, end = tokens.texts[row], int(tokens.starts[number]), int(tokens.ends[number])
    return Occurrence(text[start:end], text, start, end)
