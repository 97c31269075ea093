"""Reads numbers, names and arrays one after the other from a binary file; errors name the byte."""

import struct
from math import prod
from typing import Any

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ._table import BLOCK

MAX_COMPRESSION = 1032  # deflate cannot shrink a file by a larger factor
_MAX_NAME = 1 << 20  # bytes


class Cursor:
    """Reads a file, perhaps compressed, from its first byte to its last."""

    def __init__(self, reader: ByteReader) -> None:
        self.path, self._reader = reader.path, reader
        self._block, self._at, self._passed = reader.read(1), 0, 0
        self._compressed = reader.done != len(self._block)

    @property
    def at(self) -> int:
        """The position of the next byte."""
        return self._passed + self._at

    def error(self, at: int, message: str) -> VectorsError:
        """An error at a byte of the file."""
        return VectorsError(f"{self.path}, byte {at}: {message}.")

    def take(self, size: int, what: str) -> bytes:
        """The next bytes.

        Raises:
            VectorsError: the file ends before; the message says that it ends inside `what`.
        """
        while len(self._block) - self._at < size:
            self._read_more(what)
        self._at += size
        return self._block[self._at - size : self._at]

    def until_zero(self, what: str) -> bytes:
        """The bytes before the next zero byte, which is skipped.

        Raises:
            VectorsError: the file ends before; the message says that it ends inside `what`.
        """
        searched = self._at
        while (end := self._block.find(b"\0", searched)) < 0:
            searched = len(self._block) - self._at
            if searched > _MAX_NAME:
                raise self.error(self.at, f"{what} does not end within {_MAX_NAME} bytes")
            self._read_more(what)
        name = self._block[self._at : end]
        self._at = end + 1
        return name

    def numbers(self, form: str, what: str) -> tuple[Any, ...]:
        """The next little-endian numbers, given by their `struct` letters."""
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form), what))

    def array(self, dtype: str, shape: tuple[int, ...], what: str) -> np.ndarray:
        """The next array; its size is compared with that of the file before memory is allocated.

        Raises:
            VectorsError: the file cannot hold it, or ends before.
        """
        at, size = self.at, np.dtype(dtype).itemsize * prod(shape)
        file_size = self._reader.size
        if min(shape) < 0 or size > (file_size * MAX_COMPRESSION if self._compressed else file_size - at):
            numbers = " x ".join(map(str, shape))
            raise self.error(at, f"{what} of {numbers} numbers cannot fit the {file_size} bytes of the file")
        try:
            content = np.empty(size, np.uint8)
        except MemoryError:
            raise self.error(at, f"{what} needs {size} bytes of memory") from None
        for start in range(0, size, BLOCK):
            part = self.take(min(size - start, BLOCK), what)
            content[start : start + len(part)] = np.frombuffer(part, np.uint8)
        return content.view(dtype).reshape(shape)

    def expect_end(self) -> None:
        """Raise a VectorsError if the file goes on."""
        if self._at < len(self._block) or self._reader.read(1):
            raise self.error(self.at, "the file goes on after its last number")

    def _read_more(self, what: str) -> None:
        more = self._reader.read(BLOCK)
        if not more:
            raise self.error(self._passed + len(self._block), f"the file ends inside {what}")
        self._passed, self._block, self._at = self.at, self._block[self._at :] + more, 0
