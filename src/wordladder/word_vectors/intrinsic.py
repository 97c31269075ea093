"""Tests of word vectors against people: similarity of word pairs, and analogies.

Arrays and words in, figures out; `WordVectors` offers them as methods.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import DataError, SettingError, did_you_mean
from ..files.streams import ByteReader

Method = Literal["add", "mul"]
EPSILON = np.float32(1e-6)  # keeps 3CosMul from a division by zero
_WORDS, _QUESTIONS = 1 << 13, 1 << 13  # of a block: as many scores as caches hold
_LEAST = np.float32(1e-12)  # what a shifted cosine is at least, above the 0 of words that may not answer


@dataclass(frozen=True)
class WordPairs:
    """How well cosine similarities of word pairs agree with people's scores.

    Attributes:
        spearman: Rank correlation, Spearman's.
        pearson: Linear correlation, Pearson's.
        used: The pairs whose words both have a vector.
        total: All pairs.
        composed: Of those used, the pairs in which a word has its vector from its subwords alone.
    """

    spearman: float
    pearson: float
    used: int
    total: int
    composed: int = 0


@dataclass(frozen=True)
class AnalogySection:
    """The analogies of one section of a file, or of several."""

    name: str
    correct: int
    used: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share that is correct of those used; not a number where none is."""
        return self.correct / self.used if self.used else float("nan")


@dataclass(frozen=True)
class Analogies:
    """How many analogies are completed correctly, of those whose words are all known.

    Attributes:
        accuracy: The share that is correct of those used.
        correct: Analogies whose fourth word was found.
        used: Analogies whose words all have vectors.
        total: All analogies.
        sections: The same, section by section.
        method: How the fourth word was sought: `add` or `mul`.
        semantic: The sections about things, where the file tells them from those about grammar.
        syntactic: The sections about grammar: those whose names begin with `gram`.
    """

    accuracy: float
    correct: int
    used: int
    total: int
    sections: tuple[AnalogySection, ...]
    method: Method = "add"
    semantic: AnalogySection | None = None
    syntactic: AnalogySection | None = None


def word_pairs(
    path: str | Path,
    words: Sequence[str],
    vectors: np.ndarray,
    compose: Callable[[Sequence[str]], np.ndarray] | None = None,
) -> WordPairs:
    """Rank correlation of cosines with people's scores of word pairs; case is ignored.

    Args:
        path: A file (also `.gz`) with a line a pair: word, word, score, between tabs, commas or spaces; the
            score is the first number after the words.
        words: The words known, most frequent first.
        vectors: Their vectors (words, dim), perhaps memory-mapped.
        compose: What gives vectors (words, dim) to words that are not known; zero to those it cannot.

    Raises:
        DataError: a line cannot be read; the message names it.
    """
    pairs, scores = _scored_pairs(path)
    known = _folded(words)
    asked = list(dict.fromkeys(word for pair in pairs for word in pair))
    place = {word: number for number, word in enumerate(asked)}
    rows = np.array([known.get(word.upper(), -1) for word in asked], dtype=np.int64)
    unseen = np.flatnonzero(rows < 0)
    table = np.zeros((len(asked), vectors.shape[1]), np.float32)
    table[rows >= 0] = _units(vectors[rows[rows >= 0]])
    if compose is not None and len(unseen):
        table[unseen] = _units(compose([asked[number] for number in unseen]))
    usable = (rows >= 0) | table.any(axis=1)
    one, other = np.array([[place[word] for word in pair] for pair in pairs], np.int64).reshape(-1, 2).T
    used = usable[one] & usable[other]
    one, other = one[used], other[used]
    theirs, ours = np.array(scores)[used], (table[one] * table[other]).sum(axis=1)
    composed = int(np.sum((rows[one] < 0) | (rows[other] < 0)))
    spearman = _correlation(_ranks(theirs), _ranks(ours))
    return WordPairs(spearman, _correlation(theirs, ours), len(theirs), len(pairs), composed)


def word_analogies(
    path: str | Path, words: Sequence[str], vectors: np.ndarray, method: Method = "add"
) -> Analogies:
    """Share of analogies a : b = c : d whose d is the word found first; case is ignored.

    Source: Mikolov et al. 2013; Levy and Goldberg 2014, "Linguistic Regularities in Sparse and Explicit Word
    Representations", equations 3 and 4.

    Args:
        path: A file (also `.gz`) with four words a line, and a section's name after `: `.
        words: The words known, most frequent first; they can be answers.
        vectors: Their vectors (words, dim), perhaps memory-mapped.
        method: `add` seeks the word nearest to b − a + c (3CosAdd), `mul` the one with the largest
            cos(b) · cos(c) / cos(a), cosines shifted to 0…1 (3CosMul).

    Raises:
        DataError: a line cannot be read; the message names it.
        SettingError: there is no such method.
    """
    checked_method(method)
    names, section_of, questions = _questions(path)
    known = _folded(words)
    rows = np.array([[known.get(word.upper(), -1) for word in four] for four in questions])
    rows = rows.reshape(-1, 4)
    usable = np.all(rows >= 0, axis=1)
    right: np.ndarray = np.zeros(len(rows), dtype=bool)
    right[usable] = _solved(vectors, words, rows[usable], known, method)
    sections = tuple(
        AnalogySection(name, int(right[mine].sum()), int(usable[mine].sum()), len(mine))
        for name, mine in ((name, np.flatnonzero(section_of == i)) for i, name in enumerate(names))
    )
    grammar = [section.name.startswith("gram") for section in sections]
    kinds = ("semantic", False), ("syntactic", True)
    parts = [_together(name, [s for s, is_ in zip(sections, grammar) if is_ is kind]) for name, kind in kinds]
    every = _together("all", sections)
    figures = (every.accuracy, every.correct, every.used, every.total, sections, method)
    return Analogies(*figures, *(parts if any(grammar) else (None, None)))


def checked_method(method: str) -> None:
    """Refuse a way to solve analogies that there is not.

    Raises:
        SettingError: it is neither `add` nor `mul`.
    """
    if method not in ("add", "mul"):
        raise SettingError(f"method is {method!r}.{did_you_mean(method, ['add', 'mul'])}")


def _together(name: str, sections: Sequence[AnalogySection]) -> AnalogySection:
    correct, used, total = (
        sum(getattr(one, key) for one in sections) for key in ("correct", "used", "total")
    )
    return AnalogySection(name, correct, used, total)


def _solved(
    vectors: np.ndarray, words: Sequence[str], rows: np.ndarray, known: Mapping[str, int], method: Method
) -> np.ndarray:
    """Of analogies given as rows (questions, 4): is the fourth the answer? (questions,)"""
    # words that differ by case only are one word: none of them may answer if one was given
    form = np.array([known[word.upper()] for word in words], dtype=np.int64)
    right = np.zeros(len(rows), dtype=bool)
    order = np.lexsort(rows.T[[2, 1, 0]])  # questions that share a and b stand together
    for start in range(0, len(rows), _QUESTIONS):
        block = order[start : start + _QUESTIONS]
        answers = _answers(vectors, form, rows[block, :3], method)
        right[block] = (answers >= 0) & (form[answers] == rows[block, 3])
    return right


def _answers(vectors: np.ndarray, form: np.ndarray, rows: np.ndarray, method: Method) -> np.ndarray:
    """The rows of the words that answer analogies (questions, 3), sorted by a and b; -1 where there is none.

    The words of questions are few, and their pairs (a, b) too, while each goes with many c: so cosines are
    taken once a word, b − a (or b / a) once a pair, and a question costs one sum (or product) a word.
    """
    given, place = np.unique(rows, return_inverse=True)
    a, b, c = place.reshape(rows.shape).T
    starts = np.flatnonzero(np.r_[True, (np.diff(a) != 0) | (np.diff(b) != 0)])
    ends = np.r_[starts[1:], len(rows)]
    units = _units(vectors[given])
    combine, lowest = (np.add, -np.inf) if method == "add" else (np.multiply, 0.0)
    best, answers = np.full(len(rows), lowest, np.float32), np.full(len(rows), -1)
    scores = np.empty((int((ends - starts).max(initial=1)), _WORDS), np.float32)
    for first in range(0, len(form), _WORDS):
        thirds, pairs = _terms(
            units @ _units(vectors[first : first + _WORDS]).T, a[starts], b[starts], method
        )
        barred = given[:, None] == form[None, first : first + _WORDS]
        thirds[barred] = lowest
        pairs[barred[a[starts]] | barred[b[starts]]] = lowest
        for pair, start, end in zip(pairs, starts, ends):
            mine = scores[: end - start, : len(pair)]
            combine(thirds[c[start:end]], pair, out=mine)
            found = mine.argmax(axis=1)
            top = mine[np.arange(end - start), found]
            better = np.flatnonzero(top > best[start:end]) + start
            best[better], answers[better] = top[better - start], found[better - start] + first
    return answers


def _terms(
    cosines: np.ndarray, a: np.ndarray, b: np.ndarray, method: Method
) -> tuple[np.ndarray, np.ndarray]:
    """What each word (given, words) and each pair (pairs, words) brings to the score of an answer."""
    if method == "add":
        return cosines, cosines[b] - cosines[a]
    cosines = np.maximum((1 + cosines) / 2, _LEAST)
    return cosines, cosines[b] / (cosines[a] + EPSILON)


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


def _scored_pairs(path: str | Path) -> tuple[list[tuple[str, str]], list[float]]:
    """Word pairs and their scores, in the column where the first of them stands."""
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    column, first = 0, True
    for number, line in _lines(path):
        parts = _columns(line)
        column = column or next((i for i in range(2, len(parts)) if _number(parts[i]) is not None), 0)
        score = _number(parts[column]) if 0 < column < len(parts) else None
        if score is None:
            if first and len(parts) > 2:
                first = False
                continue  # the names of the columns
            raise DataError(f"{path}, line {number}: two words and a score are expected, not {line!r}.")
        first = False
        pairs.append((parts[0].strip(), parts[1].strip()))
        scores.append(score)
    return pairs, scores


def _columns(line: str) -> list[str]:
    """The columns of a line: between tabs, else commas, else blanks."""
    if "\t" in line:
        return line.split("\t")
    return line.split(",") if line.count(",") > 1 else line.split()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


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
