"""The terms of texts as numbers: which there are, and the bag of each text. The arithmetic is in
`kernels.terms`.
"""

import numpy as np
from numpy.typing import NDArray

from ..kernels.terms import Bags, bags_of, counted, table_of, terms_of, unit_bags
from ..text import TextSettings, lower, tokenize

__all__ = ["Terms"]


class Terms:
    """Words, runs of words, and n-grams of the characters inside words.

    Args:
        text: How texts are taken apart.
        ngrams: Words of the longest run.
        characters: Characters of the longest n-gram; 0: none.
        lowercase: Whether texts are lower-cased.

    Attributes:
        hashes: The terms, those of words first: uint64.
        words: How many of them are words or runs of words.
        idf: The inverse document frequency of each, smoothed as scikit-learn does: float32.
    """

    def __init__(self, text: TextSettings, ngrams: int, characters: int, lowercase: bool) -> None:
        self.text, self.ngrams, self.characters, self.lowercase = text, ngrams, characters, lowercase

    def take(self, hashes: NDArray[np.uint64], words: int, idf: NDArray[np.float32]) -> None:
        """Know these terms."""
        self.hashes, self.words, self.idf = hashes, words, idf
        self.table = table_of(hashes)

    def learn(self, texts: list[str], least: int, most: int | None) -> Bags:
        """Find the terms that occur in at least so many texts, the most frequent first and at most so many:
        the bag of each text.
        """
        begins, middles, hashes = self._terms(texts)
        parts = [counted(begins[:-1], middles, hashes), counted(middles, begins[1:], hashes)]
        kept = [(found[texts_with >= least], texts_with[texts_with >= least]) for found, texts_with in parts]
        words = np.repeat([True, False], [len(found) for found, _ in kept])
        found, texts_with = (np.concatenate(part) for part in zip(*kept))
        order = np.argsort(-texts_with, kind="stable")[:most]
        order = order[np.lexsort((found[order], ~words[order]))]
        idf = np.log((1 + len(texts)) / (1 + texts_with[order])) + 1
        self.take(found[order], int(words[order].sum()), idf.astype(np.float32))
        return Bags(*bags_of(begins, hashes, self.table))

    def bags(self, texts: list[str]) -> Bags:
        """The bag of each text, with counts."""
        begins, _, hashes = self._terms(texts)
        return Bags(*bags_of(begins, hashes, self.table))

    def weigh(self, bags: Bags, sublinear: bool) -> None:
        """Weigh counts by tf-idf, in place."""
        unit_bags(*bags, self.idf, self.words, sublinear)

    def _terms(self, texts: list[str]) -> tuple[NDArray, NDArray, NDArray]:
        tokens = tokenize(texts, self.text)
        joined = "".join(map(lower, texts) if self.lowercase else texts)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        shift = np.repeat(np.cumsum(sizes) - sizes, tokens.lengths)
        places = tokens.starts + shift, tokens.ends + shift, tokens.offsets
        return terms_of(codes, *places, self.ngrams, self.characters)
