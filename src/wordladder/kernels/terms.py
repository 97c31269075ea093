# mypy: ignore-errors
"""Terms of texts (word n-grams, and character n-grams inside words) as 64-bit hashes: extracted, counted,
looked up, weighed and scored.

A term is its hash; two that meet in a table are taken for one with a probability of 2^-32.
"""

from typing import NamedTuple

import numpy as np
from numba import int64, njit, uint64

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .sampling import random as splitmix64
from .terms_python import EDGE, LEAST, LETTERS, PRIME, RUN, WORD

_PRIME, _RUN, _LETTERS, _WORD, _EDGE = map(np.uint64, (PRIME, RUN, LETTERS, WORD, EDGE))
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


class Bags(NamedTuple):
    """The terms of text `t` are places `begins[t]:begins[t + 1]`, each term once."""

    begins: np.ndarray  # (texts + 1,) int64
    ids: np.ndarray  # int32
    values: np.ndarray  # float32: how often, or what that weighs


@njit(nogil=True, cache=True)
def terms_of(codes, starts, ends, offsets, run, longest):
    """The terms of each text: (begins (texts + 1,), middles (texts,), hashes uint64).

    Those of text `t` are `hashes[begins[t]:begins[t + 1]]`, from `middles[t]` on n-grams of characters.

    Args:
        codes: The characters of all texts, in the case that terms have, uint32.
        starts: Where each word starts in `codes`.
        ends: Where it ends.
        offsets: Text `t` has words `offsets[t]:offsets[t + 1]`.
        run: Words of the longest run.
        longest: Characters of the longest n-gram of a word, its edges included; 0: none. Words of one
            character have none.
    """
    size = len(starts) * run
    for word in range(len(starts)):
        size += (ends[word] - starts[word] + 2) * max(0, longest - LEAST + 1)
    texts = len(offsets) - 1
    begins, middles = np.zeros(texts + 1, np.int64), np.zeros(texts, np.int64)
    hashes, of_words = np.empty(size, np.uint64), np.empty(len(starts), np.uint64)
    at = 0
    for text in range(texts):
        first, last = offsets[text], offsets[text + 1]
        for word in range(first, last):
            value = _WORD
            for place in range(starts[word], ends[word]):
                value = (value ^ uint64(codes[place])) * _PRIME
            of_words[word] = splitmix64(value)
        for word in range(first, last):
            value = uint64(0)
            for other in range(word, min(last, word + run)):
                value = splitmix64(value * _RUN + of_words[other])
                hashes[at] = value
                at += 1
        middles[text] = at
        for word in range(first, last):
            start, length = starts[word] - 1, ends[word] - starts[word] + 2
            if length == LEAST + 1:
                continue
            for left in range(length if longest else 0):
                value = _LETTERS
                for right in range(left, min(length, left + longest)):
                    edge = right == 0 or right == length - 1
                    value = (value ^ (_EDGE if edge else uint64(codes[start + right]))) * _PRIME
                    if right - left + 1 >= LEAST:
                        hashes[at] = splitmix64(value)
                        at += 1
        begins[text + 1] = at
    return begins, middles, hashes[:at]


@njit(nogil=True, inline="always")
def _slot(table, value):
    """Where a hash is in an open table, or the free place where it belongs.

    A place is one number, so that a look is one line of the cache: the upper half that of the hash, the lower
    half the term's number plus one.
    """
    mask = uint64(len(table) - 1)
    slot = value & mask
    while table[slot] and (table[slot] ^ value) >> _HALF:
        slot = (slot + uint64(1)) & mask
    return slot


@njit(nogil=True)
def _power(least):
    """A power of two, no smaller."""
    size = 16
    while size < least:
        size *= 2
    return size


@njit(nogil=True, cache=True)
def table_of(hashes):
    """An open table of different hashes."""
    table = np.zeros(_power(2 * len(hashes)), np.uint64)
    for number in range(len(hashes)):
        table[_slot(table, hashes[number])] = _place(hashes[number], number)
    return table


@njit(nogil=True, inline="always")
def _place(value, number):
    return value >> _HALF << _HALF | uint64(number + 1)


@njit(nogil=True, cache=True)
def counted(begins, ends, hashes):
    """Different hashes and in how many texts each occurs; text `t` has `hashes[begins[t]:ends[t]]`."""
    found, texts, last = np.empty(1024, np.uint64), np.empty(1024, np.int32), np.empty(1024, np.int32)
    table = table_of(found[:0])
    size = 0
    for text in range(len(begins)):
        for at in range(begins[text], ends[text]):
            slot = _slot(table, hashes[at])
            number = int64(table[slot] & _LOW) - 1
            if number < 0:
                if size == len(found):
                    found, texts = np.append(found, np.empty_like(found)), np.append(texts, texts)
                    last = np.append(last, last)
                number = size
                found[size], texts[size], last[size] = hashes[at], 0, -1
                size += 1
                table[slot] = _place(hashes[at], number)
                if 2 * size > len(table):
                    table = table_of(found[:size])
            if last[number] != text:
                last[number] = text
                texts[number] += 1
    return found[:size], texts[:size]


@njit(nogil=True, cache=True)
def bags_of(begins, hashes, table):
    """The known terms of each text with their counts, in the order in which they first occur.

    Args:
        begins: Text `t` has `hashes[begins[t]:begins[t + 1]]`.
        hashes: Terms of all texts.
        table: As `table_of` gives it.
    """
    ends, ids = np.zeros(len(begins), np.int64), np.empty(len(hashes), np.int32)
    values = np.empty(len(hashes), np.float32)
    size = 0
    for text in range(len(begins) - 1):
        places = np.full(_power(2 * (begins[text + 1] - begins[text])), -1, np.int32)  # of the terms so far
        mask = len(places) - 1
        for at in range(begins[text], begins[text + 1]):
            number = int64(table[_slot(table, hashes[at])] & _LOW) - 1
            if number < 0:
                continue
            slot = number & mask
            while places[slot] >= 0 and ids[places[slot]] != number:
                slot = (slot + 1) & mask
            if places[slot] < 0:
                places[slot] = size
                ids[size], values[size] = number, 0
                size += 1
            values[places[slot]] += 1
        ends[text + 1] = size
    return ends, ids[:size].copy(), values[:size].copy()


@njit(nogil=True, cache=True)
def unit_bags(begins, ids, values, idf, words, sublinear):
    """Weigh counts by tf-idf in place; a text's terms below `words` have length one together, and so have
    its others.
    """
    for text in range(len(begins) - 1):
        lengths = np.zeros(2)
        for at in range(begins[text], begins[text + 1]):
            count = values[at]
            value = (1 + np.log(count) if sublinear and count > 1 else count) * idf[ids[at]]
            values[at] = value
            lengths[int(ids[at] >= words)] += value * value
        for at in range(begins[text], begins[text + 1]):
            values[at] /= np.sqrt(lengths[int(ids[at] >= words)])


@njit(nogil=True, cache=True)
def linear_scores(begins, ids, values, coefficients, intercepts):
    """`(texts, labels)` float32: the sum of values times rows of `coefficients` `(terms, labels)`."""
    scores = np.empty((len(begins) - 1, len(intercepts)), np.float32)
    for text in range(len(scores)):
        scores[text] = intercepts
        for at in range(begins[text], begins[text + 1]):
            for label in range(len(intercepts)):
                scores[text, label] += values[at] * coefficients[ids[at], label]
    return scores
