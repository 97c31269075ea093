"""Entities in their texts as one self-contained HTML page for screen, phone and paper."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from ..data.plurals import counted
from ..errors import DataError
from .entity_marks import COLOURS, colour_numbers, pieces

UNSURE = 0.6
# What the check box of a type switches, by its number.
_SWITCH_RULES = """\
#type-{0}:not(:checked) ~ main mark.in-{0} {{ all: unset; }}
#type-{0}:not(:checked) ~ main mark.in-{0} > .type {{ display: none; }}
#type-{0}:not(:checked) ~ main label[for=type-{0}] {{ opacity: 0.45; }}
#type-{0}:focus-visible ~ main label[for=type-{0}] {{ outline: 2px solid var(--accent); }}"""

_HAN, _KANA = re.compile("[\u3400-\u9fff]"), re.compile("[\u3040-\u30ff]")


def entity_page(texts: Sequence[str], answers: Sequence[Mapping[str, Any]], title: str) -> str:
    """The texts with their entities marked, each type in its own colour.

    The legend switches types on and off. The lower the confidence, the paler the mark; the tooltip shows it.

    Args:
        texts: The texts.
        answers: For each text what `predict` answers: `{"entities": [{"type", "start", "end",
            "confidence"}]}`; the confidence is optional.
        title: The heading of the page.

    Raises:
        DataError: the numbers of answers and texts differ, an answer has no entities, or an entity is not
            inside its text or overlaps another one.
    """
    if len(texts) != len(answers):
        raise DataError(f"{len(texts)} texts, but {len(answers)} answers. Each text needs one.")
    rows = [_entities(answer, number) for number, answer in enumerate(answers, 1)]
    counts = Counter(entity["type"] for row in rows for entity in row)
    colours = colour_numbers(counts)
    types = sorted(counts, key=lambda type: (-counts[type], type))
    classes = {type: f"{_colour_class(colours[type])} in-{n}" for n, type in enumerate(types)}
    bare = sum(not row for row in rows) if types else 0
    summary = [counted(len(texts), "text"), counted(counts.total(), "entity", "entities")]
    nothing = "No entities were found." if texts else "No texts."
    here, rules = files(__package__), "\n".join(map(_SWITCH_RULES.format, range(len(types))))
    return Template(here.joinpath("entity_page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        style=here.joinpath("entity_page.css").read_text(encoding="utf-8") + rules,
        summary=" · ".join([*summary, counted(len(types), "type")]),
        switches=_switches(types, bare),
        legend=_legend(classes, counts, bare) if types else f'<p class="quiet">{nothing}</p>',
        texts="\n".join(
            _paragraph(text, row, f"text {number}", classes)
            for number, (text, row) in enumerate(zip(texts, rows), 1)
        ),
    )


def _entities(answer: Mapping[str, Any], number: int) -> Sequence[Mapping[str, Any]]:
    if "entities" not in answer:
        raise DataError(
            f"text {number}: its answer has no 'entities', only {', '.join(map(repr, answer)) or 'nothing'}. "
            "Only models that find entities give such answers."
        )
    return answer["entities"]


def _switches(types: Sequence[str], bare: int) -> str:
    """The check boxes, before everything else: the style sheet alone makes them work."""
    names = {f"type-{number}": type for number, type in enumerate(types)}
    names |= {"bare": "Texts without entities"} if bare else {}
    return "\n".join(
        f'<input class="switch" type="checkbox" id="{id}" aria-label="{escape(name)}" checked>'
        for id, name in names.items()
    )


def _legend(classes: Mapping[str, str], counts: Counter[str], bare: int) -> str:
    labels = [
        f'<label for="type-{number}" class="{style}"><span class="swatch"></span>'
        f'<bdi>{escape(type)}</bdi> <span class="count">{counts[type]:,}</span></label>'
        for number, (type, style) in enumerate(classes.items())
    ]
    if bare:
        labels.append(
            '<label for="bare"><span class="swatch none"></span>no entities '
            f'<span class="count">{bare:,}</span></label>'
        )
    return (
        f'<nav class="legend" aria-label="Types">{"".join(labels)}</nav>\n'
        '<p class="quiet hint">Click a type to show or hide it. Paler marks are less certain; dotted ones '
        f"are below {UNSURE:.0%}.</p>"
    )


def _paragraph(
    text: str, entities: Sequence[Mapping[str, Any]], where: str, classes: Mapping[str, str]
) -> str:
    marked = "".join(
        escape(piece) if entity is None else _mark(piece, entity, classes)
        for piece, entity in pieces(text, entities, where)
    )
    bare = "" if entities else ' class="bare"'
    # Chinese needs the Chinese forms of characters; for other texts the browser knows enough.
    language = ' lang="zh"' if _HAN.search(text) and not _KANA.search(text) else ""
    return f'<li{bare}><p dir="auto"{language}>{marked}</p></li>'


def _mark(piece: str, entity: Mapping[str, Any], classes: Mapping[str, str]) -> str:
    type, confidence = escape(entity["type"]), entity.get("confidence")
    style, title = f'class="{classes[entity["type"]]}"', type
    if confidence is not None:
        unsure = " unsure" if confidence < UNSURE else ""
        style = f'{style[:-1]}{unsure}" style="--sure:{min(max(confidence, 0.0), 1.0):.2f}"'
        title = f"{type}, confidence {confidence:.1%}"
    return f'<mark {style} title="{title}">{escape(piece)}<span class="type"><bdi>{type}</bdi></span></mark>'


def _colour_class(number: int) -> str:
    """The CSS classes of a colour and its shade."""
    shade, colour = divmod(number, COLOURS)
    return f"c{colour}{' second' if shade % 2 else ''}"
