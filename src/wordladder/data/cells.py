"""What readers of rows share: rows that lack something, and cells that hold texts, lists or objects."""

import json
from collections.abc import Callable, Sequence

from ..errors import DataError
from .labels import is_missing, scalar
from .plurals import counted
from .raw_table import RawTable


def complete(
    table: RawTable,
    texts: Sequence[int],
    label: int | None = None,
    lacks: Callable[[object], bool] = is_missing,
) -> RawTable:
    """The table without the rows that have no text or no label; a note tells how many those are.

    Args:
        table: The table.
        texts: The columns of the texts.
        label: The column of the labels; None: they may be missing.
        lacks: Whether a cell has no label.

    Raises:
        DataError: no row is left.
    """
    missing = [list(map(is_missing, table.column(column))) for column in texts]
    missing += [] if label is None else [list(map(lacks, table.column(label)))]
    lacking = list(map(any, zip(*missing)))
    kept = [row for row, incomplete in enumerate(lacking) if not incomplete]
    if len(kept) == table.rows:
        return table
    if not kept:
        raise DataError(f"{table.source}: each of its {table.rows:,} rows lacks a text or a label.")
    left_out = table.rows - len(kept)
    were = f"{counted(left_out, 'row')} of {table.source} {'was' if left_out == 1 else 'were'} left out"
    first = table.place(lacking.index(True))
    return table.take(kept, f"{were} for want of a text or a label, the first in {first}.")


def unpacked(cells: Sequence[object]) -> list[object]:
    """The cells, read as JSON if all of them are texts that hold JSON lists or objects, as in CSV."""
    if not all(
        is_missing(cell) or (isinstance(cell, str) and cell.lstrip()[:1] in ("[", "{")) for cell in cells
    ):
        return list(cells)
    try:
        return [json.loads(cell) if isinstance(cell, str) and cell.strip() else cell for cell in cells]
    except ValueError:
        return list(cells)


def text_of(table: RawTable, row: int, column: int, cell: object) -> str:
    """A cell that must hold a text.

    Raises:
        DataError: it does not; names the line and the column.
    """
    value = None if is_missing(cell) and not isinstance(cell, str) else scalar(cell)
    if value is None:
        raise DataError(f"{table.where(row)}: column {table.name(column)} has no text, but {str(cell)[:60]}")
    return value.removeprefix("\ufeff")
