"""UTF-8 bytes to numbers of words: finds each word, looks it up and counts it; ranks nothing by count.

The words are those of `text.tokenize`: the same classes, walked one code point at a time. `words.py` compares
whole arrays of classes instead; a property test holds the two together.

The table of words is an open hash table. A slot is one number: the upper half a fingerprint of the word, the
lower half its number plus one, so that a word met by accident on the way is passed over without looking at
its letters. The letters of all words lie one after the other in `letters`; word `i` is
`letters[begins[i]:begins[i + 1]]`. Nothing here grows: `scan` stops at a word that finds no room, the caller
makes room and goes on from there.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numba.np import arrayobj

# Numba copies these values into the machine code it caches: whoever changes them has to touch this file.
from . import character_classes as kinds

# Places of `scan`'s running figures.
DISTINCT = 0  # different words so far
WORDS = 1  # words so far
LOST = 2  # words cut away so far
LINES = 3  # line ends so far
IN_LINE = 4  # words since the last line end
IDS = 5  # numbers written by this call

# Appended to each block: runs end there without a check of the position, and eight bytes can be read at once.
PADDING = b"\n" * 8

_NEWLINE = 10
_BLANK = 32
_ASCII = 128
_LOW = np.uint64(0xFFFFFFFF)
_MIX = np.uint64(0x9E3779B97F4A7C15)  # odd, its bits without a pattern: 2^64 over the golden ratio


@njit(inline="always")
def decode(block, at):
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
def _is_keycap(block, at, stop):
    """Whether the digit or sign before byte `at` is the cap of a key: U+FE0F may follow, U+20E3 must."""
    if at + 3 <= stop and block[at] == 0xEF and block[at + 1] == 0xB8 and block[at + 2] == 0x8F:
        at += 3
    return at + 3 <= stop and block[at] == 0xE2 and block[at + 1] == 0x83 and block[at + 2] == 0xA3


@njit(nogil=True, cache=True)
def _walk(block, at, stop, classes):
    """Where the word ends that starts at byte `at`: the whole definition, one code point after the other."""
    owner = -1  # the class of what has been read of this word, marks left aside
    flags = 0  # regional indicators read: two make a flag
    last = 0
    while at < stop:
        code, width = decode(block, at)
        kind = classes[code]
        after = at + width
        if kind in (kinds.DIGIT, kinds.SYMBOL):
            # Keys carry the ASCII digits, '#' and '*'.
            on_key = (kind == kinds.DIGIT and code < _ASCII) or code == 0x23 or code == 0x2A
            if on_key and _is_keycap(block, after, stop):
                kind = kinds.EMOJI
        elif kind == kinds.APOSTROPHE and owner == kinds.LETTER and after < stop:
            following, _ = decode(block, after)
            if classes[following] == kinds.LETTER:
                kind = kinds.LETTER
        if owner == -1:
            owner = kinds.EMOJI if kind == kinds.MODIFIER else kind
            flags = 1
        elif kind == kinds.EXTEND:
            pass
        elif kind in (kinds.LETTER, kinds.DIGIT):
            if owner not in (kinds.LETTER, kinds.DIGIT):
                return at
            owner = kind
        elif kind == kinds.EMOJI:
            if owner != kinds.EMOJI or last != 0x200D:
                return at
        elif kind == kinds.MODIFIER:
            if owner != kinds.EMOJI:
                return at
        elif kind == kinds.REGIONAL:
            if owner != kinds.REGIONAL or classes[last] != kinds.REGIONAL or flags == 2:
                return at
            flags = 2
        else:
            return at
        last = code
        at = after
    return at


@njit(nogil=True, cache=True)
def _word_end(block, at, stop, classes, runs):
    """Where the word ends that starts at byte `at`; `at` itself if none starts there.

    Most words are ASCII letters followed by an ASCII blank or full stop: these are read byte by byte.
    """
    end = at
    while runs[block[end]]:
        end += 1
    if end == at:
        code, width = decode(block, at)
        kind = classes[code]
        if kind <= kinds.CONTROL or kind == kinds.EXTEND:
            return at
        end += width
        if kind in (kinds.HAN, kinds.SYMBOL):
            following, _ = decode(block, end)
            return end if classes[following] != kinds.EXTEND else _walk(block, at, stop, classes)
        return _walk(block, at, stop, classes)
    if block[end] >= _ASCII or block[end] == 0x27:
        return _walk(block, at, stop, classes)
    return end


@intrinsic
def _eight(typing: Any, array: Any, at: Any) -> Any:
    """The eight bytes of an array from `at` on as one number; they need not be aligned."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> ir.Value:
        data = arrayobj.make_array(signature.args[0])(context, builder, values[0]).data
        place = builder.gep(data, [values[1]])
        return builder.load(builder.bitcast(place, ir.IntType(64).as_pointer()), align=1)

    return types.uint64(array, types.intp), build


@njit(inline="always")
def _first(array, at, length):
    """The first eight bytes of a word, zeros where it is shorter."""
    value = _eight(array, at)
    return value if length >= 8 else value & ((np.uint64(1) << np.uint64(8 * length)) - np.uint64(1))


@njit(inline="always")
def _fingerprint(block, at, length):
    """32 bits that depend on every byte of a word, eight at a time; the last eight may overlap."""
    value = (_first(block, at, length) ^ np.uint64(length)) * _MIX
    done = 8
    while done < length:
        done = min(done + 8, length)
        value = ((value ^ value >> np.uint64(29)) + _eight(block, at + done - 8)) * _MIX
    value = (value ^ value >> np.uint64(32)) * _MIX
    return value >> np.uint64(32)


@njit(inline="always")
def _same(block, at, letters, begin, length):
    """Whether `length` bytes are the same in both arrays."""
    if _first(block, at, length) != _first(letters, begin, length):
        return False
    done = 8
    while done < length:
        done = min(done + 8, length)
        if _eight(block, at + done - 8) != _eight(letters, begin + done - 8):
            return False
    return True


@njit(inline="always")
def _find(block, at, length, slots, letters, begins):
    """The slot that holds a word or, if the word is new, the empty one it belongs to; and its fingerprint."""
    fingerprint = _fingerprint(block, at, length)
    mask = np.uint64(len(slots) - 1)
    slot = fingerprint & mask
    while slots[slot] != 0:
        if slots[slot] >> np.uint64(32) == fingerprint:
            word = np.int64(slots[slot] & _LOW) - 1
            begin = begins[word]
            if begins[word + 1] - begin == length and _same(block, at, letters, begin, length):
                break
        slot = (slot + np.uint64(1)) & mask
    return slot, fingerprint


@njit(nogil=True, cache=True)
def scan(block, at, classes, max_words, slots, letters, begins, counts, ids, figures):
    """Read `block` from byte `at`; returns where it stopped: at its end, or before a word without room.

    Args:
        block: Valid UTF-8 that begins and ends where words do, followed by `PADDING`: (bytes + 8,) uint8.
        at: The first byte to read.
        classes: The class of each code point: (0x110000,) uint8.
        max_words: Words kept of a line.
        slots: The hash table, its size a power of two: (slots,) uint64. With at least twice as many slots as
            words a word is found after 1.5 looks on average.
        letters: The bytes of all words, and at least 8 more: (room,) uint8.
        begins: Where each word begins in `letters`: (capacity + 1,) int64.
        counts: How often each word was seen: (capacity,) int64.
        ids: Written from the front: the number of each word, -1 at each line end: (at least bytes,) int32.
        figures: Running figures, by the names above: (6,) int64. `IDS` starts from zero.
    """
    stop = len(block) - len(PADDING)
    runs = np.zeros(256, dtype=np.bool_)
    for byte in range(_ASCII):
        runs[byte] = classes[byte] == kinds.LETTER or classes[byte] == kinds.DIGIT
    written = 0
    while at < stop:
        if block[at] == _NEWLINE:
            ids[written] = -1
            written += 1
            figures[LINES] += 1
            figures[IN_LINE] = 0
            at += 1
            continue
        end = _word_end(block, at, stop, classes, runs)
        if end == at:
            _, width = decode(block, at)
            at += width
            continue
        if figures[IN_LINE] >= max_words:
            figures[LOST] += 1
            at = end
            continue
        length = end - at
        slot, fingerprint = _find(block, at, length, slots, letters, begins)
        word = np.int64(slots[slot] & _LOW) - 1
        if word < 0:
            word = figures[DISTINCT]
            begin = begins[word]
            if word == len(counts) or begin + length + len(PADDING) > len(letters):
                break
            for place in range(length):
                letters[begin + place] = block[at + place]
            begins[word + 1] = begin + length
            slots[slot] = fingerprint << np.uint64(32) | np.uint64(word + 1)
            figures[DISTINCT] += 1
        counts[word] += 1
        ids[written] = word
        written += 1
        figures[WORDS] += 1
        figures[IN_LINE] += 1
        at = end + (block[end] == _BLANK)
    figures[IDS] = written
    return at


@njit(nogil=True, cache=True)
def rehash(old, new):
    """Move every word from the slots `old` to the empty, more numerous slots `new`."""
    mask = np.uint64(len(new) - 1)
    for entry in old:
        if entry != 0:
            slot = (entry >> np.uint64(32)) & mask
            while new[slot] != 0:
                slot = (slot + np.uint64(1)) & mask
            new[slot] = entry
