"""Files of word vectors: read and written, and nothing else; one file here is one format.

What the vectors mean and how they are queried is in `word_vectors`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, get_args

from ..errors import DataError, SettingError, VectorsError, did_you_mean
from ..files.streams import ByteReader, atomic_write
from ._fasttext_table import read_fasttext, write_fasttext
from ._table import Table, UnicodeErrors, check_finite, unique
from ._unsupported import losses
from ._words import MappedWords
from .binary import read_binary, write_binary
from .fasttext import MAGIC
from .gensim import read_gensim
from .model2vec import is_model2vec, read_model2vec, write_model2vec
from .safetensors import read_safetensors, write_safetensors
from .text import is_text, read_text, write_text

__all__ = [
    "FORMATS",
    "Format",
    "MappedWords",
    "Table",
    "UnicodeErrors",
    "check_finite",
    "format_of",
    "lost_in",
    "read_vectors",
    "target_format",
    "write_vectors",
]

_HEAD = 1 << 20  # bytes that tell a format
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")  # a text has none


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        suffixes: The suffixes of its files.
        read: Reads a file, or a folder.
        write: Writes a file, or a folder, whole or not at all; None where it is read only.
        keeps: What it holds beside words and vectors: fields of a `Table`.
        words: What a word must be to have a place in it; None: any word has one, or is refused.
    """

    suffixes: tuple[str, ...]
    read: Callable[[Path], Table]
    write: Callable[[Path, Table], None] | None
    keeps: tuple[str, ...] = ()
    words: re.Pattern[str] | None = None


def read_vectors(
    path: str | Path,
    format: str | None = None,
    *,
    dim: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
) -> Table:
    """Read a file of word vectors, or a model2vec folder. Notes tell of words that were left out.

    Args:
        path: The file or the folder.
        format: A name in `FORMATS`; None takes it from the suffix, and that of text and binary files from
            their first bytes.
        dim: Numbers in a vector; it matters for word2vec binary without a first line, where it can be told
            from the data as a rule.
        unicode_errors: What becomes of words in text and word2vec binary that are not UTF-8: they are refused
            (`strict`), lose the wrong bytes (`ignore`) or have U+FFFD in their place (`replace`).

    Raises:
        VectorsError: the file is missing, broken (the message names the line or the byte) or of a format
            that cannot be told.
        SettingError: `unicode_errors` is none of the three.
    """
    path, choices = Path(path), get_args(UnicodeErrors)
    if unicode_errors not in choices:
        hint = did_you_mean(str(unicode_errors), choices)
        raise SettingError(f"unicode_errors is {unicode_errors!r}.{hint}")
    try:
        name = _format_inside(path) if format is None else _named(path, format)
        if name == "text":
            table = read_text(path, unicode_errors)
        elif name == "binary":
            table = read_binary(path, dim, unicode_errors)
        else:
            table = FORMATS[name].read(path)
    except DataError as error:  # missing, or its compressed data are broken
        raise VectorsError(str(error)) from None
    if dim is not None and table.vectors.shape[1] != dim:
        raise VectorsError(f"{path}: vectors have {table.vectors.shape[1]} numbers, not {dim}.")
    return table


def write_vectors(path: str | Path, table: Table, format: str | None = None) -> Table:
    """Write a file of word vectors, or a model2vec folder, whole or not at all.

    Args:
        path: The file or the folder; one that exists is replaced when the new one is complete.
        table: What to write; `lost_in` says what a format has no place for.
        format: A name in `FORMATS`; None takes it from the suffix.

    Returns:
        What is in the file; notes tell of words that were left out: repeated ones, and those that a word2vec
        file cannot hold.

    Raises:
        VectorsError: the format cannot be told, or is read only, a number is not finite, or the format cannot
            hold one of the words.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    known = FORMATS[target_format(path, table, format)]

    def where(row: int) -> str:
        return f"{path}, row {row + 1}"

    check_finite(table.vectors, lambda row: f"{where(row)}: the vector of {table.words[row]!r}")
    table = unique(replace(table, notes=()), where)
    if known.words is not None:
        table = _holdable(path, table, known.words)
    if known.write is not None:  # `target_format` refuses what is read only
        known.write(path, table)
    return table


def _holdable(path: Path, table: Table, words: re.Pattern[str]) -> Table:
    """The rows whose words have a place in the format."""
    kept = [row for row, word in enumerate(table.words) if words.fullmatch(word)]
    if len(kept) == len(table.words):
        return table
    others = set(range(len(table.words))).difference(kept)
    left = table.words[min(others)]
    note = (
        f"{path}: {len(others):,} words are left out, the first {left!r}: word2vec files have no place for "
        "words that are empty or have a space or a control character inside."
    )
    if not kept:
        raise VectorsError(note)
    return table.take(kept, note)


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
    """The format of a file that is there: text and binary are told by the first bytes."""
    if path.is_dir() and not is_model2vec(path):
        raise VectorsError(
            f"{path} is a folder without word vectors; a model2vec folder has a model.safetensors."
        )
    name = _named(path, None)
    if name == "model2vec" and not path.is_dir():
        if path.exists():
            raise VectorsError(f"The name of {path} tells no format of word vectors; give it (--format).")
        raise VectorsError(f"{path}: there is no such file or folder.")
    if name not in ("text", "binary") or not path.is_file():  # a pipe cannot be read twice
        return name
    with ByteReader(path) as reader:
        head = reader.read(_HEAD)
    if head.startswith(MAGIC):
        return "fasttext"
    if is_text(head):
        return "text"
    return "binary" if _CONTROL.search(head) else name


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
    "text": Format(
        (".vec", ".txt", ".vec.gz", ".txt.gz"),
        read_text,
        _file(write_text),
        words=re.compile(r"[^ \n\ud800-\udfff]+"),
    ),
    "binary": Format(
        (".bin", ".bin.gz"), read_binary, _file(write_binary), words=re.compile(r"[^\0- \ud800-\udfff]+")
    ),
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
