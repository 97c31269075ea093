"""What moved between two sets of word vectors: earlier and later, or one corpus and another.

The later vectors are turned onto the earlier ones by orthogonal Procrustes (Schönemann 1966; Hamilton et al.
2016, "Diachronic Word Embeddings Reveal Statistical Laws of Semantic Change"); what is left between a word's
two vectors is its change. How many of its neighbours stayed needs no alignment (Gonen et al. 2020).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import SettingError, VectorsError
from ..word_vectors import WordVectors

_SCORES = 1 << 22  # cosines held at once

Near = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class WordChange:
    """What became of one word.

    Attributes:
        word: The word.
        cosine: Between its two vectors, after alignment.
        kept: The share of its nearest words that stayed, among the shared frequent words.
        then: Its nearest words in the first vectors, of all its words, with their cosines.
        now: The same in the second.
    """

    word: str
    cosine: float
    kept: float
    then: Near
    now: Near


@dataclass(frozen=True)
class WordChanges:
    """What moved between two sets of word vectors.

    Attributes:
        sizes: Words in the first and in the second.
        dims: Numbers in a vector of each.
        shared: Words in both.
        frequent: The most frequent of the shared words: those aligned and compared.
        mean_cosine: Mean cosine between their two vectors, after alignment.
        neighbors: How many nearest words were compared.
        sample: Of how many words.
        mean_kept: Mean share of nearest words that stayed.
        most: The frequent words that moved most, the farthest first.
        least: The frequent words that moved least, the nearest first.
        asked: The words asked for, in their order.
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


class _Pair(NamedTuple):
    """The unit vectors (words, dim) of the shared frequent words, and where they stand."""

    words: list[str]
    first: np.ndarray
    second: np.ndarray


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
    """Find what moved between two sets of word vectors.

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
    shared = _shared(first, second)
    if len(shared) < 2:
        raise VectorsError(f"The vectors share {len(shared)} words; at least two are needed to compare them.")
    pair = _pair(first, second, shared[:frequent])
    turn = aligned(pair.second, pair.first)
    cosines = np.einsum("ij,ij->i", pair.second @ turn, _padded(pair.first, turn.shape[1]))
    k = min(neighbors, len(pair.words) - 1)
    places = np.unique(np.linspace(0, len(pair.words) - 1, min(sample, len(pair.words))).round().astype(int))
    kept = _kept(pair, pair.first[places], pair.second[places], places, k)
    order = np.argsort(cosines, kind="stable")
    tell = _Teller(first, second, pair, turn, k)
    return WordChanges(
        sizes=(len(first), len(second)),
        dims=(first.dim, second.dim),
        shared=len(shared),
        frequent=len(pair.words),
        mean_cosine=float(cosines.mean()),
        neighbors=k,
        sample=len(places),
        mean_kept=float(kept.mean()),
        most=tell([pair.words[row] for row in order[:topn]]),
        least=tell([pair.words[row] for row in order[::-1][:topn]]),
        asked=tell(words),
    )


def aligned(vectors: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The rotation or reflection that brings vectors (words, dim) nearest to others (words, dim).

    The solution of orthogonal Procrustes (Schönemann 1966): U Vᵀ of the singular value decomposition of
    vectorsᵀ target. Where dimensions differ, the smaller side is filled with zeros: the result is
    (dim of the vectors, the larger dim).
    """
    dim = max(vectors.shape[1], target.shape[1])
    product = np.zeros((dim, dim))
    product[: vectors.shape[1], : target.shape[1]] = vectors.T.astype(np.float64) @ target
    left, _, right = np.linalg.svd(product)
    return (left @ right)[: vectors.shape[1]].astype(np.float32)


def _shared(first: WordVectors, second: WordVectors) -> list[str]:
    """The words of both, those first that are frequent in both."""
    places = [
        (row, other, word)
        for row, word in enumerate(first.words)
        if (other := second.index.get(word, -1)) >= 0
    ]
    return [word for _, _, word in sorted(places, key=lambda one: (max(one[:2]), one[0]))]


def _pair(first: WordVectors, second: WordVectors, words: list[str]) -> _Pair:
    return _Pair(words, *(_units(np.asarray(vectors[words])) for vectors in (first, second)))


def _units(vectors: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def _padded(vectors: np.ndarray, dim: int) -> np.ndarray:
    return np.pad(vectors, ((0, 0), (0, dim - vectors.shape[1])))


def _kept(pair: _Pair, ones: np.ndarray, others: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """The share (words,) of the k nearest of the frequent words that are the same in both.

    Args:
        pair: The frequent words.
        ones: Unit vectors of the words asked about, in the first vectors.
        others: The same in the second.
        own: The rows of these words in the pair, -1 for a word that is not there.
        k: How many nearest words.
    """
    shares = np.zeros(len(ones))
    step = max(1, _SCORES // len(pair.words))
    for start in range(0, len(ones), step):
        mine = slice(start, start + step)
        then = _nearest(ones[mine] @ pair.first.T, own[mine], k)
        now = _nearest(others[mine] @ pair.second.T, own[mine], k)
        shares[mine] = [len(np.intersect1d(*both)) / k for both in zip(then, now)]
    return shares


def _nearest(cosines: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """The k columns with the largest cosines, a word's own column left out: (words, k)."""
    inside = np.flatnonzero(own >= 0)
    cosines[inside, own[inside]] = -np.inf
    return np.argpartition(-cosines, k - 1, axis=1)[:, :k]


class _Teller:
    """Tells of words what became of them."""

    def __init__(
        self, first: WordVectors, second: WordVectors, pair: _Pair, turn: np.ndarray, k: int
    ) -> None:
        self.first, self.second, self.pair, self.turn, self.k = first, second, pair, turn, k
        self.rows = {word: row for row, word in enumerate(pair.words)}

    def __call__(self, words: Sequence[str]) -> tuple[WordChange, ...]:
        if not words:
            return ()
        ones, others = (_units(np.asarray(vectors[list(words)])) for vectors in (self.first, self.second))
        own = np.array([self.rows.get(word, -1) for word in words])
        kept = _kept(self.pair, ones, others, own, self.k)
        cosines = np.einsum("ij,ij->i", others @ self.turn, _padded(ones, self.turn.shape[1]))
        near = (
            (tuple(v.most_similar(word, topn=self.k)) for v in (self.first, self.second)) for word in words
        )
        return tuple(
            WordChange(word, float(cosine), float(share), *both)
            for word, cosine, share, both in zip(words, cosines, kept, near)
        )
