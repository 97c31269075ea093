"""What trainers that go through a text share: pieces of it for several threads, first vectors, progress.

The threads write to the same vectors without waiting for each other (Hogwild, Niu et al. 2011).
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from ..errors import SettingError, did_you_mean
from ..progress import Progress
from ..text.corpus import Corpus
from ..word_vectors import WordVectors

_STRETCH = (10_000, 500_000)  # ids that a thread learns from at a time, at least and at most
_STRETCHES = 2_000  # wanted in a training
_LOOK = 1024  # ids looked through at a time for a line end: little of a mapped text is read for it
_AROUND = 1 << 15  # ids that the system may map again when it reads the first ones behind them
_CACHE_LINE = 16  # float32 numbers
_LEAST_RATE = 1e-4  # of the first one


class Stretch(NamedTuple):
    """A piece of the text that one thread learns from at a time: `ids[start:end]` in an epoch."""

    epoch: int
    start: int
    end: int


Learner = Callable[[Stretch], tuple[float, int]]
"""Learns from one stretch of the text: (loss, examples it is the sum of)."""


def check_settings(
    trainer: object, *, at_least_one: tuple[str, ...], choices: Mapping[str, tuple[str, ...]] | None = None
) -> None:
    """Refuse values that cannot be used, in the words of the settings.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """
    for name, known in (choices or {}).items():
        value = getattr(trainer, name)
        if value not in known:
            raise SettingError(f"{name} is {value!r}.{did_you_mean(str(value), known)}")
    for name in at_least_one:
        value = getattr(trainer, name)
        if value is not None and value < 1:
            raise SettingError(f"{name} is {value}; it must be at least 1.")
    sample = getattr(trainer, "sample", 0)
    if not 0 <= sample <= 1:
        raise SettingError(f"sample is {sample}; it must be a share of the text, from 0 to 1.")
    rate = getattr(trainer, "learning_rate", None)
    if rate is not None and not 0 < rate < 10:
        raise SettingError(f"learning_rate is {rate}; it must be above 0, as a rule below 0.1.")


def check_run(threads: int | None, seed: int) -> None:
    """Refuse what `train` cannot be called with.

    Raises:
        SettingError: `threads` or `seed` has a value that cannot be used.
    """
    if threads is not None and threads < 1:
        raise SettingError(f"threads is {threads}; it must be at least 1.")
    if seed < 0:
        raise SettingError(f"seed is {seed}; it must not be negative.")


def stretches(corpus: Corpus, epochs: int, sizes: tuple[int, int] | None = None) -> list[Stretch]:
    """The whole text `epochs` times, cut at line ends where there are any nearby.

    Args:
        corpus: The text.
        epochs: How often.
        sizes: Ids of a stretch at least and at most; left out, what suits a thread.
    """
    ids = corpus.ids
    least, most = sizes or _STRETCH
    step = min(most, max(least, len(ids) * epochs // _STRETCHES))
    borders = [*_borders(corpus, step), len(ids)]
    return [Stretch(epoch, *pair) for epoch in range(epochs) for pair in pairwise(borders)]


def _borders(corpus: Corpus, step: int) -> Iterator[int]:
    ids, at = corpus.ids, 0
    while at < len(ids):
        yield at
        at += step
        for first in range(at, min(len(ids), at + step // 4), _LOOK):
            ends = np.flatnonzero(ids[first : first + _LOOK] < 0)
            if len(ends):
                at = first + int(ends[0]) + 1
                break
        corpus.release(max(0, at - 2 * step), min(len(ids), at + step))


def run(
    name: str, corpus: Corpus, plan: list[Stretch], learn: Learner, threads: int, progress: Progress
) -> list[float]:
    """Learn from all stretches, in order with one thread: the mean loss of each epoch.

    Args:
        name: What is trained, for the progress bar.
        corpus: The text.
        plan: Its pieces, `epochs` times.
        learn: Learns from one of them.
        threads: How many learn at a time.
        progress: Told the words learned, the mean loss of the epoch so far and the words per second.
    """
    started = time.perf_counter()
    done, total = 0, sum(one.end - one.start for one in plan)
    words = corpus.words * (plan[-1].epoch + 1)
    losses: list[float] = []
    loss, pairs = 0.0, 0
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque((stretch, pool.submit(learn, stretch)) for stretch in plan)
        try:
            while waiting:
                stretch, future = waiting.popleft()
                if stretch.epoch == len(losses):
                    losses.append(0.0)
                    loss, pairs = 0.0, 0
                more, count = future.result()
                corpus.release(max(0, stretch.start - _AROUND), stretch.end)
                loss, pairs, done = loss + more, pairs + count, done + stretch.end - stretch.start
                losses[-1] = loss / max(1, pairs)
                learned = words * done / total
                speed = learned / (time.perf_counter() - started)
                progress(f"training {name}", learned, words, loss=losses[-1], words_per_second=speed)
        finally:
            for _, future in waiting:  # after an interrupt, what has not begun never begins
                future.cancel()
    return losses


def first_rows(rows: int, dim: int, bound: float, seed: int) -> np.ndarray:
    """Flat rows of even random numbers within ±bound, each from a cache line on and padded by zeros."""
    flat = padded(rows, dim)
    matrix = flat.reshape(rows, -1)
    random = np.random.default_rng(seed)
    for start in range(0, rows, 1 << 12):
        part = matrix[start : start + (1 << 12), :dim]
        part[:] = (random.random(part.shape, dtype=np.float32) * 2 - 1) * bound
    return flat


def padded(rows: int, dim: int) -> np.ndarray:
    """Flat rows of zeros, each from a cache line on."""
    return aligned(rows * (-(-dim // _CACHE_LINE) * _CACHE_LINE))


def aligned(size: int) -> np.ndarray:
    """Zeros (size,) float32 that begin at a cache line."""
    raw = np.zeros(size + _CACHE_LINE, dtype=np.float32)
    begin = -(raw.ctypes.data // 4) % _CACHE_LINE
    return raw[begin : begin + size]


def cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def compiled(learn: Learner, progress: Progress) -> None:
    """Have the kernel compiled, which is told: it takes a while on the first use on a machine."""
    started = time.perf_counter()
    progress("compiling", 0, 1)
    learn(Stretch(0, 0, 0))
    progress("compiling", 1, 1, seconds=time.perf_counter() - started)


class Pace:
    """How fast each stretch of the text is learned, and from which random state.

    Args:
        rate: The learning rate at the start; it falls evenly to nearly nothing at the end of the last epoch.
        words: Numbers of words in an epoch.
        epochs: Times they are gone through.
        seed: Start of everything random.
    """

    def __init__(self, rate: float, words: int, epochs: int, seed: int) -> None:
        self.rate, self.words, self.seed = rate, words, seed
        self.slope = rate / (words * epochs)

    def at(self, stretch: Stretch) -> tuple[Any, Any]:
        """The schedule from the stretch's first word on, and its random state."""
        from ..kernels.sampling import Schedule

        done = stretch.epoch * self.words + stretch.start
        schedule = Schedule(self.rate - self.slope * done, self.slope, self.rate * _LEAST_RATE)
        sequence = np.random.SeedSequence([self.seed, stretch.epoch, stretch.start])
        return schedule, sequence.generate_state(1, np.uint64)[0]


def target_tables(
    counts: np.ndarray, sample: float, loss: str, negative: int, power: float = 0.75
) -> tuple[Any, int]:
    """What the kernels draw from, and how many targets a word has at most.

    Negatives are drawn in proportion to counts ** power.
    """
    from ..kernels.huffman import huffman, no_tree
    from ..kernels.sampling import Tables, alias_table, keep_thresholds

    tree = huffman(counts) if loss == "hierarchical" and len(counts) > 1 else no_tree()
    size = int(np.diff(tree.begins).max()) if len(tree.nodes) else 1 + negative
    return Tables(keep_thresholds(counts, sample), alias_table(counts, power), tree), size


def facts_of(
    corpus: Corpus, seed: int, threads: int, losses: list[float], start: WordVectors | None
) -> dict[str, object]:
    """What vectors remember of their training beside the trainer's own settings."""
    return {
        "lowercase": corpus.lowercase,
        "text": asdict(corpus.text),
        "phrases": corpus.phrases,
        "words": corpus.words,
        "seed": seed,
        "threads": threads,
        "losses": losses,
        **({} if start is None else {"continued_from": start.settings}),
    }
