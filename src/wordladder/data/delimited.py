"""CSV and TSV: text → a table of cells, with the line on which each row begins, and whether the first is a header.

CSV is read strictly: a quote that is never closed is an error, not one long cell. In TSV quote characters are text,
unless the whole file is quoted as a program would.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ..errors import DataError
from .column_names import LABELS, is_usual, normal
from .raw_table import RawTable

__all__ = ["read_csv", "read_tsv"]

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
    records: Records = []
    lines = []
    line = 1
    with _cells_of_any_length():
        reader = csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True)
        try:
            for record in reader:
                records.append(record)
                lines.append(line)
                line = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{source}, line {line}: {_explained(str(error))}") from None
    advice = f"A text that contains {delimiter!r} or a line break belongs in double quotes."
    return _table(records, lines, source, wanted, advice, guess=True)


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
        names = next(csv.reader([first], delimiter=delimiter), [])
        usual = sum(usual or normal(name) in known for name, usual in zip(names, is_usual(names)))
        return usual, delimiter in first and "," not in first

    return max(_DELIMITERS, key=score)


def read_tsv(text: str, source: str, wanted: Sequence[str] = ()) -> RawTable:
    """A table of tab-separated values; arguments and errors as for `read_csv`."""
    records, lines = _quoted(text) or _unquoted(text)
    return _table(records, lines, source, wanted, "A tab separates fields: a text cannot contain one.", guess=False)


def _unquoted(text: str) -> tuple[Records, list[int]]:
    rows = text.split("\n")
    records = [row.removesuffix("\r").split("\t") if row not in ("", "\r") else [] for row in rows]
    return records, list(range(1, len(rows) + 1))


# Possessive repeats (`++`, `*+`) keep this linear when a quote is never closed.
_FIELD = re.compile(r'(?:"(?P<quoted>(?:[^"]++|"")*+)"|(?P<bare>[^"\t\n\r]*+))(?P<end>\t|\r?\n|\Z)')


def _quoted(text: str) -> tuple[Records, list[int]] | None:
    """The records of a file that a program has quoted; None if its quote characters are text.

    A program quotes each field with a quote, tab or line break inside, or all fields of a column. So quotes are text
    when one stands in a field that is not quoted, or a field is quoted for neither reason.
    """
    if not re.search(r'(?:^|[\t\n])"', text):
        return None
    records: Records = [[]]
    lines = [1]
    quoted_needlessly: list[set[int]] = [set()]
    bare: set[int] = set()  # columns with a field that is not quoted, the header aside
    position = 0
    while position < len(text):
        field = _FIELD.match(text, position)
        if field is None:
            return None
        column = len(records[-1])
        quoted = field["quoted"]
        if quoted is None:
            records[-1].append(field["bare"])
            if len(records) > 1:
                bare.add(column)
        else:
            records[-1].append(quoted.replace('""', '"'))
            if not re.search(r'["\t\n]', quoted):
                quoted_needlessly[-1].add(column)
        if field["end"] not in ("\t", ""):
            lines.append(lines[-1] + text.count("\n", position, field.end()))
            records.append([])
            quoted_needlessly.append(set())
        position = field.end()
    return (records, lines) if _whole_columns(records, quoted_needlessly[1:], bare) else None
