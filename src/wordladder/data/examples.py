"""Examples: texts with or without their labels. The value that every stage passes on; it reads no file."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import DataError

__all__ = ["Examples", "Label"]

Label = str | tuple[str, ...]


@dataclass(frozen=True)
class Examples:
    """Rows of text, one or two texts a row, and what is known about them.

    Attributes:
        segments: One list of texts a segment: `(texts,)`, or `(texts_a, texts_b)` for pairs.
        labels: A label a row, or a tuple of labels a row (none, one or many) when rows have many; None:
            unlabelled.
        source: The file the rows came from, for messages.
        lines: int64 (rows,), the line of the file on which each row begins, counted from 1; None: not from a
            file.
        notes: Sentences about how the file was read that its owner may want to know.
    """

    segments: tuple[list[str], ...]
    labels: Sequence[Label] | None = None
    source: str = "the data"
    lines: np.ndarray | None = field(default=None, compare=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.segments:
            raise DataError(f"{self.source}: examples need at least one list of texts.")
        rows = len(self.segments[0])
        for name, column in (
            *(("texts of the second segment", segment) for segment in self.segments[1:]),
            ("labels", self.labels),
            ("line numbers", self.lines),
        ):
            if column is not None and len(column) != rows:
                raise DataError(
                    f"{self.source}: {rows} texts, but {len(column)} {name}. Each text needs one."
                )

    def __len__(self) -> int:
        return len(self.segments[0])

    @property
    def texts(self) -> list[str]:
        """The texts of the first segment."""
        return self.segments[0]

    @property
    def multi_label(self) -> bool:
        """Whether a row has a tuple of labels."""
        return self.labels is not None and len(self.labels) > 0 and isinstance(self.labels[0], tuple)

    def take(self, indices: Iterable[int] | np.ndarray) -> "Examples":
        """The rows at `indices`, in that order."""
        rows = [int(index) for index in indices]
        return replace(
            self,
            segments=tuple([segment[row] for row in rows] for segment in self.segments),
            labels=None if self.labels is None else [self.labels[row] for row in rows],
            lines=None if self.lines is None else self.lines[np.array(rows, dtype=np.int64)],
        )

    def flat(self) -> list[str]:
        """All texts, row after row: the segments of the first row, then those of the second."""
        if len(self.segments) == 1:
            return list(self.segments[0])
        return [text for row in zip(*self.segments, strict=True) for text in row]

    def where(self, row: int) -> str:
        """The place of a row, for messages: "reviews.csv, line 7" or "the data, row 7", from 1."""
        if self.lines is None:
            return f"{self.source}, row {row + 1}"
        return f"{self.source}, line {int(self.lines[row])}"
