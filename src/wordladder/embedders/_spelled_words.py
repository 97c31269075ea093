"""What the character embedder reads of texts, without PyTorch: the spelling of each different word form."""

from collections.abc import Sequence as Words
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..text.padding import pad, pad_words
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens, lower

PADDING, UNKNOWN, SPECIAL = 0, 1, 2
CODE_POINTS = 0x110000
CASINGS = ("lower", "upper", "initial", "mixed", "digits", "mostly digits", "contains digit", "other")
_STEPS = (2, 4, 6, 9, 14)  # forms of up to so many characters are padded together,
_LEAST = 64  # unless they are fewer than this


class Spelling:
    """Numbers of the characters of word forms: 0 is padding, 1 any unknown character.

    Args:
        vocabulary: The known characters.
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
    def count(cls, surfaces: Words[str], min_count: int, longest: int, lowercase: bool) -> "Spelling":
        """The spelling that knows the characters seen at least `min_count` times, most frequent first."""
        counts = np.bincount(_codes("".join(surfaces), lowercase), minlength=CODE_POINTS)
        counts[0xD800:0xE000] = 0  # halves of surrogate pairs, which cannot be saved
        known = np.flatnonzero(counts >= max(1, min_count))
        known = known[np.argsort(-counts[known], kind="stable")]
        return cls(Vocabulary(list(map(chr, known.tolist())), counts[known]), longest, lowercase)

    def spell(self, forms: Words[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The numbers of the characters of all forms, and the offsets of the forms `(forms + 1,)`."""
        tail = self.longest // 2
        head = self.longest - tail
        forms = [
            form if len(form) <= self.longest else form[:head] + form[len(form) - tail :] for form in forms
        ]
        offsets = np.cumsum([0, *map(len, forms)], dtype=np.int64)
        return self._numbers[_codes("".join(forms), self.lowercase)].astype(np.int64), offsets


def _codes(text: str, lowercase: bool) -> NDArray[np.uint32]:
    text = lower(text) if lowercase else text
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


@lru_cache(maxsize=1 << 16)
def casing(form: str) -> int:
    """The class of a form's casing after Reimers & Gurevych (2017), an index into `CASINGS`; the first that
    fits of: all digits, more than half digits, lower case, upper case, a capital first, a digit somewhere, a
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


class Prepared(NamedTuple):
    """Each different word form of a batch once, and where it is.

    Attributes:
        forms: Numbers of characters, `(forms, longest)` each: the shortest forms first, so that there is
            little padding.
        casings: Each form's casing, from 1, after a 0 for padding, `(1 + forms,)`; None if not used.
        places: The number of each word's form, from 1, `(batch, time)`; 0 is padding.
        mask: `(batch, time)`.
        segments: The words' segment where there are several, `(batch, time)`.
    """

    forms: tuple[Any, ...]
    casings: Any
    places: Any
    mask: Any
    segments: Any


class SpelledWords(NamedTuple):
    """How words are spelled.

    Attributes:
        spelling: The numbers of characters.
        casings: Whether each form's casing is read too.
    """

    spelling: Spelling
    casings: bool

    def read(self, tokens: Tokens, *, whole: bool = False) -> Prepared:
        """The spelling of each different form of the batch, and where it is.

        Args:
            tokens: The words.
            whole: Whether all forms are padded together, of which there is at least one.
        """
        surfaces = tokens.surfaces(lowercase=self.spelling.lowercase and not self.casings)
        forms = sorted(dict.fromkeys(surfaces), key=len) or [""] * whole
        numbers = dict(zip(forms, range(1, len(forms) + 1)))
        places = np.fromiter(map(numbers.__getitem__, surfaces), np.int64, len(surfaces))
        casings = np.array([0, *(1 + casing(form) for form in forms)]) if self.casings else None
        letters, offsets = self.spelling.spell(forms)
        lengths = np.diff(offsets)
        bounds = [0] if whole else _bounds(lengths)
        groups = [offsets[first : last + 1] for first, last in pairwise([*bounds, len(lengths)])]
        spelled = tuple(pad(letters[own[0] : own[-1]], own - own[0])[0] for own in groups)
        return Prepared(spelled, casings, *pad_words(places, tokens))

    def keep(self, folder: Path) -> dict[str, Any]:
        """Write the characters; returns the arguments of `restore`."""
        spelling = self.spelling
        spelling.vocabulary.save(folder / "characters.txt")
        return {"longest": spelling.longest, "lowercase": spelling.lowercase, "casings": self.casings}

    @classmethod
    def restore(cls, folder: Path, *, longest: int, lowercase: bool, casings: bool) -> "SpelledWords":
        """Read what `keep` wrote."""
        return cls(Spelling(Vocabulary.load(folder / "characters.txt"), longest, lowercase), casings)


def _bounds(lengths: NDArray[np.int64]) -> list[int]:
    """Where forms of about the same length begin; the shortest come first."""
    bounds = [0] if len(lengths) else []
    for bound in np.searchsorted(lengths, _STEPS, side="right").tolist():
        if bounds and min(bound - bounds[-1], len(lengths) - bound) >= _LEAST:
            bounds.append(bound)
    return bounds
