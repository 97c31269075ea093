"""Reading a pickle without running anything that it names.

Every name must be on a list, and stands for an inert class or function of this file. They are made anew for
each reading: a hostile pickle can change what it is given, but no later reading sees that.
"""

import io
import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Collection
from pathlib import Path
from pickle import Unpickler, UnpicklingError
from typing import Any

import numpy as np

from ..errors import DataError, VectorsError
from ..files.streams import ByteReader

_NUMBERS = re.compile(r"[<>|=]?[bifuO?][0-9]{0,2}")
_BROKEN = (
    UnpicklingError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError,
    OverflowError, MemoryError, RecursionError, struct.error, SystemError,
)  # fmt: skip


class Record:
    """An object of a class that is not there: its attributes and nothing else."""


class _Numbers:
    """What numpy.dtype stands for: the letters of a type."""

    def __init__(self, letters: object = "f8", *_: object) -> None:
        if not (isinstance(letters, str) and _NUMBERS.fullmatch(letters)):
            raise UnpicklingError(f"an array of type {letters!r}, which word vectors have not")
        self.letters = letters

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.letters = state[1] + self.letters.lstrip("<>|=")

    def value(self) -> np.dtype:
        return np.dtype(self.letters)


class _Array:
    """What numpy.ndarray stands for."""

    value: np.ndarray | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, numbers, columns, raw = state
        dtype = numbers.value()
        if dtype.kind == "O":
            self.value = np.empty(len(raw), object)
            self.value[:] = raw
        else:
            self.value = np.frombuffer(raw, dtype).reshape(shape, order="F" if columns else "C")


def array_of(value: object) -> np.ndarray | None:
    """The array that was read in the place of a NumPy array; None if it is none."""
    found = getattr(value, "value", None)
    return found if isinstance(found, np.ndarray) and found.dtype.kind != "O" else None


def unpickle(path: Path, classes: Collection[tuple[str, str]]) -> object:
    """What a pickle file holds, the objects of `classes` as a `Record`.

    Args:
        path: The file, perhaps compressed.
        classes: Modules and names of the classes that may occur.

    Raises:
        VectorsError: the pickle is broken, or names anything else.
        DataError: the file is missing or its compressed data are broken.
    """
    known = _stand_ins()
    for module, name in classes:
        known[module, name] = type(name, (Record,), {})

    class Inert(Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in known:
                raise VectorsError(
                    f"{path} names {module}.{name}, which gensim's word vectors do not need; nothing of it "
                    "was run. A file of `KeyedVectors.save` can be read: of a whole model, save its `wv`."
                )
            return known[module, name]

        def persistent_load(self, pid: object) -> Any:
            raise UnpicklingError("it refers to objects outside")

    with ByteReader(path) as reader:
        try:
            return Inert(io.BufferedReader(_Bytes(reader), 1 << 16)).load()
        except DataError:
            raise
        except _BROKEN as error:
            what = str(error) or type(error).__name__
            raise VectorsError(f"{path}, byte {reader.done}: the pickle is broken: {what}.") from None


class _Bytes(io.RawIOBase):
    """A `ByteReader` as a stream of Python's own."""

    def __init__(self, reader: ByteReader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._reader.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _stand_ins() -> dict[tuple[str, str], Callable[..., object] | type]:
    """Inert stand-ins for what NumPy and the containers put into a pickle, by module and name."""

    class Array(_Array):
        pass

    class Numbers(_Numbers):
        pass

    def reconstruct(*_: object) -> object:
        return Array()

    def from_buffer(raw: bytes, numbers: _Numbers, shape: tuple[int, ...], order: str = "C") -> object:
        array = Array()
        array.__setstate__((1, shape, numbers, order == "F", raw))
        return array

    def scalar(numbers: _Numbers, raw: bytes) -> object:
        return np.frombuffer(raw, numbers.value(), 1)[0].item()

    def encoded(text: str, coding: str = "latin1") -> bytes:
        if coding not in ("latin1", "latin-1"):
            raise UnpicklingError(f"bytes in the coding {coding!r}")
        return text.encode("latin1")

    def made(kind: type, *_: object) -> object:
        if not (isinstance(kind, type) and issubclass(kind, Record)):
            raise UnpicklingError(f"an object made of {kind!r}")
        return kind()

    found: dict[tuple[str, str], Callable[..., object] | type] = {
        ("numpy", "ndarray"): Array,
        ("numpy", "dtype"): Numbers,
        ("_codecs", "encode"): encoded,
        ("copyreg", "_reconstructor"): made,
        ("copy_reg", "_reconstructor"): made,
        ("collections", "OrderedDict"): OrderedDict,
    }
    for core in ("numpy.core", "numpy._core"):
        found[f"{core}.multiarray", "_reconstruct"] = reconstruct
        found[f"{core}.multiarray", "scalar"] = scalar
        found[f"{core}.numeric", "_frombuffer"] = from_buffer
    for builtins in ("builtins", "__builtin__"):
        found |= {(builtins, one.__name__): one for one in (set, frozenset, list, dict, tuple)}
        found[builtins, "object"] = Record
    return found
