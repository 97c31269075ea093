"""What the static embedder reads of texts, without PyTorch: rows of its table."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..text.padding import pad_words
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens
from ._unknown_words import SPECIAL, Unknown


class Prepared(NamedTuple):
    """Rows of the table `(batch, time)`, the words' mask, their segment where there are several, and vectors
    `(words, dim)` of words that are not in the table: their rows follow those of the table.
    """

    ids: Any
    mask: Any
    segments: Any
    extra: Any = None


class StaticWords(NamedTuple):
    """The words of a table.

    Attributes:
        vocabulary: The words that have a row.
        unknown: What the others get.
        lowercase: Whether words are looked up in lower case.
    """

    vocabulary: Vocabulary
    unknown: Unknown
    lowercase: bool

    def read(self, tokens: Tokens, *, whole: bool = False) -> Prepared:
        """The table's rows of all words, padded to the longest example.

        Args:
            tokens: The words.
            whole: Whether there are vectors for words that are not in the table, if only zeros, wherever
                there may be some.
        """
        surfaces = tokens.surfaces(lowercase=self.lowercase)
        ids, extra = self.vocabulary.ids(surfaces) + SPECIAL, None
        missing = np.flatnonzero(ids < SPECIAL)
        if len(missing):
            ids[missing], extra = self.unknown.look_up([surfaces[place] for place in missing.tolist()])
        if whole and extra is None and self.unknown.makes_vectors:
            extra = np.zeros((1, self.unknown.dim), np.float32)
        return Prepared(*pad_words(ids, tokens), extra)

    def keep(self, folder: Path) -> dict[str, Any]:
        """Write the words; returns the arguments of `restore`."""
        self.vocabulary.save(folder / "vocabulary.txt")
        self.unknown.keep(folder)
        return {"lowercase": self.lowercase}

    @classmethod
    def restore(cls, folder: Path, *, lowercase: bool) -> "StaticWords":
        """Read what `keep` wrote."""
        vocabulary = Vocabulary.load(folder / "vocabulary.txt")
        return cls(vocabulary, Unknown.restore(folder, vocabulary), lowercase)
