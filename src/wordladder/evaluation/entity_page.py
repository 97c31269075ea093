"""Entities in their texts as one HTML page that needs no network, for screen, phone and paper."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ..errors import DataError
from .entity_marks import COLOURS, colour_numbers, pieces

UNSURE = 0.6

_HAN, _KANA = re.compile("[\u3400-\u9fff]"), re.compile("[\u3040-\u30ff]")


def entity_page(texts: Sequence[str], answers: Sequence[Mapping[str, Any]], title: str) -> str:
    """The texts with their entities marked, each type in a colour of its own.

    The legend switches types on and off; the less sure an entity, the paler it is, and the pointer shows
    how sure.

    Args:
        texts: The texts.
        answers: For each text what `predict` answers: `{"entities": [{"type", "start", "end",
            "confidence"}]}`; a confidence may be missing.
        title: The page's heading.

    Raises:
        DataError: there are more or fewer answers than texts, an answer has no entities, or an entity does
            not lie within its text or overlaps another one.
    """
    if len(texts) != len(answers):
        raise DataError(f"{len(texts)} texts, but {len(answers)} answers. Each text needs one.")
    rows = [_entities(answer, number) for number, answer in enumerate(answers, 1)]
    counts = Counter(entity["type"] for row in rows for entity in row)
    numbers = colour_numbers(counts)
    types = sorted(counts, key=lambda type: (-counts[type], type))
    places = {type: place for place, type in enumerate(types)}
    bare = sum(not row for row in rows)
    here = files(__package__)
    return Template(here.joinpath("entity_page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        style=here.joinpath("entity_page.css").read_text(encoding="utf-8") + _switch_rules(len(types)),
        summary=_summary(len(texts), counts),
        switches=_switches(types, bare),
        legend=_legend(types, counts, numbers, bare, len(texts)),
        texts="\n".join(
            _paragraph(text, row, f"text {number}", numbers, places)
            for number, (text, row) in enumerate(zip(texts, rows), 1)
        ),
    )


def _entities(answer: Mapping[str, Any], number: int) -> Sequence[Mapping[str, Any]]:
    if "entities" not in answer:
        raise DataError(
            f"text {number}: its answer has no 'entities', only {', '.join(map(repr, answer)) or 'nothing'}. "
            "Only a model that finds entities answers with them."
        )
    return answer["entities"]


def _summary(texts: int, counts: Counter[str]) -> str:
    parts = (
        _count(texts, "text", "texts"),
        _count(counts.total(), "entity", "entities"),
        _count(len(counts), "type", "types"),
    )
    return " · ".join(parts)


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _switches(types: Sequence[str], bare: int) -> str:
    """Check boxes before everything else: what they switch, style alone decides."""
    boxes = [
        f'<input class="switch" type="checkbox" id="type-{place}" aria-label="{escape(type)}" checked>'
        for place, type in enumerate(types)
    ]
    if bare and types:
        boxes.append(
            '<input class="switch" type="checkbox" id="bare" aria-label="Texts without entities" checked>'
        )
    return "\n".join(boxes)


def _switch_rules(types: int) -> str:
    rules = []
    for place in range(types):
        box, mark = f"#type-{place}", f"mark.in-{place}"
        rules += [
            f"{box}:not(:checked) ~ main {mark} {{ all: unset; }}",
            f"{box}:not(:checked) ~ main {mark} > .type {{ display: none; }}",
            f"{box}:not(:checked) ~ main label[for=type-{place}] {{ opacity: 0.45; }}",
            f"{box}:focus-visible ~ main label[for=type-{place}] {{ outline: 2px solid var(--accent); }}",
        ]
    return "\n".join(rules)


def _legend(
    types: Sequence[str], counts: Counter[str], numbers: Mapping[str, int], bare: int, texts: int
) -> str:
    if not types:
        return '<p class="quiet">No entities were found.</p>' if texts else '<p class="quiet">No texts.</p>'
    labels = [
        f'<label for="type-{place}" class="{_colour(numbers[type])}"><span class="swatch"></span>'
        f'<bdi>{escape(type)}</bdi> <span class="count">{counts[type]:,}</span></label>'
        for place, type in enumerate(types)
    ]
    if bare:
        labels.append(
            '<label for="bare"><span class="swatch none"></span>no entities '
            f'<span class="count">{bare:,}</span></label>'
        )
    note = "Switch types off and on here. The paler a mark, the less sure; dotted: less than "
    return (
        f'<nav class="legend" aria-label="Types">{"".join(labels)}</nav>\n'
        f'<p class="quiet hint">{note}{UNSURE:.0%}.</p>'
    )


def _paragraph(
    text: str,
    entities: Sequence[Mapping[str, Any]],
    where: str,
    numbers: Mapping[str, int],
    places: Mapping[str, int],
) -> str:
    marked = "".join(
        escape(piece) if entity is None else _mark(piece, entity, numbers, places)
        for piece, entity in pieces(text, entities, where)
    )
    bare = "" if entities else ' class="bare"'
    return f'<li{bare}><p dir="auto"{_language(text)}>{marked}</p></li>'


def _mark(
    piece: str, entity: Mapping[str, Any], numbers: Mapping[str, int], places: Mapping[str, int]
) -> str:
    type, confidence = entity["type"], entity.get("confidence")
    classes, told, sure = f"{_colour(numbers[type])} in-{places[type]}", escape(type), ""
    if confidence is not None:
        sure = f' style="--sure:{min(max(confidence, 0.0), 1.0):.2f}"'
        told += f", {confidence:.1%} sure"
        classes += " unsure" if confidence < UNSURE else ""
    return (
        f'<mark class="{classes}"{sure} title="{told}">{escape(piece)}'
        f'<span class="type"><bdi>{escape(type)}</bdi></span></mark>'
    )


def _colour(number: int) -> str:
    """The classes of a colour and of its shade."""
    shade, colour = divmod(number, COLOURS)
    return f"c{colour}{' second' if shade % 2 else ''}"


def _language(text: str) -> str:
    """Chinese asks for Chinese forms of characters; of other texts the browser knows enough."""
    return ' lang="zh"' if _HAN.search(text) and not _KANA.search(text) else ""
