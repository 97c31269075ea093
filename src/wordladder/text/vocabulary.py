"""A vocabulary: distinct words, each with an id, most frequent first."""

from collections import Counter
from collections.abc import Iterable
from itertools import repeat
from pathlib import Path
from typing import Self

import numpy as np

from ..errors import DataError, SettingError
from ..files.streams import ByteReader, atomic_write


class Vocabulary:
    """Distinct words, in order, and how often each was seen.

    Args:
        words: The words; word `i` has the number `i`.
        counts: How often each was seen: (words,). None: not known.

    Raises:
        SettingError: a word comes twice, or there are not as many counts as words.
    """

    def __init__(self, words: list[str], counts: np.ndarray | None = None) -> None:
        self.words = words
        self.counts = None if counts is None else np.asarray(counts, dtype=np.int64)
        self.index = dict(zip(words, range(len(words))))
        if len(self.index) != len(words):
            twice = next(word for index, word in enumerate(words) if self.index[word] != index)
            raise SettingError(f"the vocabulary has the word {twice!r} twice.")
        if self.counts is not None and self.counts.shape != (len(words),):
            raise SettingError(f"the vocabulary has {len(words)} words but counts of {self.counts.shape}.")

    def __len__(self) -> int:
        return len(self.words)

    def __contains__(self, word: object) -> bool:
        return word in self.index

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} words)"

    def ids(self, surfaces: Iterable[str], missing: int = -1) -> np.ndarray:
        """The number of each word, `missing` for those not known: (surfaces,) int64."""
        return np.fromiter(map(self.index.get, surfaces, repeat(missing)), dtype=np.int64)

    @classmethod
    def count(cls, surfaces: Iterable[str], min_count: int = 1, max_size: int | None = None) -> Self:
        """The distinct words of `surfaces`, most frequent first, ties by first appearance.

        Args:
            surfaces: Words, one after the other.
            min_count: Words seen less often are left out.
            max_size: How many words are kept at most, the most frequent ones.
        """
        ranked = [item for item in Counter(surfaces).most_common() if item[1] >= min_count][:max_size]
        counts = np.fromiter((count for _, count in ranked), dtype=np.int64, count=len(ranked))
        return cls([word for word, _ in ranked], counts)

    def save(self, path: str | Path) -> None:
        """Write a line a word: the word and, where known, a tab and its count. UTF-8.

        Raises:
            DataError: a word has a tab, a line end or half a surrogate pair in it.
            OutputError: the file cannot be written.
        """
        counts = repeat("") if self.counts is None else map("\t{}".format, self.counts.tolist())
        try:
            content = "".join(f"{word}{count}\n" for word, count in zip(self.words, counts)).encode("utf-8")
            unfit = next((word for word in self.words if "\n" in word or "\t" in word), None)
        except UnicodeEncodeError as error:
            unfit = error.object[error.start : error.end]
        if unfit is not None:
            raise DataError(f"the word {unfit!r} cannot be saved: the file has one word a line, in UTF-8.")
        with atomic_write(path) as file:
            file.write(content)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` has written.

        Raises:
            DataError: the file is missing, or a line is not a word with or without a count.
        """
        with ByteReader(path) as reader:
            content = reader.read_all()
        try:
            lines = content.decode("utf-8").split("\n")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise DataError(f"{path}, line {line}: not UTF-8.") from None
        rows = [line.split("\t") for line in (lines if lines[-1] else lines[:-1])]
        width = len(rows[0]) if rows else 2
        for number, row in enumerate(rows, start=1):
            if len(row) != width or width > 2 or (width == 2 and not row[1].isdecimal()):
                raise DataError(
                    f"{path}, line {number}: {lines[number - 1]!r}; expected a word, a tab and its count "
                    "(or words alone in every line)."
                )
        counts = np.array([int(row[1]) for row in rows], dtype=np.int64) if width == 2 else None
        try:
            return cls([row[0] for row in rows], counts)
        except SettingError as error:
            raise DataError(f"{path}: {error}") from None
