# mypy: ignore-errors
"""Continuous bag of words: the mean of a word's neighbours learns to tell the word from random ones.

Mikolov et al. 2013, "Efficient Estimation of Word Representations", section 3.1, with the negative sampling
of "Distributed Representations of Words and Phrases", eq. 4. As in word2vec.c every context gets the whole
gradient of the mean. The sum instead of the mean, and hierarchical softmax, are not done here.
"""

import numpy as np
from numba import float32, njit, uint64

from .registers import (
    LANES,
    ROWS,
    add,
    broadcast,
    gather,
    load,
    multiply_add,
    scatter_add,
    store,
    weighted,
    zeros,
)
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

__all__ = ["cbow"]


@njit(nogil=True, fastmath=True)
def _mean(contexts: np.ndarray, count: int, weights: Weights, shares: np.ndarray, hidden: np.ndarray) -> None:
    """Write the mean of the contexts' rows to `hidden`; `shares[n]` is 1/n."""
    for at in range(0, weights.width, LANES):
        total = zeros(1)
        for context in range(count):
            total = add(total, load(weights.inputs, contexts[context] + at))
        store(hidden, at, multiply_add(total, broadcast(shares, count, total), zeros(1)))


@njit(nogil=True, fastmath=True)
def _update(
    contexts: np.ndarray,
    count: int,
    weights: Weights,
    hidden: np.ndarray,
    draws: Draws,
    side: int,
    scores: np.ndarray,
) -> None:
    """Move every target by score · mean, and every context by scores · targets."""
    inputs, outputs, first = weights.inputs, weights.outputs, side * draws.size
    for at in range(0, weights.width, LANES):
        mean, move = load(hidden, at), zeros(1)
        for block in range(0, draws.size, ROWS):
            shares = broadcast(scores, block, zeros(ROWS))
            move = weighted(shares, gather(outputs, draws.targets, first + block, at, shares), move)
            scatter_add(outputs, draws.targets, first + block, at, multiply_add(shares, mean, zeros(ROWS)))
        for context in range(count):
            place = contexts[context] + at
            store(inputs, place, add(load(inputs, place), move))


@njit(nogil=True, fastmath=True, cache=True)
def cbow(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    weights: Weights,
    schedule: Schedule,
    window: int,
    negative: int,
    seed: int,
    parts: int = PARTS,
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, centres that it is the sum of). Arguments as in `skipgram`."""
    draws = new_draws(negative)
    line, contexts = np.empty(LINE, np.int64), np.empty(2 * window + 1, np.int64)
    scores, here = np.empty(draws.lanes, np.float32), np.zeros(1, np.int64)
    hidden = np.zeros(weights.width, np.float32)
    shares = (1 / np.maximum(1, np.arange(2 * window + 1))).astype(np.float32)
    state, at, centres, pairs, loss = uint64(seed), start, 0, 0, 0.0
    while at < end:
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * (at - start)))
        at, words, state = read_line(ids, at, end, tables.keep, state, line)
        for ahead in range(words + 1):
            if ahead < words:
                state = draw(line[ahead], tables.alias, weights, rate, state, draws, ahead & 1)
                if ahead + window < words:
                    prefetch_row(weights.inputs, line[ahead + window] * weights.stride, weights.width)
            if ahead == 0:
                continue
            centre, side = ahead - 1, (ahead - 1) & 1
            state += GAMMA
            span = 1 + uniform(random(state), window)
            count = contexts_of(line, words, centre, span, weights.stride, contexts)
            if count == 0:
                continue
            _mean(contexts, count, weights, shares, hidden)
            score(hidden, here, 1, weights, draws, side, scores)
            _update(contexts, count, weights, hidden, draws, side, scores)
            centres += 1
            if centres & 15 == 0:  # a sixteenth of the centres tells the loss well enough
                loss += loss_of(scores, 1, draws, side)
                pairs += 1
    return loss, pairs
