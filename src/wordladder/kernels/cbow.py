# mypy: ignore-errors
"""Continuous bag of words: a word's neighbours together learn to tell the word from random ones.

Mikolov et al. 2013, "Efficient Estimation of Word Representations", section 3.1, with the negative sampling
of "Distributed Representations of Words and Phrases", eq. 4, or hierarchical softmax. As in word2vec.c every
neighbour gets the whole gradient of the mean; of the sum it gets an equal share, as in gensim.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint64

from . import bags
from .bags import learn_targets, move_rows, pool_rows
from .compiling import bare
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
    fingerprint,
    loss_of,
    new_draws,
    prefetch_row,
    random,
    read_line,
    score,
    uniform,
)


class Room(NamedTuple):
    """Arrays that a kernel works in."""

    line: np.ndarray
    contexts: np.ndarray
    scores: np.ndarray
    here: np.ndarray
    hidden: np.ndarray
    move: np.ndarray
    whole: np.ndarray
    part: np.ndarray


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
    size: int,
    mean: bool,
    seed: int,
    parts: int = PARTS ^ fingerprint(bags.__file__),
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, centres that it is the sum of).

    Args:
        mean: Whether the neighbours' rows are averaged; otherwise they are added up.

    All others as in `skipgram`.
    """
    draws = new_draws(negative, size)
    line, contexts = np.empty(LINE, np.int64), np.empty(2 * window + 1, np.int64)
    scores, here = np.empty(draws.lanes, np.float32), np.zeros(1, np.int64)
    hidden, move = np.zeros(weights.width, np.float32), np.zeros(weights.width, np.float32)
    whole, part = np.ones(1, np.float32), np.ones(1, np.float32)
    room = Room(line, contexts, scores, here, hidden, move, whole, part)
    return _learn(ids, start, end, tables, weights, schedule, window, mean, draws, room, seed)


@bare
def _learn(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    weights: Weights,
    schedule: Schedule,
    window: int,
    mean: bool,
    draws: Draws,
    room: Room,
    seed: int,
) -> tuple[float, int]:
    line, contexts, scores, here, hidden, move, whole, part = room
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
            if count == 0:
                continue
            part[0] = float32(1) / float32(count)
            pool_rows(weights.inputs, contexts, 0, count, weights.width, part if mean else whole, hidden)
            score(hidden, here, 1, weights, draws, side, scores)
            learn_targets(hidden, weights, draws, side, scores, move)
            move_rows(weights.inputs, contexts, 0, count, weights.width, whole if mean else part, move)
            centres += 1
            if centres & 15 == 0:  # a sixteenth of the centres tells the loss well enough
                loss += loss_of(scores, 1, draws, side)
                pairs += 1
    return loss, pairs
