"""How words are spelled for ELMo's character network: the numbers of the published models.

A word is its bytes in UTF-8 between a beginning and an end, filled up with padding. Byte b has the number
b + 1; 0 is left for places of a batch where no word is.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CHARACTERS = 262
_TEXT_BEGIN, _TEXT_END, _WORD_BEGIN, _WORD_END, _PADDING = 257, 258, 259, 260, 261
TEXT_BEGIN, TEXT_END, SPECIAL_WORDS = 0, 1, 2  # rows of `spelled` that stand before and after a text


def spelled(words: Sequence[str], longest: int, widest: int) -> NDArray[np.int64]:
    """The characters of the beginning of a text, of its end, and of words.

    Args:
        words: The words, as written.
        longest: Characters a word at most, its beginning and end among them; what is behind is left out.
        widest: The widest convolution that will read them.

    Returns:
        `(2 + words, width)`. Padding that no convolution can tell from what stands before it is left out.
    """
    bare = [word.encode("utf-8", "ignore")[: longest - 2] for word in words]
    lengths = np.fromiter((1, 1, *map(len, bare)), np.int64, len(bare) + SPECIAL_WORDS)
    width = min(longest, int(lengths.max()) + 2 + widest)
    places = np.arange(width) - 1
    table = np.full((len(lengths), width), _PADDING, np.int64)
    table[:, 0] = _WORD_BEGIN
    inside = (places >= 0) & (places < lengths[:, None])
    letters = np.frombuffer(b"".join(bare), np.uint8).astype(np.int64) + 1
    table[inside] = np.concatenate([[_TEXT_BEGIN, _TEXT_END], letters])
    table[np.arange(len(lengths)), lengths + 1] = _WORD_END
    return table


def cut_short(words: Sequence[str], longest: int) -> int:
    """How many words have more bytes than there is room for."""
    return sum(
        len(word) > longest // 5 and len(word.encode("utf-8", "ignore")) > longest - 2 for word in words
    )
