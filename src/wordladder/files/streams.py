"""Bytes in, whatever their compression, and bytes out, wholly or not at all; no text and no tables.

Compression is told from the first bytes of a file, not from its name.
"""

import ctypes
import errno
import io
import lzma
import os
import re
import zlib
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self, TypeVar

from safetensors import SafetensorError

from ..errors import DataError, OutputError

Item = TypeVar("Item")

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2"}


class ByteReader:
    """The bytes of a file, decompressed if it is a gzip, xz, zstd or bzip2 file.

    Raises:
        DataError: the file is missing, may not be read, or its compressed data are broken.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._raw = open(self.path, "rb")  # noqa: SIM115 (closed by `close`)
        except OSError as error:
            raise _unreadable(self.path, error) from None
        self.size = os.fstat(self._raw.fileno()).st_size
        self._stream = self._open(self._raw)

    @staticmethod
    def _open(raw: io.BufferedReader) -> BinaryIO:
        head = raw.peek(10)[:10]  # a pipe cannot go back to its start
        kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
        if kind == "gzip":
            import gzip

            return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
        if kind == "xz":
            return lzma.LZMAFile(raw)  # type: ignore[return-value]
        if kind == "bzip2" and head[4:] == b"1AY&SY":
            import bz2

            return bz2.BZ2File(raw)  # type: ignore[return-value]
        if kind == "zstd":
            import pyarrow

            return pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd")
        return raw

    @property
    def done(self) -> int:
        """Bytes of the file itself, of `size`, that have been read; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def read(self, size: int) -> bytes:
        """Up to `size` bytes; none at the end."""
        try:
            return self._stream.read(size)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            if self._stream is self._raw:
                raise _unreadable(self.path, error) from None
            raise DataError(
                f"{self.path}: the compressed data break off or are damaged ({error}). "
                "Copy or download the file again."
            ) from None

    def close(self) -> None:
        with suppress(OSError):  # pyarrow may complain once more of damage already told
            self._stream.close()
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unreadable(path: Path, error: Exception) -> DataError:
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file.")
    if path.is_dir():
        return DataError(f"{path} is a folder; a file is wanted here.")
    return DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")


def line_blocks(
    reader: ByteReader, size: int = 1 << 20, *, whole_lines: bool = True
) -> Generator[bytes, None, None]:
    """The bytes of `reader` in blocks of about `size` bytes, each but the last ending with a line end.

    Args:
        reader: What to read.
        size: Bytes read at a time; a longer line makes a longer block.
        whole_lines: If false, a line too long for a block is also broken after a blank.
    """
    parts: list[bytes] = []
    while chunk := reader.read(size):
        cut = chunk.rfind(b"\n") + 1
        if not cut and not whole_lines:
            cut = chunk.rfind(b" ") + 1
        if cut:
            yield b"".join([*parts, chunk[:cut]])
            parts = [chunk[cut:]]
        else:
            parts.append(chunk)
    if rest := b"".join(parts):
        yield rest


def ahead(items: Generator[Item, None, None], depth: int = 2) -> Generator[Item, None, None]:
    """The same items, made in a thread of their own, up to `depth` of them ahead of their use."""
    end = object()
    try:
        with ThreadPoolExecutor(max_workers=1) as worker:
            waiting = deque(worker.submit(next, items, end) for _ in range(depth))
            try:
                while (item := waiting.popleft().result()) is not end:
                    waiting.append(worker.submit(next, items, end))
                    yield item  # type: ignore[misc]
            finally:
                for future in waiting:
                    future.cancel()
    finally:
        items.close()


def _output_error(path: str | Path, error: Exception) -> OutputError:
    """What to tell of a failure to write."""
    if _no_room(error):
        return OutputError(f"{path}: the disk is full, or a limit is reached; what was finished is kept")
    return OutputError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}")


def _no_room(error: Exception) -> bool:
    """Whether the disk is full; NumPy and safetensors say so in their text alone."""
    said = re.search(r"os error (\d+)", str(error))
    number = getattr(error, "errno", None) or (int(said[1]) if said else None)
    return number in _NO_ROOM or "requested and" in str(error)


@contextmanager
def write_errors(path: str | Path) -> Iterator[None]:
    """Say of any failure to write that it was `path`, as an OutputError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        raise _output_error(path, error) from error


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Say that the disk is full, wherever inside it is met, as an OutputError; all else passes."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _no_room(error):
            raise
        raise _output_error(path, error) from error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """A file to write bytes to that takes the place of `path` when all has gone well, and else vanishes.

    Raises:
        OutputError: the folder is missing, the disk is full, or writing there is not allowed.
    """
    with atomic_path(path) as fresh, open(fresh, "wb") as file:
        yield file


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """The same for what writes to a path itself."""
    target = Path(os.path.realpath(path))
    fresh = target.with_name(f".{target.name}.{os.getpid()}.part")
    with write_errors(path):
        try:
            yield fresh
            with open(fresh, "r+b") as file:
                os.fsync(file.fileno())
            os.replace(fresh, target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise


def give_back() -> None:
    """Return memory that is free to the system at once, where the C library (glibc) would keep it."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
