"""Texts and labels as Python code gives them (lists, arrays, Series, frames, generators) → rows."""

from collections.abc import Iterable, Mapping, Set
from typing import Any

import numpy as np

from ..errors import DataError


def rows_of(values: Any, what: str, width: int | None = None) -> list[Any]:
    """The rows of what holds one after the other; a column, such as an array `(n, 1)`, gives its cells.

    Args:
        values: A list, an array, a Series, a frame, a generator.
        what: What the rows are, for messages.
        width: The columns that a frame or a matrix has to have; left out, any.

    Raises:
        DataError: it has no rows in an order of their own, or another number of columns.
    """
    if isinstance(values, str | bytes):
        kind = "string" if isinstance(values, str) else "bytes object"
        raise DataError(f"one {kind} was given where a list of {what} is expected: put it in a list")
    is_array = hasattr(values, "__array__")
    if isinstance(values, Mapping | Set) or not (is_array or isinstance(values, Iterable)):
        raise _no_rows(values, what)
    if not is_array:
        return [plain(row) for row in values]
    try:
        array = np.asanyarray(values, dtype=object)  # a masked cell stays one, and becomes None
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor on an accelerator
        raise DataError(f"{what}: {type(values).__name__} cannot be read as an array: {error}") from error
    if array.ndim not in (1, 2):
        raise _no_rows(values, f"{what} ({array.ndim} dimensions)")
    if array.ndim == 2 and width not in (None, array.shape[1]):
        columns = "one column" if width == 1 else f"{width} columns"
        raise DataError(f"{what}: {columns} expected, and {array.shape[1]} given; choose from them")
    rows = array.tolist()
    return [plain(row[0] if array.ndim == 2 and len(row) == 1 else row) for row in rows]


def _no_rows(values: Any, what: str) -> DataError:
    return DataError(
        f"{what}: a list, an array, a Series or a column of a frame is expected, not {type(values).__name__}"
    )


def width_of(values: Any) -> int:
    """The columns of a frame or a matrix; 1 for all else."""
    shape: tuple[int, ...] = getattr(values, "shape", ())
    return int(shape[1]) if len(shape) == 2 else 1


def plain(value: Any) -> Any:
    """A NumPy scalar or array as Python's own."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def is_integer(value: Any) -> bool:
    """Whether a value is a whole number, as the positions of characters are."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
