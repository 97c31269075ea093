"""JSON lines, or one JSON array: text → a table whose columns are the keys of the objects."""

import json
import re
from collections.abc import Iterable, Iterator

import numpy as np

from ..errors import DataError
from .raw_table import ABSENT, RawTable, shorten

_DECODER = json.JSONDecoder()
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_ADVICE = " One object a line is expected."


def read_json(text: str, source: str) -> RawTable:
    """One object a line, or one array of objects. A key that a row lacks is ABSENT.

    Raises:
        DataError: a line is not JSON or not an object, or the file is empty.
    """
    found = read_json_lines(text.split("\n"), source)
    if text.lstrip().startswith("["):
        found = ((line, _object(value, source, line)) for line, value in _read_array(text, source))
    lines, records = [], []
    for line, record in found:
        lines.append(line)
        records.append(record)
    if not records:
        raise DataError(f"{source} is empty.")
    names = list(dict.fromkeys(name for record in records for name in record))

    def column(index: int) -> list[object]:
        return [record.get(names[index], ABSENT) for record in records]

    return RawTable(source, len(records), len(names), column, names, np.array(lines, dtype=np.int64))


def read_json_lines(lines: Iterable[str], source: str) -> Iterable[tuple[int, dict[str, object]]]:
    """The objects of JSON lines, one after another, each with the number of its line.

    Args:
        lines: The lines; a blank one is left out.
        source: The file, for messages.

    Raises:
        DataError: a line is not JSON or not an object.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            value, end = read_value(line, source, _skip_blanks(line, 0), number, _ADVICE)
            if line[end:].strip():
                raise _invalid(source, number, "more than one value", line[end:], _ADVICE)
            yield number, _object(value, source, number)


def _object(value: object, source: str, line: int) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(
            f'{source}, line {line}: an object such as {{"text": …}} is expected, found {shorten(value)}'
        )
    return value


def _read_array(text: str, source: str) -> Iterator[tuple[int, object]]:
    position = _skip_blanks(text, text.index("[") + 1)
    line, start = 1, 0
    while text[position : position + 1] != "]":
        line += text.count("\n", start, position)
        start = position
        value, position = read_value(text, source, start, line, _ADVICE)
        yield line, value
        position = _skip_blanks(text, position)
        if text[position : position + 1] == ",":
            position = _skip_blanks(text, position + 1)
        elif text[position : position + 1] != "]":
            line += text.count("\n", start, position)
            reason = "a comma or the closing bracket of the array is missing"
            raise _invalid(source, line, reason, text[position:], _ADVICE)


def _skip_blanks(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def read_value(text: str, source: str, start: int, line: int, advice: str = "") -> tuple[object, int]:
    """The JSON value at a position of a text, and where it ends.

    Args:
        text: The text.
        source: The file, for messages.
        start: Where the value begins.
        line: The line on which that is.
        advice: A sentence that closes the message about invalid JSON.

    Raises:
        DataError: it is not JSON, is nested too deeply, or a text in it has half a surrogate pair.
    """
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        line += text.count("\n", start, error.pos)
        raise _invalid(source, line, error.msg, text[error.pos :], advice) from None
    except RecursionError:
        raise DataError(f"{source}, line {line}: the value is nested too deeply.") from None
    if _SURROGATE.search(text, start, end):
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise DataError(
                f"{source}, line {line}: half a surrogate pair (such as \\ud83d alone) is no character."
            ) from None
    return value, end


def _invalid(source: str, line: int, reason: str, rest: str, advice: str) -> DataError:
    text = rest.partition("\n")[0][:40]
    position = f"at: {text}" if text else "at the line's end"
    return DataError(f"{source}, line {line}: invalid JSON: {reason}, {position}.{advice}")
