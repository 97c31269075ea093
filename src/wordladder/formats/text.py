"""word2vec text: a first line "words dim", then a line a word; the GloVe layout is the same without it."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..streams import ByteReader, line_blocks
from ._table import BLOCK, Table, check, check_words, decode, encode

__all__ = ["header_of", "read_text", "write_text"]


def read_text(path: Path) -> Table:
    words: list[str] = []
    rows: list[np.ndarray] = []
    header, dim = None, 0
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        if number == 1 and (header := header_of(line)):
            dim = header[1]
            continue
        word, *numbers = line.rstrip(b" \r").split(b" ")
        dim = dim or len(numbers)
        if len(numbers) != dim or not numbers:
            wanted = f"{dim} numbers are" if dim else "a number is"
            raise VectorsError(f"{where}: {wanted} expected after the word, not {len(numbers)}.")
        words.append(decode(word, where))
        rows.append(_floats(numbers, where))
    if not words or (header and header[0] != len(words)):
        promise = f"{header[0]} words are promised in line 1" if header else "words are expected"
        raise VectorsError(f"{path}: {promise}, {len(words)} are there.")
    table = Table(words, np.stack(rows))
    check(table, lambda row: f"{path}, line {row + (2 if header else 1)}")
    return table


def write_text(stream: BinaryIO, table: Table) -> None:
    check_words(table.words)
    count, dim = table.vectors.shape
    # nine significant digits bring every float32 back exactly
    form = " ".join(["%.9g"] * dim)
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(f"{word} {form % tuple(row.tolist())}\n"))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers and lines, without the line ends."""
    number = 0
    with ByteReader(path) as reader:
        for block in line_blocks(reader, BLOCK):
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                yield number, line


def header_of(line: bytes) -> tuple[int, int] | None:
    """(words, dim), if the line is of two numbers."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _floats(numbers: list[bytes], where: str) -> np.ndarray:
    try:
        return np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise VectorsError(f"{where}: {error}.") from None
