"""The forward and the backward pass over one sentence of a linear chain: the sum over all of its tag paths.

`crf.py` uses them. The forward pass keeps, for each word, the share of each tag among all beginnings of paths
(Rabiner 1989, V.A): float64, scaled to add up to one at every word, so that a sentence may have any length.
That takes an e^x for a word and a tag and none for a pair of tags. It is exact if no share underflows,
which is checked: where scores of a word or of the transitions are further apart than `_STEEP`, or a share is
below `_LEAST`, the sentence is computed again in logarithms, which takes six times as long and cannot fail.

A forbidden transition is −inf, its factor 0.
"""

from typing import NamedTuple

import numpy as np
from numba import njit

from .compiling import exact

# "reassoc" lets a sum be taken in several lanes; the order is fixed when it is compiled.
_FAST = {"nogil": True, "cache": True, "error_model": "numpy", "fastmath": {"contract", "reassoc"}}

_WIDTH = 8  # tags are padded to whole registers of float64; a padded tag has zero factors and stays zero
_STEEP, _LEAST = 90.0, 1e-200  # from shares of _LEAST, a step with two factors of e^−90 stays above 1e-308
_NOTHING = -np.inf

_LOG2_E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 6.93145751953125e-1, 1.42860682030941723212e-6


class Chain(NamedTuple):
    """The weights of a chain, float32: of a tag after a tag `(tags, tags)` [from, to], of a tag at the start
    and at the end of a sentence `(tags,)`. −inf forbids.
    """

    transitions: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


class _Factors(NamedTuple):
    """e^weight of the chain, each kind divided by its greatest (`tops`: transitions, starts, ends)."""

    onward: np.ndarray  # (tags, width) [from, to]
    backward: np.ndarray  # (tags, width) [to, from]
    starts: np.ndarray  # (width,)
    ends: np.ndarray  # (width,)
    tops: np.ndarray  # (3,)


class _Room(NamedTuple):
    """What a sentence needs, `(longest, width)` but for `scales` `(longest,)`, `here` `(width,)` and `pairs`
    `(tags, width)`: e^score of each word and tag, shares of beginnings and of ends, what the shares of a word
    were divided by, and the sum of shares of two neighbouring tags.
    """

    scores: np.ndarray
    alphas: np.ndarray
    betas: np.ndarray
    scales: np.ndarray
    here: np.ndarray
    pairs: np.ndarray


# ── factors ────────────────────────────────────────────────────────────────────────────────────────────────


@exact
def _exponentials(values, count):
    """Replace the first values, at most 0, by e^x to 2e-16, relative; what is below −700 by 0.

    e^x = 2ⁿ eʳ with |r| ≤ ½ ln 2, and eʳ by its series: a straight line that the compiler makes vectors of.
    """
    for k in range(count):
        x = values[k]
        n = np.floor(max(x, -700.0) * _LOG2_E + 0.5)
        r = max(x, -700.0) - n * _LN2_HIGH - n * _LN2_LOW
        p = 1 / 479001600.0
        p = ((((p * r + 1 / 39916800.0) * r + 1 / 3628800.0) * r + 1 / 362880.0) * r + 1 / 40320.0) * r
        p = ((((p + 1 / 5040.0) * r + 1 / 720.0) * r + 1 / 120.0) * r + 1 / 24.0) * r
        p = (((p + 1 / 6.0) * r + 0.5) * r + 1.0) * r + 1.0
        power = np.int64((np.int64(n) + 1023) << 52).view(np.float64)
        values[k] = p * power if x >= -700.0 else 0.0


@exact
def _top(values):
    """The greatest value, 0 where all are −inf, and how far the least one that is not lies below."""
    top, low = _NOTHING, np.inf
    for value in values:
        top = max(top, value)
        if value != _NOTHING:
            low = min(low, value)
    return (top, top - low) if top != _NOTHING else (0.0, 0.0)


@exact
def new_factors(chain):
    """The factors of a chain, and whether they are close enough together."""
    width = -(-len(chain.starts) // _WIDTH) * _WIDTH
    shape = (len(chain.starts), width)
    factors = _Factors(np.zeros(shape), np.zeros(shape), np.zeros(width), np.zeros(width), np.zeros(3))
    return factors, fill_factors(chain, factors)


@exact
def fill_factors(chain, factors):
    """Write the factors of a chain to `factors`, and return whether they are close enough together."""
    tags = len(chain.starts)
    factors.tops[0], apart = _top(chain.transitions.ravel())
    factors.tops[1], first = _top(chain.starts)
    factors.tops[2], last = _top(chain.ends)
    for i in range(tags):
        for j in range(tags):
            factors.onward[i, j] = chain.transitions[i, j] - factors.tops[0]
        _exponentials(factors.onward[i], tags)
        for j in range(tags):
            factors.backward[j, i] = factors.onward[i, j]
        factors.starts[i] = chain.starts[i] - factors.tops[1]
        factors.ends[i] = chain.ends[i] - factors.tops[2]
    _exponentials(factors.starts, tags)
    _exponentials(factors.ends, tags)
    return max(apart, first, last) < _STEEP


@exact
def new_room(longest, tags):
    width = -(-tags // _WIDTH) * _WIDTH
    rows, pairs = np.zeros((3, longest, width)), np.zeros((tags, width))
    return _Room(rows[0], rows[1], rows[2], np.zeros(longest), np.zeros(width), pairs)


@njit(**_FAST)
def _word_factors(emissions, begin, size, room):
    """e^score of each word and tag over the greatest of the word: the sum of the greatest, NaN where scores
    of a word are too far apart.
    """
    tags, width = emissions.shape[1], room.scores.shape[1]
    total, apart = 0.0, 0.0
    for t in range(size):
        top = emissions[begin + t, 0]
        for j in range(1, tags):
            top = max(top, emissions[begin + t, j])
        low = top
        for j in range(tags):
            room.scores[t, j] = emissions[begin + t, j] - np.float64(top)
            low = min(low, emissions[begin + t, j])
        for j in range(tags, width):
            room.scores[t, j] = _NOTHING
        total += top
        apart = max(apart, np.float64(top) - low)
    _exponentials(room.scores.ravel(), size * width)
    return total if apart < _STEEP else np.nan


# ── both passes, in shares ─────────────────────────────────────────────────────────────────────────────────


@njit(**_FAST)
def _multiply(vector, factors, tags, result):
    """result[j] = Σ vector[i] factors[i, j]. Eight sums stay in a register while i runs."""
    for j in range(0, len(result), _WIDTH):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
        for i in range(tags):
            x = vector[i]
            s0 += x * factors[i, j]
            s1 += x * factors[i, j + 1]
            s2 += x * factors[i, j + 2]
            s3 += x * factors[i, j + 3]
            s4 += x * factors[i, j + 4]
            s5 += x * factors[i, j + 5]
            s6 += x * factors[i, j + 6]
            s7 += x * factors[i, j + 7]
        result[j], result[j + 1], result[j + 2], result[j + 3] = s0, s1, s2, s3
        result[j + 4], result[j + 5], result[j + 6], result[j + 7] = s4, s5, s6, s7


@njit(**_FAST)
def _forward(size, tags, factors, room):
    """Fill `alphas` and `scales`: log Z but for what the factors were divided by, NaN if a share was lost."""
    width, log_z = room.scores.shape[1], 0.0
    for t in range(size):
        alpha, score = room.alphas[t], room.scores[t]
        if t == 0:
            alpha[:] = factors.starts
        else:
            _multiply(room.alphas[t - 1], factors.onward, tags, alpha)
        total = 0.0
        for j in range(width):
            alpha[j] *= score[j]
            total += alpha[j]
        share, lost = 1 / total, 0
        for j in range(width):
            alpha[j] *= share
            lost += (alpha[j] > 0.0) & (alpha[j] < _LEAST)
        if lost or not total > _LEAST:
            return np.nan
        room.scales[t] = share
        log_z += np.log(total)
    total = 0.0
    for j in range(width):
        total += room.alphas[size - 1, j] * factors.ends[j]
    for j in range(width):
        room.betas[size - 1, j] = factors.ends[j] / total if room.alphas[size - 1, j] > 0.0 else 0.0
    return log_z + np.log(total) if total > _LEAST else np.nan


@njit(**_FAST)
def _backward(size, tags, factors, room):
    """Fill `betas`, so that alpha · beta is the probability of a tag, and `pairs`, those of two tags.

    A tag that no path reaches has no end either: its number might grow beyond float64.
    """
    width = room.scores.shape[1]
    room.pairs[:] = 0.0
    for t in range(size - 1, 0, -1):
        here, beta, alpha = room.here, room.betas[t - 1], room.alphas[t - 1]
        for j in range(width):
            here[j] = room.betas[t, j] * room.scores[t, j] * room.scales[t]
        for i in range(tags):
            x = alpha[i]
            for j in range(width):
                room.pairs[i, j] += x * here[j]
        _multiply(here, factors.backward, tags, beta)
        for j in range(width):
            beta[j] = beta[j] if alpha[j] > 0.0 else 0.0
    for i in range(tags):
        for j in range(width):
            room.pairs[i, j] *= factors.onward[i, j]


# ── both passes, in logarithms ─────────────────────────────────────────────────────────────────────────────


@exact
def _log_sum(values, count):
    top = values[:count].max()
    if top == _NOTHING:
        return top
    total = 0.0
    for k in range(count):
        total += np.exp(values[k] - top)
    return top + np.log(total)


@exact
def _both_logarithms(emissions, begin, size, chain, room):
    """Fill `alphas` and `betas` with logarithms, `pairs` with probabilities: log Z."""
    tags, here = len(chain.starts), room.here
    for j in range(tags):
        room.alphas[0, j] = chain.starts[j] + np.float64(emissions[begin, j])
        room.betas[size - 1, j] = chain.ends[j]
    for t in range(1, size):
        for j in range(tags):
            for i in range(tags):
                here[i] = room.alphas[t - 1, i] + chain.transitions[i, j]
            room.alphas[t, j] = _log_sum(here, tags) + emissions[begin + t, j]
    for t in range(size - 1, 0, -1):
        for i in range(tags):
            for j in range(tags):
                here[j] = np.float64(chain.transitions[i, j]) + emissions[begin + t, j] + room.betas[t, j]
            room.betas[t - 1, i] = _log_sum(here, tags)
    for j in range(tags):
        here[j] = room.alphas[size - 1, j] + chain.ends[j]
    log_z = _log_sum(here, tags)
    room.pairs[:] = 0.0
    if log_z == _NOTHING:
        return log_z
    for t in range(1, size):
        for i in range(tags):
            for j in range(tags):
                onward = np.float64(chain.transitions[i, j]) + emissions[begin + t, j] + room.betas[t, j]
                room.pairs[i, j] += np.exp(room.alphas[t - 1, i] + onward - log_z)
    return log_z


# ── results of a sentence ──────────────────────────────────────────────────────────────────────────────────


@exact
def sum_paths(emissions, begin, size, chain, factors, gentle, room):
    """Both passes over one sentence of at least a word: (log Z, whether `room` holds logarithms)."""
    if gentle:
        tops = _word_factors(emissions, begin, size, room)
        if tops == tops:
            log_z = _forward(size, len(chain.starts), factors, room)
            if log_z == log_z:
                _backward(size, len(chain.starts), factors, room)
                return log_z + tops + (size - 1) * factors.tops[0] + factors.tops[1] + factors.tops[2], False
    return _both_logarithms(emissions, begin, size, chain, room), True


@exact
def probability(t, j, log_z, logarithms, room):
    """How probable tag `j` is at word `t`, after `sum_paths`."""
    if not logarithms:
        return room.alphas[t, j] * room.betas[t, j]
    return np.exp(room.alphas[t, j] + room.betas[t, j] - log_z) if log_z != _NOTHING else 0.0


@exact
def path_score(emissions, begin, size, tags, chain):
    """The score of the path `tags[begin : begin + size]`."""
    score = chain.starts[tags[begin]] + np.float64(chain.ends[tags[begin + size - 1]])
    for t in range(begin, begin + size):
        score += emissions[t, tags[t]]
        if t > begin:
            score += chain.transitions[tags[t - 1], tags[t]]
    return score
