"""Phrases: words that stand side by side more often than by chance become one word; nothing is read here.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality",
section 4; with `npmi`, Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from ..errors import SettingError, did_you_mean
from ..kernels.character_classes import APOSTROPHE, CONTROL, EXTEND, SPACE, SYMBOL
from ..progress import Progress, quiet
from .words import classes

Scoring = Literal["default", "npmi"]

# Articles, prepositions and conjunctions that stand inside English names: the same as in gensim.
ENGLISH_CONNECTORS = tuple("a an and at by for from in of on or the to with without".split())  # noqa: SIM905

_CHUNK = 1 << 20  # numbers read or rewritten at a time
_PIECE = 1 << 15  # numbers whose pairs are written down before they are counted: they stay in the cache
_WAITING = 64  # words that can wait at a time: more connectors than a pair can have between its ends
_SLOTS = 1 << 20  # entries of a new table
_FULL = 0.6  # share of the entries in use at most
_MOST_CONNECTORS = 200


@dataclass(frozen=True, kw_only=True)
class PhraseSettings:
    """Which neighbouring words become one word, joined by "_".

    Args:
        min_count: Pairs seen less often are no phrases; the default scoring subtracts it from each count.
        threshold: Score that a pair must exceed: the higher, the fewer phrases; for `npmi` between −1 and 1.
        scoring: `default` is (count(ab) − min_count) / (count(a) · count(b)) times the number of different
            words and pairs; `npmi` is the normalised pointwise mutual information.
        passes: Times that pairs are joined, so that phrases grow longer.
        connectors: Words that may stand inside a phrase, but neither begin nor end one.
        max_pairs: Different pairs counted at a time; the rarest are dropped when there are more. A pair takes
            some 30 to 80 bytes of memory.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    min_count: int = 5
    threshold: float = 10.0
    scoring: Scoring = "default"
    passes: int = 1
    connectors: tuple[str, ...] = ()
    max_pairs: int = 20_000_000

    def __post_init__(self) -> None:
        if self.scoring not in get_args(Scoring):
            hint = did_you_mean(str(self.scoring), get_args(Scoring))
            raise SettingError(f"The scoring of phrases is {self.scoring!r}.{hint}")
        for key in ("min_count", "passes", "max_pairs"):
            if getattr(self, key) < 1:
                raise SettingError(f"{key} of phrases is {getattr(self, key)}; it must be at least 1.")
        if self.scoring == "npmi" and not -1 <= self.threshold <= 1:
            raise SettingError(
                f"threshold of phrases is {self.threshold:g}; with npmi it is between -1 and 1."
            )
        if self.scoring == "default" and not self.threshold > 0:
            raise SettingError(f"threshold of phrases is {self.threshold:g}; it must be above 0.")
        if len(self.connectors) > _MOST_CONNECTORS:
            raise SettingError(
                f"{len(self.connectors)} connectors of phrases are given; {_MOST_CONNECTORS} are possible."
            )


class RawWords(NamedTuple):
    """All words of a text: word `i` is the UTF-8 `letters[begins[i]:begins[i + 1]]`."""

    letters: np.ndarray
    begins: np.ndarray
    counts: np.ndarray

    def surface(self, number: int) -> str:
        """The word."""
        return str(self.letters[self.begins[number] : self.begins[number + 1]].data, "utf-8", "surrogatepass")

    def find(self, word: str) -> int:
        """The number of a word, or −1."""
        content = np.frombuffer(word.encode("utf-8", "surrogatepass"), np.uint8)
        numbers = np.flatnonzero(np.diff(self.begins) == len(content))
        for place, byte in enumerate(content):
            numbers = numbers[self.letters[self.begins[numbers] + place] == byte]
        return int(numbers[0]) if len(numbers) else -1

    def containing(self, letter: str) -> Iterator[int]:
        """The numbers of the words that contain an ASCII letter and more."""
        places = np.flatnonzero(self.letters[: self.begins[-1]] == ord(letter))
        numbers = np.unique(np.searchsorted(self.begins, places, side="right") - 1)
        yield from numbers[np.diff(self.begins)[numbers] > 1].tolist()


class Joined(NamedTuple):
    """How often each number occurs now; the phrases, whose numbers follow those of the words; and figures."""

    counts: np.ndarray
    phrases: list[str]
    facts: dict[str, object]


def join_phrases(path: Path, words: RawWords, settings: PhraseSettings, progress: Progress = quiet) -> Joined:
    """Rewrite a file of numbers of words in place, with its phrases as numbers of their own.

    Args:
        path: The numbers, int32; −1 ends each line.
        words: The words that they are.
        settings: What a phrase is.
        progress: Told how many numbers have been read.
    """
    known = _Known(words, settings.connectors)
    joined = dropped = 0
    for number in range(1, settings.passes + 1):
        table = _Table(settings.max_pairs)
        of = f", pass {number} of {settings.passes}" if settings.passes > 1 else ""
        table.read(path, known, progress, "counting pairs of words" + of)
        dropped = max(dropped, table.dropped)
        pairs, _ = table.phrases(known, settings)
        if not len(pairs):
            break
        joined += _rewrite(path, known, pairs, progress, "joining phrases" + of)
    facts: dict[str, object] = {
        "min_count": settings.min_count, "threshold": settings.threshold, "scoring": settings.scoring,
        "passes": settings.passes, "connectors": list(settings.connectors),
        "max_pairs": settings.max_pairs, "dropped_up_to": dropped,
        "found": int(np.count_nonzero(known.counts[len(words.counts) :])), "joined": joined,
    }  # fmt: skip
    return Joined(known.counts, known.phrases, facts)


class _Known:
    """The numbers of a text: words and, behind them, phrases."""

    def __init__(self, words: RawWords, connectors: tuple[str, ...]) -> None:
        from ..kernels import phrases

        size = len(words.counts)
        self.words, self.connectors = words, tuple(dict.fromkeys(connectors))
        self.counts = words.counts.copy()
        self.phrases: list[str] = []
        self.kinds = np.zeros(size, np.uint8)
        outside = (SPACE, CONTROL, SYMBOL, APOSTROPHE, EXTEND)
        of_words = ~np.isin(classes(), np.array(outside, np.uint8))
        marks = phrases.marks(words.letters, words.begins, size, of_words)
        self.kinds[marks] = phrases.BREAK
        for place, connector in enumerate(self.connectors):
            if (number := words.find(connector)) >= 0:
                self.kinds[number] = phrases.CONNECTOR + place
        # A word of the text may already look like a phrase; both are one word then.
        self._numbers = {words.surface(number): number for number in words.containing("_")}

    def surface(self, number: int) -> str:
        size = len(self.words.counts)
        return self.words.surface(number) if number < size else self.phrases[number - size]

    def between(self, number: int) -> list[str]:
        """The connectors that a number stands for."""
        found: list[str] = []
        while number:
            number, digit = divmod(number, len(self.connectors) + 1)
            found.insert(0, self.connectors[digit - 1])
        return found

    def spelled(self, pairs: np.ndarray) -> list[str]:
        """The phrases that pairs (pairs, 3) make."""
        return [
            "_".join([self.surface(first), *self.between(between), self.surface(second)])
            for first, between, second in pairs.tolist()
        ]

    def add(self, pairs: np.ndarray) -> np.ndarray:
        """The numbers of the phrases of pairs, new ones where there are none."""
        size = len(self.words.counts)
        numbers = np.empty(len(pairs), np.int32)
        for place, surface in enumerate(self.spelled(pairs)):
            numbers[place] = self._numbers.setdefault(surface, size + len(self.phrases))
            if numbers[place] == size + len(self.phrases):
                self.phrases.append(surface)
        more = size + len(self.phrases) - len(self.counts)
        self.counts = np.append(self.counts, np.zeros(more, np.int64))
        self.kinds = np.append(self.kinds, np.zeros(more, np.uint8))
        return numbers


class _Table:
    """How often each pair of neighbours occurs, in bounded memory."""

    def __init__(self, max_pairs: int) -> None:
        self._max_pairs = max_pairs
        self._slots = np.zeros(4 * min(_SLOTS, _entries(max_pairs)), np.int32)
        self._figures = np.zeros(2, np.int64)
        self._set_limit()
        self.dropped = 0  # pairs seen so often were dropped when the table was full

    @property
    def pairs(self) -> int:
        """Different pairs."""
        return int(self._figures[0])

    def read(self, path: Path, known: _Known, progress: Progress, stage: str) -> None:
        """Count the pairs of a file of numbers."""
        from ..kernels import phrases

        ids = np.memmap(path, np.int32, "r")
        pairs, state = np.empty(3 * _PIECE, np.int32), np.array([-1, 0])
        for start in range(0, len(ids), _PIECE):
            piece = ids[start : start + _PIECE]
            found = phrases.neighbours(piece, known.kinds, len(known.connectors), state, pairs)
            at = 0
            while (at := phrases.count(pairs, at, found, self._slots, self._figures)) < found:
                self._make_room()
            if start % _CHUNK == 0 or start + _PIECE >= len(ids):
                progress(stage, min(start + _PIECE, len(ids)), len(ids), pairs=self.pairs)

    def _set_limit(self) -> None:
        self._figures[1] = min(self._max_pairs, int(_FULL * len(self._slots) / 4))

    def _make_room(self) -> None:
        from ..kernels import phrases

        if self._figures[1] < self._max_pairs:
            slots = np.zeros(2 * len(self._slots), np.int32)
            phrases.put(self._slots, slots)
            self._slots = slots
            self._set_limit()
            return
        while self._figures[0] > 0.75 * self._max_pairs or self._figures[0] == self._max_pairs:
            self.dropped += 1
            entries = phrases.shrink(self._slots, self.dropped + 1)
            self._slots[:] = 0
            phrases.put(entries, self._slots)
            self._figures[0] = len(entries) // 4

    def phrases(self, known: _Known, settings: PhraseSettings) -> tuple[np.ndarray, np.ndarray]:
        """The pairs that are phrases, (phrases, 3) in the order of their words, and their scores."""
        from ..kernels import phrases

        least = settings.min_count + (settings.scoring == "default")  # at the minimum, that score is zero
        entries = phrases.shrink(self._slots, least).reshape(-1, 4)
        pairs, of_pair = entries[:, :3], entries[:, 3].astype(np.int64)
        scores = _scores(pairs, of_pair, self.pairs, known, settings)
        chosen = scores > settings.threshold
        pairs, scores = pairs[chosen], scores[chosen]
        order = np.lexsort(pairs.T[::-1])
        return pairs[order], scores[order]


def _entries(pairs: int) -> int:
    """The entries of a table for so many pairs: a power of two."""
    return 1 << max(4, int(np.ceil(np.log2(pairs / _FULL))))


def _scores(
    pairs: np.ndarray, of_pair: np.ndarray, different: int, known: _Known, settings: PhraseSettings
) -> np.ndarray:
    """The score of each pair, computed as gensim computes it.

    Args:
        pairs: First word, what stands between, second word: (pairs, 3).
        of_pair: How often each occurs.
        different: How many different pairs the text has.
        known: The words and their counts.
        settings: What a phrase is.
    """
    from ..kernels import phrases

    first, second = known.counts[pairs[:, 0]], known.counts[pairs[:, 2]]
    if settings.scoring == "default":
        words = np.count_nonzero((known.kinds == phrases.WORD) & (known.counts > 0))
        return (of_pair - settings.min_count) / (first * second).astype(np.float64) * (words + different)
    total = float(known.counts[known.kinds != phrases.BREAK].sum())
    a, b, ab = first / total, second / total, of_pair / total
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(ab / (a * b)) / -np.log(ab)


def _rewrite(path: Path, known: _Known, pairs: np.ndarray, progress: Progress, stage: str) -> int:
    """Join pairs throughout a file of numbers, in place: how many times that was done."""
    from ..kernels import phrases

    numbers = known.add(pairs)
    table = np.zeros(4 * _entries(len(pairs)), np.int32)
    phrases.put(np.column_stack([pairs, numbers + 1]).astype(np.int32).ravel(), table)
    begins = np.zeros(len(known.counts), np.bool_)
    begins[pairs[:, 0]] = True
    state, waiting = np.zeros(3, np.int64), np.empty(_WAITING, np.int32)
    joined = np.empty(_CHUNK + _WAITING, np.int32)
    read = written = 0
    total = path.stat().st_size
    with open(path, "r+b") as file:
        while chunk := file.read(4 * _CHUNK):
            ids = np.frombuffer(chunk, np.int32)
            size = phrases.join(
                ids, known.kinds, len(known.connectors), table, begins, state, waiting, known.counts, joined
            )
            read += len(chunk)
            file.seek(written)
            file.write(joined[:size].data)
            written += 4 * size
            file.seek(read)
            progress(stage, read // 4, total // 4)
        file.truncate(written)
    return int(state[2])
