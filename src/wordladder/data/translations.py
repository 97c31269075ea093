"""Texts with their translations: two files line by line, or a table with a column for each."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..text.file_content import raw_lines
from .column_names import normalize
from .columns import Column, resolve_column
from .examples import Answer, Examples
from .file_format import decode_lines
from .raw_table import RawTable
from .split_columns import SplitColumns
from .tables import read_table

_SOURCES = ("source", "src", "text", "input", "sentence", "document", "article", "content", "original")
_TARGETS = ("target", "tgt", "translation", "output", "summary", "title", "headline", "normalized", "label")
_PAIR = ("text_a", "text_b")


def read_translations(
    path: str | Path,
    *,
    text: Column | None = None,
    label: Column | None = None,
    labelled: bool | None = True,
    format: str | None = None,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read texts with their translations.

    Args:
        path: A table: TSV, CSV, JSON lines, Parquet; or two files with a comma between, `train.de,train.en`,
            of which line by line the second is the translation of the first.
        text: The column of the texts, by name or by number from 0; found by its name if that is a usual one,
            such as source or text; the first column of a table without a header.
        label: The column of their translations; found by its name, such as target or translation; the second
            column.
        labelled: Whether every row must have a translation; False: they are not read.
        format: As for `read_table`.
        split_columns: As for `read_table`.
        skip_incomplete: As for `read_table`.

    Raises:
        DataError: a file cannot be read, the two files do not have as many lines, or a column is not there.
    """
    if (files := two_files(path)) is not None:
        return _aligned(*files)
    layout: dict[str, Any] = {"format": format, "skip_incomplete": skip_incomplete}
    if labelled is False:
        return read_table(path, text=text, labelled=False, split_columns=split_columns, **layout)
    examples = read_table(
        path,
        labelled=False,
        split_columns=split_columns,
        spread=lambda table: _named(table, text, label),
        **layout,
    )
    sources, targets = examples.segments
    return replace(examples, segments=(sources,), labels=[(Answer(target),) for target in targets])


def two_files(path: str | Path) -> tuple[str, str] | None:
    """The two files that are named with a comma between; None if there is such a file, or it names no two."""
    first, comma, second = str(path).partition(",")
    return (first, second) if comma and second and not Path(path).exists() else None


def _aligned(first: str, second: str) -> Examples:
    sources, targets = (list(decode_lines(raw_lines(file), file)) for file in (first, second))
    if len(sources) != len(targets):
        raise DataError(
            f"{first} has {len(sources):,} lines, {second} {len(targets):,}; each line of one "
            "translates that of the other"
        )
    lines = np.arange(1, len(sources) + 1)
    return Examples((sources,), [(Answer(target),) for target in targets], first, lines)


def _named(table: RawTable, text: Column | None, label: Column | None) -> RawTable:
    """The table with the usual names of a pair for texts and translations.

    Raises:
        DataError: there are no two such columns.
    """
    source, target = _column(table, text, _SOURCES, 0), _column(table, label, _TARGETS, 1)
    if source == target:
        raise DataError(f"{table.source}: texts and translations are one column; name both (--text, --label)")
    names = (
        [f"column {number}" for number in range(table.width)] if table.names is None else list(table.names)
    )
    names = [f"_{name}" if normalize(name) in _PAIR else name for name in names]
    names[source], names[target] = _PAIR
    return replace(table, names=names)


def _column(table: RawTable, given: Column | None, usual: Sequence[str], place: int) -> int:
    if given is not None:
        return resolve_column(table, given)
    names = [normalize(name) for name in table.names or ()]
    found = next((names.index(name) for name in usual if name in names), None)
    if found is not None:
        return found
    if table.names is None and table.width > place:
        return place
    what, option = ("translations", "label") if place else ("texts", "text")
    raise DataError(f"{table.source}: which column holds the {what}? Name it (--{option}).")
