"""Byte streams: reading files whatever their compression, and writing files whole or not at all.

The compression is detected from the first bytes of a file, not from its name.
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


class ByteReader:
    """The bytes of a file, decompressed if it is a gzip, xz, zstd or bzip2 file.

    Raises:
        DataError: the file is missing or unreadable, or its compressed data are broken.
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
        head = raw.peek(10)[:10]  # peeked at, since a pipe cannot go back to its start
        if head.startswith(b"\x1f\x8b"):
            import gzip

            return gzip.GzipFile(fileobj=raw)  # type: ignore[return-value]
        if head.startswith(b"\xfd7zXZ\x00"):
            return lzma.LZMAFile(raw)  # type: ignore[return-value]
        if head.startswith(b"BZh") and head[4:] == b"1AY&SY":
            import bz2

            return bz2.BZ2File(raw)  # type: ignore[return-value]
        if head.startswith(b"\x28\xb5\x2f\xfd"):
            import pyarrow

            return pyarrow.CompressedInputStream(pyarrow.PythonFile(raw, mode="r"), "zstd")
        return raw

    @property
    def done(self) -> int:
        """Bytes read so far of the `size` bytes of the file itself; 0 for a pipe."""
        return self._raw.tell() if self._raw.seekable() else 0

    def read(self, size: int) -> bytes:
        """Read up to `size` bytes; none at the end."""
        try:
            return self._stream.read(size)
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            if self._stream is self._raw:
                raise _unreadable(self.path, error) from None
            raise DataError(
                f"{self.path}: the compressed data are truncated or damaged ({error}). "
                "Copy or download the file again."
            ) from None

    def read_all(self) -> bytes:
        """All bytes that are left."""
        return b"".join(iter(lambda: self.read(1 << 20), b""))

    def close(self) -> None:
        with suppress(OSError):  # pyarrow may report the same damage once more
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
        return DataError(f"{path} is a folder, not a file.")
    return DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.")


def line_blocks(
    reader: ByteReader, size: int = 1 << 20, *, whole_lines: bool = True
) -> Generator[bytes, None, None]:
    """The bytes of `reader` in blocks of about `size` bytes; all but the last end with a line end.

    Args:
        reader: What to read.
        size: Bytes read at a time; a longer line gives a longer block.
        whole_lines: If false, a line that is too long for a block is also broken after a space.
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


def prefetch(items: Generator[Item, None, None], depth: int = 2) -> Generator[Item, None, None]:
    """The same items, computed by a background thread that runs up to `depth` of them ahead."""
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


def _is_disk_full(error: Exception) -> bool:
    """Whether the disk is full; NumPy and safetensors only say so in their messages."""
    text = str(error)
    os_error = re.search(r"os error (\d+)", text)
    number = getattr(error, "errno", None) or (int(os_error[1]) if os_error else None)
    return number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in text


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn errors because of a full disk into an OutputError that names `path`; other errors pass."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        if not _is_disk_full(error):
            raise
        message = f"{path}: the disk is full, or a limit is reached; what was finished is kept"
        raise OutputError(message) from error


@contextmanager
def write_errors(path: str | Path) -> Iterator[None]:
    """Turn all errors of writing into an OutputError that names `path`."""
    try:
        with disk_errors(path):
            yield
    except (OSError, SafetensorError) as error:
        raise OutputError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error


@contextmanager
def atomic_write(path: str | Path) -> Iterator[BinaryIO]:
    """A binary file to write to; it replaces `path` when the block ends without an error, else it is deleted.

    Raises:
        OutputError: the folder is missing, the disk is full, or writing there is not allowed.
    """
    with atomic_path(path) as new, open(new, "wb") as file:
        yield file


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Like `atomic_write`, for code that writes to a path itself."""
    target = Path(os.path.realpath(path))
    new = target.with_name(f".{target.name}.{os.getpid()}.part")
    with write_errors(path):
        try:
            yield new
            with open(new, "r+b") as file:
                os.fsync(file.fileno())
            os.replace(new, target)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


def release_memory() -> None:
    """Return free memory to the system at once, where the C library (glibc) would keep it."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
