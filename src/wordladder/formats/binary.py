"""word2vec binary: "words dim\\n", then word, space, dim little-endian float32, perhaps a line end."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..streams import ByteReader
from ._table import BLOCK, Table, check, check_words, decode, encode
from .text import header_of

__all__ = ["read_binary", "write_binary"]

_PACKED_AT_MOST = 1032  # deflate cannot shrink a file more
_FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")


def read_binary(path: Path) -> Table:
    words: list[str] = []
    starts: list[int] = []
    with ByteReader(path) as reader:
        block = reader.read(BLOCK)
        if block.startswith(_FASTTEXT_MAGIC):
            raise VectorsError(f"{path} is a fastText model, not word2vec binary. Give its .vec file.")
        first = block[: block.find(b"\n", 0, 64) + 1]
        header = header_of(first)
        if header is None or 0 in header:
            raise VectorsError(f"{path}, byte 0: a word2vec binary file begins with 'words dim'.")
        count, dim = header
        if count * (dim * 4 + 1) > reader.size * _PACKED_AT_MOST:
            raise VectorsError(f"{path}: {reader.size} bytes cannot hold {count} words of {dim} numbers.")
        vectors = np.empty((count, dim), dtype=np.float32)
        for row, (start, word, numbers) in enumerate(_records(reader, block, len(first), count, dim * 4)):
            words.append(decode(word, f"{path}, byte {start}"))
            starts.append(start)
            vectors[row] = np.frombuffer(numbers, "<f4")
    table = Table(words, vectors)
    check(table, lambda row: f"{path}, byte {starts[row]}")
    return table


def _records(
    reader: ByteReader, block: bytes, at: int, count: int, size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """`count` times: the byte where the record begins, the word, and its `size` bytes of numbers."""
    passed = 0  # bytes of the file before `block`
    for row in range(count):
        space = block.find(b" ", at)
        while space < 0 or space + 1 + size > len(block):
            more = reader.read(BLOCK)
            if not more:
                where = f"{reader.path}, byte {passed + at}"
                raise VectorsError(f"{where}: the file ends inside word {row + 1} of {count}.")
            passed, block, at = passed + at, block[at:] + more, 0
            space = block.find(b" ", at)
        # word2vec.c ends a record with a line end, gensim does not
        begin = at + 1 if block[at : at + 1] == b"\n" else at
        yield passed + begin, block[begin:space], block[space + 1 : space + 1 + size]
        at = space + 1 + size
    if block[at:].strip(b"\n") or reader.read(1):
        raise VectorsError(f"{reader.path}, byte {passed + at}: the file goes on after its {count} words.")


def write_binary(stream: BinaryIO, table: Table) -> None:
    check_words(table.words)
    count, dim = table.vectors.shape
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(encode(word) + b" " + row.astype("<f4").tobytes() + b"\n")
