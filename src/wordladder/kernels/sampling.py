# mypy: ignore-errors
"""What the kernels of word vectors draw from: random numbers, subsampling, the alias table of negative
samples, and the Huffman tree of hierarchical softmax.
"""

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint32, uint64

from . import compiling, simd
from .compiling import fingerprint, inlined

LINE = 1000  # words of a line that are learned together: longer lines are cut, as in word2vec.c

# Random numbers are splitmix64 (Steele, Lea, Flood 2014): a counter in steps of GAMMA, and a mix of its bits.
GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_27, _30, _31, _32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)

SOURCES = fingerprint(__file__, compiling.__file__, simd.__file__)
"""The default of the last argument of every kernel that inlines functions of these files."""


class Tree(NamedTuple):
    """A Huffman tree: the path to word `w` is `nodes[begins[w]:begins[w + 1]]`, from the root on.

    `begins` (words + 1,) int64; `nodes` int32, rows of the outputs; `labels` float32, what each node should
    answer: 1 where the path takes its first branch, as in word2vec.c; `depth`, nodes of the longest path.
    """

    begins: np.ndarray
    nodes: np.ndarray
    labels: np.ndarray
    depth: int


class Tables(NamedTuple):
    """What is drawn from; the rows are words.

    `keep` (words,) uint32: a word stays in its line if a random number is not above it.
    `alias` (words, 2) uint32: Walker's alias table of the negatives; a threshold and the other word.
    `tree`: the Huffman tree for hierarchical softmax; empty for negative sampling.
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
    """The learning rate at the first id of a chunk of text, what each id takes from it, and its minimum."""

    rate: float
    slope: float
    floor: float


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
    return _fill_alias(share * (len(share) / share.sum()))


@njit(nogil=True, cache=True)
def _fill_alias(share):
    table = np.empty((len(share), 2), np.uint32)
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
    return table


def no_tree() -> Tree:
    """An empty tree, for negative sampling."""
    return Tree(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), 0)


@njit(nogil=True, cache=True)
def huffman(counts):
    """The Huffman tree of words that occurred `counts` times, most frequent first: (words − 1) nodes.

    Source: Huffman 1952; Mikolov et al. 2013, "Efficient Estimation of Word Representations", section 3.
    """
    words = len(counts)
    weights = np.empty(2 * words - 1, np.int64)
    weights[:words] = counts
    parents, seconds = np.zeros(2 * words - 1, np.int64), np.zeros(2 * words - 1, np.bool_)
    leaf, made = words - 1, words  # the rarest word, and the oldest node not joined yet: both rise in weight
    for new in range(words, 2 * words - 1):
        for branch in range(2):
            if leaf >= 0 and (made >= new or weights[leaf] < weights[made]):
                child = leaf
                leaf -= 1
            else:
                child = made
                made += 1
            weights[new] = weights[child] + (weights[new] if branch else 0)
            parents[child], seconds[child] = new, branch == 1
    root = 2 * words - 2
    begins = np.zeros(words + 1, np.int64)
    for word in range(words):
        node, depth = word, 0
        while node != root:
            node, depth = parents[node], depth + 1
        begins[word + 1] = begins[word] + depth
    nodes, labels = np.empty(begins[words], np.int32), np.empty(begins[words], np.float32)
    for word in range(words):
        node, at = word, begins[word + 1]
        while node != root:
            at -= 1
            labels[at] = 0.0 if seconds[node] else 1.0
            node = parents[node]
            nodes[at] = node - words
    return Tree(begins, nodes, labels, np.diff(begins).max())


# ── random numbers ─────────────────────────────────────────────────────────────────────────────────────────


@inlined
def random(state):
    """64 random bits for the counter `state`; the caller adds GAMMA to it for each draw."""
    bits = (state ^ (state >> _30)) * _FIRST
    bits = (bits ^ (bits >> _27)) * _SECOND
    return bits ^ (bits >> _31)


@inlined
def uniform(bits, bound):
    """A number from 0 to `bound` − 1, from the upper half of 64 random bits; the lower half stays unused."""
    return int64(((bits >> _32) * uint64(bound)) >> _32)


@inlined
def read_line(ids, at, end, keep, state, line):
    """Fill `line` with the words from `at` on that subsampling keeps: (next position, words, counter)."""
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
