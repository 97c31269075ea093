"""Cells of a table → labels: one string a row, or a tuple of strings a row.

Programs write one and the same label in several ways, such as 1 and 1.0, or true and True: here it has one.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import DataError
from .examples import Examples, Label
from .raw_table import ABSENT, RawTable

_PANDAS_MISSING = ("NAType", "NaTType")  # by name, for pandas is not imported
_TRUTHS = ("true", "false")
_WHOLE = re.compile(r"(-?[0-9]+)\.0+")
_FRACTION = re.compile(r"-?[0-9]*\.[0-9]*[1-9][0-9]*")
_SHOWN = 3


def scalar(cell: object) -> str | None:
    """A single value as text: 1 and 1.0 are "1", True is "true"; None: it is not a single value."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if isinstance(cell, (int, float)) else None


def labels_of(
    table: RawTable, cells: Sequence[object], separator: str | None = None
) -> tuple[list[Label], tuple[str, ...]]:
    """The label of each row; when any cell holds a list, or there is a separator, the tuple of its labels.

    Whole numbers are written without a fraction if all numbers are whole, true and false in lower case if
    there are no other labels.

    Args:
        table: The table that the cells are from, for messages.
        cells: Text, numbers, true or false; JSON lists of them, also written in a text cell; or text with
            separators.
        separator: What stands between the labels of a cell; None: only lists hold several.

    Returns:
        The labels, and a note if some were written in another way.

    Raises:
        DataError: a label is missing or is no label, or a list is not JSON; names the line.
    """
    several = are_several(cells, separator)
    labels: list[Label] = [
        _many(table, row, cell, separator) if several else _one(table, row, cell)
        for row, cell in enumerate(cells)
    ]
    names = sorted(_names(labels))
    fractions = any(map(_FRACTION.fullmatch, names))
    truths = all(name.lower() in _TRUTHS for name in names)
    spelling = {
        name: usual
        for name in names
        if (usual := _usual(name)) != name and (truths if usual in _TRUTHS else not fractions)
    }
    if not spelling:
        return labels, ()
    told = [f"{name} as {usual}" for name, usual in spelling.items()]
    more = ", …" if len(told) > _SHOWN else ""
    note = f"Labels are read in one spelling: {', '.join(told[:_SHOWN])}{more}."
    return _spelled(labels, spelling), (note,)


def spelled_like(examples: Examples, known: Iterable[str]) -> Examples:
    """The examples with their labels spelled as those that are known, such as 1.0 as 1."""
    labels, usual = examples.labels or (), defaultdict(list)
    for name in known:
        usual[_usual(name)].append(name)
    spelling = {}
    for name in _names(labels):
        alike = usual.get(_usual(name), [name])
        if len(alike) == 1 and alike != [name]:
            spelling[name] = alike[0]
    return replace(examples, labels=_spelled(labels, spelling)) if spelling else examples


def _usual(name: str) -> str:
    """The spelling of whole numbers, true and false; other labels as they are."""
    if found := _WHOLE.fullmatch(name):
        return found[1]
    return name.lower() if name.lower() in _TRUTHS else name


def _names(labels: Iterable[Label]) -> set[str]:
    """The labels that are names, not spans or answers."""
    parts: set[Any] = set()
    for label in labels:
        parts.update((label,) if isinstance(label, str) else label)
    return {part for part in parts if isinstance(part, str)}


def _spelled(labels: Iterable[Any], spelling: Mapping[str, str]) -> list[Label]:
    return [
        spelling.get(label, label)
        if isinstance(label, str)
        else tuple(dict.fromkeys(spelling.get(name, name) for name in label))
        for label in labels
    ]


def are_several(cells: Sequence[object], separator: str | None = None) -> bool:
    """Whether a row may have several labels, or none: when any cell holds a list, or there is a separator."""
    return separator is not None or any(_is_list(cell) for cell in cells)


def _is_list(cell: object) -> bool:
    return isinstance(cell, list) or (isinstance(cell, str) and cell.lstrip().startswith("["))


def is_missing(cell: object) -> bool:
    """Whether there is no label in a cell: it is absent, null, blank or not a number."""
    if isinstance(cell, str):
        return not cell.replace("\ufeff", "").strip()
    is_nan = isinstance(cell, float) and cell != cell
    return cell is None or cell is ABSENT or is_nan or type(cell).__name__ in _PANDAS_MISSING


def label_name(label: object, where: str) -> str:
    """A single label as text; raises a DataError that begins with `where` if it is missing, or is none."""
    if is_missing(label):
        raise DataError(f"{where}: the label is missing. Every row needs one.")
    name = scalar(label)
    if name is None:
        found = json.dumps(label, ensure_ascii=False, default=repr, skipkeys=True)[:60]
        raise DataError(f"{where}: a label is text, a number, true, false, or a list of them; found {found}")
    return name


def _one(table: RawTable, row: int, cell: object) -> str:
    return label_name(cell, table.where(row)).replace("\ufeff", "").strip()


def _many(table: RawTable, row: int, cell: object, separator: str | None) -> tuple[str, ...]:
    if is_missing(cell):
        return ()
    if isinstance(cell, str) and _is_list(cell):
        cell = _json_list(table, row, cell)
    elif isinstance(cell, str) and separator is not None:
        cell = [part for part in cell.split(separator) if part.strip()]
    parts = cell if isinstance(cell, list) else [cell]
    return tuple(dict.fromkeys(_one(table, row, part) for part in parts))


def _json_list(table: RawTable, row: int, cell: str) -> list[object]:
    try:
        return json.loads(cell)
    except ValueError:
        raise DataError(
            f'{table.where(row)}: a label that begins with "[" must be a JSON list, such as ["a", "b"]; '
            f"found {cell.strip()[:60]}"
        ) from None
