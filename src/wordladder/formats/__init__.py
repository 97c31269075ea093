"""Files of word vectors: reading and writing, and nothing else; one file here is one format.

What the vectors mean and how they are queried is in `word_vectors`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from ..errors import DataError, VectorsError, check_choice, did_you_mean
from ..files.streams import ByteReader, atomic_write
from ._fasttext_table import read_fasttext, write_fasttext
from ._table import Table, UnicodeErrors, check_finite, check_table, first_rows
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
    "first_rows",
    "output_format",
    "read_vectors",
    "unsupported_parts",
    "write_vectors",
]

_HEAD = 1 << 20  # bytes from which a format is detected
_CONTROL = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f]")  # not in a text
_FASTTEXT_SETTINGS = {
    "kind", "model", "dim", "window", "epochs", "min_count", "negative", "sample", "word_ngrams",
    "update_rate", "loss", "words", "min_n", "max_n", "buckets", "labels",
}  # fmt: skip
# what is said of a part of a table that a format has no place for
_UNSUPPORTED = {
    "counts": "counts are not kept: {} has no place for them",
    "subwords": "subwords are not kept: {} has no place for them",
    "outputs": "the output matrix, needed to continue training, is not kept: {} has no place for it",
    "settings": "settings are not kept: {} has no place for them",
}


@dataclass(frozen=True)
class Format:
    """One format.

    Args:
        suffixes: The suffixes of its files.
        read: Reads a file, or a folder.
        write: Writes to a binary stream, or to the path of a folder; None where it is read only.
        keeps: What it stores apart from words and vectors: fields of a `Table`.
        words: The words that it can hold; None: all words, or those that it cannot are an error.
        folder: Whether it is a folder of files.
    """

    suffixes: tuple[str, ...]
    read: Callable[..., Table]
    write: Callable[[Any, Table], None] | None = None
    keeps: tuple[str, ...] = ()
    words: re.Pattern[str] | None = None
    folder: bool = False


_ALL_PARTS = ("counts", "subwords", "outputs", "settings")
_TEXT_WORDS = re.compile(r"[^ \n\ud800-\udfff]+")
_BINARY_WORDS = re.compile(r"[^\0- \ud800-\udfff]+")
FORMATS = {
    "text": Format((".vec", ".txt", ".vec.gz", ".txt.gz"), read_text, write_text, words=_TEXT_WORDS),
    "binary": Format((".bin", ".bin.gz"), read_binary, write_binary, words=_BINARY_WORDS),
    "fasttext": Format((".ftz",), read_fasttext, write_fasttext, keeps=_ALL_PARTS),
    "gensim": Format((".kv",), read_gensim),
    "safetensors": Format((".safetensors",), read_safetensors, write_safetensors, keeps=_ALL_PARTS),
    "model2vec": Format((), read_model2vec, write_model2vec, keeps=("settings",), folder=True),
}
"""The formats by name; no suffix ends with that of another format."""


def read_vectors(
    path: str | Path,
    format: str | None = None,
    *,
    dim: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
) -> Table:
    """Read a file of word vectors, or a model2vec folder. Notes describe words that were left out.

    Args:
        path: The file or the folder.
        format: A name in `FORMATS`; None takes it from the suffix, for text and binary files from their
            first bytes.
        dim: Numbers in a vector; needed for word2vec binary without a header line if it cannot be inferred.
        unicode_errors: What to do with words in text and word2vec binary that are not UTF-8: refuse them
            (`strict`), drop the wrong bytes (`ignore`) or replace them by U+FFFD (`replace`).

    Raises:
        VectorsError: the file is missing, broken (the message names the line or the byte) or of an unknown
            format.
        SettingError: `unicode_errors` is none of the three.
    """
    path = Path(path)
    check_choice("unicode_errors", unicode_errors, get_args(UnicodeErrors))
    try:
        name = _detect_format(path) if format is None else _format_name(path, format)
        options = (dim, unicode_errors) if name in ("text", "binary") else ()
        table = FORMATS[name].read(path, *options)
    except DataError as error:  # missing, or its compressed data are broken
        raise VectorsError(str(error)) from None
    if dim is not None and table.vectors.shape[1] != dim:
        raise VectorsError(f"{path}: vectors have {table.vectors.shape[1]} numbers, not {dim}.")
    return table


def write_vectors(path: str | Path, table: Table, format: str | None = None) -> Table:
    """Write a file of word vectors, or a model2vec folder, whole or not at all.

    Args:
        path: The file or the folder; an existing one is replaced when the new one is complete.
        table: What to write; `unsupported_parts` says what a format has no place for.
        format: A name in `FORMATS`; None takes it from the suffix.

    Returns:
        The content of the file; notes describe words that were left out: repeated words, and words that
        a word2vec file cannot hold.

    Raises:
        VectorsError: the format is unknown or read only, a number is not finite, or the format cannot hold
            one of the words.
        OutputError: the file cannot be written.
    """
    path = Path(path)
    known = FORMATS[output_format(path, format, table)]
    table = check_table(replace(table, notes=()), lambda row: f"{path}, row {row + 1}")
    if known.words is not None:
        table = _supported_words(path, table, known.words)
    assert known.write is not None  # `output_format` refuses read-only formats
    if known.folder:
        known.write(path, table)
        return table
    with atomic_write(path) as stream:
        if path.suffix.lower() != ".gz":
            known.write(stream, table)
            return table
        import gzip

        # no name and no time inside: the same vectors give the same bytes
        with gzip.GzipFile("", "wb", compresslevel=6, fileobj=stream, mtime=0) as compressed:
            known.write(compressed, table)
    return table


def _supported_words(path: Path, table: Table, words: re.Pattern[str]) -> Table:
    """The rows whose words the format can hold."""
    rows = [row for row, word in enumerate(table.words) if words.fullmatch(word)]
    if len(rows) == len(table.words):
        return table
    first = next(word for word in table.words if not words.fullmatch(word))
    note = (
        f"{path}: {len(table.words) - len(rows):,} words are left out, the first {first!r}: word2vec files "
        "have no place for words that are empty or have a space or a control character inside."
    )
    if not rows:
        raise VectorsError(note)
    return table.select(rows, note)


def output_format(path: Path, format: str | None = None, table: Table | None = None) -> str:
    """The name in `FORMATS` for a file to be written: `format` if it is given, else by the suffix.

    A folder, or a name without any suffix, is a model2vec folder; a `.bin` of a table with subwords is a
    fastText model.

    Raises:
        VectorsError: the format is unknown or read only.
    """
    name = _format_name(path, format)
    if FORMATS[name].write is None or (format is None and name == "fasttext"):
        suffix = FORMATS[name].suffixes[0]
        raise VectorsError(f"{path}: {suffix} files are read, not written. Write .bin, .vec or .safetensors.")
    if format is None and name == "binary" and table is not None and table.subwords is not None:
        return "fasttext"
    return name


def unsupported_parts(path: Path, table: Table, format: str | None = None) -> list[str]:
    """A sentence for each part of `table` that is lost when it is written to `path`.

    Raises:
        VectorsError: the format is unknown or read only.
    """
    name = output_format(path, format, table)
    suffix = next((one for one in FORMATS[name].suffixes if path.name.lower().endswith(one)), name)
    names = {"fasttext": "a fastText .bin", "binary": "word2vec .bin", "model2vec": "a model2vec folder"}
    place = names.get(name, suffix)
    parts = {part: getattr(table, part) is not None for part in ("counts", "subwords", "outputs")}
    parts["settings"] = bool(table.settings)
    dropped = [part for part in _UNSUPPORTED if parts[part] and part not in FORMATS[name].keeps]
    sentences = [_UNSUPPORTED[part].format(place) for part in dropped]
    if table.settings.get("model") == "supervised":
        sentences.append("the classifier's labels are not kept: these are the vectors of its words")
    if name == "fasttext":
        used = {setting for setting, value in table.settings.items() if value not in (None, False)}
        if lost := sorted(used - _FASTTEXT_SETTINGS):
            sentences.append(f"settings are kept but for {', '.join(lost)}: {place} has no place for them")
    return sentences


def _format_name(path: Path, format: str | None) -> str:
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


def _detect_format(path: Path) -> str:
    """The format of an existing file: text and binary are told apart by the first bytes."""
    if path.is_dir() and not is_model2vec(path):
        raise VectorsError(
            f"{path} is a folder without word vectors; a model2vec folder has a model.safetensors."
        )
    name = _format_name(path, None)
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
