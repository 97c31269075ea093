"""The terms of texts and the bag of terms of each text. The arithmetic is in `kernels.terms`, that of a
single text in `kernels.terms_python`.
"""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..kernels.terms_python import terms_of_text
from ..text.words import TextSettings, Tokens, lower, tokenize

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

    def places(self, text: str) -> tuple[Tokens, Ids, NDArray[np.int64]]:
        """The words of a text; of each occurrence of a term which one it is, −1 for none that is known; and
        its first and its last word, `(occurrences, 2)`.
        """
        tokens = tokenize([text], self.text)
        codes = list(map(ord, lower(text) if self.lowercase else text))
        starts, ends = tokens.starts.tolist(), tokens.ends.tolist()
        runs, _ = terms_of_text(codes, starts, ends, self.ngrams, 0)
        size = len(starts)
        spans = [(one, last) for one in range(size) for last in range(one, min(size, one + self.ngrams))]
        letters = list[int]()
        for word, (start, end) in enumerate(zip(starts, ends)):
            own = terms_of_text(codes, [start], [end], 0, self.characters)[1]
            letters += own
            spans += [(word, word)] * len(own)
        parts = [(runs, 0, self.words), (letters, self.words, len(self.hashes))]
        ids = np.concatenate([self._find(np.array(some, np.uint64), *bounds) for some, *bounds in parts])
        return tokens, ids, np.array(spans, np.int64).reshape(-1, 2)

    def _find(self, hashes: NDArray[np.uint64], first: int, last: int) -> Ids:
        """Which of the terms `first` to `last` each one is, −1 for none."""
        terms = self.hashes[first:last]
        ids = np.minimum(np.searchsorted(terms, hashes), max(0, len(terms) - 1))
        known = terms[ids] == hashes if len(terms) else np.zeros(len(hashes), bool)
        return np.where(known, first + ids, -1)

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
