"""How often each two words of a corpus occur near each other, counted and shuffled in bounded memory.

The corpus is counted a part at a time; the counts of a part are written to disk and added up row by row at
the end. What comes out lies on disk too, in random order, and is read through a memory map.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..files.streams import write_errors
from ..kernels.cores import cores
from ._hogwild import Run, random_state, split_at_line_ends

if TYPE_CHECKING:
    from .glove import GloVe

_PART = 1 << 25  # ids of the text that are counted together
_REACH = 1 << 20  # ids searched for a line end where a part ends
_ROOM = 1 << 22  # entries that a thread counts before they are written
_BUCKET = 1 << 18  # entries that are shuffled together, about


class Cooccurrences:
    """Pairs of words and their counts, in random order, memory-mapped.

    `pairs` (entries, 2) int32: word and context. `targets` (entries, 2) float32: the logarithm of the count,
    and its weight. `buckets` (buckets, 2): where each lot of entries begins and ends, with room between.
    """

    def __init__(self, pairs: np.ndarray, targets: np.ndarray, buckets: np.ndarray) -> None:
        self.pairs, self.targets, self.buckets = pairs, targets, buckets
        self.size = int(np.diff(buckets, axis=1).sum())


class _Rows(NamedTuple):
    """The counts of some words: those of word `first + i` end at `ends[i]`."""

    ends: np.ndarray
    first: int
    others: np.ndarray
    values: np.ndarray


@contextmanager
def count_cooccurrences(ids: np.ndarray, words: int, settings: "GloVe", run: Run) -> Iterator[Cooccurrences]:
    """Count the pairs of a text; the counts are in a temporary folder, which is removed after the block.

    Args:
        ids: Word numbers, −1 ends a line, perhaps memory-mapped.
        words: Words of the vocabulary.
        settings: Which words are near, and what a count is worth in training.
        run: Threads, the seed of the random order, and progress in ids.

    Raises:
        OutputError: the counts cannot be written, such as when the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="wordladder-", ignore_cleanup_errors=True) as name:
        with write_errors(name):
            parts = _Parts(Path(name), words)
            for start, end in pairwise([*split_at_line_ends(ids, _PART, _REACH), len(ids)]):
                run.progress("counting neighbours", start, len(ids))
                parts.add(_count_part(ids[start:end], words, settings, run.threads or cores()))
            run.progress("counting neighbours", len(ids), len(ids))
            entries = _shuffle(parts, settings, run.seed)
        try:
            yield entries
        finally:
            del entries.pairs, entries.targets  # not every system can remove a mapped file


def _count_part(ids: np.ndarray, words: int, settings: "GloVe", threads: int) -> Iterator[_Rows]:
    """The rows of all words, in order."""
    from ..kernels.cooccurrence import count_rows, places_by_word

    ids = np.ascontiguousarray(ids).view()
    ids.flags.writeable = False  # the kernels are compiled for numbers that stay as they are
    begins, places = places_by_word(ids, words)
    weights = np.ones(settings.window + 1, np.float32)
    if settings.distance_weighting:
        weights[1:] /= np.arange(1, settings.window + 1)
    # ranges of words with about as many places each
    cuts = np.searchsorted(begins, np.linspace(0, begins[-1], 16 * threads + 1)[1:-1])
    ranges = list(pairwise([0, *np.unique(cuts[cuts > 0]).tolist(), words]))

    def count_range(limits: tuple[int, int]) -> list[_Rows]:
        first, last = limits
        rows, sums = [], np.zeros(words, np.float32)
        room = max(_ROOM, words)
        while first < last:
            others, values = np.empty(room, np.int32), np.empty(room, np.float32)
            ends = np.zeros(last - first, np.int64)
            near = (settings.window, weights, settings.symmetric)
            done = count_rows(ids, begins, places, first, last, *near, sums, others, values, ends)
            size = int(ends[done - first - 1])
            rows.append(_Rows(ends[: done - first], first, others[:size].copy(), values[:size].copy()))
            first = done
        return rows

    with ThreadPoolExecutor(threads) as pool:
        for rows in pool.map(count_range, [limits for limits in ranges if limits[0] < limits[1]]):
            yield from rows


class _Parts:
    """The counts of parts of a text, on disk."""

    def __init__(self, folder: Path, words: int) -> None:
        self.folder, self.words = folder, words
        self.ends: list[np.ndarray] = []  # of each part: where the neighbours of each word end

    def add(self, rows: Iterator[_Rows]) -> None:
        ends, size, number = np.zeros(self.words + 1, np.int64), 0, len(self.ends)
        paths = (self._path(number, name) for name in ("others", "values"))
        with open(next(paths), "wb") as others, open(next(paths), "wb") as values:
            for some in rows:
                ends[some.first + 1 : some.first + 1 + len(some.ends)] = size + some.ends
                size += len(some.others)
                others.write(some.others.data)
                values.write(some.values.data)
        self.ends.append(ends)

    def _path(self, number: int, name: str) -> Path:
        return self.folder / f"{name}-{number}"

    def _open(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.ends[number][-1]:
            return np.zeros(0, np.int32), np.zeros(0, np.float32)
        others = np.memmap(self._path(number, "others"), np.int32, "r")
        return others, np.memmap(self._path(number, "values"), np.float32, "r")

    def rows(self) -> Iterator[_Rows]:
        """The counts of all parts added up, a few words at a time, in order."""
        from ..kernels.cooccurrence import add_rows

        opened = [self._open(number) for number in range(len(self.ends))]
        total = np.sum(self.ends, axis=0)
        room = max(_ROOM, int(np.diff(total).max()))
        borders = [0]
        while borders[-1] < self.words:  # as many words as fit the room, at least one
            after = int(np.searchsorted(total, total[borders[-1]] + room, "right")) - 1
            borders.append(min(self.words, max(after, borders[-1] + 1)))
        if len(self.ends) == 1:
            for first, last in pairwise(borders):
                some, counts = (one[total[first] : total[last]] for one in opened[0])
                yield _Rows(total[first + 1 : last + 1] - total[first], first, some, counts)
            return
        sums = np.zeros(self.words, np.float32)
        others, values = np.empty(room + 1, np.int32), np.empty(room + 1, np.float32)
        for first, last in pairwise(borders):
            ends, size = np.zeros(last - first, np.int64), 0
            for word in range(first, last):
                start = size
                for (some, counts), limits in zip(opened, self.ends):
                    here = slice(limits[word], limits[word + 1])
                    size = start + add_rows(some[here], counts[here], sums, others[start:], size - start)
                values[start:size] = sums[others[start:size]]
                sums[others[start:size]] = 0
                ends[word - first] = size
            yield _Rows(ends, first, others[:size], values[:size])


def _shuffle(parts: _Parts, settings: "GloVe", seed: int) -> Cooccurrences:
    """All entries in random order: each goes to a random bucket, and each bucket is shuffled."""
    from ..kernels.cooccurrence import scatter, shuffle

    most = sum(int(ends[-1]) for ends in parts.ends)  # at most: those of several parts may be the same
    buckets = max(1, most // _BUCKET)
    room = most // buckets + 8 * int((most / buckets) ** 0.5) + 64  # none gets more by chance
    begins = np.arange(buckets) * room
    pairs = np.memmap(parts.folder / "pairs", np.int32, "w+", shape=(buckets * room, 2))
    targets = np.memmap(parts.folder / "targets", np.float32, "w+", shape=(buckets * room, 2))
    ends = begins.copy()
    for number, rows in enumerate(parts.rows()):
        state = random_state(seed, 0, number)
        scatter(*rows, settings.x_max, settings.alpha, state, begins + room, ends, pairs, targets)
    for number, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist())):
        shuffle(pairs[begin:end], targets[begin:end], random_state(seed, 1, number))
    return Cooccurrences(pairs, targets, np.stack([begins, ends], axis=1))
