# mypy: ignore-errors
"""GloVe: word · context + biases learns the logarithm of how often two words occur together, by AdaGrad.

Pennington et al. 2014, "GloVe: Global Vectors for Word Representation", eq. 8. A row holds a vector, its bias
and a one that meets the other row's bias, so that one product of rows is the whole prediction; behind them
lie the sums of squared gradients of the same numbers.
"""

from numba import float32

from .compiling import bare
from .sampling import SOURCES
from .simd import LANES, broadcast, load, multiply_add, prefetch_row, reciprocal_root, store, sums, zeros

_AHEAD = 8  # entries that rows are prefetched ahead


@bare
def train_glove(pairs, targets, words, contexts, masks, width, rate, lane, sources=SOURCES):
    """Learn from all entries, and return the sum of their losses.

    Args:
        pairs: Word and context of each entry, (entries, 2) int32.
        targets: Logarithm of the count, and weight, of each entry, (entries, 2) float32.
        words: Rows of the words, flat float32: `width` numbers, then `width` sums of squares.
        contexts: The same of the contexts.
        masks: 1 for what is learned and 0 for what is not, first of a word's row, then of a context's.
        width: Numbers of half a row.
        rate: Learning rate.
        lane: Scratch, `LANES` float32.
        sources: See `sampling.SOURCES`.
    """
    total, end = 0.0, len(pairs) - 1
    for entry in range(len(pairs)):
        later = min(entry + _AHEAD, end)
        prefetch_row(words, pairs[later, 0] * 2 * width, 2 * width)
        prefetch_row(contexts, pairs[later, 1] * 2 * width, 2 * width)
        word, context = int(pairs[entry, 0]) * 2 * width, int(pairs[entry, 1]) * 2 * width
        dot = zeros(1)
        for at in range(0, width, LANES):
            dot = multiply_add(load(words, word + at), load(contexts, context + at), dot)
        store(lane, 0, sums(dot))
        error = lane[0] - targets[entry, 0]
        steep = targets[entry, 1] * error
        total += 0.5 * steep * error
        lane[0] = -float32(rate) * float32(steep)
        slope = broadcast(lane, 0, dot)
        for at in range(0, width, LANES):
            row, other = load(words, word + at), load(contexts, context + at)
            move = multiply_add(multiply_add(slope, other, zeros(1)), load(masks, at), zeros(1))
            more = multiply_add(multiply_add(slope, row, zeros(1)), load(masks, width + at), zeros(1))
            squares, others = load(words, word + width + at), load(contexts, context + width + at)
            store(words, word + at, multiply_add(move, reciprocal_root(squares), row))
            store(contexts, context + at, multiply_add(more, reciprocal_root(others), other))
            store(words, word + width + at, multiply_add(move, move, squares))
            store(contexts, context + width + at, multiply_add(more, more, others))
    return total
