"""A file of texts, with or without labels → Examples: the one way in for tables of every format.

No row is left out unless it is asked for: a row that cannot be used is an error that names its line.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import SettingError
from .cells import complete, text_of
from .columns import Column, choose_columns
from .examples import Examples
from .file_content import raw_lines, source_name
from .file_format import has_plain_lines, read_raw
from .labels import are_several, is_missing, labels_of
from .origin import Origin, names_given, origin_columns, origin_facts
from .plain_lines import decoded_lines
from .raw_table import RawTable


def read_table(
    path: str | Path,
    *,
    text: Column | Sequence[Column] | None = None,
    label: Column | None = None,
    label_separator: str | None = None,
    labelled: bool | None = True,
    format: str | None = None,
    origin: Origin | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read a table of texts: CSV, TSV, JSON lines, Parquet or fastText's lines; plain or compressed.

    Args:
        path: The file; "-" is standard input, which has one text a line unless `format` says more.
        text: The column of the texts, by name or by number from 0 (a list: one for each segment); found by
            itself when it has a usual name, such as text, review or sentence.
        label: The column of the labels, by name or by number from 0; found by itself when it has a usual
            name, such as label, sentiment or category.
        label_separator: Splits a cell into several labels; without it, several labels are written as a JSON
            list.
        labelled: Whether every row must have a label (True), labels are not read (False), or they are read
            if there is a column of them (None).
        format: One of csv, tsv, jsonl, parquet, fasttext, lines; by default the file's name and content tell.
        origin: The columns that say where rows belong; None: they are not read.
        skip_incomplete: Whether rows without a text or a label are left out, which a note tells.

    Raises:
        DataError: the file cannot be read, a column is not there, or a row cannot be used; names file and
            line.
        SettingError: the format is unknown, the separator is empty, or one column is given for two things.
    """
    if label_separator == "":
        raise SettingError("The label separator is empty. Give what stands between labels, such as '|'.")
    wanted = names_given(origin, text, label if labelled is not False else None)
    table = read_raw(path, format, wanted, labelled=bool(labelled))
    belongs = origin_columns(table, origin, text, label)
    columns = choose_columns(table, text, label, labelled, belongs.taken())
    labels, told, label_column = None, tuple[str, ...](), columns.label
    if label_column is not None and not labelled and all(map(is_missing, table.column(label_column))):
        label_column = None
    if skip_incomplete:
        optional = label_column is None or are_several(table.column(label_column), label_separator)
        table = complete(table, columns.texts, None if optional else label_column)
    if label_column is not None:
        labels, told = labels_of(table, table.column(label_column), label_separator)
    return Examples(
        segments=tuple(_texts(table, column) for column in columns.texts),
        labels=labels,
        source=table.source,
        lines=table.lines,
        notes=table.notes + columns.notes + told,
        **origin_facts(table, belongs),
    )


def read_texts(
    path: str | Path, *, text: Column | Sequence[Column] | None = None, format: str | None = None
) -> Iterator[Any]:
    """Read texts without labels: one a line from a text file or standard input, or a column of a table.

    Plain lines are streamed, a blank one is an empty text. A table is read whole; of pairs each is a tuple.

    Args:
        path: As for `read_table`.
        text: As for `read_table`.
        format: As for `read_table`.

    Raises:
        DataError: the file cannot be read, or a column is not there.
    """
    if text is None and has_plain_lines(path, format):
        yield from decoded_lines(raw_lines(path), source_name(path))
        return
    segments = read_table(path, text=text, labelled=False, format=format).segments
    yield from segments[0] if len(segments) == 1 else zip(*segments, strict=True)


def _texts(table: RawTable, column: int) -> list[str]:
    """A column as texts; an empty cell is an empty text."""
    cells = table.column(column)
    return ["" if cell is None else text_of(table, row, column, cell) for row, cell in enumerate(cells)]
