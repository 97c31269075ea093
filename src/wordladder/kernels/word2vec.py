# mypy: ignore-errors
"""Skip-gram and CBOW with negative sampling or hierarchical softmax, of whole words or of their subwords.

Skip-gram (Mikolov et al. 2013, "Distributed Representations of Words and Phrases", eq. 4): each neighbour of
a word learns to tell the word from random ones. As in word2vec.c the vectors of the neighbours are `inputs`,
those of the word and of the negatives `outputs`. Unlike there, one draw of negatives serves all neighbours of
a word (Ji et al. 2016, "Parallelizing Word2Vec in Shared and Distributed Memory"): the same few output rows
meet all the input rows, a small product of matrices in place of single dot products. With hierarchical
softmax the nodes on the path to the word take the place of the negatives.

CBOW (Mikolov et al. 2013, "Efficient Estimation of Word Representations", section 3.1): the neighbours
together learn it. As in word2vec.c every neighbour gets the whole gradient of the mean; of the sum it gets an
equal share, as in gensim.

Subwords (Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3): the input of
a word is the mean of its own row and its n-grams', and as in fastText every one of them gets the whole
gradient of the mean. They are read once, when the word comes within reach of a centre, and written once, when
it leaves: in between only their mean learns. So the words of one window always have means, and the kernel
goes over these in place of rows of `inputs`.
"""

from typing import NamedTuple

import numpy as np
from numba import float32, uint64

from . import targets as of_targets
from .compiling import bare, fingerprint, inlined
from .sampling import GAMMA, LINE, SOURCES, Schedule, Tables, Weights, random, read_line, uniform
from .simd import LANES, broadcast, load, move_rows, multiply_add, pool_rows, prefetch_row, store, zeros
from .targets import Targets, draw_targets, loss_of, move_pairs, move_targets, new_targets, score_targets

_SOURCES = SOURCES ^ fingerprint(of_targets.__file__)


class SubwordRows(NamedTuple):
    """The input rows of word `w`, its own and its n-grams', begin at `rows[begins[w]:begins[w + 1]]`.

    `begins` (words + 1,) int64, `rows` int64: offsets in the flat inputs.
    """

    begins: np.ndarray
    rows: np.ndarray


class _Scratch(NamedTuple):
    """Arrays that the kernel works in.

    `line` and `offsets` hold the words of a line and where their inputs begin; `contexts` the offsets of a
    centre's neighbours, `scores` a row of scores for each of them. With subwords `means` and `before` have a
    slot for each word of a window, its mean now and as it was, and `counts` the number of its rows; a word of
    the line has the slot of its position % slots.
    """

    targets: Targets
    line: np.ndarray
    offsets: np.ndarray
    contexts: np.ndarray
    scores: np.ndarray
    means: np.ndarray
    before: np.ndarray
    counts: np.ndarray
    hidden: np.ndarray
    move: np.ndarray
    factor: np.ndarray
    zero: np.ndarray


def train_word2vec(
    ids: np.ndarray,
    start: int,
    end: int,
    tables: Tables,
    weights: Weights,
    schedule: Schedule,
    window: int,
    negative: int,
    seed: np.uint64,
    *,
    cbow: bool = False,
    mean: bool = True,
    subwords: SubwordRows | None = None,
) -> tuple[float, int]:
    """Learn from `ids[start:end]`: (loss, pairs of word and neighbour, or words for CBOW, that it sums over).

    Args:
        ids: Word numbers, int32; −1 ends a line.
        start: The first id to learn from.
        end: One past the last.
        tables: What is drawn from.
        weights: What is learned, in place; several threads may do so at once (Hogwild, Niu et al. 2011).
        schedule: The learning rate.
        window: The most words to each side; every centre draws its own span from 1 to this.
        negative: Negative samples of a centre; not used with a tree.
        seed: Start of the random numbers.
        cbow: Whether the neighbours predict the word together; otherwise each does.
        mean: Whether CBOW averages the neighbours; otherwise they are added up. With subwords it averages.
        subwords: The rows that make up each word; None: one row a word.
    """
    slots, width = 2 * window + 1, weights.width
    targets = new_targets(negative, tables.tree)
    kept = slots * width if subwords is not None else 0
    scratch = _Scratch(
        targets,
        line=np.empty(LINE, np.int64),
        offsets=np.empty(LINE, np.int64),
        contexts=np.empty(slots, np.int64),
        scores=np.empty(slots * targets.lanes, np.float32),
        means=np.zeros(kept, np.float32),
        before=np.zeros(kept, np.float32),
        counts=np.zeros(slots, np.float32),
        hidden=np.zeros(width, np.float32),
        move=np.zeros(width, np.float32),
        factor=np.ones(1, np.float32),
        zero=np.zeros(1, np.int64),
    )
    pooling = mean if cbow else None
    return _train(ids, start, end, tables, subwords, weights, schedule, window, pooling, scratch, seed)


@bare
def _train(
    ids, start, end, tables, subwords, weights, schedule, window, mean, scratch, seed, sources=_SOURCES
):
    """Compiled for each of skip-gram (`mean` is None) and CBOW, with and without subwords."""
    line, offsets, contexts, targets = scratch.line, scratch.offsets, scratch.contexts, scratch.targets
    scores, inputs = scratch.scores, weights.inputs if subwords is None else scratch.means
    state, at, centres, pairs, loss = uint64(seed), start, 0, 0, 0.0
    while at < end:
        rate = float32(max(schedule.floor, schedule.rate - schedule.slope * (at - start)))
        at, words, state = read_line(ids, at, end, tables.keep, state, line)
        for enters in range(words + 2 * window):
            centre, leaves = enters - window, enters - 2 * window
            if enters < words:
                offsets[enters] = _enter(subwords, line, enters, words, weights, window, scratch)
            if -1 <= centre < words - 1:
                state = draw_targets(
                    line[centre + 1], tables, weights, rate, state, targets, (centre + 1) & 1
                )
            if 0 <= centre < words:
                side = centre & 1
                state += GAMMA
                span, count = 1 + uniform(random(state), window), 0
                for position in range(max(0, centre - span), min(words, centre + span + 1)):
                    contexts[count] = offsets[position]
                    count += position != centre
                if mean is None:
                    score_targets(inputs, contexts, count, weights, targets, side, scores)
                    move_pairs(inputs, contexts, count, weights, targets, side, scores)
                elif count > 0:
                    _pool_contexts(subwords, inputs, count, mean, weights.width, scratch)
                    score_targets(scratch.hidden, scratch.zero, 1, weights, targets, side, scores)
                    move_targets(scratch.hidden, weights, targets, side, scores, scratch.move)
                    scratch.factor[0] = 1 if mean or subwords is not None else float32(1) / float32(count)
                    move_rows(inputs, contexts, 0, count, weights.width, scratch.factor, scratch.move)
                    count = 1
                centres += count > 0 or (subwords is None and mean is None)
                if count > 0 and centres & 15 == 0:  # a sixteenth of the centres is enough for the loss
                    loss += loss_of(scores, count, targets, side)
                    pairs += count
            if 0 <= leaves < words:
                _leave(subwords, line[leaves], weights, leaves % (2 * window + 1), scratch)
    return loss, pairs


@inlined
def _enter(subwords, line, position, words, weights, window, scratch):
    """Prepare the input of a word that comes within reach, and prefetch the next word's: where it begins."""
    after = line[min(position + 1, words - 1)]
    if subwords is None:
        prefetch_row(weights.inputs, after * weights.stride, weights.width)
        return line[position] * weights.stride
    begin, end = subwords.begins[line[position]], subwords.begins[line[position] + 1]
    slot = position % (2 * window + 1)
    offset = slot * weights.width
    scratch.counts[slot] = end - begin
    scratch.factor[0] = float32(1) / float32(end - begin)
    mean, before = scratch.means[offset:], scratch.before[offset:]
    pool_rows(weights.inputs, subwords.rows, begin, end, weights.width, scratch.factor, mean)
    for at in range(0, weights.width, LANES):
        store(before, at, load(mean, at))
    for i in range(subwords.begins[after], subwords.begins[after + 1]):
        prefetch_row(weights.inputs, subwords.rows[i], weights.width)
    return offset


@inlined
def _leave(subwords, word, weights, slot, scratch):
    """Move every row of a word out of reach by as much as their mean has moved."""
    if subwords is None:
        return
    mean, before = scratch.means[slot * weights.width :], scratch.before[slot * weights.width :]
    scratch.factor[0] = float32(-1)
    for at in range(0, weights.width, LANES):
        minus = broadcast(scratch.factor, 0, zeros(1))
        store(scratch.move, at, multiply_add(load(before, at), minus, load(mean, at)))
    scratch.factor[0] = float32(1)
    begin, end = subwords.begins[word], subwords.begins[word + 1]
    move_rows(weights.inputs, subwords.rows, begin, end, weights.width, scratch.factor, scratch.move)


@inlined
def _pool_contexts(subwords, inputs, count, mean, width, scratch):
    """Write the mean or sum of the contexts to `hidden`; with subwords the mean of all their rows."""
    contexts, factor = scratch.contexts, scratch.factor
    if subwords is None:
        factor[0] = float32(1) / float32(count) if mean else 1
        pool_rows(inputs, contexts, 0, count, width, factor, scratch.hidden)
        return
    factor[0] = 0
    for i in range(count):
        factor[0] += scratch.counts[contexts[i] // width]
    factor[0] = float32(1) / factor[0]
    for at in range(0, width, LANES):
        total = zeros(1)
        for i in range(count):
            rows = broadcast(scratch.counts, contexts[i] // width, total)
            total = multiply_add(load(inputs, contexts[i] + at), rows, total)
        store(scratch.hidden, at, multiply_add(total, broadcast(factor, 0, total), zeros(1)))
