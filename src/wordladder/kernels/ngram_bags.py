# mypy: ignore-errors
"""A linear classifier over a bag of word and n-gram vectors, as fastText trains it.

Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification". The bag of a text is the rows of its
words and of its hashed word n-grams; its mean meets one row a label.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, int32, int64, njit, uint64

from .compiling import bare, inlined
from .sampling import SOURCES, Schedule
from .simd import (
    LANES,
    add,
    broadcast,
    load,
    move_rows,
    multiply_add,
    pool_rows,
    prefetch_row,
    store,
    sums,
    zeros,
)

_LOT = 16  # rows pooled or moved together, while the next lot is prefetched
_RUN = np.uint64(116049371)  # fastText's multiplier for the next word of an n-gram


class Texts(NamedTuple):
    """Words of texts: text `t` is `ids[begins[t]:begins[t + 1]]`, numbers in a table of word forms."""

    begins: np.ndarray
    ids: np.ndarray


class Spelling(NamedTuple):
    """The rows of the matrix that word form `f` has are `rows[begins[f]:begins[f + 1]]`. `places` (buckets,)
    has the row of each bucket that word n-grams are hashed into, −1 for one without.
    """

    begins: np.ndarray
    rows: np.ndarray
    places: np.ndarray


class Bags(NamedTuple):
    """The rows of text `t` are `rows[begins[t]:begins[t + 1]]`, int32."""

    begins: np.ndarray
    rows: np.ndarray


@njit(nogil=True, forceinline=True)
def _signed(value):
    """A hash of 32 bits as 64: fastText takes it for a signed number."""
    return uint64(int64(int32(value)))


@njit(nogil=True, cache=True)
def hash_word_ngrams(texts, hashes, longest, buckets, first, last, begins, result):
    """Write the buckets of the n-grams of 2 to `longest` words of some texts to `result`.

    The texts are those from `first` to `last`; the buckets of text `t` go from `begins[t]` on.
    `hashes` are those of the word forms, uint32.
    """
    for text in range(first, last):
        size, end = begins[text], texts.begins[text + 1]
        for at in range(texts.begins[text], end):
            value = _signed(hashes[texts.ids[at]])
            for after in range(at + 1, min(end, at + longest)):
                value = value * _RUN + _signed(hashes[texts.ids[after]])
                result[size] = value % uint64(buckets)
                size += 1


@njit(nogil=True, cache=True)
def bags_of(texts, spelling, begins, ngrams):
    """The bag of each text: the rows of its words, then of its n-grams, `ngrams[begins[t]:begins[t + 1]]`.

    Args:
        texts: `Texts`.
        spelling: `Spelling`.
        begins, ngrams: From `hash_word_ngrams`.
    """
    most = len(ngrams) + 1
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
            row = spelling.places[ngrams[at]]
            rows[size] = row  # written always and counted when there is a row: no branch
            size += row >= 0
        ends[text + 1] = size
    return Bags(ends, rows[:size])


class _Scratch(NamedTuple):
    """Arrays that a kernel works in: the offsets of a text's rows, vectors of one row, scores of labels."""

    offsets: np.ndarray
    hidden: np.ndarray
    lot: np.ndarray
    move: np.ndarray
    lane: np.ndarray
    scores: np.ndarray
    share: np.ndarray


def _new_scratch(lengths: np.ndarray, width: int, labels: int = 1) -> _Scratch:
    """Scratch for texts of `lengths` rows."""
    sizes = (width, width, width, LANES, labels, 1)
    offsets = np.empty(lengths.max(initial=0), np.int64)
    return _Scratch(offsets, *(np.zeros(size, np.float32) for size in sizes))


@inlined
def _mean(matrix, texts, text, width, scratch):
    """Write the mean of a text's rows to `hidden` and their offsets to `offsets`, and return their number."""
    begin, size = texts.begins[text], texts.begins[text + 1] - texts.begins[text]
    for i in range(size):
        scratch.offsets[i] = int64(texts.rows[begin + i]) * width
    for at in range(0, width, LANES):
        store(scratch.hidden, at, zeros(1))
    for i in range(min(_LOT, size)):
        prefetch_row(matrix, scratch.offsets[i], width)
    scratch.share[0] = float32(1) / float32(max(1, size))
    for first in range(0, size, _LOT):
        last = min(first + _LOT, size)
        for i in range(last, min(last + _LOT, size)):
            prefetch_row(matrix, scratch.offsets[i], width)
        pool_rows(matrix, scratch.offsets, first, last, width, scratch.share, scratch.lot)
        for at in range(0, width, LANES):
            store(scratch.hidden, at, add(load(scratch.hidden, at), load(scratch.lot, at)))
    return size


@inlined
def _errors(scores, targets, text, softmax, rate):
    """Replace each score by (target − probability) · rate, and return the loss."""
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


def train_texts(
    order: np.ndarray,
    texts: Bags,
    targets: np.ndarray,
    weights: np.ndarray,
    softmax: bool,
    inputs: np.ndarray,
    outputs: np.ndarray,
    width: int,
    schedule: Schedule,
) -> float:
    """Learn from the texts `order`, one after the other, and return the sum of their losses.

    Args:
        order: Numbers of texts.
        texts: The rows of all texts.
        targets: (texts, labels) float32; a row sums to one for `softmax`, else each is 0 or 1.
        weights: How much each text counts, `(texts,)` float32.
        softmax: Whether one label is right; otherwise each label is decided by itself.
        inputs: Rows of words and n-grams, flat float32, `width` numbers each.
        outputs: Rows of labels, the same.
        width: Numbers in a row.
        schedule: The learning rate at the first text, what each text takes from it, and its minimum.
    """
    lengths = texts.begins[order + 1] - texts.begins[order]
    scratch = _new_scratch(lengths, width, targets.shape[1])
    return _train(order, texts, targets, weights, softmax, inputs, outputs, width, schedule, scratch)


@bare
def _train(
    order, texts, targets, weights, softmax, inputs, outputs, width, schedule, scratch, sources=SOURCES
):
    loss, scores, lane, hidden, move = 0.0, scratch.scores, scratch.lane, scratch.hidden, scratch.move
    for step in range(len(order)):
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * step)) * weights[order[step]]
        size = _mean(inputs, texts, order[step], width, scratch)
        if size == 0:
            continue
        for label in range(len(scores)):
            dot = zeros(1)
            for at in range(0, width, LANES):
                dot = multiply_add(load(hidden, at), load(outputs, label * width + at), dot)
            store(lane, 0, sums(dot))
            scores[label] = lane[0]
        loss += _errors(scores, targets, order[step], softmax, rate)
        for at in range(0, width, LANES):
            store(move, at, zeros(1))
        for label in range(len(scores)):
            slope = broadcast(scores, label, zeros(1))
            for at in range(0, width, LANES):
                row = load(outputs, label * width + at)
                store(move, at, multiply_add(slope, row, load(move, at)))
                store(outputs, label * width + at, multiply_add(slope, load(hidden, at), row))
        for first in range(0, size, _LOT):
            last = min(first + _LOT, size)
            for i in range(last, min(last + _LOT, size)):
                prefetch_row(inputs, scratch.offsets[i], width)
            move_rows(inputs, scratch.offsets, first, last, width, scratch.share, move)
    return loss


def text_means(texts: Bags, inputs: np.ndarray, width: int) -> np.ndarray:
    """The mean of each text's rows: (texts, width) float32; zeros for a text without a row."""
    means = np.zeros((len(texts.begins) - 1, width), np.float32)
    _all_means(texts, inputs, width, means, _new_scratch(np.diff(texts.begins), width))
    return means


@bare
def _all_means(texts, inputs, width, means, scratch, sources=SOURCES):
    for text in range(len(texts.begins) - 1):
        _mean(inputs, texts, text, width, scratch)
        for at in range(width):
            means[text, at] = scratch.hidden[at]
