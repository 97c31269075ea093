"""The words of a memory-mapped file, read where they lie: none is decoded before it is asked for."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import overload

import numpy as np

from ..errors import VectorsError
from ._table import encode

_PIECE = 1 << 16  # bytes between two marks
_SEARCHED = 1 << 20  # bytes searched at once
_ROWS = 1 << 14  # words decoded at once
_LINE_END = 10


class MappedWords(Sequence[str]):
    """Words in UTF-8 with a line end between two of them, as a sequence like a list.

    Args:
        text: The bytes, uint8, as a rule a memory map.
        count: How many words there are; held against `text` when it is first looked at.
        where: The file, for messages.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: np.ndarray, count: int, where: str) -> None:
        self.text, self.where, self._size = text, where, count
        self.searched = 0  # bytes that `find` has gone through
        self._found: dict[str, int] = {}

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            start, stop, step = place.indices(self._size)
            if step == 1:
                return self._decoded(start, stop)
            return [self[row] for row in range(start, stop, step)]
        row = place + self._size if place < 0 else place
        if not 0 <= row < self._size:
            raise IndexError(f"there are {self._size} words, none at {place}")
        return self._decoded(row, row + 1)[0]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._size, _ROWS):
            yield from self._decoded(start, min(start + _ROWS, self._size))

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.find(word) >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MappedWords | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other))

    def index(self, word: str, start: int = 0, stop: int | None = None) -> int:
        """The row of a word; raises a ValueError where it is not among them."""
        row = self.find(word)
        if not start <= row < (self._size if stop is None else stop):
            raise ValueError(f"{word!r} is not among the words")
        return row

    def __repr__(self) -> str:
        return f"<{self._size:,} words of {self.where}>"

    def find(self, word: str) -> int:
        """The row of a word, -1 if it is not among them; the bytes are searched from the first on."""
        row = self._found.get(word)
        if row is None:
            row = self._found[word] = self._search(encode(word))
        return row

    def _search(self, word: bytes) -> int:
        if b"\n" in word:
            return -1
        wanted = b"\n" + word + b"\n"
        for start in range(0, len(self.text) + 1, _SEARCHED):
            # one line end before the first word and one after the last
            part = self.text[max(0, start - 1) : start + _SEARCHED + len(word)].tobytes()
            part = (b"\n" if start == 0 else b"") + part
            if start + _SEARCHED + len(word) > len(self.text):
                part += b"\n"
            self.searched += len(part)
            at = part.find(wanted)
            if at >= 0:
                return self._row(start + at)
        return -1

    def _row(self, begin: int) -> int:
        """The row of the word that begins at a byte."""
        piece = begin // _PIECE
        return self._marks[piece] + int(np.count_nonzero(self.text[piece * _PIECE : begin] == _LINE_END))

    def _begin(self, row: int) -> int:
        """The byte where a word begins; that after the last one is past the end and its line end."""
        if row == 0:
            return 0
        if row == self._size:
            return len(self.text) + 1
        piece = bisect_left(self._marks, row) - 1
        part = self.text[piece * _PIECE : (piece + 1) * _PIECE]
        return piece * _PIECE + int(np.flatnonzero(part == _LINE_END)[row - self._marks[piece] - 1]) + 1

    @cached_property
    def _marks(self) -> list[int]:
        """Line ends before each piece of the bytes, and all of them at last."""
        marks = [0]
        for start in range(0, len(self.text), _PIECE):
            part = self.text[start : start + _PIECE]
            marks.append(marks[-1] + int(np.count_nonzero(part == _LINE_END)))
        if marks[-1] + 1 != self._size:
            raise VectorsError(f"{self.where}: {marks[-1] + 1} words do not fit {self._size} vectors.")
        return marks

    def _decoded(self, start: int, stop: int) -> list[str]:
        if stop <= start:
            return []
        self._marks  # noqa: B018 (holds the count against the bytes)
        begin = self._begin(start)
        text = self.text[begin : self._begin(stop) - 1].tobytes()
        try:
            return text.decode("utf-8", "surrogatepass").split("\n")
        except UnicodeDecodeError as error:
            at = begin + error.start
            raise VectorsError(f"{self.where}, tensor 'words': byte {at} is not UTF-8.") from None
