# mypy: ignore-errors
"""The targets of a centre in Word2Vec: the word and its negative samples, or its nodes of a Huffman tree.
They are drawn, scored against the inputs, and moved together with them.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, int64, uint32

from .compiling import inlined
from .sampling import GAMMA, Tree, random, uniform
from .simd import (
    LANES,
    ROWS,
    broadcast,
    gather,
    gradients,
    load,
    multiply_add,
    prefetch_row,
    scatter_add,
    store,
    sums,
    weighted,
    zeros,
)


class Targets(NamedTuple):
    """The targets of two centres, on a side each: one is drawn and prefetched while the other is learned.

    `rows` are offsets in the outputs, `size` a side at most, and `counts` of them a side, whole blocks of
    `ROWS`. `labels` and `rates`, `lanes` a side, say what each target should answer and its learning rate.
    The rate is 0 for a negative that is the centre itself and for what fills the last block, so that nothing
    is learned there and no branch is needed. `negative`: negatives of a centre.
    """

    rows: np.ndarray
    labels: np.ndarray
    rates: np.ndarray
    counts: np.ndarray
    negative: int
    size: int
    lanes: int


def new_targets(negative: int, tree: Tree) -> Targets:
    """Arrays for the targets of two centres; a centre has as many as the tree is deep, or 1 + `negative`."""
    size = -(-(tree.depth or 1 + negative) // ROWS) * ROWS
    lanes = -(-(size - ROWS + LANES) // LANES) * LANES  # the last block writes a whole register
    rows, counts = np.zeros(2 * size, np.int64), np.zeros(2, np.int64)
    labels, rates = np.zeros(2 * lanes, np.float32), np.zeros(2 * lanes, np.float32)
    return Targets(rows, labels, rates, counts, negative, size, lanes)


@inlined
def draw_targets(centre, tables, weights, rate, state, targets, side):
    """Write the targets of a centre to one side of `targets`, and prefetch their rows; returns the counter.

    With a tree these are the nodes on the path to the centre, else the centre itself and random words.
    """
    first, lane = side * targets.size, side * targets.lanes
    if len(tables.tree.nodes):
        begin, count = tables.tree.begins[centre], tables.tree.begins[centre + 1] - tables.tree.begins[centre]
        for i in range(count):
            targets.rows[first + i] = tables.tree.nodes[begin + i] * weights.stride
            targets.labels[lane + i] = tables.tree.labels[begin + i]
            targets.rates[lane + i] = rate
    else:
        count = 1 + targets.negative
        targets.rows[first] = centre * weights.stride
        targets.labels[lane], targets.rates[lane] = 1, rate
        for i in range(1, count):
            state += GAMMA
            bits = random(state)
            word = uniform(bits, len(tables.alias))
            if uint32(bits) > tables.alias[word, 0]:
                word = int64(tables.alias[word, 1])
            targets.rows[first + i] = word * weights.stride
            targets.labels[lane + i], targets.rates[lane + i] = 0, float32(0) if word == centre else rate
    for i in range(count):
        prefetch_row(weights.outputs, targets.rows[first + i], weights.width)
    targets.counts[side] = (count + ROWS - 1) // ROWS * ROWS
    for i in range(count, targets.counts[side]):
        targets.rows[first + i] = 0
        targets.rates[lane + i] = 0
    return state


@inlined
def score_targets(inputs, contexts, count, weights, targets, side, scores):
    """Write (label − σ(input · output)) · rate for each context and target.

    The scores of a context begin every `targets.lanes`. The inputs are not always those of the weights: CBOW
    passes the mean of the contexts.
    """
    lanes, first = targets.lanes, side * targets.size
    for one in range(0, count - 1, 2):  # two contexts at a time: each register loaded is used twice
        for block in range(0, targets.counts[side], ROWS):
            dots, more = zeros(ROWS), zeros(ROWS)
            for at in range(0, weights.width, LANES):
                rows = gather(weights.outputs, targets.rows, first + block, at, dots)
                dots = multiply_add(rows, load(inputs, contexts[one] + at), dots)
                more = multiply_add(rows, load(inputs, contexts[one + 1] + at), more)
            store(scores, one * lanes + block, sums(dots))
            store(scores, (one + 1) * lanes + block, sums(more))
    if count & 1:
        for block in range(0, targets.counts[side], ROWS):
            dots = zeros(ROWS)
            for at in range(0, weights.width, LANES):
                rows = gather(weights.outputs, targets.rows, first + block, at, dots)
                dots = multiply_add(rows, load(inputs, contexts[count - 1] + at), dots)
            store(scores, (count - 1) * lanes + block, sums(dots))
    for context in range(0, count * lanes, lanes):
        for at in range(0, targets.counts[side], LANES):
            label, rate = load(targets.labels, side * lanes + at), load(targets.rates, side * lanes + at)
            store(scores, context + at, gradients(load(scores, context + at), label, rate))


@inlined
def loss_of(scores, count, targets, side):
    """−log likelihood of `count` contexts, from the scores: |label − σ| is one minus the likelihood."""
    loss = 0.0
    for context in range(count):
        for i in range(targets.counts[side]):
            rate = targets.rates[side * targets.lanes + i]
            if rate > 0:
                loss -= np.log(1.0 + 1e-7 - abs(scores[context * targets.lanes + i]) / rate)
    return loss


@inlined
def move_targets(hidden, weights, targets, side, scores, move):
    """Move every target by score · hidden, and write to `move` the sum of scores · targets as they were."""
    outputs, first = weights.outputs, side * targets.size
    for at in range(0, weights.width, LANES):
        pooled, total = load(hidden, at), zeros(1)
        for block in range(0, targets.counts[side], ROWS):
            shares = broadcast(scores, block, zeros(ROWS))
            total = weighted(shares, gather(outputs, targets.rows, first + block, at, shares), total)
            scatter_add(outputs, targets.rows, first + block, at, multiply_add(shares, pooled, zeros(ROWS)))
        store(move, at, total)


@inlined
def move_pairs(inputs, contexts, count, weights, targets, side, scores):
    """Move every context by scores · targets and every target by scores · contexts.

    ROWS targets stay in registers while all contexts pass by. A block of targets moves the contexts before
    the next block meets them; the scores are those from before the first.
    """
    outputs = weights.outputs
    for block in range(0, targets.counts[side], ROWS):
        first = side * targets.size + block
        for at in range(0, weights.width, LANES):
            moves = zeros(ROWS)
            rows = gather(outputs, targets.rows, first, at, moves)
            for context in range(count):
                shares = broadcast(scores, context * targets.lanes + block, moves)
                row = load(inputs, contexts[context] + at)
                moves = multiply_add(shares, row, moves)
                store(inputs, contexts[context] + at, weighted(shares, rows, row))
            scatter_add(outputs, targets.rows, first, at, moves)
