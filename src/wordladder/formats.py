"""Files of word vectors: word2vec text and binary, and safetensors; read, written, and nothing else.

What the vectors mean and how they are queried is in `word_vectors`. fastText's and gensim's own files are
recognised where that is cheap, and refused.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from .errors import DataError, VectorsError, did_you_mean
from .streams import ByteReader, atomic_write, line_blocks

__all__ = ["FORMATS", "Format", "Table", "format_of", "read_vectors", "write_vectors"]

_BLOCK = 1 << 22  # bytes read at once
_PACKED_AT_MOST = 1032  # deflate cannot shrink a file more
_FASTTEXT_MAGIC = (793712314).to_bytes(4, "little")
_SETTINGS_KEY = "wordladder"  # the one metadata entry of our safetensors files: several have no fixed order


@dataclass(frozen=True)
class Table:
    """What a file of word vectors holds.

    Args:
        words: The words, one a row.
        vectors: The matrix (words, dim), float32; memory-mapped where the format allows it.
        counts: How often each word occurred, int64 (words,), where the format keeps it.
        settings: How the vectors were trained, where the format keeps it.
    """

    words: list[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


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


# ── word2vec text: "words dim", then a line a word; the GloVe layout is the same without the first line ─────


def _read_text(path: Path) -> Table:
    words: list[str] = []
    rows: list[np.ndarray] = []
    header, dim = None, 0
    for number, line in _lines(path):
        where = f"{path}, line {number}"
        if number == 1 and (header := _header(line)):
            dim = header[1]
            continue
        word, *numbers = line.rstrip(b" \r").split(b" ")
        dim = dim or len(numbers)
        if len(numbers) != dim or not numbers:
            wanted = f"{dim} numbers are" if dim else "a number is"
            raise VectorsError(f"{where}: {wanted} expected after the word, not {len(numbers)}.")
        words.append(_decode(word, where))
        rows.append(_floats(numbers, where))
    if not words or (header and header[0] != len(words)):
        promise = f"{header[0]} words are promised in line 1" if header else "words are expected"
        raise VectorsError(f"{path}: {promise}, {len(words)} are there.")
    table = Table(words, np.stack(rows))
    _check(table, lambda row: f"{path}, line {row + (2 if header else 1)}")
    return table


def _write_text(stream: BinaryIO, table: Table) -> None:
    _check_words(table.words)
    count, dim = table.vectors.shape
    # nine significant digits bring every float32 back exactly
    form = " ".join(["%.9g"] * dim)
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(_encode(f"{word} {form % tuple(row.tolist())}\n"))


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Line numbers and lines, without the line ends."""
    number = 0
    with ByteReader(path) as reader:
        for block in line_blocks(reader, _BLOCK):
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                yield number, line


def _header(line: bytes) -> tuple[int, int] | None:
    parts = line.split()
    if len(parts) == 2 and all(part.isdigit() for part in parts):
        return int(parts[0]), int(parts[1])
    return None


def _floats(numbers: list[bytes], where: str) -> np.ndarray:
    try:
        return np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise VectorsError(f"{where}: {error}.") from None


# ── word2vec binary: "words dim\n", then word, space, dim little-endian float32, perhaps a line end ────────


def _read_binary(path: Path) -> Table:
    words: list[str] = []
    starts: list[int] = []
    with ByteReader(path) as reader:
        block = reader.read(_BLOCK)
        if block.startswith(_FASTTEXT_MAGIC):
            raise VectorsError(f"{path} is a fastText model, not word2vec binary. Give its .vec file.")
        first = block[: block.find(b"\n", 0, 64) + 1]
        header = _header(first)
        if header is None or 0 in header:
            raise VectorsError(f"{path}, byte 0: a word2vec binary file begins with 'words dim'.")
        count, dim = header
        if count * (dim * 4 + 1) > reader.size * _PACKED_AT_MOST:
            raise VectorsError(f"{path}: {reader.size} bytes cannot hold {count} words of {dim} numbers.")
        vectors = np.empty((count, dim), dtype=np.float32)
        for row, (start, word, numbers) in enumerate(_records(reader, block, len(first), count, dim * 4)):
            words.append(_decode(word, f"{path}, byte {start}"))
            starts.append(start)
            vectors[row] = np.frombuffer(numbers, "<f4")
    table = Table(words, vectors)
    _check(table, lambda row: f"{path}, byte {starts[row]}")
    return table


def _records(
    reader: ByteReader, block: bytes, at: int, count: int, size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """`count` times: the byte where the record begins, the word, and its `size` bytes of numbers."""
    passed = 0  # bytes of the file before `block`
    for row in range(count):
        space = block.find(b" ", at)
        while space < 0 or space + 1 + size > len(block):
            more = reader.read(_BLOCK)
            if not more:
                where = f"{reader.path}, byte {passed + at}"
                raise VectorsError(f"{where}: the file ends inside word {row + 1} of {count}.")
            passed, block, at = passed + at, block[at:] + more, 0
            space = block.find(b" ", at)
        # word2vec.c ends a record with a line end, gensim does not
        begin = at + 1 if block[at : at + 1] == b"\n" else at
        yield passed + begin, block[begin:space], block[space + 1 : space + 1 + size]
        at = space + 1 + size
    if block[at:].strip(b"\n") or reader.read(1):
        raise VectorsError(f"{reader.path}, byte {passed + at}: the file goes on after its {count} words.")


def _write_binary(stream: BinaryIO, table: Table) -> None:
    _check_words(table.words)
    count, dim = table.vectors.shape
    stream.write(f"{count} {dim}\n".encode())
    for word, row in zip(table.words, table.vectors):
        stream.write(_encode(word) + b" " + row.astype("<f4").tobytes() + b"\n")


# ── safetensors: vectors, words, counts; settings as JSON in the metadata ──────────────────────────────────


def _read_safetensors(path: Path) -> Table:
    with ByteReader(path) as reader:
        size, length = reader.size, int.from_bytes(reader.read(8), "little")
        if not 2 <= length <= size - 8:
            raise VectorsError(f"{path}, byte 0: not a safetensors file, or cut short.")
        try:
            header = json.loads(reader.read(length))
            settings = json.loads(header.get("__metadata__", {}).get(_SETTINGS_KEY, "{}"))
        except (ValueError, AttributeError) as error:
            raise VectorsError(f"{path}, byte 8: the safetensors header is broken: {error}.") from None
    missing = {"vectors", "words"} - header.keys()
    if missing:
        raise VectorsError(f"{path} has no tensor {sorted(missing)[0]!r}: it is not a file of word vectors.")
    tensors = {
        name: _mapped(path, name, header[name], length + 8, size)
        for name in ("vectors", "words", "counts")
        if name in header
    }
    text = tensors["words"].tobytes()
    try:
        words = text.decode("utf-8", "surrogatepass").split("\n")
    except UnicodeDecodeError as error:
        raise VectorsError(f"{path}, tensor 'words': byte {error.start} is not UTF-8.") from None
    vectors, counts = tensors["vectors"], tensors.get("counts")
    if vectors.ndim != 2 or len(words) != len(vectors) or (counts is not None and len(counts) != len(words)):
        raise VectorsError(f"{path}: {len(words)} words do not fit vectors of shape {vectors.shape}.")
    return Table(words, vectors, None if counts is None else np.array(counts), settings)


def _mapped(path: Path, name: str, entry: Mapping[str, object], base: int, size: int) -> np.ndarray:
    """One tensor of a safetensors file as a read-only memory map."""
    dtypes = {"F32": "<f4", "U8": "u1", "I64": "<i8"}
    try:
        dtype = np.dtype(dtypes[str(entry["dtype"])])
        shape = tuple(int(n) for n in entry["shape"])  # type: ignore[attr-defined]
        start, end = (base + int(n) for n in entry["data_offsets"])  # type: ignore[attr-defined]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorsError(f"{path}: the entry of tensor {name!r} cannot be used: {error}.") from None
    if end > size or end - start != int(np.prod(shape)) * dtype.itemsize or end == start:
        raise VectorsError(f"{path}: tensor {name!r} should end at byte {end}, the file has {size} bytes.")
    return np.memmap(path, dtype, "r", start, shape)


def _write_safetensors(stream: BinaryIO, table: Table) -> None:
    for word in table.words:
        if "\n" in word:
            raise VectorsError(f"The word {word!r} holds a line end and cannot be written.")
    tensors = {
        "vectors": np.ascontiguousarray(table.vectors, "<f4"),
        "words": np.frombuffer(_encode("\n".join(table.words)), np.uint8),
    }
    if table.counts is not None:  # first: the library wants the widest numbers first
        tensors = {"counts": np.ascontiguousarray(table.counts, "<i8"), **tensors}
    names = {np.dtype("<i8"): "I64", np.dtype("<f4"): "F32", np.dtype("u1"): "U8"}
    settings = json.dumps(dict(table.settings), ensure_ascii=False, sort_keys=True)
    header: dict[str, object] = {"__metadata__": {_SETTINGS_KEY: settings}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {"dtype": names[tensor.dtype], "shape": tensor.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8, as in the library's own files
    stream.write(len(text).to_bytes(8, "little") + text)
    for tensor in tensors.values():
        stream.write(tensor.data)


# ── shared by the formats ──────────────────────────────────────────────────────────────────────────────────


def _encode(text: str) -> bytes:
    # half a surrogate pair is no UTF-8, but a text may hold one, and its vector must not be lost for it
    return text.encode("utf-8", "surrogatepass")


def _decode(word: bytes, where: str) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = word[error.start]
        raise VectorsError(f"{where}: byte {error.start} (0x{bad:02x}) is not UTF-8.") from None


def _check(table: Table, where: Callable[[int], str]) -> None:
    """No word twice, no number that is not finite; `where` names the place of a row."""
    if len(set(table.words)) < len(table.words):
        first: dict[str, int] = {}
        for row, word in enumerate(table.words):
            if first.setdefault(word, row) != row:
                raise VectorsError(f"{where(row)}: the word {word!r} was already at {where(first[word])}.")
    for start in range(0, len(table.words), 1 << 16):
        finite = np.isfinite(table.vectors[start : start + (1 << 16)]).all(axis=1)
        if not finite.all():
            row = start + int(np.argmin(finite))
            raise VectorsError(
                f"{where(row)}: the vector of {table.words[row]!r} has a number that is not finite."
            )


def _check_words(words: list[str]) -> None:
    """The word2vec formats end a word at a space and a line at a line end."""
    for row, word in enumerate(words):
        if not word or " " in word or "\n" in word:
            raise VectorsError(
                f"Word {row + 1}, {word!r}, is empty or holds a space or a line end, which word2vec formats "
                "cannot hold. Write a .safetensors file."
            )


FORMATS: dict[str, Format] = {
    "text": Format((".vec", ".txt", ".vec.gz", ".txt.gz"), _read_text, _write_text),
    "binary": Format((".bin", ".bin.gz"), _read_binary, _write_binary),
    "safetensors": Format((".safetensors",), _read_safetensors, _write_safetensors),
}
"""The formats by name; the suffixes of one never end in those of another."""
