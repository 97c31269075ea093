"""The content of one file as bytes or text: decompressed, and decoded as UTF-8.

Tables are read whole; plain lines are streamed.
"""

import codecs
import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError, nearest
from ..files.streams import ByteReader, line_blocks

STANDARD_INPUT = "-"
_COMPRESSED = (".gz", ".xz", ".zst", ".bz2")


def suffix_of(path: str | Path) -> str:
    """The suffix of a file's name that tells its format, in lower case, without that of its compression."""
    name = Path(path)
    return (Path(name.stem).suffix if name.suffix.lower() in _COMPRESSED else name.suffix).lower()


def source_name(path: str | Path) -> str:
    """How messages call the file."""
    return "standard input" if str(path) == STANDARD_INPUT else str(path)


def read_bytes(path: str | Path) -> bytes:
    """The file's content, decompressed; "-" is standard input.

    Raises:
        DataError: there is no such file, it cannot be read, is damaged, or has nothing but white space.
    """
    if str(path) == STANDARD_INPUT:
        data = sys.stdin.buffer.read()
    else:
        with _open(path) as reader:
            data = reader.read_all()
    if data.startswith(b"PK\x03\x04"):
        raise DataError(f"{path} is a zip archive or Excel file. Unpack it, or save the sheet as UTF-8 CSV.")
    if not data.strip():
        raise DataError(f"{source_name(path)} is empty.")
    return data


def read_head(path: str | Path, size: int = 1 << 20) -> bytes:
    """The first bytes of a file, decompressed; errors as for `read_bytes`."""
    with _open(path) as reader:
        return reader.read(size)


def raw_lines(path: str | Path) -> Iterator[bytes]:
    """The lines of a file, decompressed, without the "\\n" at their ends; errors as for `read_bytes`."""
    if str(path) == STANDARD_INPUT:
        for line in sys.stdin.buffer:
            yield line.removesuffix(b"\n")
        return
    with _open(path) as reader:
        for block in line_blocks(reader):
            yield from block.removesuffix(b"\n").split(b"\n")


def _open(path: str | Path) -> ByteReader:
    path = Path(path)
    if path.exists():
        return ByteReader(path)
    try:
        hint = nearest(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        hint = f" There is no folder {path.parent} either."
    raise DataError(f"There is no file {path}.{hint}")


def decode(data: bytes, source: str, line: int = 1, offset: int = 0) -> str:
    """UTF-8 text, without the byte order mark that some programs write first.

    Args:
        data: The bytes of a whole file, or of a part of it.
        source: The file's name, for messages.
        line: The number of the part's first line.
        offset: Where in the (decompressed) file the part begins.

    Raises:
        DataError: a byte is not UTF-8; names its line and its offset in the file.
    """
    if not offset and data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise DataError(f"{source} is UTF-16. Save it as UTF-8, for example: iconv -f UTF-16 -t UTF-8.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line += data.count(b"\n", 0, error.start)
        byte, position = data[error.start], offset + error.start
        raise DataError(
            f"{source}, line {line}: invalid UTF-8: 0x{byte:02X} at byte offset {position}. "
            "Save the file as UTF-8; from GB18030, for example: iconv -f GB18030 -t UTF-8."
        ) from None
    return text if offset else text.removeprefix("\ufeff")
