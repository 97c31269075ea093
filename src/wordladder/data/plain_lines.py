"""One text a line, and fastText's lines that carry their labels: text → a table."""

import re

import numpy as np

from ..errors import DataError
from .raw_table import RawTable

__all__ = ["FASTTEXT_PREFIX", "read_fasttext", "read_lines"]

FASTTEXT_PREFIX = "__label__"
_FASTTEXT_LABEL = re.compile(rf"(?:(?<=\s)|^){FASTTEXT_PREFIX}(\S+)\s*")


def read_lines(text: str, source: str) -> RawTable:
    """One text a line. A blank line is an empty text, so that answers stay in step with lines.

    Raises:
        DataError: the file is empty.
    """
    lines = _split(text, source)
    return _table(source, ["text"], [lines], range(1, len(lines) + 1))


def read_fasttext(text: str, source: str) -> RawTable:
    """Lines such as "__label__positive __label__short A good film": the labels of a line, and its text.

    Raises:
        DataError: the file is empty.
    """
    numbered = [(number, line) for number, line in enumerate(_split(text, source), start=1) if line.strip()]
    labels: list[object] = [_FASTTEXT_LABEL.findall(line) for _, line in numbered]
    if all(len(found) <= 1 for found in labels):
        labels = [found[0] if found else None for found in labels]
    texts = [_FASTTEXT_LABEL.sub("", line).strip() for _, line in numbered]
    return _table(source, ["label", "text"], [labels, texts], [number for number, _ in numbered])


def _split(text: str, source: str) -> list[str]:
    if not text.strip():
        raise DataError(f"{source} is empty.")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _table(source: str, names: list[str], columns: list[list[object]], lines: object) -> RawTable:
    numbers = np.array(lines, dtype=np.int64)
    return RawTable(source, len(columns[0]), len(names), columns.__getitem__, names=names, lines=numbers)
