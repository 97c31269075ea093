"""What a file of word vectors holds, and the checks that all formats share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..errors import VectorsError
from ..subwords import Subwords

__all__ = ["BLOCK", "Table", "check", "check_words", "decode", "encode"]

BLOCK = 1 << 22  # bytes read at once


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
    """

    words: Sequence[str]
    vectors: np.ndarray
    counts: np.ndarray | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    subwords: Subwords | None = None
    outputs: np.ndarray | None = None


def encode(text: str) -> bytes:
    # half a surrogate pair is no UTF-8, but a text may hold one, and its vector must not be lost for it
    return text.encode("utf-8", "surrogatepass")


def decode(word: bytes, where: str) -> str:
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        bad = word[error.start]
        raise VectorsError(f"{where}: byte {error.start} (0x{bad:02x}) is not UTF-8.") from None


def check(table: Table, where: Callable[[int], str]) -> None:
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


def check_words(words: Sequence[str]) -> None:
    """The word2vec formats end a word at a space and a line at a line end."""
    for row, word in enumerate(words):
        if not word or " " in word or "\n" in word:
            raise VectorsError(
                f"Word {row + 1}, {word!r}, is empty or holds a space or a line end, which word2vec formats "
                "cannot hold. Write a .safetensors file."
            )
