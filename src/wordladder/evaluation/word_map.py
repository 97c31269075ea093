"""Words on a map: vectors brought down to two dimensions. The picture is drawn elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..errors import SettingError, did_you_mean
from ..extras import require
from ..word_vectors import WordVectors

MOST = 1000  # more words on a page cannot be read


@dataclass(frozen=True)
class WordMap:
    """Words with a place each in the plane.

    Attributes:
        words: The words asked for, then their neighbours.
        points: Their places (words, 2).
        groups: For each word, which of the words asked for it belongs to.
        asked: How many words were asked for: the first ones.
        method: `pca` or `tsne`.
        explained: With PCA, the share of the variance along each axis.
        perplexity: With t-SNE, about how many neighbours a word is placed by.
    """

    words: tuple[str, ...]
    points: np.ndarray
    groups: tuple[int, ...]
    asked: int
    method: str
    explained: tuple[float, float] | None = None
    perplexity: float | None = None


def word_map(
    vectors: WordVectors,
    words: Sequence[str],
    *,
    neighbors: int = 0,
    method: Literal["pca", "tsne"] = "pca",
    seed: int = 1,
) -> WordMap:
    """Place words, and the words nearest to each, on a plane.

    Args:
        vectors: The vectors, of which directions count and lengths do not.
        words: The words; one given twice counts once.
        neighbors: How many of the nearest words of each word to add; a word near to several goes with the
            nearest.
        method: `pca` shows the directions of largest variance, `tsne` keeps neighbours together (van der
            Maaten and Hinton 2008; needs scikit-learn).
        seed: Seed of t-SNE.

    Raises:
        VectorsError: a word has no vector.
        SettingError: there are too few or too many words, or no such method.
        MissingExtraError: t-SNE was asked for without scikit-learn.
    """
    if method not in ("pca", "tsne"):
        raise SettingError(f"method is {method!r}.{did_you_mean(method, ['pca', 'tsne'])}")
    asked = list(dict.fromkeys(words))
    group = _grouped(vectors, asked, neighbors)
    if not 3 <= len(group) <= MOST:
        raise SettingError(f"A map takes 3 to {MOST:,} words; these are {len(group):,}.")
    shown = tuple(group)
    table = np.asarray(vectors[list(shown)], np.float64)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    units = table / np.where(norms == 0, 1, norms)
    axes, explained = _principal(units)
    common = (tuple(group.values()), len(asked), method)
    if method == "pca":
        return WordMap(shown, axes, *common, explained=explained)
    perplexity = min(30.0, (len(shown) - 1) / 3)
    return WordMap(shown, _embedded(units, axes, perplexity, seed), *common, perplexity=perplexity)


def _grouped(vectors: WordVectors, asked: Sequence[str], neighbors: int) -> dict[str, int]:
    """The words asked for and their neighbours, each with the number of its group."""
    nearest: dict[str, tuple[float, int]] = {}
    for number, word in enumerate(asked):
        for other, cosine in vectors.most_similar(word, topn=neighbors) if neighbors > 0 else ():
            if other not in nearest or cosine > nearest[other][0]:
                nearest[other] = (cosine, number)
    group = {word: number for number, word in enumerate(asked)}
    return group | {word: number for word, (_, number) in nearest.items() if word not in group}


def _principal(units: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """The first two principal components of the rows (rows, 2), and their shares of the variance."""
    u, values, _ = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    points = np.zeros((len(units), 2))
    found = min(2, len(values))
    points[:, :found] = u[:, :found] * values[:found]
    points *= np.sign(points[np.abs(points).argmax(axis=0), [0, 1]] + 1e-300)  # the same way up everywhere
    variance = float((values**2).sum()) or 1.0
    first, second = [*(float(value**2) / variance for value in values[:2]), 0.0][:2]
    return points, (first, second)


def _embedded(units: np.ndarray, start: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    manifold = require("sklearn.manifold", "train", "A map by t-SNE")
    spread = start.std(axis=0)[0] or 1.0
    start = start / spread * 1e-4  # as scikit-learn scales its own start
    model = manifold.TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=seed)
    return np.asarray(model.fit_transform(units.astype(np.float32)), np.float64)
