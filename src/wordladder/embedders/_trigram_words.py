"""What the trigram embedder reads of texts, without PyTorch: the letter trigrams of each different form."""

from functools import lru_cache
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..kernels.character_classes import HAN
from ..text.padding import pad_words
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens, classes, offsets_of

BOUNDARY, SIZE = "#", 3


@lru_cache(maxsize=1 << 16)
def letter_trigrams(word: str) -> tuple[str, ...]:
    """The trigrams of a word between boundaries: `#go`, `goo`, `ood` and `od#` of "good".

    Of a run of Han characters, its characters and its pairs of neighbours: most Chinese words have one or two
    characters, so that their trigrams would be the words again, each with its boundaries.
    """
    table = classes()
    parts: list[str] = []
    for is_han, letters in groupby(word, lambda letter: table[ord(letter)] == HAN):
        run = "".join(letters)
        if is_han:
            parts += [*run, *map("".join, pairwise(run))]
        else:
            marked = BOUNDARY + run + BOUNDARY
            parts += [marked[start : start + SIZE] for start in range(len(marked) - SIZE + 1)]
    return tuple(parts)


class Prepared(NamedTuple):
    """Each different word form of a batch once, and where it is.

    Attributes:
        trigrams: The rows of the known trigrams of all forms, one form after another.
        begins: Where the trigrams of each form begin, `(forms,)`.
        places: The number of each word's form, from 1, `(batch, time)`; 0 is padding.
        mask: `(batch, time)`.
        segments: The words' segment where there are several, `(batch, time)`.
    """

    trigrams: Any
    begins: Any
    places: Any
    mask: Any
    segments: Any


class TrigramWords(NamedTuple):
    """The trigrams of a table.

    Attributes:
        vocabulary: The trigrams that have a row.
        lowercase: Whether words are read in lower case.
    """

    vocabulary: Vocabulary
    lowercase: bool

    def read(self, tokens: Tokens, *, whole: bool = False) -> Prepared:
        """The known trigrams of each different form of the batch, and where it is."""
        surfaces = tokens.surfaces(self.lowercase)
        numbers = {form: number for number, form in enumerate(dict.fromkeys(surfaces), start=1)}
        places = np.fromiter(map(numbers.__getitem__, surfaces), np.int64, len(surfaces))
        index = self.vocabulary.index
        rows = [[index[part] for part in letter_trigrams(form) if part in index] for form in numbers]
        begins = offsets_of(list(map(len, rows)))[:-1]
        trigrams = np.array(list(chain.from_iterable(rows)), np.int64)
        return Prepared(trigrams, begins, *pad_words(places, tokens))

    def keep(self, folder: Path) -> dict[str, Any]:
        """Write the trigrams; returns the arguments of `restore`."""
        self.vocabulary.save(folder / "trigrams.txt")
        return {"lowercase": self.lowercase}

    @classmethod
    def restore(cls, folder: Path, *, lowercase: bool) -> "TrigramWords":
        """Read what `keep` wrote."""
        return cls(Vocabulary.load(folder / "trigrams.txt"), lowercase)
