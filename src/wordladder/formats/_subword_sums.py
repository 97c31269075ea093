"""Vectors of words made of their own rows and those of their n-grams, as fastText stores them apart."""

from collections.abc import Callable, Collection, Sequence

import numpy as np

from ..text.subwords import concatenate

_WORDS = 1 << 15  # composed at a time: their n-grams are many


def composed(
    words: Sequence[bytes],
    own: np.ndarray,
    rows: np.ndarray,
    sizes: tuple[int, int, int],
    alone: Collection[bytes] = (),
    rows_of: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The mean of each word's own row and the rows of its n-grams: (words, dim) float32.

    Args:
        words: The words in UTF-8.
        own: Their own rows (words, dim).
        rows: The rows of the n-grams.
        sizes: Characters of the shortest and of the longest n-gram, and buckets.
        alone: Words that have no n-grams.
        rows_of: Gives the rows of buckets, below zero for none; left out, they are the buckets.
    """
    from ..kernels.composition import means
    from ..kernels.subwords import ngrams

    vectors = np.empty(own.shape, np.float32)
    for start in range(0, len(words), _WORDS):
        block = words[start : start + _WORDS]
        offsets, buckets = ngrams(*concatenate(block), *sizes, np.zeros(0, np.uint8))
        parts = buckets.astype(np.int64)
        if rows_of is not None:
            parts = rows_of(parts)
        for place, word in enumerate(block):
            if word in alone:
                parts[offsets[place] : offsets[place + 1]] = -1
        vectors[start : start + len(block)] = means(own[start : start + len(block)], rows, offsets, parts)
    return vectors
