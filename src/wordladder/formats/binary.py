"""word2vec binary: "words dim\\n", then word, space, dim little-endian float32, perhaps a line end.

Some programs leave the first line out; the numbers in a vector are then found from the records themselves.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ._cursor import PACKED_AT_MOST
from ._table import BLOCK, Table, UnicodeErrors, assembled, encode
from .text import header_of

_WIDEST = 1 << 12  # numbers in a vector that are looked for
_RECORDS = 64  # that must be plausible
_LONGEST_WORD = 1000  # bytes
_LARGEST = 1e6  # a number of a word vector
_ODD = 1000  # vectors with larger ones that are looked at
_CONTROL = re.compile(rb"[\0-\x1f]")
_SPACE = 0x20


def read_binary(path: Path, dim: int | None = None, errors: UnicodeErrors = "strict") -> Table:
    """Read a file with or without the line "words dim".

    Args:
        path: The file.
        dim: Numbers in a vector; it matters where the file does not say.
        errors: What becomes of words that are not UTF-8.

    Raises:
        VectorsError: the file is broken, or says nothing about `dim` and allows several.
    """
    words: list[bytes] = []
    starts: list[int] = []
    rows: list[bytes] = []
    with ByteReader(path) as reader:
        block = reader.read(BLOCK)
        first = block[: block.find(b"\n", 0, 64) + 1]
        header = header_of(first)
        if header is None:
            count, dim = None, dim or _dim_of(block, f"{path}, byte 0", whole=len(block) < BLOCK)
        else:
            count = _promised(path, header, dim, reader.size)
            dim = header[1]
        vectors = np.empty((count or 0, dim), np.float32)
        begin = 0 if header is None else len(first)
        for row, (start, word, numbers) in enumerate(_records(reader, block, begin, count, dim * 4)):
            words.append(word)
            starts.append(start)
            if count is None:
                rows.append(numbers)
            else:
                vectors[row] = np.frombuffer(numbers, "<f4")
    if count is None:
        vectors = np.frombuffer(bytearray().join(rows), "<f4").reshape(-1, dim)
    if not words:
        raise VectorsError(f"{path}: words are expected, 0 are there.")

    def where(row: int) -> str:
        return f"{path}, byte {starts[row]}, word {row + 1}"

    _check_words(words, vectors, where)
    return assembled(path, words, vectors, where, errors)


def _promised(path: Path, header: tuple[int, int], dim: int | None, size: int) -> int:
    """The words that the first line promises, if its numbers can be true."""
    count, told = header
    if 0 in header:
        raise VectorsError(f"{path}, byte 0: {count} words of {told} numbers are promised; neither may be 0.")
    if dim not in (None, told):
        raise VectorsError(f"{path}, byte 0: vectors have {told} numbers, not {dim}.")
    if count * (told * 4 + 1) > size * PACKED_AT_MOST:
        raise VectorsError(f"{path}: {size} bytes cannot hold {count} words of {told} numbers.")
    return count


def _records(
    reader: ByteReader, block: bytes, at: int, count: int | None, size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """`count` times: the byte where the record begins, the word, and its `size` bytes of numbers."""
    passed = row = 0  # bytes of the file before `block`; records done
    while row != count:
        # word2vec.c ends a record with a line end, gensim does not
        begin = at + 1 if block[at : at + 1] == b"\n" else at
        space = block.find(b" ", begin)
        if space < 0 or space + 1 + size > len(block):
            if more := reader.read(BLOCK):
                passed, block, at = passed + at, block[at:] + more, 0
                continue
            if count is None and begin >= len(block):
                return
            where = f"{reader.path}, byte {passed + at}"
            total = "" if count is None else f" of {count}"
            raise VectorsError(f"{where}: the file ends inside word {row + 1}{total}.")
        yield passed + begin, block[begin:space], block[space + 1 : space + 1 + size]
        at, row = space + 1 + size, row + 1
    if block[at:].strip(b"\n") or reader.read(1):
        raise VectorsError(f"{reader.path}, byte {passed + at}: the file goes on after its {count} words.")


def _dim_of(block: bytes, where: str, *, whole: bool) -> int:
    """The numbers in a vector, if one number alone makes words and numbers of the first bytes of a file."""
    space = block.find(b" ", 0, _LONGEST_WORD)
    widest = min(_WIDEST, (len(block) - space - 1) // 4)
    fits = [dim for dim in range(1, widest + 1) if space > 0 and _plausible(block, dim * 4, whole)]
    if len(fits) == 1:
        return fits[0]
    shown = f"{len(fits)} sizes of a vector fit ({', '.join(map(str, fits[:5]))})" if fits else "none fits"
    raise VectorsError(
        f"{where}: a word2vec binary file begins with 'words dim'. This one does not, and of the sizes that "
        f"its bytes allow, {shown}. If it is word2vec binary, say how many numbers a vector has (dim)."
    )


def _plausible(block: bytes, size: int, whole: bool) -> bool:
    """Whether words and vectors of `size` bytes follow each other from the start."""
    at = 0
    for row in range(_RECORDS):
        at += block[at : at + 1] == b"\n"
        if at >= len(block):
            return whole and row > 0
        space = block.find(b" ", at, at + _LONGEST_WORD)
        if space < 0 or space + 1 + size > len(block):
            return not whole and row > 1 and len(block) - at < _LONGEST_WORD + size
        if not (_is_word(block[at:space]) and _is_vector(block[space + 1 : space + 1 + size])):
            return False
        at = space + 1 + size
    return True


def _is_word(word: bytes) -> bool:
    try:
        text = word.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(text) and min(text) > "\x1f"


def _is_vector(numbers: bytes) -> bool:
    sizes = np.abs(np.frombuffer(numbers, "<f4"))
    return bool(np.all((sizes < _LARGEST) & ((sizes > 1 / _LARGEST**3) | (sizes == 0))))


def _check_words(words: list[bytes], vectors: np.ndarray, where: Callable[[int], str]) -> None:
    """Raises a VectorsError for a word that cannot be one: what came before it was read wrongly.

    A word ends at a space. One with a space inside is cut there, its rest is taken for numbers, and the next
    word begins with what is left of the numbers.
    """
    if (spaced := _spaced(words, vectors)) is not None:
        row, shown = spaced[0], spaced[1].decode(errors="backslashreplace")
        raise VectorsError(
            f"{where(row)}: the word is {shown!r}, as the numbers after it show, and word2vec binary "
            "cannot hold a space in a word. Have the vectors written as text or .safetensors."
        )
    together = b" ".join(words)
    if (found := _CONTROL.search(together)) is not None:
        row = together.count(b" ", 0, found.start())
        raise VectorsError(
            f"{where(row)}: {words[row]!r} has a control character. A word before it may have a space, which "
            "word2vec binary cannot hold, or vectors have another number of numbers (dim)."
        )


def _spaced(words: list[bytes], vectors: np.ndarray) -> tuple[int, bytes] | None:
    """The row and the whole of a word with a space, if numbers are senseless until its rest is left out."""
    size = vectors.shape[1] * 4
    with np.errstate(invalid="ignore"):  # there may be NaN
        sensible = (vectors.max(axis=1) < _LARGEST) & (vectors.min(axis=1) > -_LARGEST)
    for row in np.flatnonzero(~sensible)[:_ODD].tolist():
        rest = vectors[row].astype("<f4").tobytes() + b"".join(words[row + 1 : row + 2])
        for end in (at for at, byte in enumerate(rest[:size]) if byte == _SPACE):
            numbers = rest[end + 1 : end + 1 + size]
            if not _is_word(rest[:end]) or len(numbers) < size:
                break
            if _is_vector(numbers):
                return row, words[row] + b" " + rest[:end]
    return None


def write_binary(stream: BinaryIO, table: Table) -> None:
    count, dim = table.vectors.shape
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(word) + b" " + row.astype("<f4").tobytes() + b"\n")
