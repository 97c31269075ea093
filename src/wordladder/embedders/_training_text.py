"""What a new model has in hand when its components are initialised."""

from pathlib import Path
from typing import NamedTuple

from ..text.words import Tokens
from ..word_vectors import WordVectors


class Material(NamedTuple):
    """Given to `initialise`, component by component, from left to right.

    Attributes:
        tokens: the words of the training texts.
        vectors: what `[vectors]` trained, or None.
        folder: where the relative paths of the recipe start.
    """

    tokens: Tokens
    vectors: WordVectors | None = None
    folder: Path = Path()
