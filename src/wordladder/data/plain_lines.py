"""One text a line, and fastText's lines that carry their labels."""

import re
from collections.abc import Iterable, Iterator

from ..errors import DataError
from .file_content import decode
from .raw_table import RawTable

FASTTEXT_PREFIX = "__label__"
_FASTTEXT_LABEL = re.compile(rf"(?:(?<=\s)|^){FASTTEXT_PREFIX}(\S+)\s*")


def read_lines(text: str, source: str) -> RawTable:
    """One text a line. A blank line is an empty text, so that predictions stay in step with lines.

    Raises:
        DataError: the file is empty.
    """
    lines = _split(text, source)
    return RawTable.of_columns(source, [lines], range(1, len(lines) + 1), ["text"])


def decode_lines(lines: Iterable[bytes], source: str) -> Iterator[str]:
    """The same, line after line as they come, from raw lines without their ends.

    Raises:
        DataError: there are no lines, or one is not UTF-8; names the line and the byte.
    """
    offset = 0
    for number, line in enumerate(lines, start=1):
        yield decode(line, source, number, offset).removesuffix("\r")
        offset += len(line) + 1
    if not offset:
        raise DataError(f"{source} is empty.")


def read_fasttext(text: str, source: str) -> RawTable:
    """Lines such as "__label__positive __label__short A good film": the labels of a line, and its text.

    Raises:
        DataError: the file is empty.
    """
    lines = {number: line for number, line in enumerate(_split(text, source), start=1) if line.strip()}
    found = [_FASTTEXT_LABEL.findall(line) for line in lines.values()]
    single = all(len(labels) <= 1 for labels in found)
    labels = [labels[0] if labels else None for labels in found] if single else found
    texts = [_FASTTEXT_LABEL.sub("", line).strip() for line in lines.values()]
    return RawTable.of_columns(source, [labels, texts], list(lines), ["label", "text"])


def _split(text: str, source: str) -> list[str]:
    if not text.strip():
        raise DataError(f"{source} is empty.")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
