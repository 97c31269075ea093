"""The parts of words, as fastText takes them: what gives a vector to a word that was never seen.

Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import SettingError
from .text import classes

__all__ = ["Subwords", "ngrams", "spelled"]


@dataclass(frozen=True)
class Subwords:
    """Vectors of character n-grams, hashed into buckets, and the words' own vectors beside them.

    A word's vector is the mean of its own row and of the rows of its n-grams; a word without a row of its own
    has its n-grams alone.

    Args:
        own: The words' own rows (words, dim), float32.
        buckets: The rows of the n-grams (buckets, dim), float32, perhaps memory-mapped.
        min_n: Characters of the shortest n-gram.
        max_n: Characters of the longest n-gram; 0: there are none.
        han: Whether each Han character is a unit of its word, whatever `min_n` is.
    """

    own: np.ndarray
    buckets: np.ndarray
    min_n: int = 3
    max_n: int = 6
    han: bool = True

    def ngrams(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The buckets of each word's n-grams: (offsets (words + 1,), buckets (n-grams,))."""
        return ngrams(words, self.min_n, self.max_n, len(self.buckets), han=self.han)

    def vectors(self, words: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
        """The vectors of words: (words, dim) float32; zero for a word without any part.

        Args:
            words: The words.
            rows: The row of each word in `own`, -1 for a word without one; left out, none has one.
        """
        offsets, parts = self.ngrams(words)
        counts = np.diff(offsets)
        sums = np.zeros((len(words), self.buckets.shape[1]), np.float32)
        for first in range(0, len(words), _WORDS):  # a block's n-grams at a time: they are many
            last = min(first + _WORDS, len(words))
            owner = np.repeat(np.arange(last - first), counts[first:last])
            np.add.at(sums[first:last], owner, self.buckets[parts[offsets[first] : offsets[last]]])
        if rows is not None:
            known = rows >= 0
            sums[known] += self.own[rows[known]]
            counts = counts + known
        return sums / np.maximum(1, counts)[:, None].astype(np.float32)


_WORDS = 1 << 12


def ngrams(
    words: Sequence[str], min_n: int, max_n: int, buckets: int, *, han: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The buckets of the n-grams of words: (offsets (words + 1,) int64, buckets (n-grams,) int32).

    Raises:
        SettingError: the sizes cannot be used.
    """
    from .kernels.subwords import ngrams as found

    if max_n and (min_n < 1 or max_n < min_n):
        raise SettingError(f"n-grams of {min_n} to {max_n} characters: min_n is at least 1, max_n not less.")
    if buckets < 1:
        raise SettingError(f"buckets is {buckets}; it must be at least 1.")
    table = classes() if han else np.zeros(0, np.uint8)
    return found(*spelled(words), min_n, max_n, buckets, table)


def spelled(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Words as bytes: (UTF-8 letters uint8, where each begins (words + 1,) int64)."""
    parts = [word.encode("utf-8", "surrogatepass") for word in words]
    begins = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=begins[1:])
    return np.frombuffer(b"".join(parts), np.uint8), begins
