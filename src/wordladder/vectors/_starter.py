"""The word vectors that come with wordladder, one file a language, which vectors of the user's own text go on
from. `tools/starter_vectors.py` makes them; `starters/README.md` tells what they are made of.
"""

from pathlib import Path

import numpy as np

from ..text.vocabulary import Vocabulary
from ..word_vectors import WordVectors

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
    best = _nearest(vocabulary)
    if best is None or (dim or 0) > best.dim:
        return None
    return WordVectors(best.words, best.vectors[:, :dim], best.counts, best.settings)


def language_of(vocabulary: Vocabulary) -> str | None:
    """The language of a text, such as `"en"`, by its words; None where there are no starter vectors of it."""
    best = _nearest(vocabulary)
    return None if best is None else str(best.settings["name"]).removeprefix("starter ").partition("-")[0]


def _nearest(vocabulary: Vocabulary) -> WordVectors | None:
    """The starter vectors that most of a text's words have, or None where too few do."""
    counts = np.asarray(vocabulary.counts)
    found: list[tuple[float, WordVectors]] = []
    for file in starter_files():
        vectors = WordVectors.load(file)
        known = np.fromiter((word in vectors.index for word in vocabulary.words), bool, len(counts))
        vectors.settings["name"] = f"starter {file.stem}"
        found.append((float(counts[known].sum() / max(1, counts.sum())), vectors))
    covered, best = max(found, key=lambda one: one[0])
    return best if covered >= _COVERED else None
