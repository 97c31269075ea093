"""Entities in their texts, for a terminal and for plain text."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from ..evaluation.entity_marks import COLOURS, colour_numbers, pieces

# The colours of the page's marks, of middling lightness: on dark and on light terminals.
NAMES = (
    "dodger_blue2", "green4", "dark_orange3", "medium_purple3", "dark_cyan", "red3", "dark_goldenrod",
    "slate_blue3", "deep_pink3", "sea_green3", "deep_sky_blue3", "chartreuse4",
)  # fmt: skip


def coloured(text: str, entities: Sequence[Mapping[str, Any]], types: Iterable[str] = ()) -> Text:
    """A text whose entities are bold, in the colour of their type, which follows in brackets.

    Args:
        text: The text.
        entities: What `predict` answers: each has `type`, `start` and `end` in characters.
        types: All types that are shown beside; they keep the same colours in all texts.

    Raises:
        DataError: an entity does not lie within the text or overlaps another one.
    """
    numbers = colour_numbers({*types, *(entity["type"] for entity in entities)})
    shown = Text()
    for piece, entity in pieces(text, entities):
        if entity is None:
            shown.append(piece)
            continue
        shade, colour = divmod(numbers[entity["type"]], COLOURS)
        shown.append(piece, f"bold {NAMES[colour]}{' underline' if shade % 2 else ''}")
        shown.append(f"[{entity['type']}]", f"dim {NAMES[colour]}")
    return shown


def marked(text: str, entities: Sequence[Mapping[str, Any]]) -> str:
    """A text with its entities in brackets, as in `[Paris LOC] is large.`

    Raises:
        DataError: an entity does not lie within the text or overlaps another one.
    """
    return "".join(
        piece if entity is None else f"[{piece} {entity['type']}]" for piece, entity in pieces(text, entities)
    )
