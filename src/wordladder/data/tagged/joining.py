"""Words → the text that they are put together to, and where each begins."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from ...kernels.character_classes import HAN
from ...text.words import classes

# CJK symbols and punctuation, kana; full and half width forms.
_WIDE = ((0x3000, 0x30FF), (0x31F0, 0x31FF), (0xFF00, 0xFFEF))
# Dashes, quotes, the ellipsis and the middle dot: Chinese beside Chinese, Western beside Western.
_EITHER = frozenset("—―‘’“”…·")


def are_characters(words: Sequence[str]) -> bool:
    """Whether nearly all words (99 %) are one character and most of them Han: a file of single characters."""
    counts = Counter(words)
    single = sum(count for word, count in counts.items() if len(word) == 1)
    han = sum(count for word, count in counts.items() if len(word) == 1 and classes()[ord(word)] == HAN)
    return single >= 0.99 * len(words) and 2 * han >= len(words) > 0


def join_words(
    words: Sequence[str], characters: bool = False, touching: Sequence[bool] | None = None
) -> tuple[str, list[int]]:
    """A sentence's text, and the place of each word's first character in it.

    One space stands between words; none where both sides are Han, kana, full width or Chinese punctuation.

    Args:
        words: The words.
        characters: They are single characters of a text without spaces: nothing stands between them.
        touching: Whether the next word follows each without a space, where that is said.
    """
    if touching is None:
        if characters:
            return "".join(words), _starts(words, 0)
        text = " ".join(words)
        if text.isascii():
            return text, _starts(words, 1)
        touching = [_touch(left[-1], right[0]) for left, right in pairwise(words)]
    parts, starts, place = [], [], 0
    for touches, word in zip((True, *touching), words):
        if not touches:
            parts.append(" ")
            place += 1
        parts.append(word)
        starts.append(place)
        place += len(word)
    return "".join(parts), starts


def _starts(words: Sequence[str], gap: int) -> list[int]:
    ends = accumulate(map(len, words[:-1]), initial=0)
    return [end + gap * place for place, end in enumerate(ends)] if words else []


def _touch(left: str, right: str) -> bool:
    """Whether no space stands between two characters."""
    wide = _wide(left) + _wide(right)
    return wide == 2 or (wide == 1 and (left in _EITHER or right in _EITHER))


@lru_cache(maxsize=1 << 14)
def _wide(character: str) -> bool:
    code = ord(character)
    return bool(classes()[code] == HAN) or any(first <= code <= last for first, last in _WIDE)
