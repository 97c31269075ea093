"""A place in a binary file that moves on as numbers, names and arrays are read, and that errors can name."""

import struct
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ._table import BLOCK

PACKED_AT_MOST = 1032  # deflate cannot shrink a file more
_LONGEST = 1 << 20  # bytes of a name


class Cursor:
    """Reads a file, perhaps compressed, from its first byte to its last.

    Args:
        path: The file.

    Raises:
        DataError: the file is missing, or its compressed data are broken.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = ByteReader(path)
        self._block, self._at, self._passed = self._reader.read(1), 0, 0
        plain = self._reader.done == len(self._block)
        self._most = self._reader.size * (1 if plain else PACKED_AT_MOST)

    @property
    def at(self) -> int:
        """The next byte."""
        return self._passed + self._at

    def error(self, at: int, what: str) -> VectorsError:
        """An error at a byte of the file."""
        return VectorsError(f"{self.path}, byte {at}: {what}.")

    def take(self, size: int, what: str) -> bytes:
        """The next bytes.

        Raises:
            VectorsError: the file ends before; the message says inside `what`.
        """
        while len(self._block) - self._at < size:
            self._more(what)
        self._at += size
        return self._block[self._at - size : self._at]

    def until_zero(self, what: str) -> bytes:
        """The bytes before the next zero byte, which is passed over.

        Raises:
            VectorsError: the file ends before; the message says inside `what`.
        """
        searched = self._at
        while (end := self._block.find(b"\0", searched)) < 0:
            searched = len(self._block) - self._at
            if searched > _LONGEST:
                raise self.error(self.at, f"{what} does not end within {_LONGEST} bytes")
            self._more(what)
        found = self._block[self._at : end]
        self._at = end + 1
        return found

    def numbers(self, form: str, what: str) -> tuple[Any, ...]:
        """The next little-endian numbers, by their `struct` letters."""
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form), what))

    def array(self, dtype: str, shape: tuple[int, ...], what: str) -> np.ndarray:
        """The next array; its size is held against that of the file before room is made for it.

        Raises:
            VectorsError: the file cannot hold it, or ends before.
        """
        at, size = self.at, np.dtype(dtype).itemsize
        for length in shape:
            size *= length
        if min(shape) < 0 or size > self._most - (at if self._most == self._reader.size else 0):
            shown = " x ".join(map(str, shape))
            raise self.error(
                at, f"{what} of {shown} numbers cannot fit the {self._reader.size} bytes of the file"
            )
        try:
            whole = np.empty(size, np.uint8)
        except MemoryError:
            raise self.error(at, f"{what} needs {size} bytes of memory") from None
        filled = 0
        while filled < size:
            part = self.take(min(size - filled, BLOCK), what)
            whole[filled : filled + len(part)] = np.frombuffer(part, np.uint8)
            filled += len(part)
        return whole.view(dtype).reshape(shape)

    def expect_end(self) -> None:
        """Raises a VectorsError if the file goes on."""
        if self._at < len(self._block) or self._reader.read(1):
            raise self.error(self.at, "the file goes on after its last number")

    def _more(self, what: str) -> None:
        more = self._reader.read(BLOCK)
        if not more:
            end = self._passed + len(self._block)
            raise self.error(end, f"the file ends inside {what}")
        self._passed, self._block, self._at = self._passed + self._at, self._block[self._at :] + more, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()
