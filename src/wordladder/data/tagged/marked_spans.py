"""Cells that mark spans in a text by their characters → `Span`s; three ways of writing them.

{"company": {"天涯网": [[1, 3]]}}               CLUENER: by type and surface, the end is the last character
[{"start": 1, "end": 4, "type": "company"}]    by name; the end is the position after the last character
[[1, 4, "company"]]                            the same without names
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from ...errors import DataError
from ..examples import Span
from ..plurals import counted
from ..raw_table import RawTable, shorten

_STARTS = ("start", "start_offset", "begin")
_ENDS = ("end", "end_offset", "stop")
_TYPES = ("type", "label", "entity_group", "entity_type", "entity", "tag")
_SHAPES = (
    'Spans are written as [{"start": 0, "end": 3, "type": "PER"}], as [[0, 3, "PER"]] or as '
    '{"PER": {"surface": [[0, 2]]}}.'
)


class _Mark(NamedTuple):
    """A span as it is written, and the text that it should cover if that is written too."""

    start: int
    end: int
    type: str
    surface: object = None

    def surface_in(self, text: str, extra: int = 0) -> str:
        """The text that the span covers, with so many characters more."""
        return text[max(0, self.start) : self.end + extra]


def read_spans(
    table: RawTable, texts: Sequence[str], cells: Sequence[object]
) -> tuple[list[tuple[Span, ...]], list[str]]:
    """The spans of each row by their starts, and notes about them.

    Of spans that overlap, the longest is kept, then the first.

    Args:
        table: Where the cells are from, for messages.
        texts: The text of each row.
        cells: The spans of each row as the file has them.

    Raises:
        DataError: a cell marks no spans, or a span is empty, lies outside of its text or does not cover what
            it should; names the line.
    """
    marks = [_read_marks(cell, table, row) for row, cell in enumerate(cells)]
    notes = []
    inclusive = [row for row, cell in enumerate(cells) if isinstance(cell, dict) and marks[row]]
    if inclusive and _ends_are_exclusive(table, texts, {row: marks[row] for row in inclusive}):
        notes.append("The ends of spans are the positions after their last characters.")
        inclusive = []
    for row in inclusive:
        marks[row] = [mark._replace(end=mark.end + 1) for mark in marks[row]]
    labels: list[tuple[Span, ...]] = []
    for row, text in enumerate(texts):
        for mark in marks[row]:
            _check(mark, text, table.location(row))
        labels.append(_without_overlaps([Span(*mark[:3]) for mark in marks[row]]))
    dropped = [len(row_marks) - len(spans) for row_marks, spans in zip(marks, labels)]
    if any(dropped):
        overlapping = counted(
            sum(dropped), "span overlaps a longer or an earlier one and was", "spans overlap others and were"
        )
        first = table.row_name(next(row for row, count in enumerate(dropped) if count))
        notes.append(f"{overlapping} left out, the first in {first}: the longest of them is kept.")
    return labels, notes


def _read_marks(cell: object, table: RawTable, row: int) -> list[_Mark]:
    try:
        if isinstance(cell, dict):
            return [
                _Mark(_integer(bounds[0]), _integer(bounds[1]), str(type_), surface)
                for type_, surfaces in cell.items()
                for surface, occurrences in surfaces.items()
                for bounds in occurrences
            ]
        if isinstance(cell, list | tuple):
            return [_read_mark(entry) for entry in cell]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    raise DataError(f"{table.location(row)}: {shorten(cell)} marks no spans. {_SHAPES}")


def _read_mark(entry: object) -> _Mark:
    surface = None
    if isinstance(entry, dict):
        start, end, type_ = (
            next((entry[name] for name in names if entry.get(name) is not None), None)
            for names in (_STARTS, _ENDS, _TYPES)
        )
        surface = entry.get("text")
    elif isinstance(entry, list | tuple):
        start, end, type_ = entry
    else:
        raise TypeError
    if not isinstance(type_, str) or not type_:
        raise TypeError
    return _Mark(_integer(start), _integer(end), type_, surface if isinstance(surface, str) else None)


def _integer(number: object) -> int:
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError
    return number


def _ends_are_exclusive(table: RawTable, texts: Sequence[str], marks: dict[int, list[_Mark]]) -> bool:
    """Whether all spans end after their last characters; False: all end at them, as in CLUENER."""
    pairs = [(row, mark) for row, row_marks in marks.items() for mark in row_marks]
    not_inclusive = [
        (row, mark)
        for row, mark in pairs
        if mark.surface != mark.surface_in(texts[row], 1) or mark.end >= len(texts[row])
    ]
    if not not_inclusive:
        return False
    if all(mark.surface == mark.surface_in(texts[row]) for row, mark in pairs):
        return True
    row, mark = not_inclusive[0]
    raise DataError(
        f"{table.location(row)}: {mark.surface!r} ({mark.type}) should be at characters {mark.start} to "
        f"{mark.end}, but the text there is {mark.surface_in(texts[row], 1)!r}."
    )


def _check(mark: _Mark, text: str, location: str) -> None:
    span = f"{location}: the span {mark.start}:{mark.end} ({mark.type})"
    if not 0 <= mark.start < mark.end <= len(text):
        problem = "is empty" if mark.start == mark.end else "is not part of the text"
        raise DataError(
            f"{span} {problem}, which has {len(text)} characters. "
            "Positions count from 0, and a span ends after its last character."
        )
    if mark.surface is not None and mark.surface_in(text) != mark.surface:
        raise DataError(
            f"{span} should be {mark.surface!r}, but the text there is {mark.surface_in(text)!r}. "
            "A span ends after its last character."
        )


def _without_overlaps(spans: list[Span]) -> tuple[Span, ...]:
    """The spans by their starts, without those that overlap a longer one or an earlier one as long."""
    spans = sorted(spans, key=lambda span: span.start)
    if all(left.end <= right.start for left, right in pairwise(spans)):
        return tuple(spans)
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if all(span.end <= other.start or other.end <= span.start for other in kept):
            kept.append(span)
    return tuple(sorted(kept))
