"""Reads a pickle without running anything that it names.

Every name must be on a list, and is replaced by an inert class or function of this file. These are created
anew for each pickle: a hostile pickle can change the classes it is given, but that does not affect the next.
"""

import io
import re
import struct
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np

from ..errors import VectorsError
from ..files.streams import ByteReader

_DTYPE = re.compile(r"[<>|=]?[bifuO?][0-9]{0,2}")
_BROKEN = (
    UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError,
    OverflowError, MemoryError, RecursionError, struct.error, SystemError,
)  # fmt: skip


class Record:
    """An object of an unknown class: its attributes and nothing else."""


def array_of(value: object) -> np.ndarray | None:
    """The array that was read in the place of a NumPy array; None if it is none."""
    array = getattr(value, "array", None)
    return array if isinstance(array, np.ndarray) and array.dtype.kind != "O" else None


def unpickle(path: Path, classes: Collection[tuple[str, str]]) -> object:
    """The object in a pickle file; objects of `classes` become a `Record`.

    Args:
        path: The file, perhaps compressed.
        classes: Modules and names of the classes that may occur.

    Raises:
        VectorsError: the pickle is broken, or names anything else.
        DataError: the file is missing or its compressed data are broken.
    """
    allowed = _stand_ins() | {(module, name): type(name, (Record,), {}) for module, name in classes}

    class RestrictedUnpickler(Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in allowed:
                raise VectorsError(
                    f"{path} names {module}.{name}, which gensim's word vectors do not need; nothing of it "
                    "was run. A file of `KeyedVectors.save` can be read: of a whole model, save its `wv`."
                )
            return allowed[module, name]

        def persistent_load(self, pid: object) -> Any:
            raise UnpicklingError("it refers to objects outside")

    with ByteReader(path) as reader:
        stream = io.BytesIO(reader.read_all())
    try:
        return RestrictedUnpickler(stream).load()
    except _BROKEN as error:
        message = str(error) or type(error).__name__
        raise VectorsError(f"{path}, byte {stream.tell()}: the pickle is broken: {message}.") from None


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise UnpicklingError(f"bytes in the encoding {encoding!r}")
    return text.encode("latin1")


def _reconstruct(kind: type, *_: object) -> object:
    if not (isinstance(kind, type) and issubclass(kind, Record)):
        raise UnpicklingError(f"an object made of {kind!r}")
    return kind()


def _stand_ins() -> dict[tuple[str, str], Any]:
    """Inert stand-ins for what NumPy and the containers write to a pickle, by module and name."""

    class DType:
        """In place of numpy.dtype: the letters of a type."""

        def __init__(self, letters: object = "f8", *_: object) -> None:
            if not (isinstance(letters, str) and _DTYPE.fullmatch(letters)):
                raise UnpicklingError(f"an array of type {letters!r}, which word vectors do not have")
            self.letters = letters

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            if state[1] in ("<", ">"):
                self.letters = state[1] + self.letters.lstrip("<>|=")

    class Array:
        """In place of numpy.ndarray."""

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            _, shape, dtype, columns, content = state
            if dtype_of(dtype).kind == "O":
                self.array = np.empty(len(content), object)
                self.array[:] = content
            else:
                numbers = np.frombuffer(content, dtype_of(dtype))
                self.array = numbers.reshape(shape, order="F" if columns else "C")

    def dtype_of(value: object) -> np.dtype:
        if not isinstance(value, DType):
            raise UnpicklingError("an array without a type")
        return np.dtype(value.letters)

    def new_array(*_: object) -> object:
        return Array()

    def from_buffer(content: bytes, dtype: DType, shape: tuple[int, ...], order: str = "C") -> object:
        array = Array()
        array.__setstate__((1, shape, dtype, order == "F", content))
        return array

    def scalar(dtype: DType, content: bytes) -> object:
        return np.frombuffer(content, dtype_of(dtype), 1)[0].item()

    allowed: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): Array,
        ("numpy", "dtype"): DType,
        ("_codecs", "encode"): _encode,
        ("copyreg", "_reconstructor"): _reconstruct,
        ("copy_reg", "_reconstructor"): _reconstruct,
        ("collections", "OrderedDict"): OrderedDict,
    }
    for core in ("numpy.core", "numpy._core"):
        allowed[f"{core}.multiarray", "_reconstruct"] = new_array
        allowed[f"{core}.multiarray", "scalar"] = scalar
        allowed[f"{core}.numeric", "_frombuffer"] = from_buffer
    for builtins in ("builtins", "__builtin__"):
        allowed |= {(builtins, one.__name__): one for one in (set, frozenset, list, dict, tuple)}
        allowed[builtins, "object"] = type("object", (Record,), {})
    return allowed
