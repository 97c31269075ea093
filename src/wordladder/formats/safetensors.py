"""safetensors: vectors, words and counts, memory-mapped; the settings are JSON in the metadata."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..streams import ByteReader
from ._table import Table, encode

__all__ = ["read_safetensors", "write_safetensors"]

_SETTINGS_KEY = "wordladder"  # the one metadata entry: several have no fixed order


def read_safetensors(path: Path) -> Table:
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


def write_safetensors(stream: BinaryIO, table: Table) -> None:
    for word in table.words:
        if "\n" in word:
            raise VectorsError(f"The word {word!r} holds a line end and cannot be written.")
    tensors = {
        "vectors": np.ascontiguousarray(table.vectors, "<f4"),
        "words": np.frombuffer(encode("\n".join(table.words)), np.uint8),
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
