# mypy: ignore-errors
"""Counting which words occur near which, weighted by their distance: no sorting, no hashing.

The positions of the text are sorted by word. Then each word is counted by itself: its neighbours are added up
in one number for each word of the vocabulary, and these numbers stay in the processor's cache.
Pennington et al. 2014, "GloVe: Global Vectors for Word Representation", section 4.2.
"""

import numpy as np
from numba import float32, int64, njit, uint64

from .sampling import GAMMA, random, uniform


@njit(nogil=True, cache=True)
def places_by_word(ids, words):
    """The places of each word in `ids`: word `w` is at `places[begins[w]:begins[w + 1]]`.

    Returns:
        (begins (words + 1,) int64, places int32).
    """
    begins = np.zeros(words + 2, np.int64)
    for at in range(len(ids)):
        if ids[at] >= 0:
            begins[ids[at] + 2] += 1
    for word in range(words):
        begins[word + 2] += begins[word + 1]
    places = np.empty(begins[words + 1], np.int32)
    for at in range(len(ids)):
        word = ids[at]
        if word >= 0:
            places[begins[word + 1]] = at
            begins[word + 1] += 1
    return begins[:-1], places


@njit(nogil=True, cache=True)
def count_rows(ids, begins, places, first, last, window, weights, symmetric, sums, others, values, ends):
    """Count the neighbours of the words from `first` on, and return the first word that was not counted.

    It stops before `last` when there may be no more room.

    Args:
        ids: Word numbers; −1 ends a line.
        begins: From `places_by_word`.
        places: From `places_by_word`.
        first: The first word.
        last: One past the last.
        window: Words to the left, and to the right if `symmetric`, that count as neighbours.
        weights: What a neighbour at each distance counts, (window + 1,) float32.
        symmetric: Whether words to the right count too.
        sums: Zeros (words,) float32, and zeros again at the end.
        others: Room for the neighbours of each word, one after the other, int32.
        values: Room for how often each was a neighbour, float32.
        ends: Where the neighbours of each word end: `ends[w - first]`.
    """
    size = 0
    for word in range(first, last):
        most = min(len(sums), (begins[word + 1] - begins[word]) * window * (2 if symmetric else 1))
        if size + most > len(others):
            return word
        start = size
        for i in range(begins[word], begins[word + 1]):
            place = places[i]
            for side in range(2 if symmetric else 1):
                step = 1 if side else -1
                at = place + step
                for distance in range(1, window + 1):
                    if at < 0 or at >= len(ids):
                        break
                    other = ids[at]
                    if other < 0:
                        break
                    others[size] = other  # written always and counted when new: no branch
                    size += sums[other] == 0
                    sums[other] += weights[distance]
                    at += step
        for i in range(start, size):
            values[i] = sums[others[i]]
            sums[others[i]] = 0
        ends[word - first] = size
    return last


@njit(nogil=True, cache=True)
def add_rows(others, values, sums, into, size):
    """Add counted neighbours of one word to `sums`, and those new there to `into`: its new size."""
    for i in range(len(others)):
        other = others[i]
        into[size] = other
        size += sums[other] == 0
        sums[other] += values[i]
    return size


@njit(nogil=True, cache=True)
def scatter(ends, first, others, values, x_max, alpha, seed, limits, sizes, pairs, facts):
    """Write entries to random buckets: the words to `pairs`, log count and weight to `facts`.

    Args:
        ends: Where the neighbours of the words from `first` on end.
        first: The first word.
        others: The neighbours.
        values: How often each was one.
        x_max: Count from which an entry has the full weight.
        alpha: Power of the count, relative to `x_max`, below it.
        seed: Start of the random numbers, uint64.
        limits: Where each bucket ends.
        sizes: Where the next entry of each bucket goes; moved on.
        pairs: (entries, 2) int32.
        facts: (entries, 2) float32.
    """
    state, at = uint64(seed), 0
    for word in range(len(ends)):
        while at < ends[word]:
            state += GAMMA
            bucket = uniform(random(state), len(sizes))
            while sizes[bucket] == limits[bucket]:  # full, which hardly happens
                bucket = (bucket + 1) % len(sizes)
            place = sizes[bucket]
            sizes[bucket] += 1
            pairs[place, 0], pairs[place, 1] = first + word, others[at]
            facts[place, 0] = np.log(values[at])
            facts[place, 1] = float32(1) if values[at] >= x_max else (values[at] / x_max) ** alpha
            at += 1


@njit(nogil=True, cache=True)
def shuffle(pairs, facts, seed):
    """Put entries in random order, in place (Fisher and Yates)."""
    state = uint64(seed)
    for i in range(len(pairs) - 1, 0, -1):
        state += GAMMA
        j = uniform(random(state), int64(i + 1))
        for k in range(2):
            pairs[i, k], pairs[j, k] = pairs[j, k], pairs[i, k]
            facts[i, k], facts[j, k] = facts[j, k], facts[i, k]
