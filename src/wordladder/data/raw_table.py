"""A table as its file has it: cells that are not yet texts or labels, whatever the format was."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError
from .plurals import counted, row_name

_PANDAS_MISSING = ("NAType", "NaTType")  # by name, for pandas is not imported
_SHOWN = 60  # characters of a cell in a message


class _Absent:
    """A cell that its row does not have at all, as a JSON object may lack a key."""

    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


@dataclass(frozen=True)
class RawTable:
    """Rows of cells under names, or under numbers when the file has no header.

    Attributes:
        source: The file, for messages.
        rows: How many rows there are.
        width: How many columns.
        column: Gives the cells of a column by its index.
        names: The columns' names; None: there is no header.
        lines: int64 (rows,), where each row begins in the file, from 1; None: the format has no lines.
        notes: What its owner may want to know.

    Raises:
        DataError: there are no rows.
    """

    source: str
    rows: int
    width: int
    column: Callable[[int], list[object]]
    names: list[str] | None = None
    lines: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.rows:
            raise DataError(f"{self.source} has a header, but no rows.")

    @classmethod
    def of_columns(
        cls,
        source: str,
        columns: Sequence[Sequence[object]],
        lines: Sequence[int],
        names: list[str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> "RawTable":
        """A table of columns in memory."""
        numbers = np.array(lines, dtype=np.int64)
        return cls(source, len(lines), len(columns), lambda i: list(columns[i]), names, numbers, notes)

    def take(self, rows: list[int], note: str) -> "RawTable":
        """The rows with these indices, which keep their line numbers, and one more note."""
        lines = np.arange(1, self.rows + 1) if self.lines is None else self.lines

        def column(index: int) -> list[object]:
            cells = self.column(index)
            return [cells[row] for row in rows]

        return replace(self, rows=len(rows), column=column, lines=lines[rows], notes=(*self.notes, note))

    def location(self, row: int) -> str:
        """The file and the line of a row, for messages."""
        return f"{self.source}, {self.row_name(row)}"

    def row_name(self, row: int) -> str:
        """The line of a row in its file; rows without a line are counted from 1."""
        return row_name(row, self.lines)

    def column_name(self, column: int) -> str:
        """What messages call a column."""
        return repr(self.names[column]) if self.names else str(column)

    def cell_error(self, row: int, column: int, problem: str) -> DataError:
        """An error that names the row and the column, and says what is wrong with the cell."""
        return DataError(f"{self.location(row)}: column {self.column_name(column)} has {problem}")

    def texts(self, column: int, *, null_is_empty: bool = False) -> list[str]:
        """The cells of a column that must hold texts.

        Args:
            column: The index of the column.
            null_is_empty: Whether null is an empty text.

        Raises:
            DataError: a cell holds no text; names the line and the column.
        """
        texts = []
        for row, cell in enumerate(self.column(column)):
            if cell is None and null_is_empty:
                cell = ""
            text = None if is_missing(cell) and not isinstance(cell, str) else scalar(cell)
            if text is None:
                raise self.cell_error(row, column, f"no text, but {str(cell)[:_SHOWN]}")
            texts.append(text.removeprefix("\ufeff"))
        return texts


def drop_incomplete(
    table: RawTable, texts: Sequence[int], label: int | None = None, blank_labels: bool = False
) -> RawTable:
    """The table without the rows that have no text or no label, and a note that says how many those are.

    Args:
        table: The table.
        texts: The columns of the texts.
        label: The column of the labels; None: they may be missing.
        blank_labels: Whether a blank cell is a label, so that only an absent one lacks it.

    Raises:
        DataError: no row is left.
    """
    missing: list[Iterable[bool]] = [map(is_missing, table.column(column)) for column in texts]
    if label is not None:
        cells = table.column(label)
        missing.append(cell is ABSENT if blank_labels else is_missing(cell) for cell in cells)
    incomplete = list(map(any, zip(*missing)))
    rows = [row for row, lacks in enumerate(incomplete) if not lacks]
    if len(rows) == table.rows:
        return table
    if not rows:
        raise DataError(f"{table.source}: each of its {table.rows:,} rows lacks a text or a label.")
    count, first = table.rows - len(rows), table.row_name(incomplete.index(True))
    dropped = f"{counted(count, 'row')} of {table.source} without a text or a label"
    return table.take(rows, f"{dropped} {'was' if count == 1 else 'were'} left out, the first in {first}.")


def parse_json_cells(cells: Sequence[object]) -> list[object]:
    """The cells, read as JSON if all of them are texts that hold JSON lists or objects, as in CSV."""
    if all(map(_may_be_json, cells)):
        with suppress(ValueError):
            return [json.loads(cell) if isinstance(cell, str) and cell.strip() else cell for cell in cells]
    return list(cells)


def _may_be_json(cell: object) -> bool:
    return is_missing(cell) or (isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{"))


def scalar(cell: object) -> str | None:
    """A single value as text: 1 and 1.0 are "1", True is "true"; None: it is not a single value."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if isinstance(cell, (int, float)) else None


def is_missing(cell: object) -> bool:
    """Whether a cell has no value: it is absent, null, blank or not a number."""
    if isinstance(cell, str):
        return not cell.replace("\ufeff", "").strip()
    is_nan = isinstance(cell, float) and cell != cell
    return cell is None or cell is ABSENT or is_nan or type(cell).__name__ in _PANDAS_MISSING


def shorten(value: object) -> str:
    """The beginning of a value as JSON, for messages."""
    return json.dumps(value, ensure_ascii=False, default=repr, skipkeys=True)[:_SHOWN]
