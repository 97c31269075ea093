"""What a new model's components are initialised with."""

from pathlib import Path
from typing import NamedTuple

from ..text.words import Tokens
from ..word_vectors import WordVectors


class TrainingText(NamedTuple):
    """The argument of `initialise`, which each component gets, from left to right.

    Attributes:
        tokens: The words of the training texts.
        vectors: What `[vectors]` trained, or None.
        folder: Where the relative paths of the recipe start.
    """

    tokens: Tokens
    vectors: WordVectors | None = None
    folder: Path = Path()
