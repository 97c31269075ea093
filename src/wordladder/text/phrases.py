"""Phrases: words that occur next to each other more often than by chance become one word.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality",
section 4; with `npmi`, Bouma 2009, "Normalized (Pointwise) Mutual Information in Collocation Extraction".
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import numpy as np

from ..errors import SettingError, check_choice
from ..kernels import character_classes as char
from ..progress import Progress, quiet
from .subwords import encode_words
from .words import classes

Scoring = Literal["default", "npmi"]

# Articles, prepositions and conjunctions inside English names: the same as in gensim.
ENGLISH_CONNECTORS = tuple("a an and at by for from in of on or the to with without".split())  # noqa: SIM905

_CHUNK = 1 << 20  # ids read or rewritten at a time
_PIECE = 1 << 15  # ids whose pairs are written down before they are counted: they stay in the cache
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
        check_choice("The scoring of phrases", self.scoring, get_args(Scoring))
        for key in ("min_count", "passes", "max_pairs"):
            if getattr(self, key) < 1:
                raise SettingError(f"{key} of phrases is {getattr(self, key)}; it must be at least 1.")
        threshold, count = self.threshold, len(self.connectors)
        if self.scoring == "npmi" and not -1 <= threshold <= 1:
            raise SettingError(f"threshold of phrases is {threshold:g}; for npmi it is between -1 and 1.")
        if self.scoring == "default" and not threshold > 0:
            raise SettingError(f"threshold of phrases is {threshold:g}; it must be above 0.")
        if count > _MOST_CONNECTORS:
            raise SettingError(f"{count} connectors of phrases; at most {_MOST_CONNECTORS} are possible.")


class RawWords(NamedTuple):
    """All words of a text: word `i` is the UTF-8 `letters[begins[i]:begins[i + 1]]`."""

    letters: np.ndarray
    begins: np.ndarray
    counts: np.ndarray

    def surfaces(self, ids: np.ndarray) -> list[str]:
        """The words with these ids."""
        letters = self.letters.data
        bounds = zip(self.begins[ids].tolist(), self.begins[ids + 1].tolist())
        return [str(letters[begin:end], "utf-8", "surrogatepass") for begin, end in bounds]

    def find(self, word: str) -> int:
        """The id of a word, or −1."""
        content = np.frombuffer(word.encode("utf-8", "surrogatepass"), np.uint8)
        ids = np.flatnonzero(np.diff(self.begins) == len(content))
        for offset, byte in enumerate(content):
            ids = ids[self.letters[self.begins[ids] + offset] == byte]
        return int(ids[0]) if len(ids) else -1

    def containing(self, letter: str) -> np.ndarray:
        """The ids of the words that contain an ASCII letter and more."""
        positions = np.flatnonzero(self.letters[: self.begins[-1]] == ord(letter))
        ids = np.unique(np.searchsorted(self.begins, positions, side="right") - 1)
        return ids[np.diff(self.begins)[ids] > 1]

    def extend(self, words: Sequence[str]) -> "RawWords":
        """The same with more words, not seen so far."""
        letters, begins = encode_words(words)
        end = self.begins[-1]
        return RawWords(
            np.append(self.letters[:end], letters),
            np.append(self.begins, end + begins[1:]),
            np.append(self.counts, np.zeros(len(words), np.int64)),
        )


def join_phrases(
    path: Path, words: RawWords, settings: PhraseSettings, progress: Progress = quiet
) -> tuple[RawWords, dict[str, object]]:
    """Rewrite a file of word ids in place, with phrases as words of their own.

    Args:
        path: The ids, int32; −1 ends each line.
        words: The words that they are.
        settings: What a phrase is.
        progress: Called with the number of ids read so far.

    Returns:
        The words and, after them, the phrases, with their counts now; and what was done, for reports.
    """
    known = _Known(words, settings.connectors)
    joined = dropped = 0
    for number in range(1, settings.passes + 1):
        table = _Table(settings.max_pairs)
        suffix = f", pass {number} of {settings.passes}" if settings.passes > 1 else ""
        table.read(path, known, progress, "counting pairs of words" + suffix)
        dropped = max(dropped, table.dropped)
        pairs, _ = table.phrases(known, settings)
        if not len(pairs):
            break
        joined += _join_pairs(path, known, pairs, progress, "joining phrases" + suffix)
    found = int(np.count_nonzero(known.words.counts[len(words.counts) :]))
    facts = asdict(settings) | {"connectors": list(settings.connectors), "dropped_up_to": dropped}
    return known.words, facts | {"found": found, "joined": joined}


def rewrite_ids(
    path: Path, transform: Callable[[np.ndarray], np.ndarray], progress: Progress = quiet, stage: str = ""
) -> None:
    """Rewrite a file of ids in place, in chunks.

    Args:
        path: The ids, int32.
        transform: Makes the new ids of a chunk. In all it never gives more than it was given, so one file is
            enough.
        progress: Called with the number of ids read so far.
        stage: What `progress` calls this work.
    """
    total = path.stat().st_size
    read = written = 0
    with open(path, "r+b") as file:
        while chunk := file.read(4 * _CHUNK):
            ids = transform(np.frombuffer(chunk, np.int32))
            read += len(chunk)
            file.seek(written)
            file.write(ids.data)
            written += ids.nbytes
            file.seek(read)
            progress(stage, read // 4, total // 4)
        file.truncate(written)


class _Known:
    """The words of a text and, after them, its phrases."""

    def __init__(self, words: RawWords, connectors: tuple[str, ...]) -> None:
        from ..kernels import phrases

        size = len(words.counts)
        self.words = words._replace(counts=words.counts.copy())
        self.connectors = tuple(dict.fromkeys(connectors))
        self.kinds = np.zeros(size, np.uint8)
        outside = np.array([char.SPACE, char.CONTROL, char.SYMBOL, char.APOSTROPHE, char.EXTEND], np.uint8)
        marks = phrases.marks(words.letters, words.begins, size, ~np.isin(classes(), outside))
        self.kinds[marks] = phrases.BREAK
        for digit, connector in enumerate(self.connectors):
            if (number := words.find(connector)) >= 0:
                self.kinds[number] = phrases.CONNECTOR + digit
        # A word of the text may already look like a phrase; both are one word then.
        alike = words.containing("_")
        self._ids = dict(zip(words.surfaces(alike), alike.tolist()))

    def between(self, number: int) -> list[str]:
        """The connectors that a number stands for."""
        connectors: list[str] = []
        while number:
            number, digit = divmod(number, len(self.connectors) + 1)
            connectors.insert(0, self.connectors[digit - 1])
        return connectors

    def spelled(self, pairs: np.ndarray) -> list[str]:
        """The phrases that pairs (pairs, 3) make."""
        firsts, seconds = self.words.surfaces(pairs[:, 0]), self.words.surfaces(pairs[:, 2])
        middles = map(self.between, pairs[:, 1].tolist())
        return ["_".join([first, *middle, second]) for first, middle, second in zip(firsts, middles, seconds)]

    def add(self, pairs: np.ndarray) -> np.ndarray:
        """The ids of the phrases of pairs, new ones where there are none."""
        size = len(self.words.counts)
        surfaces = self.spelled(pairs)
        new = [surface for surface in dict.fromkeys(surfaces) if surface not in self._ids]
        self._ids.update(zip(new, range(size, size + len(new))))
        self.words = self.words.extend(new)
        self.kinds = np.append(self.kinds, np.zeros(len(new), np.uint8))
        return np.array([self._ids[surface] for surface in surfaces], np.int32)


class _Table:
    """How often each pair of neighbours occurs, in bounded memory."""

    def __init__(self, max_pairs: int) -> None:
        from ..kernels import phrases

        self._kernels = phrases
        self._max_pairs = max_pairs
        self._slots = np.zeros(4 * min(_SLOTS, _entries(max_pairs)), np.int32)
        self._figures = np.zeros(2, np.int64)
        self._set_limit()
        self.dropped = 0  # pairs seen at most so often were dropped when the table was full

    @property
    def pairs(self) -> int:
        """Different pairs."""
        return int(self._figures[0])

    def read(self, path: Path, known: _Known, progress: Progress, stage: str) -> None:
        """Count the pairs of a file of ids."""
        ids = np.memmap(path, np.int32, "r")
        pairs, state = np.empty(3 * _PIECE, np.int32), np.array([-1, 0])
        for start in range(0, len(ids), _PIECE):
            piece = ids[start : start + _PIECE]
            size = self._kernels.neighbours(piece, known.kinds, len(known.connectors), state, pairs)
            done = 0
            while (done := self._kernels.count(pairs, done, size, self._slots, self._figures)) < size:
                self._make_room()
            if start % _CHUNK == 0 or start + _PIECE >= len(ids):
                progress(stage, min(start + _PIECE, len(ids)), len(ids), pairs=self.pairs)

    def _set_limit(self) -> None:
        self._figures[1] = min(self._max_pairs, int(_FULL * len(self._slots) / 4))

    def _make_room(self) -> None:
        if self._figures[1] < self._max_pairs:
            slots = np.zeros(2 * len(self._slots), np.int32)
            self._kernels.put(self._slots, slots)
            self._slots = slots
            self._set_limit()
            return
        while self._figures[0] > 0.75 * self._max_pairs or self._figures[0] == self._max_pairs:
            self.dropped += 1
            entries = self._kernels.shrink(self._slots, self.dropped + 1)
            self._slots[:] = 0
            self._kernels.put(entries, self._slots)
            self._figures[0] = len(entries) // 4

    def phrases(self, known: _Known, settings: PhraseSettings) -> tuple[np.ndarray, np.ndarray]:
        """The pairs that are phrases, (phrases, 3) in the order of their words, and their scores."""
        least = settings.min_count + (settings.scoring == "default")  # at the minimum, that score is zero
        entries = self._kernels.shrink(self._slots, least).reshape(-1, 4)
        pairs, counts = entries[:, :3], entries[:, 3].astype(np.int64)
        scores = _scores(pairs, counts, self.pairs, known, settings)
        pairs, scores = pairs[scores > settings.threshold], scores[scores > settings.threshold]
        order = np.lexsort(pairs.T[::-1])
        return pairs[order], scores[order]


def _entries(pairs: int) -> int:
    """The entries of a table for so many pairs: a power of two."""
    return 1 << max(4, int(np.ceil(np.log2(pairs / _FULL))))


def _scores(
    pairs: np.ndarray, pair_counts: np.ndarray, different: int, known: _Known, settings: PhraseSettings
) -> np.ndarray:
    """The score of each pair, computed as gensim computes it.

    Args:
        pairs: First word, what is between, second word: (pairs, 3).
        pair_counts: How often each occurs.
        different: How many different pairs the text has.
        known: The words and their counts.
        settings: What a phrase is.
    """
    from ..kernels import phrases

    first, second = known.words.counts[pairs[:, 0]], known.words.counts[pairs[:, 2]]
    if settings.scoring == "default":
        words = np.count_nonzero((known.kinds == phrases.WORD) & (known.words.counts > 0))
        return (pair_counts - settings.min_count) / (first * second).astype(np.float64) * (words + different)
    total = float(known.words.counts[known.kinds != phrases.BREAK].sum())
    a, b, ab = first / total, second / total, pair_counts / total
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(ab / (a * b)) / -np.log(ab)


def _join_pairs(path: Path, known: _Known, pairs: np.ndarray, progress: Progress, stage: str) -> int:
    """Join pairs throughout a file of ids, in place; returns how many times that was done."""
    from ..kernels import phrases

    phrase_ids = known.add(pairs)
    table = np.zeros(4 * _entries(len(pairs)), np.int32)
    phrases.put(np.column_stack([pairs, phrase_ids + 1]).astype(np.int32).ravel(), table)
    connectors, counts = len(known.connectors), known.words.counts
    begins = np.zeros(len(counts), np.bool_)
    begins[pairs[:, 0]] = True
    state, waiting = np.zeros(3, np.int64), np.empty(_WAITING, np.int32)
    joined = np.empty(_CHUNK + _WAITING, np.int32)

    def join(ids: np.ndarray) -> np.ndarray:
        size = phrases.join(ids, known.kinds, connectors, table, begins, state, waiting, counts, joined)
        return joined[:size]

    rewrite_ids(path, join, progress, stage)
    return int(state[2])
