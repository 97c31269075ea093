"""Words of like meaning under one branch: a binary tree over word vectors, whose paths are features, in the
place of Brown clusters.

Sources: Miller, Guinness & Zamanian 2004 (paths of a tree as features of a tagger); Turian, Ratinov & Bengio
2010.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..text.vocabulary import Vocabulary
from ..vectors._starter import starter

DEPTHS = (5, 8, 11)  # at which a path is a feature
_ROUNDS = 6  # of each search
_LEAST = 3  # words of a branch that is split


class WordTree:
    """Words and the way to each from the root: the bits of `paths`, the highest first."""

    def __init__(self, words: Vocabulary, paths: NDArray[np.uint16]) -> None:
        self.words, self.paths = words, paths

    @classmethod
    def for_text(cls, vocabulary: Vocabulary) -> "WordTree":
        """A tree over the starter vectors of a text's language; without words where there are none."""
        vectors = starter(vocabulary)
        if vectors is None:
            return cls(Vocabulary([]), np.zeros(0, np.uint16))
        return cls(Vocabulary(list(vectors.words)), grown(vectors.vectors, DEPTHS[-1]))

    def branches(self, words: Sequence[str], depth: int) -> list[str | None]:
        """The branch of each word at a depth, None for a word that is not in the tree."""
        found = self.words.ids(words)
        paths = self.paths[found] >> (DEPTHS[-1] - depth) if len(self.paths) else found
        return [str(path) if place >= 0 else None for place, path in zip(found.tolist(), paths.tolist())]

    def keep(self, folder: Path) -> dict[str, NDArray]:
        """Write the words, and return the array to be kept beside them."""
        self.words.save(folder / "tree.txt")
        return {"paths": self.paths}

    @classmethod
    def restored(cls, folder: Path, arrays: dict[str, NDArray]) -> "WordTree":
        """What `keep` wrote; without words in a model that has none."""
        if "paths" not in arrays:
            return cls(Vocabulary([]), np.zeros(0, np.uint16))
        return cls(Vocabulary.load(folder / "tree.txt"), arrays["paths"])


def grown(vectors: NDArray[np.float32], depth: int) -> NDArray[np.uint16]:
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
                paths[branch] += _halves(rows[branch], random)
    return paths.astype(np.uint16)


def _halves(rows: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.bool_]:
    centred = rows - rows.mean(axis=0)
    direction = random.standard_normal(rows.shape[1], np.float32)
    for _ in range(_ROUNDS):
        direction = centred.T @ (centred @ direction)
        direction /= max(1e-9, float(np.linalg.norm(direction)))
    side: NDArray[np.bool_] = centred @ direction > 0
    for _ in range(_ROUNDS):
        if side.all() or not side.any():
            break
        here, there = rows[side].mean(axis=0), rows[~side].mean(axis=0)
        side = rows @ (here - there) > (here @ here - there @ there) / 2
    return side
