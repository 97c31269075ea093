"""word2vec binary: "words dim\\n", then word, space, dim little-endian float32, perhaps a line end.

Some programs leave the header out; the dimension is then inferred from the records themselves.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ._cursor import MAX_COMPRESSION
from ._table import BLOCK, Table, UnicodeErrors, encode, table_of_bytes
from .text import header_of

_MAX_DIM = 1 << 12  # of those that are tried
_RECORDS = 64  # that must be plausible
_MAX_WORD = 1000  # bytes
_MAX_NUMBER = 1e6  # of a word vector
_SUSPICIOUS = 1000  # vectors with larger numbers that are checked
_CONTROL = re.compile(rb"[\0-\x1f]")


def read_binary(path: Path, dim: int | None = None, errors: UnicodeErrors = "strict") -> Table:
    """Read a file with or without the header "words dim".

    Args:
        path: The file.
        dim: Numbers in a vector; needed if the file has no header and several fit.
        errors: What to do with words that are not UTF-8.

    Raises:
        VectorsError: the file is broken, or has no header and several dimensions fit.
    """
    words: list[bytes] = []
    starts: list[int] = []
    numbers = bytearray()
    with ByteReader(path) as reader:
        block = reader.read(BLOCK)
        first = block[: block.find(b"\n", 0, 64) + 1]
        header = header_of(first)
        if header is None:
            count, begin = None, 0
            dim = dim or _infer_dim(block, f"{path}, byte 0", whole=len(block) < BLOCK)
        else:
            _check_header(path, header, dim, reader.size)
            (count, dim), begin = header, len(first)
        for start, word, row in _records(reader, block, begin, count, dim * 4):
            words.append(word)
            starts.append(start)
            numbers += row
    vectors = np.frombuffer(numbers, "<f4").reshape(-1, dim)
    if not words:
        raise VectorsError(f"{path}: words are expected, 0 are there.")

    def where(row: int) -> str:
        return f"{path}, byte {starts[row]}, word {row + 1}"

    _check_words(words, vectors, where)
    return table_of_bytes(path, words, vectors, where, errors)


def _check_header(path: Path, header: tuple[int, int], dim: int | None, size: int) -> None:
    """Raise a VectorsError if the numbers of the header cannot be right."""
    count, width = header
    if 0 in header:
        raise VectorsError(
            f"{path}, byte 0: {count} words of {width} numbers are promised; neither may be 0."
        )
    if dim not in (None, width):
        raise VectorsError(f"{path}, byte 0: vectors have {width} numbers, not {dim}.")
    if count * (width * 4 + 1) > size * MAX_COMPRESSION:
        raise VectorsError(f"{path}: {size} bytes cannot hold {count} words of {width} numbers.")


def _records(
    reader: ByteReader, block: bytes, at: int, count: int | None, size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """`count` records: the byte where it begins, the word, and the `size` bytes of its numbers."""
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
            place = f"word {row + 1}" if count is None else f"word {row + 1} of {count}"
            raise VectorsError(f"{reader.path}, byte {passed + at}: the file ends inside {place}.")
        yield passed + begin, block[begin:space], block[space + 1 : space + 1 + size]
        at, row = space + 1 + size, row + 1
    if block[at:].strip(b"\n") or reader.read(1):
        raise VectorsError(f"{reader.path}, byte {passed + at}: the file goes on after its {count} words.")


def _infer_dim(block: bytes, where: str, *, whole: bool) -> int:
    """The only dimension with which the first bytes of a file look like words and vectors."""
    space = block.find(b" ", 0, _MAX_WORD)
    widest = min(_MAX_DIM, (len(block) - space - 1) // 4)
    fits = [dim for dim in range(1, widest + 1) if space > 0 and _plausible(block, dim * 4, whole)]
    if len(fits) == 1:
        return fits[0]
    shown = f"{len(fits)} sizes of a vector fit ({', '.join(map(str, fits[:5]))})" if fits else "none fits"
    raise VectorsError(
        f"{where}: a word2vec binary file begins with 'words dim'. This one does not, and of the sizes that "
        f"its bytes allow, {shown}. If it is word2vec binary, say how many numbers a vector has (dim)."
    )


def _plausible(block: bytes, size: int, whole: bool) -> bool:
    """Whether the block looks like words and vectors of `size` bytes in turn."""
    at = 0
    for row in range(_RECORDS):
        at += block[at : at + 1] == b"\n"
        if at >= len(block):
            return whole and row > 0
        space = block.find(b" ", at, at + _MAX_WORD)
        if space < 0 or space + 1 + size > len(block):
            return not whole and row > 1 and len(block) - at < _MAX_WORD + size
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
    return bool(np.all((sizes < _MAX_NUMBER) & ((sizes > 1 / _MAX_NUMBER**3) | (sizes == 0))))


def _check_words(words: list[bytes], vectors: np.ndarray, where: Callable[[int], str]) -> None:
    """Raise a VectorsError for an impossible word: it shows that something before it was read wrongly.

    A word ends at a space. If it has a space inside, its rest is read as numbers, and the next word begins
    with the rest of the numbers.
    """
    size = vectors.shape[1] * 4
    with np.errstate(invalid="ignore"):  # there may be NaN
        sensible = (vectors.max(axis=1) < _MAX_NUMBER) & (vectors.min(axis=1) > -_MAX_NUMBER)
    for row in np.flatnonzero(~sensible)[:_SUSPICIOUS].tolist():
        rest = vectors[row].tobytes() + b"".join(words[row + 1 : row + 2])
        for end in (at for at, byte in enumerate(rest[:size]) if byte == ord(" ")):
            numbers = rest[end + 1 : end + 1 + size]
            if not _is_word(rest[:end]) or len(numbers) < size:
                break
            if _is_vector(numbers):
                word = (words[row] + b" " + rest[:end]).decode(errors="backslashreplace")
                raise VectorsError(
                    f"{where(row)}: the word is {word!r}, as the numbers after it show, and word2vec binary "
                    "cannot hold a space in a word. Have the vectors written as text or .safetensors."
                )
    together = b" ".join(words)
    if (found := _CONTROL.search(together)) is not None:
        row = together.count(b" ", 0, found.start())
        raise VectorsError(
            f"{where(row)}: {words[row]!r} has a control character. A word before it may have a space, which "
            "word2vec binary cannot hold, or the vectors have another size (dim)."
        )


def write_binary(stream: BinaryIO, table: Table) -> None:
    count, dim = table.vectors.shape
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(word) + b" " + row.astype("<f4").tobytes() + b"\n")
