"""CSV and TSV: text → a table of cells that knows on which line of the file each row begins.

CSV is read strictly: a quote that is never closed is an error, not one long cell. In TSV quote characters
are text, unless the whole file is quoted as a program would.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ..errors import DataError
from .column_names import has_header, is_usual, normalize
from .plurals import counted
from .raw_table import RawTable

_LONGEST_CELL = 2**31 - 1
_DELIMITERS = ",;\t|"
_MISTAKES = {  # by what Python's csv module says
    "end of data": "a double quote opens a field in the row that begins here and is never closed.",
    "expected after": "a quoted field goes on after its closing quote. Write a quote inside quotes twice.",
    "new-line character": 'a lone carriage return. Lines must end in "\\n" or "\\r\\n".',
}

Records = list[list[str]]


@contextmanager
def _cells_of_any_length() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


@_cells_of_any_length()
def read_csv(text: str, source: str, given: Sequence[str] = ()) -> RawTable:
    """A table of comma-separated values; other separators are recognised by the header.

    Args:
        text: The file's text.
        source: The file's name, for messages.
        given: Names of columns that the user has given: the first line is then a header.

    Raises:
        DataError: a quote is never closed or is in the middle of a field, or a row has too many or too few
            fields.
    """
    delimiter = _find_delimiter(text, given)
    advice = f"A text that contains {delimiter!r} or a line break belongs in double quotes."
    return _table(*_parse(text, delimiter, source), source, given, advice, guess=True)


def _parse(text: str, delimiter: str, source: str) -> tuple[Records, list[int]]:
    """Records, and the line on which each begins."""
    records: Records = []
    lines = [1]
    reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
    try:
        for record in reader:
            records.append(record)
            lines.append(reader.line_num + 1)
    except csv.Error as error:
        message = next((mistake for sign, mistake in _MISTAKES.items() if sign in str(error)), f"{error}.")
        raise DataError(f"{source}, line {lines[-1]}: {message}") from None
    return records, lines[:-1]


def _find_delimiter(text: str, given: Sequence[str]) -> str:
    """The separator under which the first line shows most names that are known; a comma if none does."""
    first = text.lstrip("\n").partition("\n")[0].rstrip("\r")
    known = {normalize(name) for name in given}

    def score(delimiter: str) -> tuple[int, bool]:
        try:
            names = next(csv.reader([first], delimiter=delimiter), [])
        except csv.Error:  # reported with its line when the whole file is read
            return 0, False
        usual = sum(usual or normalize(name) in known for name, usual in zip(names, is_usual(names)))
        return usual, delimiter == "\t" and "\t" in first and "," not in first

    return max(_DELIMITERS, key=score)


@_cells_of_any_length()
def read_tsv(text: str, source: str, given: Sequence[str] = ()) -> RawTable:
    """A table of tab-separated values; arguments and errors as for `read_csv`."""
    rows = text.split("\n")
    records = [row.removesuffix("\r").split("\t") if row not in ("", "\r") else [] for row in rows]
    lines = list(range(1, len(rows) + 1))
    if re.search(r'(?:^|[\t\n])"', text):
        if _is_even(records):
            records = _without_quotes(records)
        else:
            with suppress(DataError):  # there may be tabs or line breaks inside quotes
                quoted = _parse(text, "\t", "")
                records, lines = quoted if _is_even(quoted[0]) else (records, lines)
    advice = "A tab separates fields, so a text cannot contain one."
    return _table(records, lines, source, given, advice, guess=False)


def _is_even(records: Records) -> bool:
    return len({len(record) for record in records if record}) <= 1


_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _without_quotes(records: Records) -> Records:
    """The fields without the quotes that a program has put around them; as they are if the quotes are text.

    A program doubles the quotes inside and leaves none in a field that it does not quote. There must be a
    sign of that: a doubled quote, or a column that is quoted throughout.
    """
    fields = [field for record in records for field in record if '"' in field]
    if not all(map(_QUOTED.fullmatch, fields)):
        return records
    columns = zip(*(record for record in records[1:] if record))
    doubled = any('""' in field[1:-1] for field in fields)
    if not doubled and not any(all(field.startswith('"') for field in column) for column in columns):
        return records
    return [[field[1:-1].replace('""', '"') if '"' in field else field for field in row] for row in records]


def _table(
    records: Records, lines: list[int], source: str, given: Sequence[str], advice: str, guess: bool
) -> RawTable:
    """Even records as a table.

    Args:
        records: Fields, record after record; an empty record is a blank line.
        lines: The line on which each begins.
        source: The file's name.
        given: Names of columns that the user has given.
        advice: Closes the message about an uneven row.
        guess: Whether a first line is a header although none of its names is a usual one.

    Raises:
        DataError: the file is empty, or a row has too many or too few fields.
    """
    filled = [(record, line) for record, line in zip(records, lines) if record]
    if not filled:
        raise DataError(f"{source} is empty.")
    blank = len(records) - len(filled) - (not records[-1])  # what follows the last line break is no line
    records, lines = [record for record, _ in filled], [line for _, line in filled]
    width = len(records[0])
    for record, line in zip(records, lines):
        if len(record) != width:
            fields = counted(len(record), "field")
            raise DataError(f"{source}, line {line}: {fields}, but line {lines[0]} has {width}. {advice}")
    names = None
    if has_header(records, given, guess):
        names = [name.replace("\ufeff", "").strip() for name in records.pop(0)]
        lines.pop(0)
    notes = (f"{blank} blank lines were left out.",) if blank else ()
    return RawTable.of_columns(source, list(zip(*records)), lines, names, notes)
