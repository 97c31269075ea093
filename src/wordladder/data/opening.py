"""The content of one file as bytes or text: decompressed by its first bytes, decoded as UTF-8.

It reads files whole, as labelled tables are; corpora of any size are streamed elsewhere.
"""

import bz2
import codecs
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

from ..errors import DataError, did_you_mean

__all__ = ["COMPRESSED", "STANDARD_INPUT", "decode", "read_bytes", "source_name"]

STANDARD_INPUT = "-"
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def source_name(path: str | Path) -> str:
    """How messages call the file."""
    return "standard input" if str(path) == STANDARD_INPUT else str(path)


def read_bytes(path: str | Path) -> bytes:
    """The file's content, decompressed if it is gzip, bzip2, xz or Zstandard; "-" is standard input.

    Raises:
        DataError: there is no such file, it cannot be read, or it is damaged.
    """
    source = source_name(path)
    if str(path) == STANDARD_INPUT:
        data = sys.stdin.buffer.read()
    else:
        data = _file_bytes(Path(path))
    for name, magic, decompress in _DECOMPRESSORS:
        if data.startswith(magic):
            return _decompressed(source, name, decompress, data)
    if data.startswith(b"PK\x03\x04"):
        raise DataError(
            f"{source} is a zip archive (or an Excel file). Unpack it, or save the sheet as CSV in UTF-8."
        )
    return data


def _file_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file with a table.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.{_neighbour(path)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def _neighbour(path: Path) -> str:
    """A guess at what was meant, from the files beside it."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f" There is no folder {path.parent} either."
    hint = did_you_mean(path.name, names)
    return hint if "Did you mean" in hint else ""


def _zstandard(data: bytes) -> bytes:
    import pyarrow

    with pyarrow.CompressedInputStream(pyarrow.BufferReader(data), "zstd") as stream:
        return stream.read()


_DECOMPRESSORS: tuple[tuple[str, bytes, Callable[[bytes], bytes]], ...] = (
    ("gzip", b"\x1f\x8b", gzip.decompress),
    ("bzip2", b"BZh", bz2.decompress),
    ("xz", b"\xfd7zXZ\x00", lzma.decompress),
    ("Zstandard", b"\x28\xb5\x2f\xfd", _zstandard),
)


def _decompressed(source: str, name: str, decompress: Callable[[bytes], bytes], data: bytes) -> bytes:
    try:
        return decompress(data)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{source} is a damaged or incomplete {name} file: {error}.") from error


def decode(data: bytes, source: str) -> str:
    """UTF-8 text, without the byte order mark that some programs write first.

    Raises:
        DataError: a byte is not UTF-8; names its line and its offset in the (decompressed) file.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{source} is UTF-16. Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8.")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{source}, line {line}: invalid UTF-8: 0x{data[error.start]:02X} at byte offset {error.start}. "
            "Save the file as UTF-8; from GB18030, for example: iconv -f GB18030 -t UTF-8."
        ) from None
