"""word2vec text: a header line "words dim", then a line for each word; GloVe's files have no header.

A word may have spaces inside (GloVe's largest files have a few): what is not a number belongs to the word.
The numbers may be separated by tabs instead of spaces.
"""

import codecs
import re
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader, line_blocks
from ._table import BLOCK, Table, UnicodeErrors, encode, table_of_bytes

_BLANKS = b" \t\r"  # that may end a line
_BLANK = re.compile(rb"[ \t]")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINES = 10  # from which the dimension is inferred


def read_text(path: Path, dim: int | None = None, errors: UnicodeErrors = "strict") -> Table:
    """Read a file with or without the header line "words dim".

    Args:
        path: The file.
        dim: Not used: the file says it.
        errors: What to do with words that are not UTF-8.

    Raises:
        VectorsError: the file is broken; the message names the line.
    """
    words: list[bytes] = []
    numbers = bytearray()  # in memory only once, unlike a list of blocks that is joined
    header, size = None, 0
    with ByteReader(path) as reader:
        for block in line_blocks(reader, BLOCK):
            if not words and not header:
                header, size, block = _read_head(block, path)
                if not block:
                    continue
            number = len(words) + (2 if header else 1)
            block_words, rows = _fast(block, size) or _slow(block, size, path, number)
            words += block_words
            numbers += rows.tobytes()
    if not words or (header and header[0] != len(words)):
        promise = f"{header[0]} words are promised in line 1" if header else "words are expected"
        raise VectorsError(f"{path}: {promise}, {len(words)} are there.")
    first_line = 2 if header else 1
    vectors = np.frombuffer(numbers, np.float32).reshape(len(words), -1)
    return table_of_bytes(path, words, vectors, lambda row: f"{path}, line {row + first_line}", errors)


def write_text(stream: BinaryIO, table: Table) -> None:
    count, dim = table.vectors.shape
    # nine significant digits bring every float32 back exactly
    form = " ".join(["%.9g"] * dim)
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(f"{word} {form % tuple(row.tolist())}\n"))


def is_text(head: bytes) -> bool:
    """Whether a file that begins with `head` is text: its first word line ends with a number, or UTF-16."""
    if head.startswith(_UTF16):
        return True
    first, _, rest = head.removeprefix(codecs.BOM_UTF8).partition(b"\n")
    return _count_numbers(rest.partition(b"\n")[0] if header_of(first) else first) > 0


def header_of(line: bytes) -> tuple[int, int] | None:
    """(words, dim), if the line consists of two numbers."""
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _read_head(block: bytes, path: Path) -> tuple[tuple[int, int] | None, int, bytes]:
    """The header if there is one, the numbers in a vector, and the lines of words."""
    if block.startswith(_UTF16):
        raise VectorsError(f"{path} is UTF-16. Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8.")
    block = block.removeprefix(codecs.BOM_UTF8)
    first, _, rest = block.partition(b"\n")
    if header := header_of(first):
        return header, header[1], rest
    sizes = Counter(map(_count_numbers, block.split(b"\n", _LINES)[:_LINES]))
    return None, sizes.most_common(1)[0][0], block


def _count_numbers(line: bytes) -> int:
    """How many fields at the end of a line are numbers; the first field is always a word."""
    count = 0
    for field in reversed(_BLANK.split(line.rstrip(_BLANKS))[1:]):
        try:
            float(field)
        except ValueError:
            break
        count += 1
    return count


def _fast(block: bytes, dim: int) -> tuple[list[bytes], np.ndarray] | None:
    """The words and vectors of lines of the usual layout; None leaves them to `_slow`."""
    import pyarrow as pa
    from pyarrow import csv

    first = block[: block.find(b"\n") + 1 or len(block)].rstrip(b"\r\n")
    delimiter = "\t" if first.count(b"\t") >= dim else " "
    blanks = len(first) - len(first.rstrip(delimiter.encode()))  # word2vec.c and fastText end a line with one
    if dim < 1 or blanks > 1 or b"\0" in block or block.startswith(codecs.BOM_UTF8):
        return None
    numbers = list(map(str, range(dim)))
    names = ["word", *numbers, *["blank"][:blanks]]
    types = {name: pa.float32() for name in numbers} | {"word": pa.binary(), "blank": pa.null()}
    read = csv.ReadOptions(use_threads=False, block_size=len(block) + 1, column_names=names)
    parse = csv.ParseOptions(delimiter=delimiter, quote_char=False, double_quote=False)
    parse.ignore_empty_lines = False
    convert = csv.ConvertOptions(column_types=types, null_values=[""], check_utf8=False)
    try:
        columns = csv.read_csv(pa.BufferReader(block), read, parse, convert)
    except pa.ArrowInvalid:
        return None
    vectors = np.empty((len(columns), dim), np.float32)
    for number in range(dim):
        column = columns.column(number + 1)
        if column.null_count:
            return None
        vectors[:, number] = column.to_numpy()
    return columns.column(0).to_pylist(), vectors


def _slow(block: bytes, dim: int, path: Path, first: int) -> tuple[list[bytes], np.ndarray]:
    """The words and vectors of any lines, the first of them line `first` of the file."""
    words, rows = [], []
    for line_number, line in enumerate(block.removesuffix(b"\n").split(b"\n"), first):
        where = f"{path}, line {line_number}"
        word, numbers = _split_line(line.rstrip(_BLANKS), dim)
        if len(numbers) != dim or not numbers:
            expected = f"{dim} numbers are" if dim > 0 else "a number is"
            raise VectorsError(f"{where}: {expected} expected after the word, not {len(numbers)}.")
        words.append(word)
        try:
            rows.append(np.array(numbers, dtype=np.float32))
        except ValueError as error:
            raise VectorsError(f"{where}: {error}.") from None
    return words, np.stack(rows)


def _split_line(line: bytes, dim: int) -> tuple[bytes, list[bytes]]:
    """The word and the numbers of a line; the word may contain spaces and tabs."""
    for blank, other in ((b" ", b"\t"), (b"\t", b" ")):
        word, *numbers = line.split(blank)
        if len(numbers) == dim and other not in line[len(word) :]:
            return word, numbers
    fields = _BLANK.split(line)
    numbers = fields[len(fields) - _count_numbers(line) :]
    return line[: len(line) - len(b" ".join(numbers)) - 1], numbers
