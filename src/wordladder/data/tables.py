"""A file of texts, with or without labels → Examples: the one way in for tables of every format.

No row is left out unless it is asked for: a row that cannot be used is an error that names its line.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import SettingError
from ..text.file_content import raw_lines, source_name
from .column_names import LABELS, SCORES
from .columns import Column, ColumnFinder, Texts, choose_columns
from .examples import Examples, Label
from .file_format import decode_lines, has_plain_lines, read_raw
from .labels import are_several, read_labels, read_numbers
from .plurals import counted
from .raw_table import RawTable, drop_incomplete
from .split_columns import SplitColumns, find_split_columns, header_names, read_split_columns


def read_table(
    path: str | Path,
    *,
    text: Texts = None,
    label: Column | None = None,
    label_separator: str | None = None,
    labelled: bool | None = True,
    format: str | None = None,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
    numbers: bool = False,
    spread: Callable[[RawTable], RawTable] | None = None,
) -> Examples:
    """Read a table of texts: CSV, TSV, JSON lines, Parquet or fastText's lines; plain or compressed.

    Args:
        path: The file; "-" is standard input, which has one text a line unless `format` says more.
        text: The column of the texts, by name or by number from 0 (a list: one for each segment); found
            by its name if that is a usual one, such as text, review or sentence.
        label: The column of the labels, by name or by number from 0; found by its name if that is a usual
            one, such as label, sentiment or category.
        label_separator: Splits a cell into several labels; without it, several labels are written as a JSON
            list.
        labelled: Whether every row must have a label (True), labels are not read (False), or they are read
            if there is a column of them (None).
        format: One of csv, tsv, jsonl, parquet, fasttext, lines; by default by the file's name and content.
        split_columns: The columns that say how rows are split; None: they are not read.
        skip_incomplete: Whether rows without a text or a label are left out, with a note.
        numbers: Whether the labels are numbers, such as stars or scores.
        spread: Makes the table that is read of the table in the file; None: it is the same.

    Raises:
        DataError: the file cannot be read, a column is not there, or a row cannot be used; names file and
            line.
        SettingError: the format is unknown, the separator is empty, or one column is given for two things.
    """
    if label_separator == "":
        raise SettingError("The label separator is empty. Give what separates labels, such as '|'.")
    names = header_names(split_columns, text, label if labelled is not False else None)
    table = read_raw(path, format, names, labelled=bool(labelled or spread))
    table = table if spread is None else spread(table)
    finder = ColumnFinder(table, find_split_columns(table, split_columns, text, label).values())
    text_columns, label_column = choose_columns(finder, text, label, labelled, SCORES if numbers else LABELS)
    label_column = finder.drop_empty(label_column, labelled)
    if skip_incomplete:
        optional = label_column is None or are_several(table.column(label_column), label_separator)
        table = drop_incomplete(table, text_columns, None if optional else label_column)
    if label_column is not None and "gold_label" in finder.names[label_column : label_column + 1]:
        table = _drop_undecided(table, label_column)
    labels: list[Label] | None = None
    label_notes = list[str]()
    if label_column is not None and numbers:
        labels = [*read_numbers(table, label_column)]
    elif label_column is not None:
        labels, label_notes = read_labels(table, label_column, label_separator)
    segments = tuple(table.texts(column, null_is_empty=True) for column in text_columns)
    notes = (*table.notes, *finder.notes, *label_notes)
    splits = read_split_columns(table, split_columns, text, label)
    return Examples(segments, labels, table.source, table.lines, notes, **splits)


def _drop_undecided(table: RawTable, label: int) -> RawTable:
    """The table without the pairs of SNLI and MNLI whose annotators did not agree, and a note."""
    agreed = [row for row, cell in enumerate(table.column(label)) if cell != "-"]
    if not (count := table.rows - len(agreed)):
        return table
    return table.take(agreed, f'{counted(count, "row")} with the gold_label "-" left out.')


def read_texts(path: str | Path, *, text: Texts = None, format: str | None = None) -> Iterator[Any]:
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
        yield from decode_lines(raw_lines(path), source_name(path))
        return
    segments = read_table(path, text=text, labelled=False, format=format).segments
    yield from segments[0] if len(segments) == 1 else zip(*segments, strict=True)
