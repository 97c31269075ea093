"""Hierarchical clusters of words: a binary tree over word vectors, whose paths are features, instead of Brown
clusters.

Sources: Miller, Guinness & Zamanian 2004 (paths of a cluster tree as features of a tagger); Turian, Ratinov &
Bengio 2010.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..text.vocabulary import Vocabulary
from ..vectors._starter import starter

DEPTHS = (5, 8, 11)  # at which a path is a feature
_ITERATIONS = 6  # of each search
_LEAST = 3  # words of a branch that is split


@dataclass(eq=False)
class WordTree:
    """Words and the path to each from the root: the bits of `paths` (words,), the highest first."""

    words: Vocabulary = field(default_factory=lambda: Vocabulary([]))
    paths: NDArray[np.uint16] = field(default_factory=lambda: np.zeros(0, np.uint16))

    @classmethod
    def for_text(cls, vocabulary: Vocabulary) -> "WordTree":
        """A tree over the starter vectors of a text's language; empty if there are none."""
        vectors = starter(vocabulary)
        if vectors is None:
            return cls()
        return cls(Vocabulary(list(vectors.words)), cluster_paths(vectors.vectors, DEPTHS[-1]))

    def branches(self, words: Sequence[str], depth: int) -> list[str | None]:
        """The branch of each word at a depth, None for a word that is not in the tree."""
        rows = self.words.ids(words)
        paths = np.append(self.paths, 0)[rows] >> (DEPTHS[-1] - depth)
        return [str(path) if row >= 0 else None for row, path in zip(rows.tolist(), paths.tolist())]

    def keep(self, folder: Path) -> dict[str, NDArray]:
        """Write the words, and return the arrays to be saved with them."""
        self.words.save(folder / "tree.txt")
        return {"paths": self.paths}

    @classmethod
    def restore(cls, folder: Path, arrays: dict[str, NDArray]) -> "WordTree":
        """Read what `keep` wrote; empty for a model without a tree."""
        return cls(Vocabulary.load(folder / "tree.txt"), arrays["paths"]) if "paths" in arrays else cls()


def cluster_paths(vectors: NDArray[np.float32], depth: int) -> NDArray[np.uint16]:
    """The path of each row in a tree that splits every branch in two by k-means: `(rows,)`.

    A split begins along the direction in which the rows differ most.
    """
    rows = vectors / np.maximum(1e-9, np.linalg.norm(vectors, axis=1, keepdims=True))
    random, paths = np.random.default_rng(1), np.zeros(len(rows), np.int64)
    for _ in range(depth):
        order = np.argsort(paths, kind="stable")
        edges = np.flatnonzero(np.diff(paths[order], prepend=-1, append=-1))
        paths *= 2
        for first, last in pairwise(edges):
            if last - first >= _LEAST:
                branch = order[first:last]
                paths[branch] += _split(rows[branch], random)
    return paths.astype(np.uint16)


def _split(rows: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.bool_]:
    """Which rows go to the second branch."""
    centred = rows - rows.mean(axis=0)
    direction = random.standard_normal(rows.shape[1], np.float32)
    for _ in range(_ITERATIONS):  # power iteration
        direction = centred.T @ (centred @ direction)
        direction /= max(1e-9, float(np.linalg.norm(direction)))
    side: NDArray[np.bool_] = centred @ direction > 0
    for _ in range(_ITERATIONS):  # k-means
        if side.all() or not side.any():
            break
        one, other = rows[side].mean(axis=0), rows[~side].mean(axis=0)
        side = rows @ (one - other) > (one @ one - other @ other) / 2
    return side
