"""Tests of word vectors against people: similarity of word pairs, and analogies.

Arrays and words in, figures out; `WordVectors` offers them as methods.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError
from .streams import ByteReader

__all__ = ["Analogies", "AnalogySection", "WordPairs", "word_analogies", "word_pairs"]


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


def word_pairs(path: str | Path, words: Sequence[str], vectors: np.ndarray) -> WordPairs:
    """Rank correlation of cosines with people's scores of word pairs; case is ignored.

    Args:
        path: A file (also `.gz`) with a line a pair: word, word, score, between tabs or spaces.
        words: The words known, most frequent first.
        vectors: Their vectors (words, dim), perhaps memory-mapped.

    Raises:
        DataError: a line cannot be read; the message names it.
    """
    known = _folded(words)
    people: list[float] = []
    pairs: list[list[int]] = []
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
            pairs.append(rows)
    one, other = (_units(vectors[rows]) for rows in np.array(pairs, np.int64).reshape(-1, 2).T)
    theirs, ours = np.array(people), (one * other).sum(axis=1)
    spearman = _correlation(_ranks(theirs), _ranks(ours))
    return WordPairs(spearman, _correlation(theirs, ours), len(people), total)


def word_analogies(path: str | Path, words: Sequence[str], vectors: np.ndarray) -> Analogies:
    """Share of analogies whose fourth word is the one nearest to b − a + c (3CosAdd); case is ignored.

    Args:
        path: A file (also `.gz`) with four words a line, and a section's name after `: `.
        words: The words known, most frequent first; they can be answers.
        vectors: Their vectors (words, dim), perhaps memory-mapped.

    Raises:
        DataError: a line cannot be read; the message names it.
    """
    names, section_of, questions = _questions(path)
    known = _folded(words)
    rows = np.array([[known.get(word.upper(), -1) for word in four] for four in questions])
    rows = rows.reshape(-1, 4)
    usable = np.all(rows >= 0, axis=1)
    right: np.ndarray = np.zeros(len(rows), dtype=bool)
    right[usable] = _solved(_units(vectors), words, rows[usable], known)
    sections = tuple(
        AnalogySection(name, int(right[mine].sum()), int(usable[mine].sum()), len(mine))
        for name, mine in ((name, np.flatnonzero(section_of == i)) for i, name in enumerate(names))
    )
    used, correct = int(usable.sum()), int(right.sum())
    return Analogies(correct / used if used else float("nan"), correct, used, len(rows), sections)


def _solved(
    units: np.ndarray, words: Sequence[str], rows: np.ndarray, known: Mapping[str, int]
) -> np.ndarray:
    """Of analogies given as rows (questions, 4): is the fourth the answer? (questions,)"""
    # words that differ by case only are one word: none of them may answer if one was given
    form = np.array([known[word.upper()] for word in words], dtype=np.int64)
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


def _folded(words: Sequence[str]) -> dict[str, int]:
    """The first row of each word without its case, the words most frequent first."""
    known: dict[str, int] = {}
    for row, word in enumerate(words):
        known.setdefault(word.upper(), row)
    return known


def _units(vectors: np.ndarray) -> np.ndarray:
    """The vectors at length one; zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


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
