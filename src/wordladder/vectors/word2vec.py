"""Word2Vec: skip-gram and continuous bag of words, with negative sampling; the arithmetic is in `kernels`.

Not here: hierarchical softmax, phrases, training on from earlier vectors.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

import numpy as np

from ..corpus import Corpus
from ..errors import SettingError, did_you_mean
from ..progress import Progress, quiet
from ..word_vectors import WordVectors

__all__ = ["Word2Vec"]

Architecture = Literal["skipgram", "cbow"]
_RATES = {"skipgram": 0.025, "cbow": 0.05}
_LEAST_RATE = 1e-4  # of the first one
_STRETCH = (10_000, 500_000)  # ids that a thread learns from at a time, at least and at most
_STRETCHES = 2_000  # wanted in a training
_CACHE_LINE = 16  # float32 numbers
_FIRST = 0.4  # the largest number in the first vectors is this over √dim


class Word2Vec:
    """Trains one vector a word so that words with like neighbours get like vectors.

    Source: Mikolov et al. 2013, "Efficient Estimation of Word Representations in Vector Space" and
    "Distributed Representations of Words and Phrases and their Compositionality".

    Args:
        model: `skipgram` learns from each pair of neighbours and is better on rare words; `cbow` learns from
            the mean of the neighbours and is faster.
        dim: Numbers in a vector.
        window: Words to each side that count as neighbours, at most.
        negative: Random words that each word is told from.
        min_count: Words that occur less often have no vector.
        epochs: Times the corpus is read.
        sample: Words more frequent than this share of the text are thinned out; 0 keeps all.
        learning_rate: Step at the start, from where it falls evenly to nearly nothing; left out, 0.025 for
            skipgram and 0.05 for cbow.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: Words that get a vector at most, the most frequent first.
        corpus: Files or folders of more text to learn from.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    def __init__(
        self,
        *,
        model: Architecture = "skipgram",
        dim: int = 100,
        window: int = 5,
        negative: int = 5,
        min_count: int = 5,
        epochs: int = 5,
        sample: float = 1e-3,
        learning_rate: float | None = None,
        lowercase: bool = False,
        max_vocabulary: int | None = None,
        corpus: str | list[str] | None = None,
    ) -> None:
        if model not in get_args(Architecture):
            raise SettingError(f"model is {model!r}.{did_you_mean(str(model), get_args(Architecture))}")
        self.model, self.dim, self.window, self.negative = model, dim, window, negative
        self.min_count, self.max_vocabulary, self.epochs = min_count, max_vocabulary, epochs
        self.sample, self.learning_rate = sample, learning_rate
        self.lowercase, self.corpus = lowercase, corpus
        for name in ("dim", "window", "negative", "min_count", "max_vocabulary", "epochs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value}; it must be at least 1.")
        if not 0 <= sample <= 1:
            raise SettingError(f"sample is {sample}; it must be a share of the text, from 0 to 1.")
        if learning_rate is not None and not 0 < learning_rate < 10:
            raise SettingError(f"learning_rate is {learning_rate}; it must be above 0, as a rule below 0.1.")

    def train(
        self, corpus: Corpus, *, threads: int | None = None, seed: int = 1, progress: Progress = quiet
    ) -> WordVectors:
        """Train vectors for the corpus's vocabulary.

        One thread and one seed give the same bytes on every run. Several threads write to the same vectors
        without waiting for each other (Hogwild), so their results differ a little from run to run.

        Args:
            corpus: The text as word numbers; what was left out of its vocabulary is not seen.
            threads: Threads to train with; all cores if not given, and one for a short text.
            seed: Start of everything random.
            progress: Told the words learned, the mean loss of the epoch so far and the words per second.

        Raises:
            SettingError: `threads` or `seed` has a value that cannot be used.
        """
        if threads is not None and threads < 1:
            raise SettingError(f"threads is {threads}; it must be at least 1.")
        if seed < 0:
            raise SettingError(f"seed is {seed}; it must not be negative.")
        ids = corpus.ids.view()
        ids.flags.writeable = False  # the kernels are compiled for numbers that stay as they are
        counts = np.asarray(corpus.vocabulary.counts)
        inputs = _first_vectors(len(counts), self.dim, seed)
        plan = _stretches(ids, self.epochs)
        threads = min(threads or _cores(), len(plan) // self.epochs)
        learn = self._learner(ids, counts, inputs, seed, progress)
        loss = _run(plan, learn, threads, corpus.words * self.epochs, progress)
        vectors = inputs.reshape(len(counts), -1)[:, : self.dim].copy()
        settings = self._settings(corpus, seed, threads, loss)
        return WordVectors(corpus.vocabulary.words, vectors, counts, settings)

    def _learner(
        self, ids: np.ndarray, counts: np.ndarray, inputs: np.ndarray, seed: int, progress: Progress
    ) -> Callable[["_Stretch"], tuple[float, int]]:
        """What learns from one stretch of the text: (loss, pairs it is the sum of)."""
        from ..kernels.cbow import cbow
        from ..kernels.registers import LANES
        from ..kernels.sampling import Schedule, Tables, Weights, alias_table, keep_thresholds
        from ..kernels.skipgram import skipgram

        kernel = {"skipgram": skipgram, "cbow": cbow}[self.model]
        stride = len(inputs) // len(counts)
        weights = Weights(inputs, _aligned(len(inputs)), stride, -(-self.dim // LANES) * LANES)
        tables = Tables(keep_thresholds(counts, self.sample), alias_table(counts))
        rate = self._rate
        slope = rate / (len(ids) * self.epochs)

        def learn(stretch: _Stretch) -> tuple[float, int]:
            done = stretch.epoch * len(ids) + stretch.start
            schedule = Schedule(rate - slope * done, slope, rate * _LEAST_RATE)
            state = np.random.SeedSequence([seed, stretch.epoch, stretch.start]).generate_state(1, np.uint64)
            where = (ids, stretch.start, stretch.end)
            return kernel(*where, tables, weights, schedule, self.window, self.negative, state[0])

        started = time.perf_counter()
        progress("compiling", 0, 1)
        learn(_Stretch(0, 0, 0))  # from the cache on disk, after the first time on a machine
        progress("compiling", 1, 1, seconds=time.perf_counter() - started)
        return learn

    @property
    def _rate(self) -> float:
        return _RATES[self.model] if self.learning_rate is None else self.learning_rate

    def _settings(self, corpus: Corpus, seed: int, threads: int, loss: float) -> dict[str, object]:
        return {
            "kind": "word2vec",
            "model": self.model,
            "dim": self.dim,
            "window": self.window,
            "negative": self.negative,
            "min_count": self.min_count,
            "epochs": self.epochs,
            "sample": self.sample,
            "learning_rate": self._rate,
            "lowercase": corpus.lowercase,
            "text": asdict(corpus.text),
            "words": corpus.words,
            "seed": seed,
            "threads": threads,
            "loss": loss,
        }


class _Stretch(NamedTuple):
    """A piece of the text that one thread learns from at a time: `ids[start:end]` in an epoch."""

    epoch: int
    start: int
    end: int


def _run(
    plan: list[_Stretch],
    learn: Callable[[_Stretch], tuple[float, int]],
    threads: int,
    words: int,
    progress: Progress,
) -> float:
    """Learn from all stretches, in order with one thread: the mean loss of the last epoch."""
    started = time.perf_counter()
    done, total, loss, pairs, epoch = 0, sum(one.end - one.start for one in plan), 0.0, 0, 0
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque((stretch, pool.submit(learn, stretch)) for stretch in plan)
        try:
            while waiting:
                stretch, future = waiting.popleft()
                if stretch.epoch > epoch:
                    loss, pairs, epoch = 0.0, 0, stretch.epoch
                more, count = future.result()
                loss, pairs, done = loss + more, pairs + count, done + stretch.end - stretch.start
                learned = words * done / total
                speed = learned / (time.perf_counter() - started)
                facts = {"loss": loss / max(1, pairs), "words_per_second": speed}
                progress("training word2vec", learned, words, **facts)
        finally:
            for _, future in waiting:  # after an interrupt, what has not begun never begins
                future.cancel()
    return loss / max(1, pairs)


def _stretches(ids: np.ndarray, epochs: int) -> list[_Stretch]:
    """The whole text `epochs` times, cut at line ends where there are any nearby."""
    least, most = _STRETCH
    step = min(most, max(least, len(ids) * epochs // _STRETCHES))
    borders = [*_borders(ids, step), len(ids)]
    return [_Stretch(epoch, *pair) for epoch in range(epochs) for pair in pairwise(borders)]


def _borders(ids: np.ndarray, step: int) -> Iterator[int]:
    at = 0
    while at < len(ids):
        yield at
        at += step
        ends = np.flatnonzero(ids[at : at + step // 4] < 0)
        at += int(ends[0]) + 1 if len(ends) else 0


def _first_vectors(words: int, dim: int, seed: int) -> np.ndarray:
    """Flat rows of even random numbers within ±0.4/√dim, each from a cache line on and padded by zeros.

    word2vec.c starts within ±0.5/dim and gensim within ±1/dim. Longer first vectors learn earlier: on 25 MB
    of Wikipedia they gave better similarities and analogies than either, and the same on rare words.
    """
    stride = -(-dim // _CACHE_LINE) * _CACHE_LINE
    flat = _aligned(words * stride)
    rows = flat.reshape(words, stride)
    random = np.random.default_rng(seed)
    for start in range(0, words, 1 << 12):
        part = rows[start : start + (1 << 12), :dim]
        part[:] = (random.random(part.shape, dtype=np.float32) * 2 - 1) * (_FIRST / dim**0.5)
    return flat


def _aligned(size: int) -> np.ndarray:
    """Zeros (size,) float32 that begin at a cache line."""
    raw = np.zeros(size + _CACHE_LINE, dtype=np.float32)
    begin = -(raw.ctypes.data // 4) % _CACHE_LINE
    return raw[begin : begin + size]


def _cores() -> int:
    """Cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1
