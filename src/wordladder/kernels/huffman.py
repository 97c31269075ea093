# mypy: ignore-errors
"""Huffman trees: the way to each word as a row of yes-or-no decisions, short for frequent words.

Mikolov et al. 2013, "Efficient Estimation of Word Representations", section 3; Huffman 1952.
"""

from typing import NamedTuple

import numpy as np
from numba import njit


class Tree(NamedTuple):
    """The way to word `w` is `nodes[begins[w]:begins[w + 1]]`, from the root on.

    `begins` (words + 1,) int64; `nodes` int32, rows of the outputs; `labels` float32, what each node should
    answer: 1 where the way goes on by its first branch, as in word2vec.c.
    """

    begins: np.ndarray
    nodes: np.ndarray
    labels: np.ndarray


def no_tree() -> Tree:
    """What stands for a tree where none is used."""
    return Tree(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


def huffman(counts: np.ndarray) -> Tree:
    """The Huffman tree of words that occurred `counts` times, most frequent first: (words − 1) nodes."""
    return Tree(*_codes(np.asarray(counts, np.int64)))


@njit(nogil=True, cache=True)
def _codes(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
    return begins, nodes, labels
