# mypy: ignore-errors
"""Skip-gram and CBOW over the parts of words: a word goes in as the mean of its own row and its n-grams'.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3. As in fastText every
part gets the whole gradient of the mean. The parts of a word are read once for all its neighbours: between
them only the mean moves, by what every part will move in the end.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint64

from . import bags
from .bags import learn_targets, move_rows, pool_rows
from .compiling import bare, inlined
from .registers import LANES, add, load, store
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

__all__ = ["Parts", "subwordgram"]


class Parts(NamedTuple):
    """The parts of word `w` are `rows[begins[w]:begins[w + 1]]`, places of rows in the flat inputs.

    `begins` (words + 1,) int64, `rows` (parts,) int64.
    """

    begins: np.ndarray
    rows: np.ndarray


class _Room(NamedTuple):
    line: np.ndarray
    contexts: np.ndarray
    counts: np.ndarray
    bag: np.ndarray
    scores: np.ndarray
    here: np.ndarray
    hidden: np.ndarray
    total: np.ndarray
    move: np.ndarray
    whole: np.ndarray
    part: np.ndarray


@inlined
def _ask_for(parts: Parts, word: int, weights: Weights) -> None:
    """Prefetch the parts of a word."""
    for i in range(parts.begins[word], parts.begins[word + 1]):
        prefetch_row(weights.inputs, parts.rows[i], weights.width)


@inlined
def _bag_of(parts: Parts, word: int, bag: np.ndarray, size: int) -> int:
    """Append the parts of a word to the bag: its new size."""
    for i in range(parts.begins[word], parts.begins[word + 1]):
        bag[size] = parts.rows[i]
        size += 1
    return size


@inlined
def _move_on(hidden: np.ndarray, total: np.ndarray, move: np.ndarray, width: int) -> None:
    """Add `move` to both."""
    for at in range(0, width, LANES):
        step = load(move, at)
        store(hidden, at, add(load(hidden, at), step))
        store(total, at, add(load(total, at), step))


@njit(nogil=True, cache=True)
def subwordgram(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    parts: Parts,
    weights: Weights,
    schedule: Schedule,
    window: int,
    negative: int,
    size: int,
    longest: int,
    cbow: bool,
    seed: int,
    sources: int = PARTS ^ fingerprint(bags.__file__),
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, pairs of word and neighbour, or words, that it is the sum of).

    Args:
        parts: What each word is made of.
        negative: Random words a pair.
        size: Targets at most of a word that is predicted: 1 + negative, or the depth of the tree.
        longest: Parts of a word at most.
        cbow: Whether the neighbours, with all their parts, predict the word; otherwise it predicts them.

    All others as in `skipgram`.
    """
    draws = new_draws(negative, size, 2 if cbow else 4 * window)
    room = _Room(
        np.empty(LINE, np.int64),
        np.empty(4 * window + 1, np.int64),
        np.zeros(2, np.int64),
        np.empty(longest * (2 * window if cbow else 1), np.int64),
        np.empty(draws.lanes, np.float32),
        np.zeros(1, np.int64),
        np.zeros(weights.width, np.float32),
        np.zeros(weights.width, np.float32),
        np.zeros(weights.width, np.float32),
        np.ones(1, np.float32),
        np.ones(1, np.float32),
    )
    return _learn(ids, start, end, tables, parts, weights, schedule, window, cbow, draws, room, seed)


@bare
def _learn(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    parts: Parts,
    weights: Weights,
    schedule: Schedule,
    window: int,
    cbow: bool,
    draws: Draws,
    room: _Room,
    seed: int,
) -> tuple[float, int]:
    line, contexts, counts, bag, scores, here, hidden, total, move, whole, part = room
    state, at, centres, pairs, loss = uint64(seed), start, 0, 0, 0.0
    most = 1 if cbow else 2 * window  # pairs of a centre
    while at < end:
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * (at - start)))
        at, words, state = read_line(ids, at, end, tables.keep, state, line)
        for ahead in range(words + 1):
            if ahead < words:  # draw, and ask for, what the next centre needs
                side = (ahead & 1) * most
                state += GAMMA
                span = 1 + uniform(random(state), window)
                mine = contexts[(ahead & 1) * 2 * window :]
                counts[ahead & 1] = contexts_of(line, words, ahead, span, 1, mine)
                if cbow:
                    state = draw(line[ahead], tables, weights, rate, state, draws, side)
                    _ask_for(parts, line[min(ahead + window, words - 1)], weights)
                else:
                    for pair in range(counts[ahead & 1]):
                        state = draw(mine[pair], tables, weights, rate, state, draws, side + pair)
                    _ask_for(parts, line[ahead], weights)
            centre, count = ahead - 1, counts[(ahead - 1) & 1]
            if ahead == 0 or count == 0:
                continue
            size, first = 0, (centre & 1) * 2 * window
            if cbow:
                for place in range(first, first + count):
                    size = _bag_of(parts, contexts[place], bag, size)
            else:
                size = _bag_of(parts, line[centre], bag, size)
            part[0] = float32(1) / float32(size)
            pool_rows(weights.inputs, bag, 0, size, weights.width, part, hidden)
            total[:] = 0
            for pair in range(1 if cbow else count):
                side = (centre & 1) * most + pair
                score(hidden, here, 1, weights, draws, side, scores)
                learn_targets(hidden, weights, draws, side, scores, move)
                _move_on(hidden, total, move, weights.width)
                centres += 1
                if centres & 15 == 0:  # a sixteenth tells the loss well enough
                    loss += loss_of(scores, 1, draws, side)
                    pairs += 1
            move_rows(weights.inputs, bag, 0, size, weights.width, whole, total)
    return loss, pairs
