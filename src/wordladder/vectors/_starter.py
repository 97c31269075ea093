"""The word vectors that come with wordladder, one file a language, which vectors of the user's own text go on
from. `tools/starter_vectors.py` makes them; `starters/README.md` tells what they are made of.
"""

from pathlib import Path

import numpy as np

from ..vocab import Vocabulary
from ..word_vectors import WordVectors

__all__ = ["starter", "starter_files"]

_COVERED = 0.5  # share of a text's words that must have a vector


def starter_files() -> list[Path]:
    """The files, in order of their names."""
    return sorted((Path(__file__).parent / "starters").glob("*.safetensors"))


def starter(vocabulary: Vocabulary, dim: int | None = None) -> WordVectors | None:
    """The starter vectors of the language of a text, or None where there are none.

    Args:
        vocabulary: The text's words, with counts.
        dim: Numbers in a vector; the most telling components come first, and as many are taken; None: all.
    """
    counts = np.asarray(vocabulary.counts)
    found: list[tuple[float, WordVectors]] = []
    for file in starter_files():
        vectors = WordVectors.load(file)
        known = np.fromiter((word in vectors.index for word in vocabulary.words), bool, len(counts))
        vectors.settings["name"] = f"starter {file.stem}"
        found.append((float(counts[known].sum() / max(1, counts.sum())), vectors))
    covered, best = max(found, key=lambda one: one[0])
    if covered < _COVERED or (dim or 0) > best.dim:
        return None
    return WordVectors(best.words, best.vectors[:, :dim], best.counts, best.settings)
