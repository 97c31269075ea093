"""Where the rows of a table belong, as its columns say: the group, the time, the part of the split."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from ..errors import DataError, SettingError
from .column_names import normal
from .columns import Column, flat, resolve_column
from .labels import is_missing, scalar
from .raw_table import RawTable

_PARTS = {"train": "train", **dict.fromkeys(("dev", "validation", "valid", "val"), "dev"), "test": "test"}
_MONTH = re.compile(r"\d{4}-\d{2}")


@dataclass(frozen=True)
class Origin:
    """What a reader looks for beside texts and labels.

    Attributes:
        group: The column of the author, document or file that a row is from.
        time: The column that says when a row was written: ISO dates, ISO datetimes, or numbers.
        split: Whether a column called `split` says which part each row is for.
    """

    group: Column | None = None
    time: Column | None = None
    split: bool = False


def origin_of(group: Column | None, time: Column | None, *, ignore_split: bool = False) -> Origin:
    """The Origin that a split is made by.

    Raises:
        SettingError: both a group and a time are given.
    """
    if group is not None and time is not None:
        raise SettingError(
            f"group is {group!r} and time is {time!r}, but rows can be split by only one of them"
        )
    return Origin(group, time, split=not ignore_split)


def names_given(origin: Origin | None, *columns: Column | Sequence[Column] | None) -> list[str]:
    """The names among the columns that a user has given; a number, also one written as text, is an index."""
    beside = () if origin is None else (origin.group, origin.time)
    return [one for one in flat(*columns, *beside) if isinstance(one, str) and not one.isdigit()]


class OriginColumns(NamedTuple):
    """The columns of a table that hold an Origin, by index; None: it has none."""

    group: int | None = None
    time: int | None = None
    split: int | None = None

    def taken(self) -> tuple[int, ...]:
        """The columns that cannot be found as the text or the label."""
        return tuple(place for place in self if place is not None)


def origin_columns(
    table: RawTable, origin: Origin | None, *named: Column | Sequence[Column] | None
) -> OriginColumns:
    """Find the columns.

    Args:
        table: The table.
        origin: What to look for; None: nothing.
        named: The columns that the user has given for something else: none of them is the split.

    Raises:
        DataError: the table lacks a column that was given.
    """
    if origin is None:
        return OriginColumns()
    group, time = (
        None if column is None else resolve_column(table, column) for column in (origin.group, origin.time)
    )
    names = [normal(name) for name in table.names or ()]
    split = names.index("split") if origin.split and "split" in names else None
    used = (group, time, *(resolve_column(table, column) for column in flat(*named)))
    return OriginColumns(group, time, None if split in used else split)


def origin_facts(table: RawTable, columns: OriginColumns) -> dict[str, Any]:
    """The groups, times and parts of all rows, as keywords of Examples.

    Raises:
        DataError: a cell is empty or cannot be read, or times are of different kinds; names the line.
    """
    facts: dict[str, Any] = {}
    if columns.group is not None:
        cells = table.column(columns.group)
        facts["groups"] = [_text(table, row, columns.group, cell) for row, cell in enumerate(cells)]
    if columns.time is not None:
        facts["times"] = _times(table, columns.time)
    if columns.split is not None:
        facts["parts"] = [
            _part(table, row, columns.split, cell) for row, cell in enumerate(table.column(columns.split))
        ]
    return facts


def check_fixed(source: str, origin: Origin | None, known: str, why: str) -> bool:
    """Whether rows of a file without columns of its own are grouped by what it does have.

    Args:
        source: The file.
        origin: What is looked for.
        known: The one group that such a file knows.
        why: What the file is, for the message.

    Raises:
        SettingError: another group, or times.
    """
    asked = {} if origin is None else {"group": origin.group, "time": origin.time}
    for key, column in asked.items():
        if column is not None and (key, column) != ("group", known):
            raise SettingError(
                f"{source}: {key} is {column!r}, but {why}; group can be {known!r}, and all else needs a "
                "file with a row for each text and named columns (CSV, TSV, JSON lines or Parquet)"
            )
    return asked.get("group") is not None


def _text(table: RawTable, row: int, column: int, cell: object) -> str:
    value = None if is_missing(cell) else str(cell) if isinstance(cell, date) else scalar(cell)
    if value is None:
        found = "nothing" if is_missing(cell) else str(cell)[:60]
        raise DataError(
            f"{table.where(row)}: column {table.name(column)} has {found}; every row needs a value"
        )
    return value.strip()


def _part(table: RawTable, row: int, column: int, cell: object) -> str:
    value = _text(table, row, column, cell)
    if value.casefold() not in _PARTS:
        raise DataError(
            f"{table.where(row)}: column {table.name(column)} has {value[:60]!r}; it can be train, dev "
            "(or validation, valid, val) or test; --ignore-split ignores the column"
        )
    return _PARTS[value.casefold()]


def _times(table: RawTable, column: int) -> list[Any]:
    """Values of one kind, which can be compared."""
    times: list[Any] = []
    first = ""
    for row, cell in enumerate(table.column(column)):
        time, kind = _time(table, row, column, cell)
        first = first or kind
        if kind != first:
            raise DataError(
                f"{table.where(row)}: column {table.name(column)} has {str(cell)[:60]!r}, a {kind}, but "
                f"the rows before have a {first}; all rows need the same kind"
            )
        times.append(time)
    return times


def _time(table: RawTable, row: int, column: int, cell: object) -> tuple[Any, str]:
    """A number, date or datetime, and the name of its kind."""
    if isinstance(cell, int | float | date) and not isinstance(cell, bool) and not is_missing(cell):
        value: Any = cell
    else:
        value = _parsed(_text(table, row, column, cell))
    if isinstance(value, datetime):
        return value, "datetime" if value.tzinfo is None else "datetime with a time zone"
    if isinstance(value, date):
        return value, "date"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value, "number"
    raise DataError(
        f"{table.where(row)}: column {table.name(column)} has {str(cell)[:60]!r}, which is no time: an ISO "
        "date (2024-05-31), an ISO datetime (2024-05-31T12:00) or a number is expected"
    )


def _parsed(text: str) -> Any:
    """The number, date or datetime that is written; None: neither."""
    dated = f"{text}-01" if _MONTH.fullmatch(text) else text
    for read in (int, float, date.fromisoformat, datetime.fromisoformat):
        try:
            return read(dated)
        except ValueError:
            continue
    return None
