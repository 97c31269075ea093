# mypy: ignore-errors
"""The character n-grams of words as numbers of buckets, and vectors of words from them: hashed and summed as
fastText does.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information", section 3.2.
"""

import numpy as np
from numba import njit, uint32

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .character_classes import HAN
from .scan import decode

_BEGIN, _END = np.uint8(ord("<")), np.uint8(ord(">"))
_OFFSET, _PRIME = np.uint32(2166136261), np.uint32(16777619)
_SIGN = np.uint32(0xFFFFFF00)


@njit(nogil=True, inline="always")
def _hashed(value, byte):
    """One step of FNV-1a; fastText takes a byte as a signed number, which sets the upper bits from 128 on."""
    wide = uint32(byte) | _SIGN if byte >= 128 else uint32(byte)
    return uint32((value ^ wide) * _PRIME)


@njit(nogil=True, cache=True)
def hashes(letters, begins):
    """FNV-1a of each word: (words,) uint32. Word `i` is `letters[begins[i]:begins[i + 1]]`."""
    result = np.empty(len(begins) - 1, np.uint32)
    for i in range(len(result)):
        value = _OFFSET
        for at in range(begins[i], begins[i + 1]):
            value = _hashed(value, letters[at])
        result[i] = value
    return result


@njit(nogil=True, cache=True)
def ngrams(letters, begins, min_n, max_n, buckets, classes):
    """Buckets of the n-grams of each word: (offsets (words + 1,) int64, buckets (n-grams,) int32).

    A word is put between < and >, which are characters of its n-grams but never one alone. An n-gram is
    counted once for each place. Where `classes`, the class of each code point, is not empty, every Han
    character is a unit of its word too, whatever `min_n` is.
    """
    offsets = np.zeros(len(begins), np.int64)
    result = np.empty(len(letters) * 4 + 64, np.int32)
    word = np.empty(np.max(np.diff(begins)) + 2 if len(begins) > 1 else 2, np.uint8)
    total = 0
    for i in range(len(begins) - 1):
        size = begins[i + 1] - begins[i] + 2
        word[0], word[size - 1] = _BEGIN, _END
        word[1 : size - 1] = letters[begins[i] : begins[i + 1]]
        if total + size * (max(max_n - min_n, 0) + 2) > len(result):
            result = np.append(result, np.empty(max(len(result), size * (max_n + 2)), np.int32))
        for first in range(size):
            if word[first] & 0xC0 == 0x80:
                continue  # inside a character
            han = len(classes) > 0 and 0 < first < size - 1 and classes[decode(word, first)[0]] == HAN
            value, at = _OFFSET, first
            for n in range(1, max_n + 1):
                if at >= size:
                    break
                value = _hashed(value, word[at])
                at += 1
                while at < size and word[at] & 0xC0 == 0x80:
                    value = _hashed(value, word[at])
                    at += 1
                if (n >= min_n and not (n == 1 and (first == 0 or at == size))) or (n == 1 and han):
                    result[total] = value % uint32(buckets)
                    total += 1
        offsets[i + 1] = total
    return offsets, result[:total].copy()


@njit(nogil=True, cache=True)
def word_means(own, rows, offsets, parts):
    """The mean of each word's row of `own` and the rows of its n-grams: (words, dim) float32.

    Word `i` has the rows `parts[offsets[i]:offsets[i + 1]]` of `rows`; a part below zero is none. The sum is
    one float32 addition after the other: another order gives other last bits.
    """
    means = own.astype(np.float32)
    for i in range(len(means)):
        count = 1
        for part in parts[offsets[i] : offsets[i + 1]]:
            if part >= 0:
                count += 1
                for j in range(means.shape[1]):
                    means[i, j] += rows[part, j]
        means[i] *= np.float32(1.0 / count)
    return means
