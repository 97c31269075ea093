# mypy: ignore-errors
"""Skip-gram: each neighbour of a word learns to tell the word from random ones.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases", eq. 4. As in word2vec.c the vectors
of the neighbours are `inputs`, those of the word and of the negatives `outputs`. Unlike there, one draw of
negatives serves all neighbours of a word (Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed
Memory"): the same few output rows meet all the input rows, a small product of matrices in place of single
dot products. With hierarchical softmax the nodes on the way to the word stand in place of the negatives.
"""

import numpy as np
from numba import float32, njit, uint64

from .compiling import bare, inlined
from .sampling import (
    GAMMA,
    LINE,
    PARTS,
    Draws,
    Schedule,
    Tables,
    Weights,
    contexts_of,
    draw,
    loss_of,
    new_draws,
    prefetch_row,
    random,
    read_line,
    score,
    uniform,
)
from .simd import LANES, ROWS, broadcast, gather, load, multiply_add, scatter_add, store, weighted, zeros


@inlined
def update(
    inputs: np.ndarray,
    contexts: np.ndarray,
    count: int,
    weights: Weights,
    draws: Draws,
    side: int,
    scores: np.ndarray,
) -> None:
    """Move every context by scores · targets and every target by scores · contexts.

    ROWS targets stay in registers while all contexts pass by. A block of targets moves the contexts before
    the next block meets them; the scores are those from before the first. The inputs are not taken from the
    weights, as in `score`.
    """
    outputs = weights.outputs
    for block in range(0, draws.counts[side], ROWS):
        first = side * draws.size + block
        for at in range(0, weights.width, LANES):
            moves = zeros(ROWS)
            rows = gather(outputs, draws.targets, first, at, moves)
            for context in range(count):
                shares = broadcast(scores, context * draws.lanes + block, moves)
                row = load(inputs, contexts[context] + at)
                moves = multiply_add(shares, row, moves)
                store(inputs, contexts[context] + at, weighted(shares, rows, row))
            scatter_add(outputs, draws.targets, first, at, moves)


@njit(nogil=True, fastmath=True, cache=True)
def skipgram(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    weights: Weights,
    schedule: Schedule,
    window: int,
    negative: int,
    size: int,
    seed: int,
    parts: int = PARTS,
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, pairs of centre and context that it is the sum of).

    Args:
        ids: Word numbers, int32; −1 ends a line.
        start: The first id to learn from.
        end: One past the last.
        tables: What is drawn from.
        weights: What is learned, in place; several threads may do so at once (Hogwild, Niu et al. 2011).
        schedule: The learning rate.
        window: The most words to each side; every centre draws its own span from 1 to this.
        negative: Random words a centre; not used with a tree.
        size: Targets of a centre at most: 1 + negative, or the depth of the tree.
        seed: Start of the random numbers, uint64.
        parts: See `sampling.PARTS`.
    """
    draws = new_draws(negative, size)
    line, contexts = np.empty(LINE, np.int64), np.empty(2 * window + 1, np.int64)
    scores = np.empty(2 * window * draws.lanes, np.float32)
    return _learn(ids, start, end, tables, weights, schedule, window, draws, line, contexts, scores, seed)


@bare
def _learn(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    weights: Weights,
    schedule: Schedule,
    window: int,
    draws: Draws,
    line: np.ndarray,
    contexts: np.ndarray,
    scores: np.ndarray,
    seed: int,
) -> tuple[float, int]:
    state, at, centres, pairs, loss = uint64(seed), start, 0, 0, 0.0
    while at < end:
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * (at - start)))
        at, words, state = read_line(ids, at, end, tables.keep, state, line)
        for ahead in range(words + 1):
            if ahead < words:
                state = draw(line[ahead], tables, weights, rate, state, draws, ahead & 1)
                if ahead + window < words:
                    prefetch_row(weights.inputs, line[ahead + window] * weights.stride, weights.width)
            if ahead == 0:
                continue
            centre, side = ahead - 1, (ahead - 1) & 1
            state += GAMMA
            span = 1 + uniform(random(state), window)
            count = contexts_of(line, words, centre, span, weights.stride, contexts)
            score(weights.inputs, contexts, count, weights, draws, side, scores)
            update(weights.inputs, contexts, count, weights, draws, side, scores)
            centres += 1
            if centres & 15 == 0:  # a sixteenth of the centres tells the loss well enough
                loss += loss_of(scores, count, draws, side)
                pairs += count
    return loss, pairs
