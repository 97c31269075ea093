"""word2vec text: a first line "words dim", then a line a word; the GloVe layout is the same without it.

A word may have spaces inside (GloVe's largest files have a few): what no number is belongs to the word.
"""

from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..streams import ByteReader, line_blocks
from ._table import BLOCK, Table, check, check_words, decode, encode

__all__ = ["header_of", "read_text", "write_text"]


def read_text(path: Path) -> Table:
    words: list[str] = []
    parts: list[np.ndarray] = []
    header, dim = None, 0
    with ByteReader(path) as reader:
        for block in line_blocks(reader, BLOCK):
            number = len(words) + (2 if header else 1)
            if not words and not header:
                first, _, rest = block.partition(b"\n")
                if header := header_of(first):
                    block, dim, number = rest, header[1], 2
                else:
                    dim = len(_fields(first)) - 1
                if not block:
                    continue
            found = _fast(block, dim) or _slow(block, dim, path, number)
            words += found[0]
            parts.append(found[1])
    if not words or (header and header[0] != len(words)):
        promise = f"{header[0]} words are promised in line 1" if header else "words are expected"
        raise VectorsError(f"{path}: {promise}, {len(words)} are there.")
    table = Table(words, _joined(parts))
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


def header_of(line: bytes) -> tuple[int, int] | None:
    """(words, dim), if the line is of two numbers."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """One matrix of the parts, which are given up one by one: memory holds the numbers once."""
    whole = np.empty((sum(map(len, parts)), parts[0].shape[1]), np.float32)
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole


def _fields(line: bytes) -> list[bytes]:
    return line.rstrip(b" \r").split(b" ")


def _fast(block: bytes, dim: int) -> tuple[list[str], np.ndarray] | None:
    """The words and numbers of lines that are all alike; None leaves them to `_slow`."""
    import pyarrow as pa
    from pyarrow import csv

    first = block[: block.find(b"\n") + 1 or len(block)].rstrip(b"\r\n")
    blanks = len(first) - len(first.rstrip(b" "))  # word2vec.c and fastText end a line with one
    if dim < 1 or blanks > 1 or b"\0" in block or block.startswith(b"\xef\xbb\xbf"):
        return None
    names = ["word", *map(str, range(dim)), *["blank"][:blanks]]
    types = {name: pa.float32() for name in names} | {"word": pa.binary(), "blank": pa.null()}
    try:
        found = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
            csv.ParseOptions(delimiter=" ", quote_char=False, double_quote=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=types, null_values=[""], check_utf8=False),
        )
        words = [word.decode("utf-8") for word in found.column(0).to_pylist()]
    except (pa.ArrowInvalid, UnicodeDecodeError):
        return None
    vectors = np.empty((len(words), dim), np.float32)
    for place in range(dim):
        column = found.column(place + 1)
        if column.null_count:
            return None
        vectors[:, place] = column.to_numpy()
    return words, vectors


def _slow(block: bytes, dim: int, path: Path, first: int) -> tuple[list[str], np.ndarray]:
    """The words and numbers of any lines, the first of them line `first` of the file."""
    words, rows = [], []
    for number, line in enumerate(block.removesuffix(b"\n").split(b"\n"), first):
        where = f"{path}, line {number}"
        word, *numbers = _fields(line)
        while len(numbers) > dim and not _is_number(numbers[0]):
            word += b" " + numbers.pop(0)
        if len(numbers) != dim or not numbers:
            wanted = f"{dim} numbers are" if dim > 0 else "a number is"
            raise VectorsError(f"{where}: {wanted} expected after the word, not {len(numbers)}.")
        words.append(decode(word, where))
        rows.append(_floats(numbers, where))
    return words, np.stack(rows)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _floats(numbers: list[bytes], where: str) -> np.ndarray:
    try:
        return np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise VectorsError(f"{where}: {error}.") from None
