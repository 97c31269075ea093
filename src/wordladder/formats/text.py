"""word2vec text: a first line "words dim", then a line a word; the GloVe layout is the same without it.

A word may have spaces inside (GloVe's largest files have a few): what no number is belongs to the word. Tabs
may stand for the spaces between the numbers.
"""

import codecs
import re
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader, line_blocks
from ._table import BLOCK, Table, UnicodeErrors, assembled, encode

_BLANKS = b" \t\r"  # that may end a line
_BLANK = re.compile(rb"[ \t]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINES = 10  # that say how many numbers a vector has


def read_text(path: Path, errors: UnicodeErrors = "strict") -> Table:
    """Read a file with or without the line "words dim".

    Args:
        path: The file.
        errors: What becomes of words that are not UTF-8.

    Raises:
        VectorsError: the file is broken; the message names the line.
    """
    words: list[bytes] = []
    parts: list[np.ndarray] = []
    header, dim = None, 0
    with ByteReader(path) as reader:
        for block in line_blocks(reader, BLOCK):
            if not words and not header:
                header, dim, block = _head(block, path)
                if not block:
                    continue
            number = len(words) + (2 if header else 1)
            found = _fast(block, dim) or _slow(block, dim, path, number)
            words += found[0]
            parts.append(found[1])
    if not words or (header and header[0] != len(words)):
        promise = f"{header[0]} words are promised in line 1" if header else "words are expected"
        raise VectorsError(f"{path}: {promise}, {len(words)} are there.")

    def where(row: int) -> str:
        return f"{path}, line {row + (2 if header else 1)}"

    return assembled(path, words, _joined(parts), where, errors)


def write_text(stream: BinaryIO, table: Table) -> None:
    count, dim = table.vectors.shape
    # nine significant digits bring every float32 back exactly
    form = " ".join(["%.9g"] * dim)
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(f"{word} {form % tuple(row.tolist())}\n"))


def is_text(head: bytes) -> bool:
    """Whether a file that begins so is text: its first line of words ends with a number, or it is UTF-16."""
    if head.startswith(_UTF16):
        return True
    first, _, rest = head.removeprefix(codecs.BOM_UTF8).partition(b"\n")
    line = rest.partition(b"\n")[0] if header_of(first) else first
    return _numbers_in(_BLANK.split(line.rstrip(_BLANKS))) > 0


def header_of(line: bytes) -> tuple[int, int] | None:
    """(words, dim), if the line is of two numbers."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _head(block: bytes, path: Path) -> tuple[tuple[int, int] | None, int, bytes]:
    """What the first line promises, the numbers in a vector, and the lines of words."""
    if block.startswith(_UTF16):
        raise VectorsError(f"{path} is UTF-16. Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8.")
    block = block.removeprefix(codecs.BOM_UTF8)
    first, _, rest = block.partition(b"\n")
    if header := header_of(first):
        return header, header[1], rest
    lines = block.split(b"\n", _LINES)[:_LINES]
    sizes = Counter(_numbers_in(_BLANK.split(line.rstrip(_BLANKS))) for line in lines)
    return None, sizes.most_common(1)[0][0], block


def _numbers_in(fields: list[bytes]) -> int:
    """How many fields at the end of a line are numbers; the first field is a word, whatever it is."""
    count = 0
    while count < len(fields) - 1 and _is_number(fields[-1 - count]):
        count += 1
    return count


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """One matrix of the parts, which are given up one by one: memory holds the numbers once."""
    whole = np.empty((sum(map(len, parts)), parts[0].shape[1]), np.float32)
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole


def _fast(block: bytes, dim: int) -> tuple[list[bytes], np.ndarray] | None:
    """The words and numbers of lines that are all alike; None leaves them to `_slow`."""
    import pyarrow as pa
    from pyarrow import csv

    first = block[: block.find(b"\n") + 1 or len(block)].rstrip(b"\r\n")
    blank = "\t" if first.count(b"\t") >= dim else " "
    blanks = len(first) - len(first.rstrip(blank.encode()))  # word2vec.c and fastText end a line with one
    if dim < 1 or blanks > 1 or b"\0" in block or block.startswith(codecs.BOM_UTF8):
        return None
    names = ["word", *map(str, range(dim)), *["blank"][:blanks]]
    types = {name: pa.float32() for name in names} | {"word": pa.binary(), "blank": pa.null()}
    try:
        found = csv.read_csv(
            pa.BufferReader(block),
            csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names),
            csv.ParseOptions(delimiter=blank, quote_char=False, double_quote=False, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=types, null_values=[""], check_utf8=False),
        )
    except pa.ArrowInvalid:
        return None
    words = found.column(0).to_pylist()
    vectors = np.empty((len(words), dim), np.float32)
    for place in range(dim):
        column = found.column(place + 1)
        if column.null_count:
            return None
        vectors[:, place] = column.to_numpy()
    return words, vectors


def _slow(block: bytes, dim: int, path: Path, first: int) -> tuple[list[bytes], np.ndarray]:
    """The words and numbers of any lines, the first of them line `first` of the file."""
    words, rows = [], []
    for number, line in enumerate(block.removesuffix(b"\n").split(b"\n"), first):
        where = f"{path}, line {number}"
        word, numbers = _parted(line.rstrip(_BLANKS), dim)
        if len(numbers) != dim or not numbers:
            wanted = f"{dim} numbers are" if dim > 0 else "a number is"
            raise VectorsError(f"{where}: {wanted} expected after the word, not {len(numbers)}.")
        words.append(word)
        rows.append(_floats(numbers, where))
    return words, np.stack(rows)


def _parted(line: bytes, dim: int) -> tuple[bytes, list[bytes]]:
    """The word and the numbers of a line: blanks and tabs may also stand in the word."""
    for blank, other in ((b" ", b"\t"), (b"\t", b" ")):
        word, *numbers = line.split(blank)
        if len(numbers) == dim and other not in line[len(word) :]:
            return word, numbers
    fields = _BLANK.split(line)
    numbers = fields[len(fields) - _numbers_in(fields) :]
    return line[: len(line) - len(b" ".join(numbers)) - 1], numbers


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
