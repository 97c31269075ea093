"""Words and pieces one by one, for people and for clients; models read `Tokens`."""

from itertools import pairwise
from typing import NamedTuple

from .words import Tokens


class Piece(NamedTuple):
    """A word, or a piece of one, as a model reads it.

    Attributes:
        text: What is written there; of a special piece its name, such as `[CLS]`.
        start, end: Where, in characters of the text.
        id: Its number in the vocabulary, if the model has one for it before it computes.
        special: Whether it stands for no part of the text.
    """

    text: str
    start: int
    end: int
    id: int | None = None
    special: bool = False


def listed(tokens: Tokens) -> list[list[Piece]]:
    """The words of each text, and where they are."""
    places = list(zip(tokens.starts.tolist(), tokens.ends.tolist()))
    return [
        [Piece(text[start:end], start, end) for start, end in places[first:last]]
        for text, (first, last) in zip(tokens.texts, pairwise(tokens.offsets.tolist()))
    ]
