"""Files of word vectors: read and written, and nothing else; one file here is one format.

What the vectors mean and how they are queried is in `word_vectors`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError, VectorsError, did_you_mean
from ..streams import atomic_write
from ._table import Table
from .binary import read_binary, write_binary
from .safetensors import read_safetensors, write_safetensors
from .text import read_text, write_text

__all__ = ["FORMATS", "Format", "Table", "format_of", "read_vectors", "write_vectors"]


@dataclass(frozen=True)
class Format:
    """One format: its file suffixes, how it is read and how it is written."""

    suffixes: tuple[str, ...]
    read: Callable[[Path], Table]
    write: Callable[[BinaryIO, Table], None]


def read_vectors(path: str | Path, format: str | None = None) -> Table:
    """Read a file of word vectors.

    Args:
        path: The file.
        format: A name in `FORMATS`; None takes it from the suffix.

    Raises:
        VectorsError: the file is missing, broken (the message names the line or the byte) or of a format
            that cannot be told.
    """
    path = Path(path)
    read = FORMATS[format_of(path, format)].read
    try:
        return read(path)
    except DataError as error:  # missing, or its compressed data are broken
        raise VectorsError(str(error)) from None


def write_vectors(path: str | Path, table: Table, format: str | None = None) -> None:
    """Write a file of word vectors, whole or not at all.

    Args:
        path: The file; one that exists is replaced when the new one is complete.
        table: What to write. The word2vec formats keep words and vectors only.
        format: A name in `FORMATS`; None takes it from the suffix.

    Raises:
        VectorsError: the format cannot be told, or cannot hold one of the words.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    write = FORMATS[format_of(path, format)].write
    packed = path.suffix.lower() == ".gz"
    with atomic_write(path) as stream:
        if not packed:
            write(stream, table)
            return
        import gzip

        # no name and no time inside: the same vectors give the same bytes
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as compressed:
            write(compressed, table)  # type: ignore[arg-type]


def format_of(path: Path, format: str | None = None) -> str:
    """The name in `FORMATS` for a file: `format` if it is given, else by the suffix.

    Raises:
        VectorsError: there is no such format, or the suffix is of none.
    """
    if format is not None:
        if format not in FORMATS:
            raise VectorsError(f"There is no format {format!r}.{did_you_mean(format, FORMATS)}")
        return format
    for name, known in FORMATS.items():
        if path.name.lower().endswith(known.suffixes):
            return name
    suffixes = ", ".join(suffix for known in FORMATS.values() for suffix in known.suffixes)
    raise VectorsError(f"The suffix of {path} tells no format of word vectors. It can be one of: {suffixes}.")


FORMATS: dict[str, Format] = {
    "text": Format((".vec", ".txt", ".vec.gz", ".txt.gz"), read_text, write_text),
    "binary": Format((".bin", ".bin.gz"), read_binary, write_binary),
    "safetensors": Format((".safetensors",), read_safetensors, write_safetensors),
}
"""The formats by name; the suffixes of one never end in those of another."""
