"""What trainers share: checks of settings, chunks of the text for several threads, first vectors, progress.

The threads write to the same vectors without waiting for each other (Hogwild, Niu et al. 2011).
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Self, get_args, get_origin

import numpy as np

from ..errors import SettingError, did_you_mean
from ..kernels.cores import cores
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..word_vectors import WordVectors

if TYPE_CHECKING:
    from ..kernels.sampling import Schedule, Tables

_CHUNK = (10_000, 500_000)  # ids that a thread learns from at a time, at least and at most
_CHUNKS = 2_000  # wanted in a training
_SEARCH = 1024  # ids searched at a time for a line end, so that little of a mapped text is read
_AROUND = 1 << 15  # ids that the system may map again when it reads the ids that follow
_CACHE_LINE = 16  # float32 numbers
_LEAST_RATE = 1e-4  # of the first one
_COUNTS = (
    "dim", "window", "negative", "word_ngrams", "min_count", "min_count_runs", "max_vocabulary", "epochs",
    "buckets",
)  # fmt: skip
_READING = ("lowercase", "max_vocabulary", "corpus", "start")  # settings that are not of the method


class Chunk(NamedTuple):
    """A part of the text that one thread learns from at a time: `ids[start:end]` in an epoch."""

    epoch: int
    start: int
    end: int


# ── settings ───────────────────────────────────────────────────────────────────────────────────────────────


def check_settings(trainer: object, choices: Mapping[str, tuple[str, ...]] | None = None) -> None:
    """Check the settings that several trainers have.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """
    for name, known in (choices or {}).items():
        value = getattr(trainer, name)
        if value not in known:
            raise SettingError(f"{name} is {value!r}.{did_you_mean(str(value), known)}")
    for name in _COUNTS:
        value = getattr(trainer, name, None)
        if value is not None and value < 1:
            raise SettingError(f"{name} is {value}; it must be at least 1.")
    sample = getattr(trainer, "sample", 0)
    if not 0 <= sample <= 1:
        raise SettingError(f"sample is {sample}; it must be a share of the text, from 0 to 1.")
    rate = getattr(trainer, "learning_rate", None)
    if rate is not None and not 0 < rate < 10:
        raise SettingError(f"learning_rate is {rate}; it must be above 0, as a rule below 0.1.")


class Run(NamedTuple):
    """How a training runs: threads (None: all cores), seed and progress."""

    threads: int | None
    seed: int
    progress: Progress

    def check(self) -> Self:
        """Return the run itself.

        Raises:
            SettingError: `threads` or `seed` has a value that cannot be used.
        """
        if self.threads is not None and self.threads < 1:
            raise SettingError(f"threads is {self.threads}; it must be at least 1.")
        if self.seed < 0:
            raise SettingError(f"seed is {self.seed}; it must not be negative.")
        return self


class Trainer:
    """What every trainer has; each is a dataclass of its settings."""

    kind: ClassVar[str]
    default_rate: ClassVar[float]
    dim: int
    epochs: int
    learning_rate: float | None

    def __post_init__(self) -> None:
        own = fields(self)  # type: ignore[arg-type]
        check_settings(self, {one.name: get_args(one.type) for one in own if get_origin(one.type) is Literal})

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return self.default_rate if self.learning_rate is None else self.learning_rate

    def train(
        self,
        corpus: Corpus,
        *,
        threads: int | None = None,
        seed: int = 1,
        start: WordVectors | None = None,
        progress: Progress = quiet,
    ) -> WordVectors:
        """Train vectors for the corpus's vocabulary.

        One thread and one seed give the same bytes on every run. Several threads write to the same vectors
        without waiting for each other (Hogwild), so their results differ a little from run to run.

        Args:
            corpus: The text as word numbers; words that are not in its vocabulary are left out.
            threads: Threads to train with; all cores if not given, and one for a short text.
            seed: Start of everything random.
            start: Vectors to go on from. Their words stay, whether the corpus has them or not; its other
                words are new.
            progress: Told how much is learned, the mean loss of the epoch so far and the speed.

        Raises:
            SettingError: `threads`, `seed` or `start` cannot be used.
            OutputError: GloVe's counts cannot be written to the temporary folder.
        """
        return self._train(corpus, start, Run(threads, seed, progress).check())

    def _train(self, corpus: Corpus, start: WordVectors | None, run: Run) -> WordVectors:
        raise NotImplementedError

    def settings(
        self, corpus: Corpus, seed: int, threads: int, losses: list[float], start: WordVectors | None
    ) -> dict[str, object]:
        """What vectors remember of their training."""
        names = [one.name for one in fields(self) if one.name not in _READING]  # type: ignore[arg-type]
        return {
            "kind": self.kind,
            **{name: getattr(self, name) for name in names},
            "learning_rate": self.rate,
            "lowercase": corpus.lowercase,
            "text": asdict(corpus.text),
            "phrases": corpus.phrases,
            "words": corpus.words,
            "seed": seed,
            "threads": threads,
            "losses": losses,
            **({} if start is None else {"continued_from": start.settings}),
        }


# ── chunks of the text ─────────────────────────────────────────────────────────────────────────────────────


def chunks(corpus: Corpus, epochs: int, sizes: tuple[int, int] | None = None) -> list[Chunk]:
    """The whole text `epochs` times, cut at line ends where there are any nearby.

    Args:
        corpus: The text.
        epochs: How often.
        sizes: Ids of a chunk at least and at most; left out, what suits a thread.
    """
    ids = corpus.ids
    least, most = sizes or _CHUNK
    step = min(most, max(least, len(ids) * epochs // _CHUNKS))
    borders = []
    for at in split_at_line_ends(ids, step, step // 4):
        corpus.release(max(0, at - 2 * step), min(len(ids), at + step))
        borders.append(at)
    return [Chunk(epoch, *pair) for epoch in range(epochs) for pair in pairwise([*borders, len(ids)])]


def split_at_line_ends(ids: np.ndarray, step: int, reach: int) -> Iterator[int]:
    """Where parts of about `step` ids begin: after a line end if there is one within `reach` ids."""
    at = 0
    while at < len(ids):
        yield at
        at += step
        for first in range(at, min(len(ids), at + reach), _SEARCH):
            ends = np.flatnonzero(ids[first : first + _SEARCH] < 0)
            if len(ends):
                at = first + int(ends[0]) + 1
                break


def train_chunks(
    kind: str,
    plan: list[Chunk],
    learn: Callable[[Chunk], tuple[float, int]],
    threads: int,
    progress: Progress,
    total: tuple[int, str],
    corpus: Corpus | None = None,
) -> list[float]:
    """Learn from all chunks, in order with one thread: the mean loss of each epoch.

    Args:
        kind: What is trained, for the progress bar.
        plan: The chunks of all epochs.
        learn: Learns from one of them: (loss, examples it is the sum of).
        threads: How many learn at a time.
        progress: Told how much is learned, the mean loss of the epoch so far and the speed.
        total: How much there is to learn, and in what unit, such as "words".
        corpus: The text of the chunks, whose memory is released after each.
    """
    started, done, size = time.perf_counter(), 0, sum(chunk.end - chunk.start for chunk in plan)
    losses: list[float] = []
    loss, examples = 0.0, 0
    with ThreadPoolExecutor(threads) as pool:
        # an error or an interrupt below cancels the chunks that have not begun
        for chunk, (more, count) in zip(plan, pool.map(learn, plan)):
            if chunk.epoch == len(losses):
                losses.append(0.0)
                loss, examples = 0.0, 0
            if corpus is not None:
                corpus.release(max(0, chunk.start - _AROUND), chunk.end)
            loss, examples, done = loss + more, examples + count, done + chunk.end - chunk.start
            losses[-1] = loss / max(1, examples)
            learned = total[0] * done / size
            speed = {f"{total[1]}_per_second": learned / (time.perf_counter() - started)}
            progress(f"training {kind}", learned, total[0], loss=losses[-1], **speed)
    return losses


def compile_kernel(call: Callable[[], object], progress: Progress) -> None:
    """Report the first call of a kernel, which compiles it: that takes a while, once on a machine."""
    started = time.perf_counter()
    progress("compiling", 0, 1)
    call()
    progress("compiling", 1, 1, seconds=time.perf_counter() - started)


def random_state(*entropy: int) -> np.uint64:
    """Where the random numbers of a kernel start."""
    return np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]


# ── matrices ───────────────────────────────────────────────────────────────────────────────────────────────


def random_rows(rows: int, dim: int, bound: float, seed: int) -> np.ndarray:
    """Rows of uniform random numbers within ±bound, each from a cache line on and padded with zeros."""
    matrix = zero_rows(rows, dim)
    random = np.random.default_rng(seed)
    for start in range(0, rows, 1 << 12):
        part = matrix[start : start + (1 << 12), :dim]
        part[:] = (random.random(part.shape, dtype=np.float32) * 2 - 1) * bound
    return matrix


def zero_rows(rows: int, dim: int) -> np.ndarray:
    """Rows of at least `dim` zeros, each from a cache line on: (rows, width) float32."""
    width = -(-dim // _CACHE_LINE) * _CACHE_LINE
    return aligned_zeros(rows * width).reshape(rows, width)


def aligned_zeros(size: int) -> np.ndarray:
    """Zeros (size,) float32 that begin at a cache line."""
    raw = np.zeros(size + _CACHE_LINE, dtype=np.float32)
    begin = -(raw.ctypes.data // 4) % _CACHE_LINE
    return raw[begin : begin + size]


# ── Word2Vec and fastText ──────────────────────────────────────────────────────────────────────────────────


def sampling_tables(
    counts: np.ndarray, sample: float, *, hierarchical: bool = False, power: float = 0.75
) -> "Tables":
    """What the kernels draw from; negatives in proportion to counts ** power."""
    from ..kernels.sampling import Tables, alias_table, huffman, keep_thresholds, no_tree

    tree = huffman(counts) if hierarchical and len(counts) > 1 else no_tree()
    return Tables(keep_thresholds(counts, sample), alias_table(counts, power), tree)


class HogwildTrainer(Trainer):
    """A trainer by the kernel of skip-gram and CBOW."""

    power: ClassVar[float] = 0.75  # negatives are drawn in proportion to counts ** this
    model: str
    loss: str
    window: int
    negative: int
    sample: float

    def schedule(self, corpus: Corpus, chunk: Chunk) -> "Schedule":
        """The learning rate from the chunk's first id on; it falls evenly to nearly nothing at the end of the
        last epoch.
        """
        from ..kernels.sampling import Schedule

        slope = self.rate / (len(corpus.ids) * self.epochs)
        done = chunk.epoch * len(corpus.ids) + chunk.start
        return Schedule(self.rate - slope * done, slope, self.rate * _LEAST_RATE)

    def train_rows(
        self,
        corpus: Corpus,
        counts: np.ndarray,
        matrices: tuple[np.ndarray, np.ndarray],
        run: Run,
        **method: Any,
    ) -> tuple[list[float], int]:
        """Learn inputs and outputs in place: the mean loss of each epoch, and the threads used.

        Args:
            corpus: The text.
            counts: How often each word occurred, in this text and before.
            matrices: Inputs and outputs, of `random_rows` and `zero_rows`.
            run: Threads, seed and progress.
            method: More arguments of the kernel.
        """
        from ..kernels.sampling import Weights
        from ..kernels.simd import LANES
        from ..kernels.word2vec import train_word2vec

        ids = corpus.ids.view()
        ids.flags.writeable = False  # the kernels are compiled for numbers that stay as they are
        hierarchical = self.loss == "hierarchical"
        tables = sampling_tables(counts, self.sample, hierarchical=hierarchical, power=self.power)
        inputs, outputs = matrices
        width = -(-self.dim // LANES) * LANES
        weights = Weights(inputs.ravel(), outputs.ravel(), inputs.shape[1], width)
        method["cbow"] = self.model == "cbow"

        def learn(chunk: Chunk) -> tuple[float, int]:
            schedule, state = self.schedule(corpus, chunk), random_state(run.seed, chunk.epoch, chunk.start)
            where = (ids, chunk.start, chunk.end, tables, weights, schedule, self.window, self.negative)
            return train_word2vec(*where, state, **method)

        compile_kernel(lambda: learn(Chunk(0, 0, 0)), run.progress)
        plan = chunks(corpus, self.epochs)
        threads = min(run.threads or cores(), len(plan) // self.epochs)
        total = (corpus.words * self.epochs, "words")
        return train_chunks(self.kind, plan, learn, threads, run.progress, total, corpus), threads
