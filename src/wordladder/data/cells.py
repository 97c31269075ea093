"""What readers of rows share: columns found by their usual names, and cells that hold lists or objects."""

import json
from collections.abc import Sequence

from ..errors import DataError
from .column_names import normal
from .columns import Column, resolve_column
from .labels import is_missing, scalar
from .raw_table import RawTable

__all__ = ["find_column", "text_of", "unpacked"]


def find_column(
    table: RawTable, given: Column | None, usual: Sequence[str], taken: Sequence[int | None] = ()
) -> tuple[int | None, str | None]:
    """The index of a column, the one given or the first that has a usual name; None: there is none.

    Args:
        table: The table.
        given: The user's choice.
        usual: Usual names, the likeliest first.
        taken: Columns that hold something else.

    Returns:
        The index, and a note if others have usual names too.

    Raises:
        DataError: the column that is given is not there.
    """
    if given is not None:
        return resolve_column(table, given), None
    own = table.names or []
    names = [normal(name) for name in own]
    found = [names.index(name) for name in usual if name in names and names.index(name) not in taken]
    if not found:
        return None, None
    first, *others = (repr(own[index]) for index in dict.fromkeys(found))
    return found[0], f"Column {first} is read; {', '.join(others)} could be meant too." if others else None


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
        name = table.names[column] if table.names else str(column)
        raise DataError(f"{table.where(row)}: column {name!r} has no text, but {str(cell)[:60]}")
    return value.removeprefix("\ufeff")
