"""What marked entities share on a page and in a terminal: pieces of a text, and a colour for each type."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import DataError

COLOURS = 12
_USUAL = (("PER", "PERS", "PERSON", "NAME"), ("LOC", "LOCATION", "GPE"), ("ORG", "ORGANIZATION"), ("MISC",))


def pieces(
    text: str, entities: Sequence[Mapping[str, Any]], where: str = "the text"
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """A text cut at its entities: each piece with its entity, or with None between entities.

    Args:
        text: The text; all pieces together are the text again.
        entities: What `predict` answers: each has `type`, `start` and `end` in characters, in any order.
        where: What the text is called in messages.

    Raises:
        DataError: an entity is empty, lies outside of the text, or overlaps another one.
    """
    behind = 0
    for entity in sorted(entities, key=lambda entity: (entity["start"], entity["end"])):
        start, end = entity["start"], entity["end"]
        if not 0 <= start < end <= len(text):
            raise DataError(
                f"{where}: the entity {start}:{end} ({entity['type']}) does not lie within "
                f"its {len(text)} characters."
            )
        if start < behind:
            raise DataError(
                f"{where}: the entity {start}:{end} ({entity['type']}) overlaps the one before, which ends "
                f"at {behind}. Entities are marked side by side only."
            )
        if start > behind:
            yield text[behind:start], None
        yield text[start:end], entity
        behind = end
    if behind < len(text):
        yield text[behind:], None


def colour_numbers(types: Iterable[str]) -> dict[str, int]:
    """A number for each type, by its name: 0 to 11, each once as long as there are no more types.

    The usual types always have the same; another has one that its name decides, or the next free one.
    Further types start again at 12: the same colours in another shade.
    """
    usual = {name: number for number, names in enumerate(_USUAL) for name in names}
    names = sorted(set(types), key=lambda name: (name.upper() not in usual, name))
    numbers: dict[str, int] = {}
    for name in names:
        wanted = usual.get(name.upper(), zlib.crc32(name.encode()) % COLOURS)
        shade = len(numbers) // COLOURS * COLOURS
        taken = set(numbers.values())
        numbers[name] = next(
            shade + (wanted + step) % COLOURS
            for step in range(COLOURS)
            if shade + (wanted + step) % COLOURS not in taken
        )
    return numbers
