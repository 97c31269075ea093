"""Intrinsic evaluation of word vectors: word similarity and analogies.

Arrays and words in, results out; `WordVectors` offers them as methods.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from ..errors import DataError, check_choice
from ..files.streams import ByteReader
from ..formats import first_rows
from ..text.file_content import decode

Method = Literal["add", "mul"]
METHODS = get_args(Method)
EPSILON = np.float32(1e-6)  # avoids a division by zero in 3CosMul
_BLOCK = 1 << 13  # words, and questions, of a block: as many scores as fit into caches
_LEAST = np.float32(1e-12)  # lower bound of a shifted cosine, above the 0 of words that may not be answers


@dataclass(frozen=True)
class WordPairs:
    """How well cosine similarities of word pairs agree with human scores.

    Attributes:
        spearman: Spearman's rank correlation.
        pearson: Pearson's correlation.
        used: The pairs whose words both have a vector.
        total: All pairs.
        composed: Of those used, the pairs with an out-of-vocabulary word, whose vector is composed of its
            subwords.
    """

    spearman: float
    pearson: float
    used: int
    total: int
    composed: int = 0


@dataclass(frozen=True)
class AnalogySection:
    """The analogies of one section of a file, or of several.

    Attributes:
        name: The name of the section.
        correct: Analogies whose fourth word was found.
        used: Analogies whose words all have vectors.
        total: All analogies.
    """

    name: str
    correct: int
    used: int
    total: int

    @property
    def accuracy(self) -> float:
        """The share of the used analogies that is correct; NaN if none is used."""
        return self.correct / self.used if self.used else nan


@dataclass(frozen=True)
class Analogies(AnalogySection):
    """The analogies of a whole file.

    Attributes:
        sections: The results of each section.
        method: How the fourth word was sought: `add` or `mul`.
        semantic: The semantic sections together, if the file distinguishes them from the syntactic ones.
        syntactic: The syntactic sections: those whose names begin with `gram`.
    """

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
    """Correlation of cosines with human scores of word pairs; case is ignored.

    Args:
        path: A file (also `.gz`) with a line for each pair: word, word, score, separated by tabs, commas or
            spaces; the score is the first number after the words.
        words: The known words, most frequent first.
        vectors: Their vectors (words, dim), perhaps memory-mapped.
        compose: Composes vectors (words, dim) for out-of-vocabulary words; zero for those it cannot.

    Raises:
        DataError: a line cannot be read; the message names it.
    """
    pairs, scores = _read_pairs(path)
    known = first_rows(map(str.upper, words))
    distinct = first_rows(dict.fromkeys(word for pair in pairs for word in pair))
    rows = np.array([known.get(word.upper(), -1) for word in distinct], dtype=np.int64)
    unknown = rows < 0
    table = np.zeros((len(distinct), vectors.shape[1]), np.float32)
    table[~unknown] = _units(vectors[rows[~unknown]])
    if compose is not None and unknown.any():
        table[unknown] = _units(compose([word for word, row in zip(distinct, rows) if row < 0]))
    usable = ~unknown | table.any(axis=1)
    numbers = np.array([[distinct[word] for word in pair] for pair in pairs], np.int64).reshape(-1, 2)
    used = usable[numbers].all(axis=1)
    one, other = numbers[used].T
    theirs, ours = np.array(scores)[used], (table[one] * table[other]).sum(axis=1)
    composed = int(np.sum(unknown[one] | unknown[other]))
    spearman = _correlation(_ranks(theirs), _ranks(ours))
    return WordPairs(spearman, _correlation(theirs, ours), len(theirs), len(pairs), composed)


def word_analogies(
    path: str | Path, words: Sequence[str], vectors: np.ndarray, method: Method = "add"
) -> Analogies:
    """How many analogies a : b = c : d are completed correctly by the word found first; case is ignored.

    Source: Mikolov et al. 2013; Levy and Goldberg 2014, "Linguistic Regularities in Sparse and Explicit Word
    Representations", equations 3 and 4.

    Args:
        path: A file (also `.gz`) with four words a line, and the names of sections after `: `.
        words: The known words, most frequent first; they can be answers.
        vectors: Their vectors (words, dim), perhaps memory-mapped.
        method: `add` seeks the word nearest to b − a + c (3CosAdd), `mul` the one with the largest
            cos(b) · cos(c) / cos(a), cosines shifted to 0…1 (3CosMul).

    Raises:
        DataError: a line cannot be read; the message names it.
        SettingError: there is no such method.
    """
    check_choice("method", method, METHODS)
    names, section_of, questions = _read_questions(path)
    known = first_rows(map(str.upper, words))
    rows = np.array([[known.get(word.upper(), -1) for word in four] for four in questions])
    rows = rows.reshape(-1, 4)
    usable = np.all(rows >= 0, axis=1)
    right: np.ndarray = np.zeros(len(rows), dtype=bool)
    right[usable] = _solve(vectors, words, rows[usable], known, method)

    def result(name: str, chosen: np.ndarray) -> AnalogySection:
        return AnalogySection(name, int(right[chosen].sum()), int(usable[chosen].sum()), int(chosen.sum()))

    sections = tuple(result(name, section_of == number) for number, name in enumerate(names))
    is_grammar = np.array([name.startswith("gram") for name in names], dtype=bool)
    semantic, syntactic = None, None
    if is_grammar.any():
        semantic = result("semantic", ~is_grammar[section_of])
        syntactic = result("syntactic", is_grammar[section_of])
    correct, used = int(right.sum()), int(usable.sum())
    return Analogies("all", correct, used, len(rows), sections, method, semantic, syntactic)


def _solve(
    vectors: np.ndarray, words: Sequence[str], rows: np.ndarray, known: Mapping[str, int], method: Method
) -> np.ndarray:
    """Whether the fourth of the rows of each question (questions, 4) is the answer: (questions,)."""
    # words that differ only by case are the same word: none may be the answer if one is in the question
    form = np.array([known[word.upper()] for word in words], dtype=np.int64)
    right = np.zeros(len(rows), dtype=bool)
    order = np.lexsort(rows.T[[2, 1, 0]])  # questions that share a and b are consecutive
    for start in range(0, len(rows), _BLOCK):
        block = order[start : start + _BLOCK]
        answers = _answers(vectors, form, rows[block, :3], method)
        right[block] = (answers >= 0) & (form[answers] == rows[block, 3])
    return right


def _answers(vectors: np.ndarray, form: np.ndarray, rows: np.ndarray, method: Method) -> np.ndarray:
    """The rows of the words that answer analogies (questions, 3), sorted by a and b; -1 where there is none.

    There are few words in the questions, and few pairs (a, b), each with many c: so cosines are computed once
    for each word, b − a (or b / a) once for each pair, and a question costs one sum (or product) per word.
    """
    given, number = np.unique(rows, return_inverse=True)
    a, b, c = number.reshape(rows.shape).T
    starts = np.flatnonzero(np.r_[True, (np.diff(a) != 0) | (np.diff(b) != 0)])
    ends = np.r_[starts[1:], len(rows)]
    units = _units(vectors[given])
    combine, lowest = (np.add, -np.inf) if method == "add" else (np.multiply, 0.0)
    best, answers = np.full(len(rows), lowest, np.float32), np.full(len(rows), -1)
    scores = np.empty((int((ends - starts).max(initial=1)), _BLOCK), np.float32)
    for first in range(0, len(form), _BLOCK):
        thirds = units @ _units(vectors[first : first + _BLOCK]).T
        if method == "add":
            pairs = thirds[b[starts]] - thirds[a[starts]]
        else:
            thirds = np.maximum((1 + thirds) / 2, _LEAST)
            pairs = thirds[b[starts]] / (thirds[a[starts]] + EPSILON)
        excluded = given[:, None] == form[None, first : first + _BLOCK]
        thirds[excluded] = lowest
        pairs[excluded[a[starts]] | excluded[b[starts]]] = lowest
        for pair, start, end in zip(pairs, starts, ends):
            mine = scores[: end - start, : len(pair)]
            combine(thirds[c[start:end]], pair, out=mine)
            found = mine.argmax(axis=1)
            top = mine[np.arange(end - start), found]
            better = np.flatnonzero(top > best[start:end]) + start
            best[better], answers[better] = top[better - start], found[better - start] + first
    return answers


def _units(vectors: np.ndarray) -> np.ndarray:
    """The vectors scaled to length one; zeros stay."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Line numbers and lines of a test file, without empty lines and comments."""
    with ByteReader(path) as reader:
        data = reader.read_all()
    for number, line in enumerate(decode(data, str(path)).split("\n"), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line.strip()


def _read_pairs(path: str | Path) -> tuple[list[tuple[str, str]], list[float]]:
    """Word pairs and their scores, which are in the column of the first number after the words."""
    pairs: list[tuple[str, str]] = []
    scores: list[float] = []
    column = 0
    for row, (number, line) in enumerate(_lines(path)):
        parts = _columns(line)
        column = column or next((i for i in range(2, len(parts)) if _number(parts[i]) is not None), 0)
        score = _number(parts[column]) if 0 < column < len(parts) else None
        if score is not None:
            pairs.append((parts[0].strip(), parts[1].strip()))
            scores.append(score)
        elif row > 0 or len(parts) <= 2:  # else the names of the columns
            raise DataError(f"{path}, line {number}: two words and a score are expected, not {line!r}.")
    return pairs, scores


def _columns(line: str) -> list[str]:
    """The columns of a line: separated by tabs, else commas, else spaces."""
    if "\t" in line:
        return line.split("\t")
    return line.split(",") if line.count(",") > 1 else line.split()


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _read_questions(path: str | Path) -> tuple[list[str], np.ndarray, list[list[str]]]:
    """The names of the sections, the section of each question (questions,), and the four words of each."""
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
    """Ranks; equal values share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[group]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation; NaN if there is nothing to correlate."""
    if len(first) < 2 or not np.ptp(first) or not np.ptp(second):
        return nan
    return float(np.corrcoef(first, second)[0, 1])
