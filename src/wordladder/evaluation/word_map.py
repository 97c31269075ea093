"""Maps words to two dimensions. The picture is drawn in `word_map_picture`."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from ..errors import SettingError, did_you_mean
from ..extras import require
from ..word_vectors import WordVectors

MAX_WORDS = 1000  # more are not legible on one page


class WordMap(NamedTuple):
    """Words with their coordinates in the plane.

    Attributes:
        words: The words asked for, then their neighbours.
        points: Their coordinates (words, 2).
        groups: For each word, the number of the word asked for that it belongs to.
        asked: How many words were asked for: the first ones.
        method: `pca` or `tsne`.
        explained: With PCA, the share of the variance along each axis.
        perplexity: With t-SNE, the perplexity: roughly how many neighbours determine a word's position.
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
    """Project words, and the nearest words of each, onto a plane.

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
        SettingError: there are too few or too many words, or the method is unknown.
        MissingExtraError: t-SNE needs scikit-learn, which is not installed.
    """
    if method not in ("pca", "tsne"):
        raise SettingError(f"method is {method!r}.{did_you_mean(method, ['pca', 'tsne'])}")
    asked = list(dict.fromkeys(words))
    groups = _assign_groups(vectors, asked, neighbors)
    if not 3 <= len(groups) <= MAX_WORDS:
        raise SettingError(f"A map takes 3 to {MAX_WORDS:,} words; these are {len(groups):,}.")
    table = np.asarray(vectors[list(groups)], np.float64)
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    units = table / np.where(norms == 0, 1, norms)
    points, explained = _principal_components(units)
    perplexity = None
    if method == "tsne":
        perplexity, explained = min(30.0, (len(groups) - 1) / 3), None
        manifold = require("sklearn.manifold", "train", "A map by t-SNE")
        start = points / (points.std(axis=0)[0] or 1.0) * 1e-4  # scikit-learn's own scale of the first points
        tsne = manifold.TSNE(2, perplexity=perplexity, init=start.astype(np.float32), random_state=seed)
        points = np.asarray(tsne.fit_transform(units.astype(np.float32)), np.float64)
    return WordMap(tuple(groups), points, tuple(groups.values()), len(asked), method, explained, perplexity)


def _assign_groups(vectors: WordVectors, asked: Sequence[str], neighbors: int) -> dict[str, int]:
    """The words asked for and their neighbours, each with the number of its group."""
    groups = {word: number for number, word in enumerate(asked)}
    nearest: dict[str, float] = dict.fromkeys(asked, float("inf"))
    for number, word in enumerate(asked):
        for other, cosine in vectors.most_similar(word, topn=neighbors) if neighbors > 0 else ():
            if cosine > nearest.get(other, -float("inf")):
                nearest[other], groups[other] = cosine, number
    return groups


def _principal_components(units: np.ndarray) -> tuple[np.ndarray, tuple[float, float] | None]:
    """The first two principal components of the rows (rows, 2), and their shares of the variance."""
    u, values, _ = np.linalg.svd(units - units.mean(axis=0), full_matrices=False)
    points = np.zeros((len(units), 2))
    count = min(2, len(values))
    points[:, :count] = u[:, :count] * values[:count]
    points *= np.sign(points[np.abs(points).argmax(axis=0), [0, 1]] + 1e-300)  # the same signs everywhere
    variance = float((values**2).sum()) or 1.0
    first, second = [*(float(value**2) / variance for value in values[:2]), 0.0][:2]
    return points, (first, second)
