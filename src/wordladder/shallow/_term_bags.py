"""The terms of texts as numbers: which there are, and the bag of each text. The arithmetic is in
`kernels.terms`, for a text that is answered alone in `kernels.terms_python`.
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
    """Words, runs of words, and n-grams of the characters inside words.

    Args:
        text: How texts are taken apart.
        ngrams: Words of the longest run.
        characters: Characters of the longest n-gram; 0: none.
        lowercase: Whether texts are lower-cased.

    Attributes:
        hashes: The terms, those of words first, each kind in order: uint64.
        words: How many of them are words or runs of words.
        idf: The inverse document frequency of each, smoothed as scikit-learn does: float32.
    """

    def __init__(self, text: TextSettings, ngrams: int, characters: int, lowercase: bool) -> None:
        self.text, self.ngrams, self.characters, self.lowercase = text, ngrams, characters, lowercase

    def take(self, hashes: NDArray[np.uint64], words: int, idf: NDArray[np.float32]) -> None:
        """Know these terms."""
        self.hashes, self.words, self.idf = hashes, words, idf
        self._table: NDArray[np.uint64] | None = None

    def learn(self, texts: list[str], least: int, most: int | None) -> "Bags":
        """Find the terms that occur in at least so many texts, the most frequent first and at most so many:
        the bag of each text.
        """
        from ..kernels.terms import counted

        begins, middles, hashes = self._terms(texts)
        parts = [counted(begins[:-1], middles, hashes), counted(middles, begins[1:], hashes)]
        kept = [(found[texts_with >= least], texts_with[texts_with >= least]) for found, texts_with in parts]
        words = np.repeat([True, False], [len(found) for found, _ in kept])
        found, texts_with = (np.concatenate(part) for part in zip(*kept))
        order = np.argsort(-texts_with, kind="stable")[:most]
        order = order[np.lexsort((found[order], ~words[order]))]
        idf = np.log((1 + len(texts)) / (1 + texts_with[order])) + 1
        self.take(found[order], int(words[order].sum()), idf.astype(np.float32))
        return self._counted(begins, hashes)

    def bags(self, texts: list[str]) -> "Bags":
        """The bag of each text, with counts."""
        begins, _, hashes = self._terms(texts)
        return self._counted(begins, hashes)

    def _counted(self, begins: NDArray[np.int64], hashes: NDArray[np.uint64]) -> "Bags":
        from ..kernels.terms import Bags, bags_of, table_of

        if self._table is None:
            self._table = table_of(self.hashes)
        return Bags(*bags_of(begins, hashes, self._table))

    def weigh(self, bags: "Bags", sublinear: bool) -> None:
        """Weigh counts by tf-idf, in place."""
        from ..kernels.terms import unit_bags

        unit_bags(*bags, self.idf, self.words, sublinear)

    def _terms(self, texts: list[str]) -> tuple[NDArray, NDArray, NDArray]:
        from ..kernels.terms import terms_of

        tokens = tokenize(texts, self.text)
        joined = "".join(map(lower, texts) if self.lowercase else texts)
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
        shift = np.repeat(np.cumsum(sizes) - sizes, tokens.lengths)
        places = tokens.starts + shift, tokens.ends + shift, tokens.offsets
        return terms_of(codes, *places, self.ngrams, self.characters)

    # The same for one text, without Numba

    def bag(self, text: str) -> tuple[Ids, Values]:
        """The known terms of a text, and how often each occurs."""
        tokens = tokenize([text], self.text)
        codes = list(map(ord, lower(text) if self.lowercase else text))
        places = tokens.starts.tolist(), tokens.ends.tolist()
        words, letters = terms_of_text(codes, *places, self.ngrams, self.characters)
        known = self._known(words, 0, self.words), self._known(letters, self.words, len(self.hashes))
        return np.concatenate([ids for ids, _ in known]), np.concatenate([counts for _, counts in known])

    def _known(self, found: list[int], first: int, last: int) -> tuple[Ids, Values]:
        counts = Counter(found)
        hashes, known = np.fromiter(counts, np.uint64, len(counts)), self.hashes[first:last]
        places = np.searchsorted(known, hashes)
        some = places < len(known)
        some[some] = known[places[some]] == hashes[some]
        return first + places[some], np.fromiter(counts.values(), np.float32, len(counts))[some]

    def weights(self, ids: Ids, counts: Values, sublinear: bool) -> Values:
        """The weights of a text's terms by tf-idf."""
        values = counts.astype(np.float64)
        if sublinear:
            values = 1 + np.log(values).astype(np.float32).astype(np.float64)
        values *= self.idf[ids]
        is_letters = (ids >= self.words).astype(np.int64)
        lengths = np.sqrt(np.bincount(is_letters, values**2, 2))
        return (values.astype(np.float32) / lengths[is_letters]).astype(np.float32)
