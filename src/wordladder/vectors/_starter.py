"""The word vectors that come with wordladder, one file a language, from which training on the user's own text
goes on. `tools/starter_vectors.py` makes them; `starters/README.md` says from what.
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
        dim: Numbers in a vector; the components that matter most come first, and `dim` are taken; None: all.
    """
    best = _best_match(vocabulary)
    if best is None or (dim or 0) > best.dim:
        return None
    return WordVectors(best.words, best.vectors[:, :dim], best.counts, best.settings)


def language_of(vocabulary: Vocabulary) -> str | None:
    """The language of a text, such as `"en"`, by its words; None where there are no starter vectors of it."""
    best = _best_match(vocabulary)
    return None if best is None else str(best.settings["name"]).removeprefix("starter ").partition("-")[0]


def _best_match(vocabulary: Vocabulary) -> WordVectors | None:
    """The starter vectors with most of a text's words, or None where all have too few."""
    counts = np.asarray(vocabulary.counts)
    covered, best = 0.0, None
    for file in starter_files():
        vectors = WordVectors.load(file)
        known = np.fromiter((word in vectors.index for word in vocabulary.words), bool, len(counts))
        share = float(counts[known].sum() / max(1, counts.sum()))
        if share >= _COVERED and share > covered:
            vectors.settings |= {"name": f"starter {file.stem}", "weights": "sif"}
            covered, best = share, vectors
    return best
