# mypy: ignore-errors
"""What the kernels of word vectors share: random numbers, the words of a line, targets, and their scores.

How a gradient reaches the vectors differs between skip-gram and CBOW and is in their own files.
"""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import float32, int64, njit, uint32, uint64

from . import compiling
from . import huffman as trees
from . import simd as registers
from .compiling import inlined
from .huffman import Tree
from .simd import LANES, ROWS, gather, gradients, load, multiply_add, prefetch, store, sums, zeros

LINE = 1000  # words of a line that are learned together: longer lines are cut, as in word2vec.c
LINE_OF_CACHE = 16  # float32 numbers

# Random numbers are splitmix64 (Steele, Lea, Flood 2014): a counter in steps of GAMMA, and a mix of its bits.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


def fingerprint(*files: str) -> int:
    """A number that changes when one of these source files does; 0 where the sources are not at hand."""
    try:
        return zlib.crc32(b"".join(Path(file).read_bytes() for file in files))
    except OSError:
        return 0


PARTS = fingerprint(__file__, compiling.__file__, registers.__file__, trees.__file__)
"""The default of every kernel's last argument. Numba's cache on disk looks at the file of the kernel alone;
a default is part of the signature, so the cache also sees a change in the files that a kernel is made of."""


class Tables(NamedTuple):
    """What is drawn from; the rows are words.

    `keep` (words,) uint32: a word stays in its line if a random number is not above it.
    `alias` (words, 2) uint32: Walker's alias table of the negatives; a threshold and the other word.
    `tree`: the way to each word in a binary tree, for hierarchical softmax; empty for negative sampling.
    """

    keep: np.ndarray
    alias: np.ndarray
    tree: Tree


class Weights(NamedTuple):
    """The two matrices, flat float32; a row begins every `stride` and uses its first `width` numbers.

    `width` is the dimension rounded up to `LANES`, the numbers in between are and stay zero.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    stride: int
    width: int


class Schedule(NamedTuple):
    """The learning rate at the first id of a stretch of text, what each id takes from it, and its least."""

    rate: float
    slope: float
    floor: float


class Draws(NamedTuple):
    """The targets of several words, on a side each: some are drawn, and asked for, while others are learned.

    `targets` are rows, `size` a side at most, and `counts` of them a side, whole blocks of `ROWS`. `labels`
    and `rates`, `lanes` a side, say what each target should answer and how fast it learns. The rate is 0 for
    a negative that is the centre itself and for what fills the last block, so that nothing is learned there
    and no branch is needed.
    """

    targets: np.ndarray
    labels: np.ndarray
    rates: np.ndarray
    counts: np.ndarray
    negative: int
    size: int
    lanes: int


# ── tables, made once ──────────────────────────────────────────────────────────────────────────────────────


def keep_thresholds(counts: np.ndarray, sample: float) -> np.ndarray:
    """`Tables.keep` for words that occurred `counts` times.

    A word of frequency f is kept with probability √(sample/f) + sample/f, as word2vec.c does; 0 keeps all.
    """
    if sample <= 0:
        return np.full(len(counts), 0xFFFFFFFF, dtype=np.uint32)
    share = sample / (counts / counts.sum())
    return (np.minimum(1.0, np.sqrt(share) + share) * 0xFFFFFFFF).astype(np.uint32)


def alias_table(counts: np.ndarray, power: float = 0.75) -> np.ndarray:
    """`Tables.alias` for drawing words in proportion to counts ** power, one random number a draw.

    Each place of the table holds at most two words: its own, and one that is drawn too often to fit its own.
    Source: Walker 1977; the order of filling is Vose's, 1991.
    """
    share = counts.astype(np.float64) ** power
    share *= len(share) / share.sum()
    table = np.empty((len(share), 2), dtype=np.uint32)
    _fill_alias(share, table)
    return table


@njit(nogil=True, cache=True)
def _fill_alias(share: np.ndarray, table: np.ndarray) -> None:
    small = np.flatnonzero(share < 1.0)
    large = np.flatnonzero(share >= 1.0)
    smalls, larges = len(small), len(large)
    table[:, 0] = 0xFFFFFFFF
    table[:, 1] = np.arange(len(share))
    while smalls > 0 and larges > 0:
        smalls -= 1
        poor, rich = small[smalls], large[larges - 1]
        table[poor, 0] = np.uint32(share[poor] * 0xFFFFFFFF)
        table[poor, 1] = rich
        share[rich] -= 1.0 - share[poor]
        if share[rich] < 1.0:
            larges -= 1
            small[smalls] = rich
            smalls += 1


# ── random numbers ─────────────────────────────────────────────────────────────────────────────────────────


@inlined
def random(state: int) -> int:
    """64 random bits for the counter `state`; the caller adds GAMMA to it for each draw."""
    bits = (state ^ (state >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    return bits ^ (bits >> _31)


@inlined
def uniform(bits: int, bound: int) -> int:
    """A number from 0 to `bound` − 1, from the upper half of 64 random bits; the lower half stays unused."""
    return int64(((bits >> _32) * uint64(bound)) >> _32)


# ── the words of a line, and what a centre learns from ─────────────────────────────────────────────────────


@inlined
def read_line(
    ids: np.ndarray, at: int, end: int, keep: np.ndarray, state: int, line: np.ndarray
) -> tuple[int, int, int]:
    """Fill `line` with the words from `at` on that subsampling keeps: (next place, words, counter)."""
    words = 0
    while at < end and words < LINE:
        word = ids[at]
        at += 1
        if word < 0:
            break
        state += GAMMA
        # written always and counted when kept: the draw costs no branch that the processor cannot foresee
        line[words] = word
        words += uint32(random(state) >> _32) <= keep[word]
    return at, words, state


@inlined
def contexts_of(
    line: np.ndarray, words: int, centre: int, span: int, stride: int, contexts: np.ndarray
) -> int:
    """Write the rows of the words up to `span` around `centre`; how many they are."""
    count = 0
    for place in range(max(0, centre - span), min(words, centre + span + 1)):
        contexts[count] = line[place] * stride
        count += place != centre
    return count


@inlined
def prefetch_row(matrix: np.ndarray, row: int, width: int) -> None:
    """Ask for a row that is needed in a moment."""
    for at in range(row, row + width, LINE_OF_CACHE):
        prefetch(matrix, at)


@njit(nogil=True)
def new_draws(negative: int, size: int, sides: int = 2) -> Draws:
    """Room for draws of `size` targets at most, rounded up to whole blocks of `ROWS`."""
    size = (size + ROWS - 1) // ROWS * ROWS
    lanes = (size - ROWS + LANES + LANES - 1) // LANES * LANES  # the last block writes a whole register
    targets, counts = np.zeros(sides * size, np.int64), np.zeros(sides, np.int64)
    labels, rates = np.zeros(sides * lanes, np.float32), np.zeros(sides * lanes, np.float32)
    return Draws(targets, labels, rates, counts, negative, size, lanes)


@inlined
def draw(
    centre: int, tables: Tables, weights: Weights, rate: float, state: int, draws: Draws, side: int
) -> int:
    """Write what a centre is learned by to one side of `draws`, and ask for all rows; the counter.

    With a tree these are the nodes on the way to it, else the centre itself and random words.
    """
    first, lane = side * draws.size, side * draws.lanes
    if len(tables.tree.nodes):
        begin, end = tables.tree.begins[centre], tables.tree.begins[centre + 1]
        for i in range(end - begin):
            draws.targets[first + i] = tables.tree.nodes[begin + i] * weights.stride
            draws.labels[lane + i] = tables.tree.labels[begin + i]
            draws.rates[lane + i] = rate
            prefetch_row(weights.outputs, draws.targets[first + i], weights.width)
        finish(draws, side, end - begin)
        return state
    draws.targets[first] = centre * weights.stride
    draws.labels[lane], draws.rates[lane] = 1, rate
    prefetch_row(weights.outputs, centre * weights.stride, weights.width)
    for i in range(1, draws.negative + 1):
        state += GAMMA
        bits = random(state)
        place = uniform(bits, len(tables.alias))
        other = int64(tables.alias[place, 1])
        word = place if uint32(bits) <= tables.alias[place, 0] else other
        draws.targets[first + i] = word * weights.stride
        draws.labels[lane + i], draws.rates[lane + i] = 0, float32(0) if word == centre else rate
        prefetch_row(weights.outputs, word * weights.stride, weights.width)
    finish(draws, side, 1 + draws.negative)
    return state


@inlined
def finish(draws: Draws, side: int, count: int) -> None:
    """Fill the last block of a side that has `count` targets."""
    whole = (count + ROWS - 1) // ROWS * ROWS
    for i in range(count, whole):
        draws.targets[side * draws.size + i] = 0
        draws.rates[side * draws.lanes + i] = 0
    draws.counts[side] = whole


@inlined
def score(
    inputs: np.ndarray,
    contexts: np.ndarray,
    count: int,
    weights: Weights,
    draws: Draws,
    side: int,
    scores: np.ndarray,
) -> None:
    """Write (label − σ(input · output)) · rate for each context and target; contexts are `draws.lanes` apart.

    The inputs are not taken from the weights: cbow has one of its own.
    """
    lanes, first = draws.lanes, side * draws.size
    for one in range(0, count - 1, 2):  # two contexts at a time: each register loaded is used twice
        for block in range(0, draws.counts[side], ROWS):
            dots, more = zeros(ROWS), zeros(ROWS)
            for at in range(0, weights.width, LANES):
                rows = gather(weights.outputs, draws.targets, first + block, at, dots)
                dots = multiply_add(rows, load(inputs, contexts[one] + at), dots)
                more = multiply_add(rows, load(inputs, contexts[one + 1] + at), more)
            store(scores, one * lanes + block, sums(dots))
            store(scores, (one + 1) * lanes + block, sums(more))
    if count & 1:
        for block in range(0, draws.counts[side], ROWS):
            dots = zeros(ROWS)
            for at in range(0, weights.width, LANES):
                rows = gather(weights.outputs, draws.targets, first + block, at, dots)
                dots = multiply_add(rows, load(inputs, contexts[count - 1] + at), dots)
            store(scores, (count - 1) * lanes + block, sums(dots))
    for context in range(0, count * lanes, lanes):
        for at in range(0, draws.counts[side], LANES):
            label, rate = load(draws.labels, side * lanes + at), load(draws.rates, side * lanes + at)
            store(scores, context + at, gradients(load(scores, context + at), label, rate))


@inlined
def loss_of(scores: np.ndarray, count: int, draws: Draws, side: int) -> float:
    """−log likelihood of `count` contexts, from the scores: |label − σ| is one minus the likelihood."""
    loss = 0.0
    for context in range(count):
        for i in range(draws.counts[side]):
            rate = draws.rates[side * draws.lanes + i]
            if rate > 0:
                loss -= np.log(1.0 + 1e-7 - abs(scores[context * draws.lanes + i]) / rate)
    return loss
