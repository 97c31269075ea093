"""The terms of texts and the bag of terms of each text. The arithmetic is in `kernels.terms`, that of a
single text in `kernels.terms_python`.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..kernels.terms_python import terms_of_text
from ..text.words import TextSettings, lower, tokenize

if TYPE_CHECKING:
    from ..kernels.terms import Bags

Ids = NDArray[np.int64]
Values = NDArray[np.float32]


class Terms:
    """Words, word n-grams, and character n-grams inside words.

    Args:
        text: How texts are tokenized.
        ngrams: Words of the longest word n-gram.
        characters: Characters of the longest character n-gram; 0: none.
        lowercase: Whether texts are lower-cased.

    Attributes:
        hashes: The hashes of the terms, uint64: first those of words, then those of characters, each sorted.
        words: How many of them are words or word n-grams.
        idf: The inverse document frequency of each, smoothed as in scikit-learn: float32.
    """

    def __init__(self, text: TextSettings, ngrams: int, characters: int, lowercase: bool) -> None:
        self.text, self.ngrams, self.characters, self.lowercase = text, ngrams, characters, lowercase

    def set_terms(self, hashes: NDArray[np.uint64], words: int, idf: NDArray[np.float32]) -> None:
        """Use these terms."""
        self.hashes, self.words, self.idf = hashes, words, idf
        self._table: NDArray[np.uint64] | None = None

    def learn(self, texts: list[str], least: int, most: int | None) -> "Bags":
        """Find the terms that occur in at least `least` texts, and use the `most` most frequent of them.

        Returns:
            The bag of each text.
        """
        from ..kernels.terms import counted

        begins, middles, hashes = self._terms(texts)
        words, characters = counted(begins[:-1], middles, hashes), counted(middles, begins[1:], hashes)
        terms, documents = (np.concatenate(pair) for pair in zip(words, characters))
        is_word = np.arange(len(terms)) < len(words[0])
        frequent = np.flatnonzero(documents >= least)
        order = frequent[np.argsort(-documents[frequent], kind="stable")][:most]
        order = order[np.lexsort((terms[order], ~is_word[order]))]
        idf = np.log((1 + len(texts)) / (1 + documents[order])) + 1
        self.set_terms(terms[order], int(is_word[order].sum()), idf.astype(np.float32))
        return self._count(begins, hashes)

    def bags(self, texts: list[str]) -> "Bags":
        """The bag of each text, with counts."""
        begins, _, hashes = self._terms(texts)
        return self._count(begins, hashes)

    def _count(self, begins: NDArray[np.int64], hashes: NDArray[np.uint64]) -> "Bags":
        from ..kernels.terms import Bags, bags_of, table_of

        if self._table is None:
            self._table = table_of(self.hashes)
        return Bags(*bags_of(begins, hashes, self._table))

    def apply_tfidf(self, bags: "Bags", sublinear: bool) -> None:
        """Replace counts by tf-idf weights, in place."""
        from ..kernels.terms import unit_bags

        unit_bags(*bags, self.idf, self.words, sublinear)

    def _terms(self, texts: list[str]) -> tuple[NDArray, NDArray, NDArray]:
        from ..kernels.terms import terms_of

        tokens = tokenize(texts, self.text)
        joined = "".join(map(lower, texts) if self.lowercase else texts)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        shift = np.repeat(np.cumsum(sizes) - sizes, tokens.lengths)
        starts, ends = tokens.starts + shift, tokens.ends + shift
        return terms_of(codes, starts, ends, tokens.offsets, self.ngrams, self.characters)

    # The same for one text, without Numba

    def bag(self, text: str) -> tuple[Ids, Values]:
        """The known terms of a text, and how often each occurs."""
        tokens = tokenize([text], self.text)
        codes = list(map(ord, lower(text) if self.lowercase else text))
        edges = tokens.starts.tolist(), tokens.ends.tolist()
        words, characters = terms_of_text(codes, *edges, self.ngrams, self.characters)
        word_ids, word_counts = self._lookup(words, 0, self.words)
        ids, counts = self._lookup(characters, self.words, len(self.hashes))
        return np.concatenate([word_ids, ids]), np.concatenate([word_counts, counts])

    def _lookup(self, hashes: list[int], first: int, last: int) -> tuple[Ids, Values]:
        """Which of the terms `first` to `last` occur, and how often."""
        counts = Counter(hashes)
        distinct, terms = np.fromiter(counts, np.uint64, len(counts)), self.hashes[first:last]
        ids = np.searchsorted(terms, distinct)
        known = ids < len(terms)
        known[known] = terms[ids[known]] == distinct[known]
        return first + ids[known], np.fromiter(counts.values(), np.float32, len(counts))[known]

    def weights(self, ids: Ids, counts: Values, sublinear: bool) -> Values:
        """The tf-idf weights of the terms of a text."""
        values = counts.astype(np.float64)
        if sublinear:
            values = 1 + np.log(values).astype(np.float32).astype(np.float64)
        values *= self.idf[ids]
        kinds = (ids >= self.words).astype(np.int64)  # words, characters
        norms = np.sqrt(np.bincount(kinds, values**2, 2))
        return (values.astype(np.float32) / norms[kinds]).astype(np.float32)
