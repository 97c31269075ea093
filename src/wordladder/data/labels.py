"""Cells of a table → labels: one string a row, or a tuple of strings a row.

Programs write one and the same label in several ways, such as 1 and 1.0, or true and True: here it has one.
"""

import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import DataError
from .examples import Examples, Label
from .raw_table import RawTable, is_missing, scalar, shorten

_BOOLEANS = ("true", "false")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_FRACTION = re.compile(r"-?[0-9]*\.[0-9]*[1-9][0-9]*")
_SHOWN = 3
_ENTAILMENT = {"entailment": 1.0, "neutral": 0.5, "contradiction": 0.0}  # as a score of similarity


def read_labels(table: RawTable, column: int, separator: str | None = None) -> tuple[list[Label], list[str]]:
    """The label of each row; when any cell holds a list, or there is a separator, the tuple of its labels.

    Whole numbers are written without a fraction if all numbers are whole, true and false in lower case if
    there are no other labels.

    Args:
        table: The table.
        column: Its column of text, numbers, true or false; of JSON lists of them, also written in a text
            cell; or of text with separators.
        separator: What separates the labels of a cell; None: only lists hold several.

    Returns:
        The labels, and a note if some were written in another way.

    Raises:
        DataError: a label is missing or is no label, or a list is not JSON; names the line.
    """
    cells = table.column(column)
    read = _read_several if are_several(cells, separator) else _read_one
    labels: list[Label] = [read(cell, table, row, separator) for row, cell in enumerate(cells)]
    names = sorted(_names(labels))
    no_fractions = not any(map(_FRACTION.fullmatch, names))
    only_booleans = all(name.lower() in _BOOLEANS for name in names)
    spelling = {}
    for name in names:
        usual = _usual_spelling(name)
        if usual != name and (only_booleans if usual in _BOOLEANS else no_fractions):
            spelling[name] = usual
    if not spelling:
        return labels, []
    changes = [f"{name} as {usual}" for name, usual in spelling.items()]
    more = ", …" if len(changes) > _SHOWN else ""
    note = f"Labels are read in one spelling: {', '.join(changes[:_SHOWN])}{more}."
    return _respell(labels, spelling), [note]


def read_numbers(table: RawTable, column: int) -> list[float]:
    """The number of each row; entailment is 1, neutral a half, contradiction 0.

    Raises:
        DataError: a cell holds no finite number; names the line.
    """
    numbers, cells = [], table.column(column)
    if all(isinstance(cell, str) and cell.strip().lower() in _ENTAILMENT for cell in cells):
        return [_ENTAILMENT[str(cell).strip().lower()] for cell in cells]
    for row, cell in enumerate(cells):
        try:
            numbers.append(float(cell))  # type: ignore[arg-type]
        except (TypeError, ValueError):
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]) or isinstance(cell, bool):
            raise table.cell_error(row, column, f"no number, but {shorten(cell)}")
    return numbers


def spell_like(examples: Examples, known: Iterable[str]) -> Examples:
    """The examples with their labels spelled as those that are known, such as 1.0 as 1."""
    labels, spellings = examples.labels or (), defaultdict(list)
    for name in known:
        spellings[_usual_spelling(name)].append(name)
    spelling = {}
    for name in _names(labels):
        alike = spellings.get(_usual_spelling(name), [name])
        if len(alike) == 1 and alike != [name]:
            spelling[name] = alike[0]
    return replace(examples, labels=_respell(labels, spelling)) if spelling else examples


def _usual_spelling(name: str) -> str:
    """The spelling of whole numbers, true and false; other labels as they are."""
    if whole := _WHOLE.fullmatch(name):
        return whole[1]
    return name.lower() if name.lower() in _BOOLEANS else name


def _names(labels: Iterable[Label]) -> set[str]:
    """The labels that are names, not spans or answers."""
    parts = (part for label in labels for part in ((label,) if isinstance(label, str | float) else label))
    return {part for part in parts if isinstance(part, str)}


def _respell(labels: Iterable[Any], spelling: Mapping[str, str]) -> list[Label]:
    def respell(label: Any) -> Label:
        if isinstance(label, float):
            return label
        if isinstance(label, str):
            return spelling.get(label, label)
        return tuple(dict.fromkeys(spelling.get(name, name) for name in label))

    return list(map(respell, labels))


def are_several(cells: Sequence[object], separator: str | None = None) -> bool:
    """Whether a row may have several labels, or none: when any cell holds a list, or there is a separator."""
    return separator is not None or any(map(_is_list, cells))


def _is_list(cell: object) -> bool:
    return isinstance(cell, list) or (isinstance(cell, str) and cell.lstrip().startswith("["))


def label_name(label: object, location: str) -> str:
    """A single label as text; raises a DataError with its location if it is missing, or is no label."""
    if is_missing(label):
        raise DataError(f"{location}: the label is missing. Every row needs one.")
    name = scalar(label)
    if name is None:
        raise DataError(
            f"{location}: a label is text, a number, true, false, or a list of them; found {shorten(label)}"
        )
    return name


def _read_one(cell: object, table: RawTable, row: int, _: str | None = None) -> str:
    return label_name(cell, table.location(row)).replace("\ufeff", "").strip()


def _read_several(cell: object, table: RawTable, row: int, separator: str | None) -> tuple[str, ...]:
    if is_missing(cell):
        return ()
    if isinstance(cell, str) and _is_list(cell):
        try:
            cell = json.loads(cell)
        except ValueError:
            raise DataError(
                f'{table.location(row)}: a label that begins with "[" must be a JSON list, such as '
                f'["a", "b"]; found {str(cell).strip()[:60]}'
            ) from None
    elif isinstance(cell, str) and separator is not None:
        cell = [part for part in cell.split(separator) if part.strip()]
    parts = cell if isinstance(cell, list) else [cell]
    return tuple(dict.fromkeys(_read_one(part, table, row) for part in parts))
