"""The terms of one text in plain Python, bit for bit those of `terms.py`: to load Numba takes a hundred times
as long as to answer a text, and three times the memory.
"""

PRIME = 0x100000001B3
RUN = 0x9E3779B97F4A7C15
LETTERS = 0xD6E8FEB86659FD93  # what n-grams of characters start from: never that of a word
WORD = 0xCBF29CE484222325
EDGE = 32  # before and after each word
LEAST = 2  # characters of the shortest n-gram

_MASK = (1 << 64) - 1


def terms_of_text(
    codes: list[int], starts: list[int], ends: list[int], run: int, longest: int
) -> tuple[list[int], list[int]]:
    """Its words and runs of words, and its n-grams of characters, as `terms.terms_of` finds them."""
    words, letters, of_words = [], [], []
    for start, end in zip(starts, ends):
        value = WORD
        for code in codes[start:end]:
            value = (value ^ code) * PRIME & _MASK
        of_words.append(_mixed(value))
    for first in range(len(of_words)):
        value = 0
        for other in of_words[first : first + run]:
            value = _mixed(value * RUN + other & _MASK)
            words.append(value)
    for start, end in zip(starts, ends):
        framed = [EDGE, *codes[start:end], EDGE]
        for left in range(len(framed) if longest and end - start > 1 else 0):
            value = LETTERS
            for size, code in enumerate(framed[left : left + longest], 1):
                value = (value ^ code) * PRIME & _MASK
                if size >= LEAST:
                    letters.append(_mixed(value))
    return words, letters


def _mixed(value: int) -> int:
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31
