"""Cells that mark spans in a text by their characters → `Span`s; three ways of writing them.

{"company": {"天涯网": [[1, 3]]}}               CLUENER: by type and surface, the end is the last character
[{"start": 1, "end": 4, "type": "company"}]    by name; the end is the place behind the last character
[[1, 4, "company"]]                            the same without names
"""

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ...errors import DataError
from ..examples import Span
from ..plurals import counted
from ..raw_table import RawTable

_STARTS = ("start", "start_offset", "begin")
_ENDS = ("end", "end_offset", "stop")
_TYPES = ("type", "label", "entity_group", "entity_type", "entity", "tag")
_SHAPES = (
    'Spans are written as [{"start": 0, "end": 3, "type": "PER"}], as [[0, 3, "PER"]] or as '
    '{"PER": {"surface": [[0, 2]]}}.'
)


class _Mark(NamedTuple):
    """A span as it is written, and the text that is said to stand there."""

    start: int
    end: int
    type: str
    surface: str | None = None


def marked_spans(
    table: RawTable, texts: Sequence[str], cells: Sequence[object]
) -> tuple[list[tuple[Span, ...]], list[str]]:
    """The spans of each row by their starts, and notes about them.

    Of spans that overlap the longest stays, then the first.

    Args:
        table: Where the cells are from, for messages.
        texts: The text of each row.
        cells: The spans of each row as the file has them.

    Raises:
        DataError: a cell marks no spans, or a span is empty, lies outside of its text or does not read what
            it should; names the line.
    """
    marks = [_marks_of(cell, table, row) for row, cell in enumerate(cells)]
    notes = []
    by_surface = [isinstance(cell, dict) for cell in cells]
    if any(by_surface):
        last = _last_is_inside(table, texts, marks, by_surface)
        if last:
            marks = [
                [mark._replace(end=mark.end + 1) for mark in row] if inside else row
                for row, inside in zip(marks, by_surface)
            ]
        else:
            notes.append("The ends of spans are the places behind their last characters.")
    labels: list[tuple[Span, ...]] = []
    dropped, first_row = 0, 0
    for row, (text, found) in enumerate(zip(texts, marks)):
        for mark in found:
            _check(mark, text, table.where(row))
        spans = _without_overlaps([Span(*mark[:3]) for mark in found])
        first_row = first_row if dropped else row
        dropped += len(found) - len(spans)
        labels.append(tuple(spans))
    if dropped:
        whole = "overlaps a longer or an earlier one and was" if dropped == 1 else "overlap others and were"
        notes.append(
            f"{counted(dropped, 'span')} {whole} left out, the first in {table.place(first_row)}: "
            "of those that overlap the longest stays."
        )
    return labels, notes


def _marks_of(cell: object, table: RawTable, row: int) -> list[_Mark]:
    try:
        if isinstance(cell, dict):
            return [
                _Mark(_whole(place[0]), _whole(place[1]), str(type_), surface)
                for type_, surfaces in cell.items()
                for surface, places in surfaces.items()
                for place in places
            ]
        if isinstance(cell, list | tuple):
            return [_mark_of(entry) for entry in cell]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    found = json.dumps(cell, ensure_ascii=False, default=str)[:60]
    raise DataError(f"{table.where(row)}: {found} marks no spans. {_SHAPES}")


def _mark_of(entry: object) -> _Mark:
    if isinstance(entry, dict):
        start, end, type_ = (
            next((entry[name] for name in names if entry.get(name) is not None), None)
            for names in (_STARTS, _ENDS, _TYPES)
        )
        surface = entry.get("text")
        surface = surface if isinstance(surface, str) else None
    elif isinstance(entry, list | tuple):
        (start, end, type_), surface = entry, None
    else:
        raise TypeError
    if not isinstance(type_, str) or not type_:
        raise TypeError
    return _Mark(_whole(start), _whole(end), type_, surface)


def _whole(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError
    return number


def _last_is_inside(
    table: RawTable, texts: Sequence[str], marks: Sequence[list[_Mark]], by_surface: Sequence[bool]
) -> bool:
    """Whether ends are last characters, as CLUENER has them; False: places behind, if all spans say so."""
    first_miss = None
    behind = True
    for row, (text, found, inside) in enumerate(zip(texts, marks, by_surface)):
        for mark in found if inside else ():
            stands = mark.surface == text[max(0, mark.start) : mark.end + 1]
            if first_miss is None and not (stands and mark.end < len(text)):
                first_miss = row, mark
            behind = behind and mark.surface == text[max(0, mark.start) : mark.end]
    if first_miss is None:
        return True
    if behind:
        return False
    row, mark = first_miss
    raise DataError(
        f"{table.where(row)}: {mark.surface!r} ({mark.type}) is said to stand from character {mark.start} to "
        f"{mark.end}, but there stands {texts[row][max(0, mark.start) : mark.end + 1]!r}."
    )


def _check(mark: _Mark, text: str, where: str) -> None:
    start, end = mark.start, mark.end
    if not 0 <= start < end <= len(text):
        wrong = "is empty" if start == end else "is not part of the text"
        raise DataError(
            f"{where}: the span {start}:{end} ({mark.type}) {wrong}, which has {len(text)} characters. "
            "Places count from 0, and a span ends behind its last character."
        )
    if mark.surface is not None and text[start:end] != mark.surface:
        raise DataError(
            f"{where}: the span {start}:{end} ({mark.type}) is said to be {mark.surface!r}, but there stands "
            f"{text[start:end]!r}. A span ends behind its last character."
        )


def _without_overlaps(spans: list[Span]) -> list[Span]:
    """The spans by their starts, without those that overlap a longer one or an earlier one as long."""
    spans = sorted(spans, key=lambda span: span.start)
    if all(left.end <= right.start for left, right in pairwise(spans)):
        return spans
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return sorted(kept)
