"""Splits texts at their entities and gives each type a colour, for the page and the terminal."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..errors import DataError

COLOURS = 12
_USUAL = (("PER", "PERS", "PERSON", "NAME"), ("LOC", "LOCATION", "GPE"), ("ORG", "ORGANIZATION"), ("MISC",))


def pieces(
    text: str, entities: Sequence[Mapping[str, Any]], where: str = "the text"
) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """A text split at its entities: each piece with its entity, or with None between entities.

    Args:
        text: The text; all pieces joined are the text again.
        entities: What `predict` answers: each has `type`, `start` and `end` in characters, in any order.
        where: The name of the text in error messages.

    Raises:
        DataError: an entity is empty, is outside the text, or overlaps another one.
    """
    done = 0
    for entity in sorted(entities, key=lambda entity: (entity["start"], entity["end"])):
        start, end = entity["start"], entity["end"]
        name = f"{where}: the entity {start}:{end} ({entity['type']})"
        if not 0 <= start < end <= len(text):
            raise DataError(f"{name} is not inside the text of {len(text)} characters.")
        if start < done:
            raise DataError(
                f"{name} overlaps the one before, which ends at {done}; nested ones cannot be marked."
            )
        if start > done:
            yield text[done:start], None
        yield text[start:end], entity
        done = end
    if done < len(text):
        yield text[done:], None


def colour_numbers(types: Iterable[str]) -> dict[str, int]:
    """A number for each type: 0 to 11, all different for up to 12 types.

    The usual types always have the same number; the number of another type depends on its name, or is the
    next free one. Further types start again at 12: the same colours in another shade.
    """
    usual = {name: number for number, names in enumerate(_USUAL) for name in names}
    names = sorted(set(types), key=lambda name: (name.upper() not in usual, name))
    numbers: dict[str, int] = {}
    for name in names:
        first = usual.get(name.upper(), zlib.crc32(name.encode()) % COLOURS)
        shade = len(numbers) // COLOURS * COLOURS
        candidates = (shade + (first + step) % COLOURS for step in range(COLOURS))
        numbers[name] = next(number for number in candidates if number not in numbers.values())
    return numbers
