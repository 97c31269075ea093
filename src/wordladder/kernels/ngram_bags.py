# mypy: ignore-errors
"""A linear classifier over a bag of word and n-gram vectors, as fastText trains it.

Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification". The bag of a text is the parts of its
words and the hashed runs of its words; its mean meets one row a label.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, int32, int64, njit, uint64

from . import bags
from .bags import move_rows, pool_rows
from .compiling import bare, inlined
from .sampling import PARTS, Schedule, fingerprint, prefetch_row
from .simd import LANES, add, load, multiply_add, store, sums, zeros

_LOT = 16  # rows pooled or moved together, while the next lot is asked for
_RUN = np.uint64(116049371)  # fastText's multiplier for the next word of a run


class Texts(NamedTuple):
    """Words of texts: text `t` is `ids[begins[t]:begins[t + 1]]`, numbers in a table of word forms."""

    begins: np.ndarray
    ids: np.ndarray


class Spelling(NamedTuple):
    """The parts of word form `f`, rows of the matrix, are `rows[begins[f]:begins[f + 1]]`. `places`
    (buckets,) has the row of each bucket that runs of words are hashed into, −1 for one without.
    """

    begins: np.ndarray
    rows: np.ndarray
    places: np.ndarray


class Bags(NamedTuple):
    """The rows of text `t` are `rows[begins[t]:begins[t + 1]]`, int32."""

    begins: np.ndarray
    rows: np.ndarray


@njit(nogil=True, forceinline=True)
def _signed(value: int) -> int:
    """A hash of 32 bits as 64: fastText takes it for a signed number."""
    return uint64(int64(int32(value)))


@njit(nogil=True, cache=True)
def runs_of(
    texts: Texts,
    hashes: np.ndarray,
    run: int,
    buckets: int,
    first: int,
    last: int,
    begins: np.ndarray,
    found: np.ndarray,
) -> None:
    """Write the buckets of the runs of 2 to `run` words of the texts from `first` to `last` to `found`.

    Those of text `t` go from `begins[t]` on; `hashes` are those of the word forms, uint32.
    """
    most = uint64(buckets)
    for text in range(first, last):
        size, end = begins[text], texts.begins[text + 1]
        for at in range(texts.begins[text], end):
            value = _signed(hashes[texts.ids[at]])
            for after in range(at + 1, min(end, at + run)):
                value = value * _RUN + _signed(hashes[texts.ids[after]])
                found[size] = value % most
                size += 1


@njit(nogil=True, cache=True)
def bags_of(texts: Texts, spelling: Spelling, begins: np.ndarray, runs: np.ndarray) -> Bags:
    """The bag of each text: the parts of its words, then its runs, `runs[begins[t]:begins[t + 1]]`."""
    most = len(runs) + 1
    for form in texts.ids:
        most += spelling.begins[form + 1] - spelling.begins[form]
    ends, rows, size = np.zeros(len(texts.begins), np.int64), np.empty(most, np.int32), 0
    for text in range(len(texts.begins) - 1):
        for at in range(texts.begins[text], texts.begins[text + 1]):
            form = texts.ids[at]
            for i in range(spelling.begins[form], spelling.begins[form + 1]):
                rows[size] = spelling.rows[i]
                size += 1
        for at in range(begins[text], begins[text + 1]):
            row = spelling.places[runs[at]]
            rows[size] = row  # written always and counted when there is a row: no branch
            size += row >= 0
        ends[text + 1] = size
    return Bags(ends, rows[:size])


class _Room(NamedTuple):
    places: np.ndarray
    hidden: np.ndarray
    lot: np.ndarray
    move: np.ndarray
    lane: np.ndarray
    scores: np.ndarray
    one: np.ndarray


@njit(nogil=True)
def _room(longest: int, labels: int, width: int) -> _Room:
    return _Room(
        np.empty(longest, np.int64),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(width, np.float32),
        np.zeros(LANES, np.float32),
        np.zeros(labels, np.float32),
        np.zeros(1, np.float32),
    )


@inlined
def _mean(matrix: np.ndarray, texts: Bags, text: int, width: int, room: _Room) -> int:
    """Write the mean of a text's rows to `room.hidden`, their places to `room.places`: how many they are."""
    begin, size = texts.begins[text], texts.begins[text + 1] - texts.begins[text]
    for i in range(size):
        room.places[i] = int64(texts.rows[begin + i]) * width
    for at in range(0, width, LANES):
        store(room.hidden, at, zeros(1))
    for i in range(min(_LOT, size)):
        prefetch_row(matrix, room.places[i], width)
    room.one[0] = float32(1) / float32(max(1, size))
    for first in range(0, size, _LOT):
        last = min(first + _LOT, size)
        for i in range(last, min(last + _LOT, size)):
            prefetch_row(matrix, room.places[i], width)
        pool_rows(matrix, room.places, first, last, width, room.one, room.lot)
        for at in range(0, width, LANES):
            store(room.hidden, at, add(load(room.hidden, at), load(room.lot, at)))
    return size


@inlined
def _score(outputs: np.ndarray, labels: int, width: int, room: _Room) -> None:
    """Write hidden · row to `room.scores` for each label."""
    for label in range(labels):
        dot = zeros(1)
        for at in range(0, width, LANES):
            dot = multiply_add(load(room.hidden, at), load(outputs, label * width + at), dot)
        store(room.lane, 0, sums(dot))
        room.scores[label] = room.lane[0]


@inlined
def _errors(scores: np.ndarray, targets: np.ndarray, text: int, softmax: bool, rate: float) -> float:
    """Replace each score by (target − probability) · rate: the loss."""
    loss, most, total = 0.0, scores[0], float32(0)
    if softmax:
        for label in range(len(scores)):
            most = max(most, scores[label])
        for label in range(len(scores)):
            scores[label] = np.exp(scores[label] - most)
            total += scores[label]
    for label in range(len(scores)):
        share = scores[label] / total if softmax else float32(1) / (float32(1) + np.exp(-scores[label]))
        target = targets[text, label]
        loss -= target * np.log(share + 1e-10)
        if not softmax:
            loss -= (1 - target) * np.log(1 - share + 1e-10)
        scores[label] = (target - share) * rate
    return loss


@njit(nogil=True, cache=True)
def textbags(
    order: np.ndarray,
    texts: Bags,
    targets: np.ndarray,
    weights: np.ndarray,
    softmax: bool,
    inputs: np.ndarray,
    outputs: np.ndarray,
    width: int,
    schedule: Schedule,
    longest: int,
    sources: int = PARTS ^ fingerprint(bags.__file__),
) -> float:
    """Learn from the texts `order`, one after the other: the sum of their losses.

    Args:
        order: Numbers of texts.
        texts: The rows of all texts.
        targets: (texts, labels) float32; a row sums to one for `softmax`, else each is 0 or 1.
        weights: How much each text counts, `(texts,)` float32.
        softmax: Whether one label is right; otherwise each label is decided by itself.
        inputs: Rows of words and runs, flat float32, `width` numbers each.
        outputs: Rows of labels, the same.
        width: Numbers in a row.
        schedule: The learning rate at the first text, what each text takes from it, and its least.
        longest: Rows of a text at most.
        sources: See `sampling.PARTS`.
    """
    room = _room(longest, targets.shape[1], width)
    return _learn(order, texts, targets, weights, softmax, inputs, outputs, width, schedule, room)


@bare
def _learn(
    order: np.ndarray,
    texts: Bags,
    targets: np.ndarray,
    weights: np.ndarray,
    softmax: bool,
    inputs: np.ndarray,
    outputs: np.ndarray,
    width: int,
    schedule: Schedule,
    room: _Room,
) -> float:
    loss, labels = 0.0, len(room.scores)
    for step in range(len(order)):
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * step)) * weights[order[step]]
        size = _mean(inputs, texts, order[step], width, room)
        if size == 0:
            continue
        _score(outputs, labels, width, room)
        loss += _errors(room.scores, targets, order[step], softmax, rate)
        for at in range(0, width, LANES):
            store(room.move, at, zeros(1))
        for label in range(labels):
            for i in range(LANES):
                room.lane[i] = room.scores[label]
            slope = load(room.lane, 0)
            for at in range(0, width, LANES):
                row = load(outputs, label * width + at)
                store(room.move, at, multiply_add(slope, row, load(room.move, at)))
                store(outputs, label * width + at, multiply_add(slope, load(room.hidden, at), row))
        for first in range(0, size, _LOT):
            last = min(first + _LOT, size)
            for i in range(last, min(last + _LOT, size)):
                prefetch_row(inputs, room.places[i], width)
            move_rows(inputs, room.places, first, last, width, room.one, room.move)
    return loss


@njit(nogil=True, cache=True)
def bag_means(
    texts: Bags,
    inputs: np.ndarray,
    width: int,
    longest: int,
    means: np.ndarray,
    sources: int = PARTS ^ fingerprint(bags.__file__),
) -> None:
    """Write the mean of each text's rows to `means` (texts, width); zeros for a text without a row."""
    _all_means(texts, inputs, width, means, _room(longest, 1, width))


@bare
def _all_means(texts: Bags, inputs: np.ndarray, width: int, means: np.ndarray, room: _Room) -> None:
    for text in range(len(texts.begins) - 1):
        _mean(inputs, texts, text, width, room)
        for at in range(width):
            means[text, at] = room.hidden[at]
