"""Files of word vectors: read and written, and nothing else; one file here is one format.

What the vectors mean and how they are queried is in `word_vectors`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError, VectorsError, did_you_mean
from ..streams import ByteReader, atomic_write
from ._fasttext_table import read_fasttext, write_fasttext
from ._kept import losses
from ._table import Table
from ._words import MappedWords
from .binary import read_binary, write_binary
from .fasttext import MAGIC
from .gensim import read_gensim
from .model2vec import is_model2vec, read_model2vec, write_model2vec
from .safetensors import read_safetensors, write_safetensors
from .text import read_text, write_text

__all__ = [
    "FORMATS",
    "Format",
    "MappedWords",
    "Table",
    "format_of",
    "lost_in",
    "read_vectors",
    "target_format",
    "write_vectors",
]


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        suffixes: The suffixes of its files.
        read: Reads a file, or a folder.
        write: Writes a file, or a folder, whole or not at all; None where it is read only.
        keeps: What it holds beside words and vectors: fields of a `Table`.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Path], Table]
    write: Callable[[Path, Table], None] | None
    keeps: tuple[str, ...] = ()


def read_vectors(path: str | Path, format: str | None = None, *, dim: int | None = None) -> Table:
    """Read a file of word vectors, or a model2vec folder.

    Args:
        path: The file or the folder.
        format: A name in `FORMATS`; None takes it from the suffix, and that of a `.bin` from its first bytes.
        dim: Numbers in a vector; it matters for word2vec binary without a first line, where it can be told
            from the data as a rule.

    Raises:
        VectorsError: the file is missing, broken (the message names the line or the byte) or of a format
            that cannot be told.
    """
    path = Path(path)
    try:
        name = _format_inside(path) if format is None else _named(path, format)
        table = read_binary(path, dim) if name == "binary" else FORMATS[name].read(path)
    except DataError as error:  # missing, or its compressed data are broken
        raise VectorsError(str(error)) from None
    if dim is not None and table.vectors.shape[1] != dim:
        raise VectorsError(f"{path}: vectors have {table.vectors.shape[1]} numbers, not {dim}.")
    return table


def write_vectors(path: str | Path, table: Table, format: str | None = None) -> None:
    """Write a file of word vectors, or a model2vec folder, whole or not at all.

    Args:
        path: The file or the folder; one that exists is replaced when the new one is complete.
        table: What to write; `lost_in` says what a format has no place for.
        format: A name in `FORMATS`; None takes it from the suffix.

    Raises:
        VectorsError: the format cannot be told, is read only, or cannot hold one of the words.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    write = FORMATS[target_format(path, table, format)].write
    if write is not None:  # `target_format` refuses what is read only
        write(path, table)


def format_of(path: Path, format: str | None = None) -> str:
    """The name in `FORMATS` for a file to be written: `format` if it is given, else by the suffix.

    A folder, or a name without any suffix, is a model2vec folder.

    Raises:
        VectorsError: there is no such format, the suffix is of none, or it is read only.
    """
    name = _named(path, format)
    known = FORMATS[name]
    if known.write is None or (format is None and name == "fasttext"):
        raise VectorsError(
            f"{path}: {known.suffixes[0]} files are read, not written. Write .bin, .vec or .safetensors."
        )
    return name


def _named(path: Path, format: str | None) -> str:
    if format is not None:
        if format not in FORMATS:
            raise VectorsError(f"There is no format {format!r}.{did_you_mean(format, FORMATS)}")
        return format
    for name, known in FORMATS.items():
        if known.suffixes and path.name.lower().endswith(known.suffixes):
            return name
    if path.is_dir() or not path.suffix:
        return "model2vec"
    suffixes = ", ".join(suffix for known in FORMATS.values() for suffix in known.suffixes)
    raise VectorsError(f"The suffix of {path} tells no format of word vectors. It can be one of: {suffixes}.")


def target_format(path: Path, table: Table, format: str | None = None) -> str:
    """The name in `FORMATS` under which `table` is written: a `.bin` with subwords is a fastText model.

    Raises:
        VectorsError: the format cannot be told, or is read only.
    """
    name = format_of(path, format)
    if format is None and name == "binary" and table.subwords is not None:
        name = "fasttext"
    return name


def lost_in(path: Path, table: Table, format: str | None = None) -> list[str]:
    """A sentence for each part of `table` that is lost when it is written to `path`.

    Raises:
        VectorsError: the format cannot be told, or is read only.
    """
    name = target_format(path, table, format)
    places = {"fasttext": "a fastText .bin", "binary": "word2vec .bin", "model2vec": "a model2vec folder"}
    suffix = next((one for one in FORMATS[name].suffixes if path.name.lower().endswith(one)), name)
    place = places.get(name, suffix)
    return losses(table, FORMATS[name].keeps, place)


def _format_inside(path: Path) -> str:
    """The format of a file that is there: that of a `.bin` by its first bytes."""
    if path.is_dir() and not is_model2vec(path):
        raise VectorsError(
            f"{path} is a folder without word vectors; a model2vec folder has a model.safetensors."
        )
    name = _named(path, None)
    if name == "model2vec" and not path.is_dir():
        if path.exists():
            raise VectorsError(f"The name of {path} tells no format of word vectors; give it (--format).")
        raise VectorsError(f"{path}: there is no such file or folder.")
    if name == "binary":
        with ByteReader(path) as reader:
            if reader.read(len(MAGIC)) == MAGIC:
                return "fasttext"
    return name


def _file(write: Callable[[BinaryIO, Table], None]) -> Callable[[Path, Table], None]:
    """Writes to a path what `write` writes to a stream, compressed if the name ends with .gz."""

    def to_path(path: Path, table: Table) -> None:
        packed = path.suffix.lower() == ".gz"
        with atomic_write(path) as stream:
            if not packed:
                write(stream, table)
                return
            import gzip

            # no name and no time inside: the same vectors give the same bytes
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as compressed:
                write(compressed, table)  # type: ignore[arg-type]

    return to_path


FORMATS: dict[str, Format] = {
    "text": Format((".vec", ".txt", ".vec.gz", ".txt.gz"), read_text, _file(write_text)),
    "binary": Format((".bin", ".bin.gz"), read_binary, _file(write_binary)),
    "fasttext": Format(
        (".ftz",),
        read_fasttext,
        _file(write_fasttext),
        keeps=("counts", "subwords", "outputs", "fasttext settings"),
    ),
    "gensim": Format((".kv",), read_gensim, None),
    "safetensors": Format(
        (".safetensors",),
        read_safetensors,
        _file(write_safetensors),
        keeps=("counts", "subwords", "outputs", "settings"),
    ),
    "model2vec": Format((), read_model2vec, write_model2vec, keeps=("settings",)),
}
"""The formats by name; the suffixes of one never end in those of another."""
