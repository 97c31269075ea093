"""A table as its file has it: cells that are not yet texts or labels, whatever the format was."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError


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

    def take(self, rows: Sequence[int], note: str) -> "RawTable":
        """The rows at these places, which keep their numbers, and one more note."""
        lines = np.arange(1, self.rows + 1) if self.lines is None else self.lines

        def column(index: int) -> list[object]:
            cells = self.column(index)
            return [cells[row] for row in rows]

        return replace(
            self, rows=len(rows), column=column, lines=lines[list(rows)], notes=(*self.notes, note)
        )

    def where(self, row: int) -> str:
        """The file and the place of a row, for messages."""
        return f"{self.source}, {self.place(row)}"

    def place(self, row: int) -> str:
        """The place of a row in its file; rows without a line are counted from 1."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def name(self, column: int) -> str:
        """What messages call a column."""
        return repr(self.names[column]) if self.names else str(column)
