"""CSV and TSV: text → a table of cells that knows on which line of the file each row begins.

CSV is read strictly: a quote that is never closed is an error, not one long cell. In TSV quote characters
are text, unless the whole file is quoted as a program would.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..errors import DataError
from .column_names import has_header, is_usual, normal
from .raw_table import RawTable

_LONGEST_CELL = 2**31 - 1
_DELIMITERS = ",;\t|"

Records = list[list[str]]


def read_csv(text: str, source: str, wanted: Sequence[str] = ()) -> RawTable:
    """A table of comma-separated values; other separators are recognised by the header.

    Args:
        text: The file's text.
        source: The file's name, for messages.
        wanted: Names of columns that the user has given: the first line is then a header.

    Raises:
        DataError: a quote is never closed or stands in the middle, or a row has too many or too few fields.
    """
    delimiter = _delimiter(text, wanted)
    try:
        records, lines = _parse(text, delimiter)
    except _Misquoted as error:
        raise DataError(f"{source}, line {error.line}: {_explained(str(error))}") from None
    advice = f"A text that contains {delimiter!r} or a line break belongs in double quotes."
    return _table(records, lines, source, wanted, advice, guess=True)


class _Misquoted(csv.Error):
    line = 0  # where the record begins


def _parse(text: str, delimiter: str) -> tuple[Records, list[int]]:
    """Records, and the line on which each begins."""
    records: Records = []
    lines = []
    line = 1
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    with _cells_of_any_length():
        try:
            for record in reader:
                records.append(record)
                lines.append(line)
                line = reader.line_num + 1
        except csv.Error as error:
            misquoted = _Misquoted(str(error))
            misquoted.line = line
            raise misquoted from None
    return records, lines


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _explained(error: str) -> str:
    if "end of data" in error:
        return "a double quote opens a field in the row that begins here and is never closed."
    if "expected after" in error:
        return "a quoted field goes on after its closing quote. Inside quotes, a quote is written twice."
    if "new-line character" in error:
        return 'a lone carriage return. Lines must end in "\\n" or "\\r\\n".'
    return f"{error}."


def _delimiter(text: str, wanted: Sequence[str]) -> str:
    """The separator under which the first line shows most names that are known; a comma if none does."""
    first = text.lstrip("\n").partition("\n")[0].rstrip("\r")
    known = {normal(name) for name in wanted}

    def score(delimiter: str) -> tuple[int, bool]:
        try:
            names = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:  # told with its line when the whole is read
            return 0, False
        usual = sum(usual or normal(name) in known for name, usual in zip(names, is_usual(names)))
        return usual, delimiter == "\t" and "\t" in first and "," not in first

    with _cells_of_any_length():
        return max(_DELIMITERS, key=score)


def read_tsv(text: str, source: str, wanted: Sequence[str] = ()) -> RawTable:
    """A table of tab-separated values; arguments and errors as for `read_csv`."""
    rows = text.split("\n")
    records = [row.removesuffix("\r").split("\t") if row not in ("", "\r") else [] for row in rows]
    lines = list(range(1, len(rows) + 1))
    if re.search(r'(?:^|[\t\n])"', text):
        if _even(records):
            records = _without_quotes(records)
        else:
            records, lines = _read_quoted(text) or (records, lines)
    advice = "A tab separates fields, so a text cannot contain one."
    return _table(records, lines, source, wanted, advice, guess=False)


def _even(records: Records) -> bool:
    return len({len(record) for record in records if record}) <= 1


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _without_quotes(records: Records) -> Records:
    """The fields without the quotes that a program has put around them; as they are if the quotes are text.

    A program doubles the quotes inside and leaves none in a field that it does not quote. Of that there must
    be a sign: a doubled quote, or a column that is quoted throughout.
    """
    fields = [field for record in records for field in record if '"' in field]
    if not all(map(_QUOTED.fullmatch, fields)):
        return records
    columns = zip(*(record for record in records[1:] if record))
    doubled = any('""' in field[1:-1] for field in fields)
    if not doubled and not any(all(field.startswith('"') for field in column) for column in columns):
        return records
    return [
        [field[1:-1].replace('""', '"') if '"' in field else field for field in record] for record in records
    ]


def _read_quoted(text: str) -> tuple[Records, list[int]] | None:
    """The records of a file with tabs or line breaks inside quotes; None if that does not make it even."""
    try:
        records, lines = _parse(text, "\t")
    except csv.Error:
        return None
    return (records, lines) if _even(records) else None


def _table(
    records: Records, lines: list[int], source: str, wanted: Sequence[str], advice: str, guess: bool
) -> RawTable:
    """Even records as a table.

    Args:
        records: Fields, record after record; an empty record is a blank line.
        lines: The line on which each begins.
        source: The file's name.
        wanted: Names of columns that the user has given.
        advice: Closes the message about an uneven row.
        guess: Whether a first line is a header although none of its names is a usual one.

    Raises:
        DataError: the file is empty, or a row has too many or too few fields.
    """
    kept = [(record, line) for record, line in zip(records, lines) if record]
    if not kept:
        raise DataError(f"{source} is empty.")
    blank = len(records) - len(kept) - (not records[-1])  # what follows the last line break is no line
    records, lines = [record for record, _ in kept], [line for _, line in kept]
    width = len(records[0])
    for record, line in zip(records, lines):
        if len(record) != width:
            raise DataError(
                f"{source}, line {line}: {_fields(len(record))}, but line {lines[0]} has {width}. {advice}"
            )
    names = records.pop(0) if has_header(records, wanted, guess) else None
    if names is not None:
        lines.pop(0)
        names = [name.replace("\ufeff", "").strip() for name in names]
    columns = list(zip(*records)) if records else [()] * width
    return RawTable(
        source=source,
        rows=len(records),
        width=width,
        column=lambda index: list(columns[index]),
        names=names,
        lines=np.array(lines, dtype=np.int64),
        notes=(f"{blank} blank lines were left out.",) if blank else (),
    )


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
