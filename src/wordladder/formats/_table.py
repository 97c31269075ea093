"""The content of a file of word vectors, and the checks that all formats share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords

BLOCK = 1 << 22  # bytes read at once
_BLOCK_ROWS = 1 << 16  # rows checked or written at once
UnicodeErrors = Literal["strict", "ignore", "replace"]
"""What to do with words that are not UTF-8, as in gensim."""


@dataclass(frozen=True)
class Table:
    """The content of a file of word vectors.

    Args:
        words: The words, one for each row.
        vectors: The matrix (words, dim), float32; memory-mapped where the format allows it.
        counts: How often each word occurred, int64 (words,), where the format stores it.
        settings: How the vectors were trained, where the format stores it.
        subwords: The subwords that give vectors to out-of-vocabulary words, where the format stores them.
        outputs: The output matrix of the training (words, dim), needed to continue training, where the
            format stores it.
        notes: Sentences on what was left out or changed when it was read or written.
    """

    words: Sequence[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    subwords: Subwords | None = None
    outputs: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def select(self, rows: Sequence[int], note: str) -> "Table":
        """Only these rows, with a note on the others."""
        index, words, subwords = np.asarray(rows, np.int64), list(self.words), self.subwords
        # the tree of hierarchical softmax depends on the words
        tree = self.settings.get("loss") == "hierarchical"
        return replace(
            self,
            words=[words[row] for row in rows],
            vectors=self.vectors[index],
            counts=None if self.counts is None else self.counts[index],
            subwords=None if subwords is None else replace(subwords, own=subwords.own[index]),
            outputs=None if self.outputs is None or tree else self.outputs[index],
            notes=(*self.notes, note),
        )


def encode(text: str) -> bytes:
    """UTF-8, also of a lone surrogate: a text may contain one, and its vector must not be lost."""
    return text.encode("utf-8", "surrogatepass")


def table_of_bytes(
    path: Path, words: list[bytes], vectors: np.ndarray, where: Callable[[int], str], errors: UnicodeErrors
) -> Table:
    """A checked table of the words and vectors of a file, each word once.

    Args:
        path: The file, for the notes.
        words: The words as they are in the file, without line ends.
        vectors: Their vectors.
        where: Names the place of a row in the file.
        errors: What to do with words that are not UTF-8.

    Raises:
        VectorsError: a number is not finite, or `errors` is strict and a word is not UTF-8.
    """
    notes = []
    try:
        decoded = b"\n".join(words).decode().split("\n")
    except UnicodeDecodeError:
        decoded, wrong = _decode_each(words, where, errors)
        change = "left out" if errors == "ignore" else "replaced by U+FFFD"
        notes = [f"{path}: {wrong:,} words are not UTF-8; their wrong bytes are {change}."]
    return check_table(Table(decoded, vectors, notes=tuple(notes)), where)


def _decode_each(
    words: list[bytes], where: Callable[[int], str], errors: UnicodeErrors
) -> tuple[list[str], int]:
    """The words, and how many of them are not UTF-8."""
    decoded, wrong = [], 0
    for row, word in enumerate(words):
        try:
            decoded.append(word.decode())
        except UnicodeDecodeError as error:
            if errors == "strict":
                raise VectorsError(
                    f"{where(row)}: byte {error.start} (0x{word[error.start]:02x}) is not UTF-8. Such words "
                    "are read with unicode_errors (--unicode-errors) ignore or replace."
                ) from None
            decoded.append(word.decode(errors=errors))
            wrong += 1
    return decoded, wrong


def check_finite(matrix: np.ndarray, name: Callable[[int], str]) -> None:
    """Raise a VectorsError if a number is not finite; `name` describes a row."""
    for start in range(0, len(matrix), _BLOCK_ROWS):
        finite = np.isfinite(matrix[start : start + _BLOCK_ROWS]).all(axis=1)
        if not finite.all():
            raise VectorsError(f"{name(start + int(np.argmin(finite)))} has a number that is not finite.")


def check_table(table: Table, where: Callable[[int], str]) -> Table:
    """Check the vectors of a table and drop repeated words: the first row of each is kept, with a note.

    Raises:
        VectorsError: a number is not finite; `where` names the place of a row.
    """
    check_finite(table.vectors, lambda row: f"{where(row)}: the vector of {table.words[row]!r}")
    if len(set(table.words)) == len(table.words):
        return table
    rows = first_rows(table.words)
    row, word = next((row, word) for row, word in enumerate(table.words) if rows[word] != row)
    note = (
        f"{where(row)}: the word {word!r} was there before. The first vector of a word is kept; "
        f"{len(table.words) - len(rows):,} repeated words are left out."
    )
    return table.select(list(rows.values()), note)


def first_rows(words: Iterable[str]) -> dict[str, int]:
    """The first row of each word."""
    rows: dict[str, int] = {}
    for row, word in enumerate(words):
        rows.setdefault(word, row)
    return rows


def write_rows(stream: BinaryIO, matrix: np.ndarray, dtype: str | np.dtype) -> None:
    """Write the numbers of an array, converting and copying only a block of rows at a time."""
    for start in range(0, len(matrix), _BLOCK_ROWS):
        stream.write(np.ascontiguousarray(matrix[start : start + _BLOCK_ROWS], dtype).data)
