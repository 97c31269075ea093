"""safetensors: vectors, words, counts, subwords and outputs, memory-mapped; settings are JSON. Vectors may be
small integers, with one scale for each word.
"""

import json
from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader
from ..text.subwords import Subwords
from ._table import Table, check_finite, check_table, encode, write_rows
from ._words import MappedWords

_SETTINGS_KEY, _SUBWORDS_KEY = "wordladder", "subwords"  # of the metadata
_NAMES = (
    "vectors", "scales", "words", "counts", "outputs", "subwords.own", "subwords.buckets", "subwords.used",
)  # fmt: skip
_DECODED = 1 << 20  # bytes of words that are decoded at once
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip


def read_safetensors(path: Path) -> Table:
    """The vectors of a file, all matrices memory-mapped; the words too if there are many."""
    header, base, size = read_header(path)
    missing = {"vectors", "words"} - header.keys()
    if missing:
        raise VectorsError(f"{path} has no tensor {sorted(missing)[0]!r}: it is not a file of word vectors.")
    tensors = {name: tensor(path, name, header[name], base, size) for name in _NAMES if name in header}
    vectors = tensors["vectors"]
    if vectors.ndim != 2:
        raise VectorsError(f"{path}: vectors of shape {vectors.shape}; (words, dim) is expected.")
    rows = len(vectors)
    shapes = {"scales": (rows,), "counts": (rows,), "outputs": vectors.shape, "subwords.own": vectors.shape}
    for name, shape in shapes.items():
        if name in tensors and tensors[name].shape != shape:
            found = tensors[name].shape
            raise VectorsError(
                f"{path}: {rows} words do not fit {name} of shape {found}; it must be {shape}."
            )
    if "scales" in tensors:
        vectors = vectors * tensors["scales"].astype(np.float32)[:, None]
    words: Sequence[str] = MappedWords(tensors["words"], rows, str(path))
    if tensors["words"].nbytes <= _DECODED:
        words = words[:]
    metadata = header.get("__metadata__", {})
    settings = _json(path, metadata, _SETTINGS_KEY)
    subwords = _subwords(path, tensors, metadata) if "subwords.buckets" in tensors else None
    table = Table(words, vectors, tensors.get("counts"), settings, subwords, tensors.get("outputs"))
    # the many words and vectors of a large file are checked when they are asked for
    if isinstance(words, MappedWords):
        return table
    return check_table(table, lambda row: f"{path}, row {row + 1}")


def read_header(path: Path) -> tuple[dict[str, Mapping[str, object]], int, int]:
    """The header of a safetensors file by tensor name, the byte where the tensors begin, and the file size.

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
    expected = dtype.itemsize * prod(shape)
    if not base <= start < end <= size or end - start != expected or min(shape, default=0) < 0:
        raise VectorsError(f"{path}: tensor {name!r} should end at byte {end}, the file has {size} bytes.")
    return np.memmap(path, dtype, "r", start, shape)


def _json(path: Path, metadata: Mapping[str, object], key: str) -> dict[str, Any]:
    try:
        content = json.loads(str(metadata.get(key, "{}")))
    except (ValueError, RecursionError) as error:
        raise VectorsError(f"{path}: {key!r} in the metadata is not JSON: {error}.") from None
    if not isinstance(content, dict):
        raise VectorsError(f"{path}: {key!r} in the metadata is {content!r}, not a table of settings.")
    return content


def _subwords(path: Path, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, object]) -> Subwords:
    own, buckets = tensors.get("subwords.own"), tensors["subwords.buckets"]
    shape = tensors["vectors"].shape
    if own is None or buckets.ndim != 2 or buckets.shape[1] != shape[1]:
        raise VectorsError(f"{path}: the subwords do not fit vectors of shape {shape}.")
    sizes = _json(path, metadata, _SUBWORDS_KEY)
    types = {"min_n": int, "max_n": int, "buckets": int, "han": bool}
    if not all(isinstance(sizes.get(name), kind) for name, kind in types.items()):
        raise VectorsError(f"{path}: min_n, max_n, buckets and han of the subwords are not in the metadata.")
    min_n, max_n, total, han = (sizes[name] for name in types)
    if not (0 <= min_n <= 255 and 0 <= max_n <= 255):
        raise VectorsError(f"{path}: n-grams of {min_n} to {max_n} characters; both must be from 0 to 255.")
    used = tensors.get("subwords.used")
    if used is None:
        fits = len(buckets) == total
    else:
        ascending = used.shape == (len(buckets),) and bool(np.all(np.diff(used) > 0))
        fits = ascending and 0 <= used[0] <= used[-1] < total
    if not fits:
        raise VectorsError(f"{path}: subwords.used does not fit {len(buckets)} rows of {total} buckets.")
    return Subwords(own, buckets, min_n, max_n, han, total, used)


def write_safetensors(stream: BinaryIO, table: Table) -> None:
    for word in table.words:
        if "\n" in word:
            raise VectorsError(f"The word {word!r} holds a line end and cannot be written.")
    subwords = table.subwords
    metadata = {_SETTINGS_KEY: json.dumps(dict(table.settings), ensure_ascii=False, sort_keys=True)}
    if subwords is not None:
        sizes = {"min_n": subwords.min_n, "max_n": subwords.max_n, "han": subwords.han}
        sizes["buckets"] = subwords.total or len(subwords.buckets)
        metadata[_SUBWORDS_KEY] = json.dumps(sizes)
    parts = {  # the library wants the widest numbers first
        "counts": (table.counts, "<i8"),
        "subwords.used": (subwords and subwords.used, "<i8"),
        "vectors": (table.vectors, "<f4"),
        "outputs": (table.outputs, "<f4"),
        "subwords.own": (subwords and subwords.own, "<f4"),
        "subwords.buckets": (subwords and subwords.buckets, "<f4"),
        "words": (np.frombuffer(encode("\n".join(table.words)), np.uint8), "u1"),
    }
    tensors = {name: np.asarray(array, dtype) for name, (array, dtype) in parts.items() if array is not None}
    for name in ("outputs", "subwords.own", "subwords.buckets"):
        if name in tensors:
            check_finite(tensors[name], lambda row, name=name: f"Row {row + 1} of {name}")  # type: ignore[misc]
    write_tensors(stream, tensors, metadata)


def write_tensors(stream: BinaryIO, tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file: the same tensors give the same bytes."""
    names = {np.dtype(code): name for name, code in _DTYPES.items()}
    header: dict[str, object] = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": array.shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the tensors begin at a multiple of 8, as in the library's own files
    stream.write(len(text).to_bytes(8, "little") + text)
    for array in tensors.values():
        write_rows(stream, array, array.dtype)
