"""The parts of words, as fastText takes them: what gives a vector to a word that was never seen.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import SettingError, check_at_least
from ..kernels.character_classes import HAN
from .words import classes, offsets_of

Arrays = tuple[np.ndarray, np.ndarray]
_WORDS = 1 << 12  # words put together at a time: their n-grams are many


@dataclass(frozen=True)
class Subwords:
    """Vectors of character n-grams, hashed into buckets, and the words' own vectors.

    A word's vector is the mean of its own row and of the rows of its n-grams; a word without a row of its own
    has only its n-grams.

    Args:
        own: The words' own rows (words, dim), float32.
        buckets: The rows of the n-grams (buckets, dim), float32, perhaps memory-mapped.
        min_n: Characters of the shortest n-gram.
        max_n: Characters of the longest n-gram; 0: there are none.
        han: Whether each Han character is a unit of its word, whatever `min_n` is.
        total: How many buckets n-grams are hashed into; 0: as many as there are rows.
        used: Which bucket each row of `buckets` is, ascending, where not all have one; the others are zero.
    """

    own: np.ndarray
    buckets: np.ndarray
    min_n: int = 3
    max_n: int = 6
    han: bool = True
    total: int = 0
    used: np.ndarray | None = None

    def ngrams(self, words: Sequence[str]) -> Arrays:
        """The rows of each word's n-grams, −1 for one without: (offsets (words + 1,), rows (n-grams,))."""
        total = self.total or len(self.buckets)
        offsets, buckets = ngrams(words, self.min_n, self.max_n, total, han=self.han)
        if self.used is None:
            return offsets, buckets
        rows = np.searchsorted(self.used, buckets)
        rows[rows == len(self.used)] = 0
        rows[self.used[rows] != buckets] = -1
        return offsets, rows

    def vectors(self, words: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
        """The vectors of words: (words, dim) float32; zero for a word without any part.

        Args:
            words: The words.
            rows: The row of each word in `own`, −1 for a word without one; left out, none has one.
        """
        offsets, parts = self.ngrams(words)
        counts = np.diff(offsets)
        sums = np.zeros((len(words), self.buckets.shape[1]), np.float32)
        for first in range(0, len(words), _WORDS):
            last = min(first + _WORDS, len(words))
            begin, end = offsets[first], offsets[last]
            has_ngrams = counts[first:last] > 0
            if has_ngrams.any():
                vectors = self.buckets[parts[begin:end]]
                vectors[parts[begin:end] < 0] = 0
                starts = (offsets[first:last] - begin)[has_ngrams]
                sums[first:last][has_ngrams] = np.add.reduceat(vectors, starts)
        if rows is not None:
            known = rows >= 0
            sums[known] += self.own[rows[known]]
            counts = counts + known
        return sums / np.maximum(1, counts)[:, None].astype(np.float32)

    def whole(self) -> np.ndarray:
        """The rows of all buckets, (total, dim): those never seen are zero."""
        if self.used is None:
            return self.buckets
        rows = np.zeros((self.total, self.buckets.shape[1]), np.float32)
        rows[self.used] = self.buckets
        return rows


def ngrams(words: Sequence[str], min_n: int, max_n: int, buckets: int, *, han: bool) -> Arrays:
    """The buckets of the n-grams of words: (offsets (words + 1,) int64, buckets (n-grams,) int32).

    Raises:
        SettingError: the sizes cannot be used.
    """
    from ..kernels.subwords import ngrams as find_ngrams

    if max_n and (min_n < 1 or max_n < min_n):
        raise SettingError(f"n-grams of {min_n} to {max_n} characters: min_n is at least 1, max_n not less.")
    check_at_least(1, buckets=buckets)
    table = classes() if han else np.zeros(0, np.uint8)
    return find_ngrams(*encode_words(words), min_n, max_n, buckets, table)


def encode_words(words: Iterable[str]) -> Arrays:
    """Words as bytes: (UTF-8 letters uint8, where each begins (words + 1,) int64)."""
    return concatenate([word.encode("utf-8", "surrogatepass") for word in words])


def concatenate(parts: Sequence[bytes]) -> Arrays:
    """Words in UTF-8, one after another, and where each begins, as `encode_words` gives them."""
    return np.frombuffer(b"".join(parts), np.uint8), offsets_of([len(part) for part in parts])


def first_han(words: Sequence[str]) -> str | None:
    """The first word with a Han character, which is a unit of its word; None if there is none."""
    letters = np.frombuffer("".join(words).encode("utf-32-le", "surrogatepass"), "<u4")
    positions = np.flatnonzero(classes()[letters] == HAN)
    if not len(positions):
        return None
    return words[int(np.searchsorted(np.cumsum([len(word) for word in words]), positions[0], "right"))]
