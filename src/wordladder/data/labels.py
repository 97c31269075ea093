"""Cells of a table → labels: one string a row, or a tuple of strings a row."""

import json
from collections.abc import Sequence

from ..errors import DataError
from .examples import Label
from .raw_table import ABSENT, RawTable

__all__ = ["is_missing", "labels_of", "scalar"]

_PANDAS_MISSING = ("NAType", "NaTType")  # by name, for pandas is not imported


def scalar(cell: object) -> str | None:
    """A single value as text: 1 and 1.0 are "1", True is "true"; None: it is not a single value."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if isinstance(cell, (int, float)) else None


def labels_of(table: RawTable, cells: Sequence[object], separator: str | None = None) -> list[Label]:
    """The label of each row; when any cell holds a list, or there is a separator, the tuple of its labels.

    Args:
        table: The table that the cells are from, for messages.
        cells: Text, numbers, true or false; JSON lists of them, also written in a text cell; or text with
            separators.
        separator: What stands between the labels of a cell; None: only lists hold several.

    Raises:
        DataError: a label is missing or is no label, or a list is not JSON; names the line.
    """
    several = separator is not None or any(_is_list(cell) for cell in cells)
    one = _one if not several else lambda table, row, cell: _many(table, row, cell, separator)
    return [one(table, row, cell) for row, cell in enumerate(cells)]


def _is_list(cell: object) -> bool:
    return isinstance(cell, list) or (isinstance(cell, str) and cell.lstrip().startswith("["))


def is_missing(cell: object) -> bool:
    """Whether there is no label in a cell: it is absent, null, blank or not a number."""
    if isinstance(cell, str):
        return not cell.replace("\ufeff", "").strip()
    is_nan = isinstance(cell, float) and cell != cell
    return cell is None or cell is ABSENT or is_nan or type(cell).__name__ in _PANDAS_MISSING


def _one(table: RawTable, row: int, cell: object) -> str:
    if is_missing(cell):
        raise DataError(f"{table.where(row)}: the label is missing. Every row needs one.")
    label = scalar(cell)
    if label is None:
        found = json.dumps(cell, ensure_ascii=False, default=repr)[:60]
        raise DataError(
            f"{table.where(row)}: a label is text, a number, true, false, or a list of them; found {found}"
        )
    return label.replace("\ufeff", "").strip()


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
