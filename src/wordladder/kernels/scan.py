"""UTF-8 bytes to numbers of words: finds each word, looks it up and counts it; ranks nothing by count.

The words are those of `text.tokenize`: the same classes, walked one code point at a time. `text.py` compares
whole arrays of classes instead; a property test holds the two together.

The table of words is an open hash table. A slot is one number: the upper half a fingerprint of the word, the
lower half its number plus one, so that a word met by accident on the way is passed over without looking at
its letters. The letters of all words lie one after the other in `letters`; word `i` is
`letters[begins[i]:begins[i + 1]]`. Nothing here grows: `scan` stops at a word that finds no room, the caller
makes room and goes on from there.
"""

import numpy as np
from numba import njit

# Numba copies these values into the machine code it caches: whoever changes them has to touch this file.
from ..text import APOSTROPHE, CONTROL, DIGIT, EMOJI, EXTEND, LETTER, MODIFIER, REGIONAL, SYMBOL

__all__ = ["DISTINCT", "IDS", "IN_LINE", "LINES", "LOST", "WORDS", "rehash", "scan"]

# Places of `scan`'s running figures.
DISTINCT = 0  # different words so far
WORDS = 1  # words so far
LOST = 2  # words cut away so far
LINES = 3  # line ends so far
IN_LINE = 4  # words since the last line end
IDS = 5  # numbers written by this call

_NEWLINE = 10
_ASCII = 128


@njit(inline="always")
def _decode(block: np.ndarray, at: int) -> tuple[int, int]:
    """The code point that starts at byte `at`, and how many bytes it takes. The bytes are valid UTF-8."""
    byte = int(block[at])
    if byte < _ASCII:
        return byte, 1
    second = int(block[at + 1]) & 0x3F
    if byte < 0xE0:
        return (byte & 0x1F) << 6 | second, 2
    third = int(block[at + 2]) & 0x3F
    if byte < 0xF0:
        return (byte & 0x0F) << 12 | second << 6 | third, 3
    return (byte & 0x07) << 18 | second << 12 | third << 6 | int(block[at + 3]) & 0x3F, 4


@njit(inline="always")
def _is_keycap(block: np.ndarray, at: int, stop: int) -> bool:
    """Whether the digit or sign before byte `at` is the cap of a key: U+FE0F may follow, U+20E3 must."""
    if at + 3 <= stop and block[at] == 0xEF and block[at + 1] == 0xB8 and block[at + 2] == 0x8F:
        at += 3
    return at + 3 <= stop and block[at] == 0xE2 and block[at + 1] == 0x83 and block[at + 2] == 0xA3


@njit(nogil=True, cache=True)
def _walk(block: np.ndarray, at: int, stop: int, classes: np.ndarray) -> int:
    """Where the word ends that starts at byte `at`: the whole definition, one code point after the other."""
    owner = -1  # the class of what has been read of this word, marks left aside
    flags = 0  # regional indicators read: two make a flag
    last = 0
    while at < stop:
        code, width = _decode(block, at)
        kind = classes[code]
        after = at + width
        if kind in (DIGIT, SYMBOL):
            # Keys carry the ASCII digits, '#' and '*'.
            on_key = (kind == DIGIT and code < _ASCII) or code == 0x23 or code == 0x2A
            if on_key and _is_keycap(block, after, stop):
                kind = EMOJI
        elif kind == APOSTROPHE and owner == LETTER and after < stop:
            following, _ = _decode(block, after)
            if classes[following] == LETTER:
                kind = LETTER
        if owner == -1:
            owner = EMOJI if kind == MODIFIER else kind
            flags = 1
        elif kind == EXTEND:
            pass
        elif kind in (LETTER, DIGIT):
            if owner not in (LETTER, DIGIT):
                return at
            owner = kind
        elif kind == EMOJI:
            if owner != EMOJI or last != 0x200D:
                return at
        elif kind == MODIFIER:
            if owner != EMOJI:
                return at
        elif kind == REGIONAL:
            if owner != REGIONAL or classes[last] != REGIONAL or flags == 2:
                return at
            flags = 2
        else:
            return at
        last = code
        at = after
    return at


@njit(nogil=True, cache=True)
def _word_end(block: np.ndarray, at: int, stop: int, classes: np.ndarray) -> int:
    """Where the word ends that starts at byte `at`; `at` itself if none starts there.

    Most words are ASCII letters with an ASCII blank or point behind them: those are read byte by byte.
    """
    byte = block[at]
    if byte >= _ASCII:
        code, _ = _decode(block, at)
        kind = classes[code]
        return at if kind <= CONTROL or kind == EXTEND else _walk(block, at, stop, classes)
    kind = classes[byte]
    if kind <= CONTROL:
        return at
    end = at + 1
    if kind in (LETTER, DIGIT):
        while end < stop:
            byte = block[end]
            kind = classes[byte]
            if byte >= _ASCII or kind not in (LETTER, DIGIT):
                break
            end += 1
    if end < stop and (block[end] >= _ASCII or block[end] == 0x27):
        return _walk(block, at, stop, classes)
    return end


@njit(inline="always")
def _fingerprint(block: np.ndarray, at: int, end: int) -> np.uint64:
    """32 bits that depend on every byte of a word: FNV-1a, folded."""
    value = np.uint64(14695981039346656037)
    for place in range(at, end):
        value = (value ^ np.uint64(block[place])) * np.uint64(1099511628211)
    return (value ^ (value >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@njit(inline="always")
def _find(
    block: np.ndarray, at: int, end: int, slots: np.ndarray, letters: np.ndarray, begins: np.ndarray
) -> tuple[np.uint64, np.uint64]:
    """The slot that holds a word or, if the word is new, the empty one it belongs to; and its fingerprint."""
    fingerprint = _fingerprint(block, at, end)
    mask = np.uint64(len(slots) - 1)
    slot = fingerprint & mask
    while slots[slot] != 0:
        if slots[slot] >> np.uint64(32) == fingerprint:
            word = np.int64(slots[slot] & np.uint64(0xFFFFFFFF)) - 1
            begin = begins[word]
            if begins[word + 1] - begin == end - at:
                place = at
                while place < end and letters[begin + place - at] == block[place]:
                    place += 1
                if place == end:
                    break
        slot = (slot + np.uint64(1)) & mask
    return slot, fingerprint


@njit(nogil=True, cache=True)
def scan(
    block: np.ndarray,
    at: int,
    classes: np.ndarray,
    max_words: int,
    slots: np.ndarray,
    letters: np.ndarray,
    begins: np.ndarray,
    counts: np.ndarray,
    ids: np.ndarray,
    figures: np.ndarray,
) -> int:
    """Read `block` from byte `at`; returns where it stopped: at its end, or before a word without room.

    Args:
        block: Valid UTF-8 that begins and ends where words do: (bytes,) uint8.
        at: The first byte to read.
        classes: The class of each code point: (0x110000,) uint8.
        max_words: Words kept of a line.
        slots: The hash table, its size a power of two: (slots,) uint64. With at least twice as many slots as
            words a word is found after 1.5 looks on average.
        letters: The bytes of all words: (room,) uint8.
        begins: Where each word begins in `letters`: (capacity + 1,) int64.
        counts: How often each word was seen: (capacity,) int64.
        ids: Written from the front: the number of each word, -1 at each line end: (at least bytes,) int32.
        figures: Running figures, by the names above: (6,) int64. `IDS` starts from zero.
    """
    stop = len(block)
    written = 0
    while at < stop:
        if block[at] == _NEWLINE:
            ids[written] = -1
            written += 1
            figures[LINES] += 1
            figures[IN_LINE] = 0
            at += 1
            continue
        end = _word_end(block, at, stop, classes)
        if end == at:
            _, width = _decode(block, at)
            at += width
            continue
        if figures[IN_LINE] >= max_words:
            figures[LOST] += 1
            at = end
            continue
        slot, fingerprint = _find(block, at, end, slots, letters, begins)
        word = np.int64(slots[slot] & np.uint64(0xFFFFFFFF)) - 1
        if word < 0:
            word = figures[DISTINCT]
            begin = begins[word]
            if word == len(counts) or begin + end - at > len(letters):
                break
            for place in range(at, end):
                letters[begin + place - at] = block[place]
            begins[word + 1] = begin + end - at
            slots[slot] = fingerprint << np.uint64(32) | np.uint64(word + 1)
            figures[DISTINCT] += 1
        counts[word] += 1
        ids[written] = word
        written += 1
        figures[WORDS] += 1
        figures[IN_LINE] += 1
        at = end
    figures[IDS] = written
    return at


@njit(nogil=True, cache=True)
def rehash(old: np.ndarray, new: np.ndarray) -> None:
    """Move every word from the slots `old` to the empty, more numerous slots `new`."""
    mask = np.uint64(len(new) - 1)
    for entry in old:
        if entry != 0:
            slot = (entry >> np.uint64(32)) & mask
            while new[slot] != 0:
                slot = (slot + np.uint64(1)) & mask
            new[slot] = entry
