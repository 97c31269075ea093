# mypy: ignore-errors
"""Skip-gram and CBOW over the parts of words: a word goes in as the mean of its own row and its n-grams'.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3. As in fastText every
part gets the whole gradient of the mean. The parts of a word are read once, when the word comes into reach
of a centre, and written once, when it leaves: in between only its mean learns, by what every part will move
in the end. So at any time the words of one window have means, and skip-gram goes over them as in `skipgram`:
the neighbours go in, the centre and one draw of negatives for all of them come out.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, njit, uint64

from . import bags, skipgram
from .bags import learn_targets, move_rows, pool_rows
from .compiling import bare, inlined
from .sampling import (
    GAMMA,
    LINE,
    PARTS,
    Draws,
    Schedule,
    Tables,
    Weights,
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
from .simd import LANES, broadcast, load, multiply_add, store, zeros
from .skipgram import update


class Parts(NamedTuple):
    """The parts of word `w` are `rows[begins[w]:begins[w + 1]]`, places of rows in the flat inputs.

    `begins` (words + 1,) int64, `rows` (parts,) int64.
    """

    begins: np.ndarray
    rows: np.ndarray


class _Room(NamedTuple):
    """Arrays that a kernel works in; `means` and `before` hold a word of the line at its place % `slots`."""

    line: np.ndarray
    contexts: np.ndarray
    scores: np.ndarray
    means: np.ndarray
    before: np.ndarray
    counts: np.ndarray
    here: np.ndarray
    hidden: np.ndarray
    move: np.ndarray
    factor: np.ndarray


@inlined
def _ask_for(parts: Parts, word: int, weights: Weights) -> None:
    """Prefetch the parts of a word."""
    for i in range(parts.begins[word], parts.begins[word + 1]):
        prefetch_row(weights.inputs, parts.rows[i], weights.width)


@inlined
def _enter(parts: Parts, word: int, weights: Weights, slot: int, room: _Room) -> None:
    """Write the mean of a word's parts to its slot."""
    begin, end = parts.begins[word], parts.begins[word + 1]
    room.counts[slot] = end - begin
    room.factor[0] = float32(1) / float32(end - begin)
    mean, before = room.means[slot * weights.width :], room.before[slot * weights.width :]
    pool_rows(weights.inputs, parts.rows, begin, end, weights.width, room.factor, mean)
    for at in range(0, weights.width, LANES):
        store(before, at, load(mean, at))


@inlined
def _leave(parts: Parts, word: int, weights: Weights, slot: int, room: _Room) -> None:
    """Move every part of a word by what its mean has moved."""
    begin, end = parts.begins[word], parts.begins[word + 1]
    mean, before = room.means[slot * weights.width :], room.before[slot * weights.width :]
    room.factor[0] = float32(-1)
    for at in range(0, weights.width, LANES):
        minus = broadcast(room.factor, 0, zeros(1))
        store(room.move, at, multiply_add(load(before, at), minus, load(mean, at)))
    room.factor[0] = float32(1)
    move_rows(weights.inputs, parts.rows, begin, end, weights.width, room.factor, room.move)


@inlined
def _pool(count: int, width: int, room: _Room) -> None:
    """Write the mean of all parts of the contexts to `hidden`."""
    room.factor[0] = 0
    for i in range(count):
        room.factor[0] += room.counts[room.contexts[i] // width]
    room.factor[0] = float32(1) / room.factor[0]
    for at in range(0, width, LANES):
        total = zeros(1)
        for i in range(count):
            parts = broadcast(room.counts, room.contexts[i] // width, total)
            total = multiply_add(load(room.means, room.contexts[i] + at), parts, total)
        store(room.hidden, at, multiply_add(total, broadcast(room.factor, 0, total), zeros(1)))


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
    cbow: bool,
    seed: int,
    sources: int = PARTS ^ fingerprint(bags.__file__, skipgram.__file__),
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, pairs of word and neighbour, or words, that it is the sum of).

    Args:
        parts: What each word is made of.
        negative: Random words a centre.
        size: Targets at most of a word that is predicted: 1 + negative, or the depth of the tree.
        cbow: Whether the neighbours, with all their parts, predict the word together; otherwise each does.

    All others as in `skipgram`.
    """
    draws, slots = new_draws(negative, size), 2 * window + 1
    room = _Room(
        np.empty(LINE, np.int64),
        np.empty(slots, np.int64),
        np.empty(slots * draws.lanes, np.float32),
        np.zeros(slots * weights.width, np.float32),
        np.zeros(slots * weights.width, np.float32),
        np.zeros(slots, np.float32),
        np.zeros(1, np.int64),
        np.zeros(weights.width, np.float32),
        np.zeros(weights.width, np.float32),
        np.zeros(1, np.float32),
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
    line, contexts, scores, means = room.line, room.contexts, room.scores, room.means
    state, at, centres, pairs, loss = uint64(seed), start, 0, 0, 0.0
    slots, width = 2 * window + 1, weights.width
    while at < end:
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * (at - start)))
        at, words, state = read_line(ids, at, end, tables.keep, state, line)
        for enters in range(words + 2 * window):
            centre, leaves = enters - window, enters - 2 * window
            if enters < words:
                _enter(parts, line[enters], weights, enters % slots, room)
                _ask_for(parts, line[min(enters + 1, words - 1)], weights)
            if -1 <= centre < words - 1:
                state = draw(line[centre + 1], tables, weights, rate, state, draws, (centre + 1) & 1)
            if 0 <= centre < words:
                side = centre & 1
                state += GAMMA
                span, count = 1 + uniform(random(state), window), 0
                for place in range(max(0, centre - span), min(words, centre + span + 1)):
                    contexts[count] = place % slots * width
                    count += place != centre
                if cbow and count > 0:
                    _pool(count, width, room)
                    score(room.hidden, room.here, 1, weights, draws, side, scores)
                    learn_targets(room.hidden, weights, draws, side, scores, room.move)
                    room.factor[0] = 1
                    move_rows(means, contexts, 0, count, width, room.factor, room.move)
                    count = 1  # pair
                elif not cbow:
                    score(means, contexts, count, weights, draws, side, scores)
                    update(means, contexts, count, weights, draws, side, scores)
                centres += count > 0
                if count > 0 and centres & 15 == 0:  # a sixteenth of the centres tells the loss well enough
                    loss += loss_of(scores, count, draws, side)
                    pairs += count
            if 0 <= leaves < words:
                _leave(parts, line[leaves], weights, leaves % slots, room)
    return loss, pairs
