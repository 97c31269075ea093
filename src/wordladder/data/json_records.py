"""JSON lines, or one JSON array: text → a table whose columns are the keys of the objects."""

import json
import re
from collections.abc import Iterator

import numpy as np

from ..errors import DataError
from .raw_table import ABSENT, RawTable

_DECODER = json.JSONDecoder()
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_json(text: str, source: str) -> RawTable:
    """One object a line, or one array of objects. A key that a row lacks is ABSENT.

    Raises:
        DataError: a line is not JSON or not an object, or the file is empty.
    """
    entries = _array(text, source) if text.lstrip().startswith("[") else _lines(text, source)
    surrogates = _SURROGATE.search(text) is not None
    records = []
    lines = []
    for line, value in entries:
        if not isinstance(value, dict):
            found = json.dumps(value, ensure_ascii=False)[:60]
            raise DataError(
                f'{source}, line {line}: an object such as {{"text": …}} is expected, found {found}'
            )
        if surrogates and not encodable(value):
            raise DataError(
                f"{source}, line {line}: half a surrogate pair (such as \\ud83d alone) is no character."
            )
        records.append(value)
        lines.append(line)
    if not records:
        raise DataError(f"{source} is empty.")
    names = list(dict.fromkeys(name for record in records for name in record))
    return RawTable(
        source=source,
        rows=len(records),
        width=len(names),
        column=lambda index: [record.get(names[index], ABSENT) for record in records],
        names=names,
        lines=np.array(lines, dtype=np.int64),
    )


def encodable(value: object) -> bool:
    """Whether no text in what JSON held has half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _lines(text: str, source: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            value, end = _value(line, len(line) - len(line.lstrip()), source, number)
            if line[end:].strip():
                raise _invalid(source, number, "more than one value", line[end:])
            yield number, value


def _array(text: str, source: str) -> Iterator[tuple[int, object]]:
    position = _skip(text, text.index("[") + 1)
    line = 1
    counted = 0
    while text[position : position + 1] != "]":
        line += text.count("\n", counted, position)
        counted = position
        value, position = _value(text, position, source, line)
        yield line, value
        position = _skip(text, position)
        if text[position : position + 1] == ",":
            position = _skip(text, position + 1)
        elif text[position : position + 1] != "]":
            line += text.count("\n", counted, position)
            raise _invalid(
                source, line, "a comma or the closing bracket of the array is missing", text[position:]
            )


def _skip(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _value(text: str, start: int, source: str, line: int) -> tuple[object, int]:
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        line += text.count("\n", start, error.pos)
        raise _invalid(source, line, error.msg, text[error.pos :]) from None
    except RecursionError:
        raise DataError(f"{source}, line {line}: the object is nested too deeply.") from None
    return value, end


def _invalid(source: str, line: int, reason: str, rest: str) -> DataError:
    found = rest.partition("\n")[0][:40]
    place = f"at: {found}" if found else "at the line's end"
    return DataError(
        f"{source}, line {line}: invalid JSON: {reason}, {place}. One object a line is expected."
    )
