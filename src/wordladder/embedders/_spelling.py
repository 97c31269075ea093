"""Spelling: word forms as numbers of characters, and the class of a form's casing."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..text.vocabulary import Vocabulary
from ..text.words import lower

PADDING, UNKNOWN, SPECIAL = 0, 1, 2
CODE_POINTS = 0x110000
CASINGS = ("lower", "upper", "initial", "mixed", "digits", "mostly digits", "contains digit", "other")
Casing = int  # a place in CASINGS


class Spelt(NamedTuple):
    """The characters of some word forms, form after form.

    Attributes:
        numbers: The number of each character, `(characters,)` int64.
        offsets: Form `i` is `numbers[offsets[i]:offsets[i + 1]]`, `(forms + 1,)` int64.
    """

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]


class Spelling:
    """From word forms to numbers of characters: 0 is none, 1 any character that is not known.

    Args:
        vocabulary: The characters that are known.
        longest: Characters that are read of a form; of a longer one the first and the last, half each.
        lowercase: Whether characters are read in lower case.
    """

    def __init__(self, vocabulary: Vocabulary, longest: int, lowercase: bool) -> None:
        self.vocabulary, self.longest, self.lowercase = vocabulary, longest, lowercase
        self._numbers = np.full(CODE_POINTS, UNKNOWN, dtype=np.int32)
        codes = np.fromiter(map(ord, vocabulary.words), dtype=np.int64, count=len(vocabulary))
        self._numbers[codes] = np.arange(SPECIAL, SPECIAL + len(codes))

    def __len__(self) -> int:
        """Rows that a table of characters needs."""
        return SPECIAL + len(self.vocabulary)

    @classmethod
    def count(cls, surfaces: Sequence[str], min_count: int, longest: int, lowercase: bool) -> "Spelling":
        """The spelling that knows the characters seen at least `min_count` times, most frequent first."""
        counts = np.bincount(_codes("".join(surfaces), lowercase), minlength=CODE_POINTS)
        counts[0xD800:0xE000] = 0  # halves of surrogate pairs: no file holds them
        known = np.flatnonzero(counts >= max(1, min_count))
        known = known[np.argsort(-counts[known], kind="stable")]
        return cls(Vocabulary(list(map(chr, known.tolist())), counts[known]), longest, lowercase)

    def spell(self, forms: Sequence[str]) -> Spelt:
        """The numbers of the characters of all `forms`."""
        forms = [form if len(form) <= self.longest else self._cut(form) for form in forms]
        offsets = np.zeros(len(forms) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, forms), dtype=np.int64, count=len(forms)), out=offsets[1:])
        return Spelt(self._numbers[_codes("".join(forms), self.lowercase)].astype(np.int64), offsets)

    def _cut(self, form: str) -> str:
        tail = self.longest // 2
        return form[: self.longest - tail] + form[len(form) - tail :]


def _codes(text: str, lowercase: bool) -> NDArray[np.uint32]:
    return np.frombuffer(
        (lower(text) if lowercase else text).encode("utf-32-le", "surrogatepass"), dtype="<u4"
    )


@lru_cache(maxsize=1 << 16)
def casing(form: str) -> Casing:
    """The class of a form's casing after Reimers & Gurevych (2017), a place in `CASINGS`; the first that fits
    of: all digits, more than half digits, lower case, upper case, a capital first, a digit somewhere, a
    capital somewhere, other. The last but one is ours: theirs is "other".
    """
    digits = sum(map(str.isdigit, form))
    tests = (
        ("digits", digits == len(form)),
        ("mostly digits", 2 * digits > len(form)),
        ("lower", form.islower()),
        ("upper", form.isupper()),
        ("initial", form[:1].isupper()),
        ("contains digit", digits > 0),
        ("mixed", any(map(str.isupper, form))),
    )
    return CASINGS.index(next((name for name, fits in tests if fits), "other"))
