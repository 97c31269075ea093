"""The best tag paths of a linear chain: one a sentence, or several. `crf.py` says what a path scores.

Scores are added up in float64: a thousand words of float32 sums would mix up paths that differ by little.
Of equal paths, that with the lower tag comes first, decided from the last word back.
"""

import numpy as np
from numba import njit

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .compiling import exact
from .crf import Chain, Sentences, Spread, one_by_one, run_blocks

_WIDTH = 8  # tags are padded to whole registers of float64
_NOTHING = -np.inf


def best(sentences: Sentences, chain: Chain, spread: Spread = one_by_one) -> tuple[np.ndarray, np.ndarray]:
    """The best path of each sentence (Viterbi 1967).

    Args:
        sentences: The sentences.
        chain: The weights.
        spread: How blocks are spread over threads.

    Returns:
        The tag of each row `(rows,)` int64, −1 in rows of no sentence, and the scores `(sentences,)` float64:
        0 for a sentence of no words, −inf for one without an allowed path, whose tags mean nothing.
    """
    tags, scores = np.full(len(sentences.emissions), -1), np.zeros(len(sentences.begins))
    run_blocks(spread, _best, sentences, chain, tags, scores)
    return tags, scores


def nbest(
    sentences: Sentences, chain: Chain, n: int, spread: Spread = one_by_one
) -> tuple[np.ndarray, np.ndarray]:
    """The `n` best paths of each sentence, the best first (Schwartz & Chow 1990: the lists of each tag).

    The other arguments are those of `best`.

    Returns:
        The tags `(n, rows)` int64 and the scores `(sentences, n)` float64. Where a sentence has fewer allowed
        paths, the tags of what is missing are −1 and its score is −inf.
    """
    tags = np.full((n, len(sentences.emissions)), -1)
    scores = np.full((len(sentences.begins), n), _NOTHING)
    run_blocks(spread, _nbest, sentences, chain, tags, scores)
    return tags, scores


@exact
def _best(first, last, sentences, chain, tags, scores):
    """Forward only the best score that ends in each tag is kept; the tag before is looked up on the way back,
    for one tag a word.
    """
    emissions, begins, sizes = sentences
    count = len(chain.starts)
    width, longest = -(-count // _WIDTH) * _WIDTH, max(1, sizes[first:last].max())
    onward, backward = np.full((count, width), _NOTHING), np.full((count, count), _NOTHING)
    onward[:, :count], backward[:] = chain.transitions, chain.transitions.T
    sums = np.full((longest, width), _NOTHING)
    for sentence in range(first, last):
        begin, size = begins[sentence], sizes[sentence]
        if size == 0:
            continue
        for j in range(count):
            sums[0, j] = np.float64(chain.starts[j]) + emissions[begin, j]
        for t in range(1, size):
            _greatest(sums[t - 1], onward, count, sums[t])
            for j in range(count):
                sums[t, j] += emissions[begin + t, j]
        top, tag = _NOTHING, 0
        for j in range(count):
            score = sums[size - 1, j] + chain.ends[j]
            if score > top:
                top, tag = score, j
        scores[sentence], tags[begin + size - 1] = top, tag
        for t in range(size - 2, -1, -1):
            top, before = _NOTHING, 0
            for i in range(count):
                score = sums[t, i] + backward[tag, i]
                if score > top:
                    top, before = score, i
            tag = before
            tags[begin + t] = tag


@exact
def _greatest(scores, onward, count, result):
    """result[j] = max scores[i] + onward[i, j]. Eight stay in a register while i runs."""
    for j in range(0, len(result), _WIDTH):
        s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = _NOTHING
        for i in range(count):
            x = scores[i]
            s0, s1 = _more(s0, x + onward[i, j]), _more(s1, x + onward[i, j + 1])
            s2, s3 = _more(s2, x + onward[i, j + 2]), _more(s3, x + onward[i, j + 3])
            s4, s5 = _more(s4, x + onward[i, j + 4]), _more(s5, x + onward[i, j + 5])
            s6, s7 = _more(s6, x + onward[i, j + 6]), _more(s7, x + onward[i, j + 7])
        result[j], result[j + 1], result[j + 2], result[j + 3] = s0, s1, s2, s3
        result[j + 4], result[j + 5], result[j + 6], result[j + 7] = s4, s5, s6, s7


@njit(inline="always")
def _more(a, b):
    return b if b > a else a


@exact
def _insert(score, place, scores, places, filled):
    """Insert a score into a descending list, after equal ones, and return the new length."""
    if score == _NOTHING or (filled == len(scores) and not score > scores[filled - 1]):
        return filled
    k = min(filled, len(scores) - 1)
    while k > 0 and scores[k - 1] < score:
        scores[k], places[k] = scores[k - 1], places[k - 1]
        k -= 1
    scores[k], places[k] = score, place
    return min(filled + 1, len(scores))


@exact
def _nbest(first, last, sentences, chain, tags, scores):
    """For each word and tag the n best beginnings that end there, each with its place in the lists of the
    word before: tag · n + rank.
    """
    emissions, begins, sizes = sentences
    count, n, longest = len(chain.starts), len(tags), max(1, sizes[first:last].max())
    sums, places = np.empty((longest, count, n)), np.zeros((longest, count, n), np.int32)
    final, finals = np.empty(n), np.empty(n, np.int32)
    for sentence in range(first, last):
        begin, size = begins[sentence], sizes[sentence]
        if size == 0:
            scores[sentence, 0] = 0.0
            continue
        sums[:size] = _NOTHING
        for t in range(size):
            for j in range(count):
                here = np.float64(emissions[begin + t, j])
                if t == 0:
                    sums[0, j, 0] = chain.starts[j] + here
                    continue
                filled = 0
                for i in range(count):
                    for rank in range(n):
                        score = sums[t - 1, i, rank] + chain.transitions[i, j] + here
                        if filled == n and not score > sums[t, j, n - 1]:
                            break  # the following are no better
                        filled = _insert(score, i * n + rank, sums[t, j], places[t, j], filled)
        filled = 0
        for j in range(count):
            for rank in range(n):
                score = sums[size - 1, j, rank] + chain.ends[j]
                filled = _insert(score, j * n + rank, final, finals, filled)
        for rank in range(filled):
            scores[sentence, rank], place = final[rank], finals[rank]
            for t in range(size - 1, -1, -1):
                tags[rank, begin + t] = place // n
                place = places[t, place // n, place % n]
