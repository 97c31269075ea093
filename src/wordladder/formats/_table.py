"""What a file of word vectors holds, and the checks that all formats share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords

BLOCK = 1 << 22  # bytes read at once
_ROWS = 1 << 16  # looked at together
UnicodeErrors = Literal["strict", "ignore", "replace"]
"""What becomes of words that are not UTF-8, as in gensim."""


@dataclass(frozen=True)
class Table:
    """What a file of word vectors holds.

    Args:
        words: The words, one a row.
        vectors: The matrix (words, dim), float32; memory-mapped where the format allows it.
        counts: How often each word occurred, int64 (words,), where the format keeps it.
        settings: How the vectors were trained, where the format keeps it.
        subwords: What gives vectors to unseen words, where the format keeps it.
        outputs: The other matrix of the training (words, dim), which training on needs, where the format
            keeps it.
        notes: Sentences on what was left out or changed when it was read or written.
    """

    words: Sequence[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    subwords: Subwords | None = None
    outputs: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def take(self, rows: Sequence[int], note: str) -> "Table":
        """These rows alone, and a note on the others."""
        places, words, parts = np.asarray(rows, np.int64), list(self.words), self.subwords
        # the tree of hierarchical softmax is another one with other words
        tree = self.settings.get("loss") == "hierarchical"
        return replace(
            self,
            words=[words[row] for row in rows],
            vectors=self.vectors[places],
            counts=None if self.counts is None else self.counts[places],
            subwords=None if parts is None else replace(parts, own=parts.own[places]),
            outputs=None if self.outputs is None or tree else self.outputs[places],
            notes=(*self.notes, note),
        )


def encode(text: str) -> bytes:
    # half a surrogate pair is no UTF-8, but a text may hold one, and its vector must not be lost for it
    return text.encode("utf-8", "surrogatepass")


def assembled(
    path: Path, words: list[bytes], vectors: np.ndarray, where: Callable[[int], str], errors: UnicodeErrors
) -> Table:
    """What was read, each word once.

    Args:
        path: The file, for the notes.
        words: The words as they stand there, none with a line end.
        vectors: Their vectors.
        where: Names the place of a row.
        errors: What becomes of words that are not UTF-8.

    Raises:
        VectorsError: a number is not finite, or `errors` is strict and a word is not UTF-8.
    """
    found, wrong = _decoded(words, where, errors)
    done = "left out" if errors == "ignore" else "replaced by U+FFFD"
    note = f"{path}: {wrong:,} words are not UTF-8; their wrong bytes are {done}."
    return checked(Table(found, vectors, notes=(note,) if wrong else ()), where)


def _decoded(words: list[bytes], where: Callable[[int], str], errors: UnicodeErrors) -> tuple[list[str], int]:
    """The words, and how many of them are not UTF-8."""
    try:
        return b"\n".join(words).decode().split("\n"), 0
    except UnicodeDecodeError:
        pass
    found, wrong = [], 0
    for row, word in enumerate(words):
        try:
            found.append(word.decode())
        except UnicodeDecodeError as error:
            if errors == "strict":
                raise VectorsError(
                    f"{where(row)}: byte {error.start} (0x{word[error.start]:02x}) is not UTF-8. Such words "
                    "are read with unicode_errors (--unicode-errors) ignore or replace."
                ) from None
            found.append(word.decode(errors=errors))
            wrong += 1
    return found, wrong


def check_finite(matrix: np.ndarray, name: Callable[[int], str]) -> None:
    """Raises a VectorsError if a number is not finite; `name` says what a row is."""
    for start in range(0, len(matrix), _ROWS):
        finite = np.isfinite(matrix[start : start + _ROWS]).all(axis=1)
        if not finite.all():
            raise VectorsError(f"{name(start + int(np.argmin(finite)))} has a number that is not finite.")


def checked(table: Table, where: Callable[[int], str]) -> Table:
    """What was read, each word once.

    Raises:
        VectorsError: a number is not finite; `where` names the place of a row.
    """
    check_finite(table.vectors, lambda row: f"{where(row)}: the vector of {table.words[row]!r}")
    return unique(table, where)


def unique(table: Table, where: Callable[[int], str]) -> Table:
    """The first row of each word, with a note on others; `where` names the place of a row."""
    if len(set(table.words)) == len(table.words):
        return table
    first: dict[str, int] = {}
    for row, word in enumerate(table.words):
        first.setdefault(word, row)
    row, word = next((row, word) for row, word in enumerate(table.words) if first[word] != row)
    note = (
        f"{where(row)}: the word {word!r} was there before. The first vector of a word is kept; "
        f"{len(table.words) - len(first):,} repeated words are left out."
    )
    return table.take(list(first.values()), note)
