"""The columns of a table that say how its rows are split: the group, the time, the part."""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from ..errors import DataError, SettingError
from .column_names import normalize
from .columns import Column, Texts, flatten, resolve_column
from .examples import Examples
from .raw_table import RawTable, is_missing, scalar

_PARTS = {"train": "train", **dict.fromkeys(("dev", "validation", "valid", "val"), "dev"), "test": "test"}
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True)
class SplitColumns:
    """What a reader looks for besides texts and labels.

    Attributes:
        group: The column of the author, document or file that a row is from.
        time: The column that says when a row was written: ISO dates, ISO datetimes, or numbers.
        split: Whether a column called `split` says which part each row is for.
    """

    group: Column | None = None
    time: Column | None = None
    split: bool = False


RowLayout = tuple[Any, Column | None, bool | None, SplitColumns | None, bool]
"""The arguments text, label, labelled, split_columns and skip_incomplete of the readers of rows."""


def group_or_time(group: Column | None, time: Column | None, *, ignore_split: bool = False) -> SplitColumns:
    """The columns that a split is made by.

    Raises:
        SettingError: both a group and a time are given.
    """
    if group is not None and time is not None:
        raise SettingError(f"group is {group!r} and time is {time!r}: rows can be split by only one of them")
    return SplitColumns(group, time, split=not ignore_split)


def header_names(by: SplitColumns | None, *columns: Texts) -> list[str]:
    """The names among the columns that a user has given; a number, also one written as text, is an index."""
    columns = columns if by is None else (*columns, by.group, by.time)
    return [column for column in flatten(*columns) if isinstance(column, str) and not column.isdigit()]


def find_split_columns(table: RawTable, by: SplitColumns | None, *others: Texts) -> dict[str, int]:
    """The indices of the columns, by the field of Examples that they fill.

    Args:
        table: The table.
        by: What to look for; None: nothing.
        others: The columns that the user has given for something else: none of them is the split.

    Raises:
        DataError: the table lacks a column that was given.
    """
    if by is None:
        return {}
    given = {"groups": by.group, "times": by.time}
    columns = {field: resolve_column(table, column) for field, column in given.items() if column is not None}
    names = [normalize(name) for name in table.names or ()]
    if by.split and "split" in names:
        split = names.index("split")
        if split not in (*columns.values(), *(resolve_column(table, column) for column in flatten(*others))):
            columns["parts"] = split
    return columns


def read_split_columns(table: RawTable, by: SplitColumns | None, *others: Texts) -> dict[str, Any]:
    """The groups, times and parts of all rows, as keywords of Examples.

    Raises:
        DataError: a cell is empty or cannot be read, or times are of different kinds; names the line.
    """
    columns = find_split_columns(table, by, *others)
    readers = {"groups": _read_text, "times": _read_time, "parts": _read_part}
    fields: dict[str, list[Any]] = {
        field: [readers[field](table, row, column, cell) for row, cell in enumerate(table.column(column))]
        for field, column in columns.items()
    }
    times = fields.get("times", [])
    for row, time in enumerate(times):
        if (kind := _kind_of(time)) != (first := _kind_of(times[0])):
            problem = f"{str(time)[:60]!r}, a {kind}, but the rows before have a {first}"
            raise table.cell_error(row, columns["times"], f"{problem}; all rows need the same kind")
    return fields


def check_document_columns(source: str, by: SplitColumns | None, group: str, reason: str) -> bool:
    """Whether the rows of a file without columns of its own are to be grouped.

    Args:
        source: The file.
        by: What is looked for.
        group: The one group that such a file has.
        reason: What the file is, for the message.

    Raises:
        SettingError: another group is looked for, or times.
    """
    columns = {} if by is None else {"group": by.group, "time": by.time}
    for key, column in columns.items():
        if column is not None and (key, column) != ("group", group):
            raise SettingError(
                f"{source}: {key} is {column!r}, but {reason}; group can be {group!r}, and all else needs a "
                "file with a row for each text and named columns (CSV, TSV, JSON lines or Parquet)"
            )
    return columns.get("group") is not None


def _read_text(table: RawTable, row: int, column: int, cell: object) -> str:
    value = None if is_missing(cell) else str(cell) if isinstance(cell, date) else scalar(cell)
    if value is None:
        problem = "nothing" if is_missing(cell) else str(cell)[:60]
        raise table.cell_error(row, column, f"{problem}; every row needs a value")
    return value.strip()


def _read_part(table: RawTable, row: int, column: int, cell: object) -> str:
    value = _read_text(table, row, column, cell)
    if value.casefold() not in _PARTS:
        problem = f"{value[:60]!r}; it can be train, dev (or validation, valid, val) or test"
        raise table.cell_error(row, column, f"{problem}; --ignore-split ignores the column")
    return _PARTS[value.casefold()]


def _read_time(table: RawTable, row: int, column: int, cell: object) -> Any:
    """A number, date or datetime."""
    if isinstance(cell, int | float | date) and not isinstance(cell, bool) and not is_missing(cell):
        value: Any = cell
    else:
        value = _parse_time(_read_text(table, row, column, cell))
    if not _kind_of(value):
        problem = f"{str(cell)[:60]!r}, which is no time: an ISO date (2024-05-31), an ISO datetime"
        raise table.cell_error(row, column, f"{problem} (2024-05-31T12:00) or a number is expected")
    return value


def _parse_time(text: str) -> Any:
    """The number, date or datetime that is written; None: neither."""
    text = f"{text}-01" if _MONTH.fullmatch(text) else text
    for parse in (int, float, date.fromisoformat, datetime.fromisoformat):
        try:
            return parse(text)
        except ValueError:
            continue
    return None


def _kind_of(time: Any) -> str:
    """What kind of time a value is, for only times of one kind compare; "": it is no time."""
    if isinstance(time, datetime):
        return "datetime" if time.tzinfo is None else "datetime with a time zone"
    if isinstance(time, date):
        return "date"
    is_number = isinstance(time, int) or (isinstance(time, float) and math.isfinite(time))
    return "number" if is_number else ""


class Parts(NamedTuple):
    """The rows of each part; None: they are still to be held out."""

    train: Examples
    dev: Examples | None
    test: Examples | None
    notes: tuple[str, ...] = ()


def apply_split_column(train: Examples, dev: Examples | None, test: Examples | None) -> Parts:
    """The parts as the `split` column of the training file says, if it was read.

    Args:
        train: The rows of the training file.
        dev: The rows of a file of their own for dev, taken whole.
        test: The same for the test.

    Raises:
        DataError: no row is for train.
        SettingError: a part has both rows in the column and a file of its own.
    """
    if train.parts is None:
        return Parts(train, dev, test)
    rows = {name: [row for row, part in enumerate(train.parts) if part == name] for name in Parts._fields[:3]}
    counts = ", ".join(f"{len(numbers):,} {name}" for name, numbers in rows.items() if numbers)
    if not rows["train"]:
        raise DataError(f"{train.source}: its column split has no rows for train, only {counts}")
    parts = {"dev": dev, "test": test}
    for name, part in parts.items():
        if part is not None and rows[name]:
            raise SettingError(
                f"{train.source} has {len(rows[name]):,} {name} rows in its column split, and {part.source} "
                f"is given for {name} too; leave one out (the column with --ignore-split)"
            )
        parts[name] = train.take(rows[name]) if rows[name] else part
    return Parts(train.take(rows["train"]), **parts, notes=(f"The column split was used: {counts} rows.",))
