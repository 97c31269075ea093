"""Compares two sets of word vectors: earlier and later, or one corpus and another.

The later vectors are aligned to the earlier ones by orthogonal Procrustes (Schönemann 1966; Hamilton et al.
2016, "Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change"); the remaining difference
between a word's two vectors is its change. The share of neighbours in common needs no alignment (Gonen et al.
2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import SettingError, VectorsError
from ..word_vectors import WordVectors

_SCORES = 1 << 22  # cosines in memory at a time

Near = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class WordChange:
    """How one word changed.

    Attributes:
        word: The word.
        cosine: Between its two vectors, after alignment.
        kept: The share of its nearest words that are the same in both, among the shared frequent words.
        then: Its nearest words in the first vectors, among all words, with their cosines.
        now: The same in the second.
    """

    word: str
    cosine: float
    kept: float
    then: Near
    now: Near


@dataclass(frozen=True)
class WordChanges:
    """How two sets of word vectors differ.

    Attributes:
        sizes: The number of words in the first and in the second.
        dims: The dimension of each.
        shared: The number of words in both.
        frequent: How many of the shared words, the most frequent, were aligned and compared.
        mean_cosine: The mean cosine between their two vectors, after alignment.
        neighbors: How many nearest words of a word were compared.
        sample: For how many words the nearest words were compared.
        mean_kept: The mean share of nearest words in common.
        most: The frequent words that changed most, the most changed first.
        least: The frequent words that changed least, the least changed first.
        asked: The words asked for, in the order given.
    """

    sizes: tuple[int, int]
    dims: tuple[int, int]
    shared: int
    frequent: int
    mean_cosine: float
    neighbors: int
    sample: int
    mean_kept: float
    most: tuple[WordChange, ...]
    least: tuple[WordChange, ...]
    asked: tuple[WordChange, ...] = ()


def compare_vectors(
    first: WordVectors,
    second: WordVectors,
    *,
    words: Sequence[str] = (),
    neighbors: int = 10,
    frequent: int = 20_000,
    sample: int = 1000,
    topn: int = 10,
) -> WordChanges:
    """Find what changed between two sets of word vectors.

    Memory holds the unit vectors of the frequent words twice, and a block of cosines.

    Args:
        first: The earlier vectors, most frequent words first.
        second: The later vectors, most frequent words first; their dimension may differ.
        words: Words to report in any case; each must be in both.
        neighbors: How many nearest words of a word are compared.
        frequent: How many of the shared words are aligned and compared: those frequent in both.
        sample: For how many of these, taken evenly from the most to the least frequent, neighbours are
            compared.
        topn: How many words to report that moved most, and how many that moved least.

    Raises:
        VectorsError: fewer than two words are shared, or a word asked for is missing.
        SettingError: a number is less than one.
    """
    numbers = {"neighbors": neighbors, "frequent": frequent, "sample": sample, "topn": topn}
    for name, number in numbers.items():
        if number < 1:
            raise SettingError(f"{name} is {number}; it must be at least 1.")
    for vectors, which in ((first, "first"), (second, "second")):
        for word in words:
            if word not in vectors:
                raise VectorsError(f"The {which} vectors have none for {word!r}.")
    ranks = {word: row for row, word in enumerate(first.words) if word in second.index}
    # Those frequent in both come first.
    shared = sorted(ranks, key=lambda word: (max(ranks[word], second.index[word]), ranks[word]))
    if len(shared) < 2:
        raise VectorsError(f"The vectors share {len(shared)} words; at least two are needed to compare them.")
    drift = _Drift(first, second, shared[:frequent], neighbors)
    count = len(drift.words)
    cosines = drift.cosines(drift.units)
    rows = np.unique(np.linspace(0, count - 1, min(sample, count)).round().astype(int))
    kept = drift.kept([units[rows] for units in drift.units], rows)
    order = np.argsort(cosines, kind="stable")
    return WordChanges(
        sizes=(len(first), len(second)),
        dims=(first.dim, second.dim),
        shared=len(shared),
        frequent=count,
        mean_cosine=float(cosines.mean()),
        neighbors=drift.k,
        sample=len(rows),
        mean_kept=float(kept.mean()),
        most=drift.changes([drift.words[row] for row in order[:topn]]),
        least=drift.changes([drift.words[row] for row in order[::-1][:topn]]),
        asked=drift.changes(words),
    )


def procrustes_rotation(vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation or reflection that brings vectors (words, dim) nearest to others (words, dim).

    The solution of orthogonal Procrustes (Schönemann 1966): U Vᵀ of the singular value decomposition of
    vectorsᵀ target. If the dimensions differ, the smaller one is padded with zeros: the result is
    (dim of the vectors, the larger dim).
    """
    dim = max(vectors.shape[1], target.shape[1])
    product = np.zeros((dim, dim))
    product[: vectors.shape[1], : target.shape[1]] = vectors.T.astype(np.float64) @ target
    left, _, right = np.linalg.svd(product)
    return (left @ right)[: vectors.shape[1]].astype(np.float32)


class _Drift:
    """The shared frequent words, their unit vectors (words, dim) in both sets, and the rotation of the
    second set onto the first.
    """

    def __init__(self, first: WordVectors, second: WordVectors, words: list[str], neighbors: int) -> None:
        self.sets, self.words, self.k = (first, second), words, min(neighbors, len(words) - 1)
        self.rows = {word: row for row, word in enumerate(words)}
        self.units = self.unit_vectors(words)
        self.rotation = procrustes_rotation(self.units[1], self.units[0])

    def unit_vectors(self, words: Sequence[str]) -> list[np.ndarray]:
        """The unit vectors (words, dim) in the first and in the second set."""
        tables = [np.asarray(vectors[list(words)]) for vectors in self.sets]
        norms = [np.linalg.norm(table, axis=-1, keepdims=True) for table in tables]
        return [table / np.where(norm == 0, 1, norm) for table, norm in zip(tables, norms)]

    def cosines(self, units: Sequence[np.ndarray]) -> np.ndarray:
        """The cosines (words,) between unit vectors of both sets, after alignment."""
        first, second = units
        turned = second @ self.rotation  # as wide as the wider set
        return np.einsum("ij,ij->i", turned[:, : first.shape[1]], first)

    def kept(self, units: Sequence[np.ndarray], own: np.ndarray) -> np.ndarray:
        """The share (words,) of the k nearest frequent words that are the same in both sets.

        Args:
            units: The unit vectors of words in both sets.
            own: The rows of these words among the frequent words, -1 for a word that is not one.
        """
        shares = np.zeros(len(own))
        step = max(1, _SCORES // len(self.words))
        for start in range(0, len(own), step):
            part = slice(start, start + step)
            nearest = [self.nearest(one[part] @ all_.T, own[part]) for one, all_ in zip(units, self.units)]
            shares[part] = [len(np.intersect1d(*both)) / self.k for both in zip(*nearest)]
        return shares

    def nearest(self, cosines: np.ndarray, own: np.ndarray) -> np.ndarray:
        """The k columns with the largest cosines, a word's own column left out: (words, k)."""
        inside = np.flatnonzero(own >= 0)
        cosines[inside, own[inside]] = -np.inf
        return np.argpartition(-cosines, self.k - 1, axis=1)[:, : self.k]

    def changes(self, words: Sequence[str]) -> tuple[WordChange, ...]:
        """How each of the words changed."""
        if not words:
            return ()
        units = self.unit_vectors(words)
        kept = self.kept(units, np.array([self.rows.get(word, -1) for word in words]))
        near = ((tuple(v.most_similar(word, topn=self.k)) for v in self.sets) for word in words)
        return tuple(
            WordChange(word, float(cosine), float(share), *both)
            for word, cosine, share, both in zip(words, self.cosines(units), kept, near)
        )
