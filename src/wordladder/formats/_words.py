"""The words of a memory-mapped file, read where they are: a word is decoded only when it is asked for."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ..errors import VectorsError
from ._table import encode

_BLOCK = 1 << 16  # bytes in which line ends are looked for at once
_SEARCHED = 1 << 20  # bytes searched for a word at once
_ROWS = 1 << 14  # words decoded at once
_LINE_END = 10


class MappedWords(Sequence[str]):
    """Words in UTF-8 with line ends between them, as a sequence like a list.

    Args:
        text: The bytes, uint8, as a rule a memory map.
        count: How many words there are; compared with `text` when a word is first asked for.
        where: The file, for messages.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, text: np.ndarray, count: int, where: str) -> None:
        self.text, self.where, self._size = text, where, count
        self.searched = 0  # bytes that `find` has gone through
        self._rows: dict[str, int] = {}  # found before

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, place: int | slice) -> Any:
        rows = range(self._size)[place]
        if isinstance(rows, int):
            return self._decode(rows, rows + 1)[0]
        return self._decode(rows.start, rows.stop) if rows.step == 1 else [self[row] for row in rows]

    def __iter__(self) -> Iterator[str]:
        for start in range(0, self._size, _ROWS):
            yield from self._decode(start, min(start + _ROWS, self._size))

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self.find(word) >= 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MappedWords | list | tuple):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other))

    def index(self, word: str, start: int = 0, stop: int | None = None) -> int:
        """The row of a word; raises a ValueError if it is not among them."""
        row = self.find(word)
        if not start <= row < (self._size if stop is None else stop):
            raise ValueError(f"{word!r} is not among the words")
        return row

    def __repr__(self) -> str:
        return f"<{self._size:,} words of {self.where}>"

    def find(self, word: str) -> int:
        """The row of a word, -1 if it is not among them; the bytes are searched from the start."""
        row = self._rows.get(word)
        if row is None:
            row = self._rows[word] = self._search(encode(word))
        return row

    def _search(self, word: bytes) -> int:
        if b"\n" in word:
            return -1
        for start in range(0, len(self.text) + 1, _SEARCHED):
            # one line end before the first word and one after the last
            part = self.text[max(0, start - 1) : start + _SEARCHED + len(word)].tobytes()
            part = (b"\n" if start == 0 else b"") + part
            if start + _SEARCHED + len(word) > len(self.text):
                part += b"\n"
            self.searched += len(part)
            at = part.find(b"\n" + word + b"\n")
            if at >= 0:
                return int(np.searchsorted(self._ends, start + at))
        return -1

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where each word ends: (words,) int64."""
        blocks = ((start, self.text[start : start + _BLOCK]) for start in range(0, len(self.text), _BLOCK))
        line_ends = [start + np.flatnonzero(block == _LINE_END) for start, block in blocks]
        ends = np.concatenate([*line_ends, [len(self.text)]])
        if len(ends) != self._size:
            raise VectorsError(f"{self.where}: {len(ends)} words do not fit {self._size} vectors.")
        return ends

    def _decode(self, start: int, stop: int) -> list[str]:
        if stop <= start:
            return []
        begin = int(self._ends[start - 1]) + 1 if start else 0
        text = self.text[begin : self._ends[stop - 1]].tobytes()
        try:
            return text.decode("utf-8", "surrogatepass").split("\n")
        except UnicodeDecodeError as error:
            at = begin + error.start
            raise VectorsError(f"{self.where}, tensor 'words': byte {at} is not UTF-8.") from None
