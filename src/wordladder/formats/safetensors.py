"""safetensors: vectors, words, counts, subwords and outputs, memory-mapped; settings are JSON. Vectors may be
small integers, with a scale a word.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ..text.subwords import Subwords
from ._table import Table, check_finite, checked, encode
from ._words import MappedWords

_SETTINGS_KEY, _SUBWORDS_KEY = "wordladder", "subwords"  # of the metadata
_NAMES = (
    "vectors",
    "scales",
    "words",
    "counts",
    "outputs",
    "subwords.own",
    "subwords.buckets",
    "subwords.used",
)
_ROWS = 1 << 16  # rows written at once
_DECODED = 1 << 20  # bytes of words that are decoded at once
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip


def read_safetensors(path: Path) -> Table:
    """The vectors of a file, all matrices memory-mapped; the words too, where they are many."""
    header, base, size = read_header(path)
    missing = {"vectors", "words"} - header.keys()
    if missing:
        raise VectorsError(f"{path} has no tensor {sorted(missing)[0]!r}: it is not a file of word vectors.")
    tensors = {name: tensor(path, name, header[name], base, size) for name in _NAMES if name in header}
    vectors, counts, outputs = tensors["vectors"], tensors.get("counts"), tensors.get("outputs")
    if vectors.ndim != 2:
        raise VectorsError(f"{path}: vectors of shape {vectors.shape}; (words, dim) is expected.")
    if (scales := tensors.get("scales")) is not None:
        if scales.shape != (len(vectors),):
            raise VectorsError(f"{path}: {len(vectors)} vectors do not fit scales of shape {scales.shape}.")
        vectors = vectors * scales.astype(np.float32)[:, None]
    words: Sequence[str] = MappedWords(tensors["words"], len(vectors), str(path))
    if tensors["words"].nbytes <= _DECODED:
        words = words[:]
    if counts is not None and counts.shape != (len(words),):
        raise VectorsError(f"{path}: {len(words)} words do not fit counts of shape {counts.shape}.")
    if outputs is not None and outputs.shape != vectors.shape:
        raise VectorsError(f"{path}: outputs of shape {outputs.shape} do not fit vectors {vectors.shape}.")
    metadata = header.get("__metadata__", {})
    settings = _json(path, metadata, _SETTINGS_KEY)
    table = Table(words, vectors, counts, settings, _subwords(path, tensors, metadata), outputs)
    # the many words and vectors of a large file are looked at when they are asked for
    return table if isinstance(words, MappedWords) else checked(table, lambda row: f"{path}, row {row + 1}")


def read_header(path: Path) -> tuple[dict[str, Mapping[str, object]], int, int]:
    """The entries of a safetensors file by name, the byte where its tensors begin, and its size.

    Raises:
        VectorsError: the header is broken.
    """
    with ByteReader(path) as reader:
        size, length = reader.size, int.from_bytes(reader.read(8), "little")
        if not 2 <= length <= size - 8:
            raise VectorsError(f"{path}, byte 0: not a safetensors file, or cut short.")
        try:
            header = json.loads(reader.read(length))
        except (ValueError, RecursionError) as error:
            raise VectorsError(f"{path}, byte 8: the safetensors header is broken: {error}.") from None
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise VectorsError(f"{path}, byte 8: the safetensors header is broken: no table of tensors.")
    return header, length + 8, size


def tensor(path: Path, name: str, entry: Mapping[str, object], base: int, size: int) -> np.ndarray:
    """One tensor of a safetensors file as a read-only memory map.

    Raises:
        VectorsError: its entry is broken, or the file too short.
    """
    try:
        dtype = np.dtype(_DTYPES[str(entry["dtype"])])
        shape = tuple(int(n) for n in entry["shape"])  # type: ignore[attr-defined]
        start, end = (base + int(n) for n in entry["data_offsets"])  # type: ignore[attr-defined]
    except (KeyError, TypeError, ValueError) as error:
        raise VectorsError(f"{path}: the entry of tensor {name!r} cannot be used: {error}.") from None
    wanted = dtype.itemsize
    for length in shape:
        wanted *= length
    if not base <= start < end <= size or end - start != wanted or min(shape, default=0) < 0:
        raise VectorsError(f"{path}: tensor {name!r} should end at byte {end}, the file has {size} bytes.")
    return np.memmap(path, dtype, "r", start, shape)


def _json(path: Path, metadata: Mapping[str, object], key: str) -> dict[str, object]:
    try:
        found = json.loads(str(metadata.get(key, "{}")))
    except (ValueError, RecursionError) as error:
        raise VectorsError(f"{path}: {key!r} in the metadata is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise VectorsError(f"{path}: {key!r} in the metadata is {found!r}, not a table of settings.")
    return found


def _subwords(
    path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, object]
) -> Subwords | None:
    if "subwords.buckets" not in tensors:
        return None
    own, buckets = tensors.get("subwords.own"), tensors["subwords.buckets"]
    shape = tensors["vectors"].shape
    if own is None or own.shape != shape or buckets.ndim != 2 or buckets.shape[1] != shape[1]:
        raise VectorsError(f"{path}: the subwords do not fit vectors of shape {shape}.")
    sizes = _json(path, metadata, _SUBWORDS_KEY)
    low, high, total = (sizes.get(name) for name in ("min_n", "max_n", "buckets"))
    han = sizes.get("han")
    if not (
        isinstance(low, int) and isinstance(high, int) and isinstance(total, int) and isinstance(han, bool)
    ):
        raise VectorsError(f"{path}: the metadata tell no min_n, max_n, buckets and han of the subwords.")
    if not (0 <= low <= 255 and 0 <= high <= 255):
        raise VectorsError(f"{path}: n-grams of {low} to {high} characters; both must be from 0 to 255.")
    used = tensors.get("subwords.used")
    fits = len(buckets) == total
    if used is not None:
        fits = (
            used.shape == (len(buckets),)
            and bool(np.all(np.diff(used) > 0))
            and 0 <= used[0] <= used[-1] < total
        )
    if not fits:
        raise VectorsError(f"{path}: subwords.used does not fit {len(buckets)} rows of {total} buckets.")
    return Subwords(own, buckets, low, high, han, total, used)


def write_safetensors(stream: BinaryIO, table: Table) -> None:
    for word in table.words:
        if "\n" in word:
            raise VectorsError(f"The word {word!r} holds a line end and cannot be written.")
    tensors: dict[str, np.ndarray] = {}
    if table.counts is not None:  # first: the library wants the widest numbers first
        tensors["counts"] = np.ascontiguousarray(table.counts, "<i8")
    if table.subwords is not None and table.subwords.used is not None:
        tensors["subwords.used"] = np.ascontiguousarray(table.subwords.used, "<i8")
    tensors["vectors"] = np.asarray(table.vectors, "<f4")
    settings = json.dumps(dict(table.settings), ensure_ascii=False, sort_keys=True)
    metadata = {_SETTINGS_KEY: settings}
    if table.outputs is not None:
        tensors["outputs"] = np.asarray(table.outputs, "<f4")
    if (parts := table.subwords) is not None:
        tensors["subwords.own"] = np.asarray(parts.own, "<f4")
        tensors["subwords.buckets"] = np.asarray(parts.buckets, "<f4")
        sizes = {"min_n": parts.min_n, "max_n": parts.max_n, "han": parts.han}
        sizes["buckets"] = parts.total or len(parts.buckets)
        metadata[_SUBWORDS_KEY] = json.dumps(sizes)
    for name in ("outputs", "subwords.own", "subwords.buckets"):
        if name in tensors:
            check_finite(tensors[name], lambda row, name=name: f"Row {row + 1} of {name}")  # type: ignore[misc]
    tensors["words"] = np.frombuffer(encode("\n".join(table.words)), np.uint8)
    write_tensors(stream, tensors, metadata)


def write_tensors(stream: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file: the same tensors give the same bytes."""
    names = {np.dtype(code): name for name, code in _DTYPES.items()}
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, one in tensors.items():
        start, end = end, end + one.nbytes
        header[name] = {"dtype": names[one.dtype], "shape": one.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8, as in the library's own files
    stream.write(len(text).to_bytes(8, "little") + text)
    for one in tensors.values():
        for start in range(0, len(one), _ROWS):  # a block at a time: rows may lie apart, and are copied then
            stream.write(np.ascontiguousarray(one[start : start + _ROWS]).data)
