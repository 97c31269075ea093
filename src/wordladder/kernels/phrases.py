# mypy: ignore-errors
"""Pairs of neighbouring words: listed, counted in a hash table, and joined; `text.phrases` scores them.

Mikolov et al. 2013, "Distributed Representations of Words and Phrases and their Compositionality",
section 4.

A word has a kind: `WORD` can be part of a phrase, `BREAK` (punctuation, the end of a line) separates its
neighbours, and the kinds from `CONNECTOR` on are words such as "of", which may occur inside a phrase. The
connectors between the two ends of a pair are the digits of one number, `between`.

The table is an open hash table of four int32 an entry: first word, between, second word, count. An entry
without a count is free. Nothing here grows: `count` stops when the table is full.
"""

from typing import Final

import numpy as np
from numba import int32, int64, njit, uint32, uint64

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .scan import decode
from .simd import prefetch

WORD: Final = 0
BREAK: Final = 1
CONNECTOR: Final = 2

_WIDTH = 4
_AHEAD = 16  # pairs whose entries are on their way from memory
_MIX = uint64(0x9E3779B97F4A7C15)
_MIX_BETWEEN = uint64(0xC2B2AE3D27D4EB4F)
_LARGEST = 0x7FFFFFFF


@njit(inline="always")
def _home(first, between, second, mask):
    """The entry at which the search for a pair starts."""
    value = (uint64(uint32(first)) << uint64(32) | uint64(uint32(second))) ^ uint64(between) * _MIX_BETWEEN
    value = (value ^ value >> uint64(32)) * _MIX
    return int64(value >> uint64(32)) & mask


@njit(inline="always")
def _entry(slots, first, between, second, mask):
    """Where a pair is in the table, or the free entry where it belongs."""
    at = _home(first, between, second, mask)
    while slots[_WIDTH * at + 3] != 0:
        begin = _WIDTH * at
        if slots[begin] == first and slots[begin + 2] == second and slots[begin + 1] == between:
            break
        at = (at + 1) & mask
    return _WIDTH * at


@njit(inline="always")
def _longer(between, connector, connectors):
    """`between` with one more connector, or −1 if there is no more room."""
    value = between * (connectors + 1) + connector + 1
    return value if value <= _LARGEST else -1


@njit(nogil=True, cache=True)
def neighbours(ids, kinds, connectors, state, pairs):
    """Write the pairs of a piece of text, three int32 each, and return how many there are.

    Args:
        ids: The numbers of the words; −1 ends a line.
        kinds: The kind of each number.
        connectors: How many connectors there are.
        state: The last word (−1: none) and the connectors since: carried from piece to piece.
        pairs: Room for as many pairs as there are words.
    """
    size = 0
    first, between = state[0], state[1]
    for at in range(len(ids)):
        word = int64(ids[at])
        kind = kinds[word] if word >= 0 else BREAK
        if kind == WORD:
            if first >= 0:
                pairs[3 * size] = first
                pairs[3 * size + 1] = between
                pairs[3 * size + 2] = word
                size += 1
            first, between = word, 0
        elif kind == BREAK:
            first = -1
        elif first >= 0:
            between = _longer(between, kind - CONNECTOR, connectors)
            if between < 0:
                first = -1
    state[0], state[1] = first, between
    return size


@njit(nogil=True, cache=True)
def count(pairs, begin, end, slots, figures):
    """Count the pairs from `begin` to `end`, and return the first that was not counted: the table is full.

    Args:
        pairs: Three int32 a pair.
        begin: The first pair.
        end: One past the last.
        slots: The table; its length is a power of two.
        figures: Entries in use, and how many may be.
    """
    mask = len(slots) // _WIDTH - 1
    for at in range(begin, end):
        if at + _AHEAD < end:
            soon = 3 * (at + _AHEAD)
            prefetch(slots, _WIDTH * _home(pairs[soon], pairs[soon + 1], pairs[soon + 2], mask))
        first, between, second = pairs[3 * at], pairs[3 * at + 1], pairs[3 * at + 2]
        entry = _entry(slots, first, between, second, mask)
        if slots[entry + 3] == 0:
            if figures[0] >= figures[1]:
                return at
            figures[0] += 1
            slots[entry], slots[entry + 1], slots[entry + 2] = first, between, second
        if slots[entry + 3] < _LARGEST:
            slots[entry + 3] += int32(1)
    return end


@njit(nogil=True, cache=True)
def put(entries, slots):
    """Add entries that are not in the table yet; their last number may be any but zero."""
    mask = len(slots) // _WIDTH - 1
    for at in range(0, len(entries), _WIDTH):
        if entries[at + 3] != 0:
            entry = _entry(slots, entries[at], entries[at + 1], entries[at + 2], mask)
            slots[entry : entry + _WIDTH] = entries[at : at + _WIDTH]


def shrink(slots: np.ndarray, least: int) -> np.ndarray:
    """The entries counted at least `least` times, in the order of the table."""
    entries = slots.reshape(-1, _WIDTH)
    return entries[entries[:, 3] >= least].ravel()


@njit(nogil=True, cache=True)
def join(ids, kinds, connectors, phrases, begins, state, waiting, counts, joined):
    """Write a piece of text with its phrases joined, from left to right, and return how many numbers that is.

    A word that ends a phrase begins no other. Words that may still become part of a phrase wait for the next
    piece, or for a line end after the last piece.

    Args:
        ids: The numbers of the words; −1 ends a line.
        kinds: The kind of each number.
        connectors: How many connectors there are.
        phrases: A table as for `count`, with the number of the phrase in the place of the count, plus one.
        begins: Whether any phrase begins with a word.
        state: How many words wait, the connectors between, phrases so far: carried from piece to piece.
        waiting: Room for the waiting words.
        counts: How often each number occurs; brought up to date.
        joined: Room for the result: as many as `ids` and `waiting` together.
    """
    mask = len(phrases) // _WIDTH - 1
    written = 0
    pending, between = state[0], state[1]
    for at in range(len(ids)):
        word = ids[at]
        kind = kinds[word] if word >= 0 else BREAK
        if kind >= CONNECTOR and pending > 0:
            between = _longer(between, kind - CONNECTOR, connectors)
            if between >= 0:
                waiting[pending] = word
                pending += 1
                continue
        elif kind == WORD and pending > 0:
            entry = _entry(phrases, waiting[0], between, word, mask)
            if phrases[entry + 3] != 0:
                phrase = phrases[entry + 3] - 1
                for i in range(pending):
                    counts[waiting[i]] -= 1
                counts[word] -= 1
                counts[phrase] += 1
                joined[written] = phrase
                written += 1
                state[2] += 1
                pending = 0
                continue
        joined[written : written + pending] = waiting[:pending]
        written += pending
        pending = 0
        if kind == WORD and begins[word]:
            waiting[0], pending, between = word, 1, 0
        else:
            joined[written] = word
            written += 1
    state[0], state[1] = pending, between
    return written


@njit(nogil=True, cache=True)
def marks(letters, begins, words, of_words):
    """Whether each word has no character that `of_words` marks: (words,) bool.

    Args:
        letters: The UTF-8 letters of all words.
        begins: Where each word begins.
        words: How many words there are.
        of_words: Whether a code point can be part of a word that is no mark.
    """
    result = np.ones(words, np.bool_)
    for word in range(words):
        at = begins[word]
        while at < begins[word + 1]:
            code, width = decode(letters, at)
            at += width
            if of_words[code]:
                result[word] = False
                break
    return result
