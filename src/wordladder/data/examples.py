"""Examples: texts with or without their labels, as every stage passes them on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple

import numpy as np

from ..errors import DataError
from .plurals import row_name

Scheme = Literal["iob1", "bio", "bioes", "bilou", "spans", "words"]


class Span(NamedTuple):
    """A part of a text and its tag: an entity and its type, or a word and its part of speech.

    Attributes:
        start: The first character.
        end: The position after the last character.
        type: The tag.
    """

    start: int
    end: int
    type: str


class Answer(NamedTuple):
    """An answer to a question about a passage.

    Attributes:
        text: The answer, as the data has it.
        start: Where it starts in the passage; None: the passage does not contain it as it is written.
    """

    text: str
    start: int | None = None


Label = str | float | tuple[str, ...] | tuple[Span, ...] | tuple[Answer, ...]


def label_names(label: Label) -> tuple[str, ...]:
    """What a label is made of: one name or several, the tags of spans; numbers and answers have none."""
    if isinstance(label, str | float):
        return (label,) if isinstance(label, str) else ()
    return tuple(one if isinstance(one, str) else one.type for one in label if not isinstance(one, Answer))


@dataclass(frozen=True)
class Examples:
    """Rows of text, one or two texts a row, and what is known about them.

    Attributes:
        segments: One list of texts a segment: `(texts,)`, or `(texts_a, texts_b)` for pairs.
        labels: A label a row, or a tuple of labels a row (none, one or many) when rows have many; for tagging
            the spans of each row by their starts, for questions all answers that count as right (none: the
            passage has no answer), for regression a float; None: unlabelled.
        source: The file the rows came from, for messages.
        lines: int64 (rows,), the line of the file on which each row begins, counted from 1; None: not from a
            file.
        notes: Sentences about how the file was read that its owner may want to know.
        scheme: How the tags of words were written; `"words"`: each word has one of its own, and a span is a
            word. None: there are no tags.
        ids: What the file calls each row; None: it has no names.
        groups: The author, document or file that each row is from, to stay together; None: not known.
        times: When each row was written, as values that compare; None: not known.
        parts: Which part of the split each row is for, "train", "dev" or "test"; None: not known.
        words: Where each word of a row begins, of texts that are given as words; None: they are not.
        weights: How much each row counts in training; None: all the same.
    """

    segments: tuple[list[str], ...]
    labels: Sequence[Label] | None = None
    source: str = "the data"
    lines: np.ndarray | None = field(default=None, compare=False)
    notes: tuple[str, ...] = ()
    scheme: Scheme | None = None
    ids: Sequence[str] | None = field(default=None, compare=False)
    groups: Sequence[str] | None = field(default=None, compare=False)
    times: Sequence[Any] | None = field(default=None, compare=False)
    parts: Sequence[str] | None = field(default=None, compare=False)
    words: Sequence[Sequence[int]] | None = field(default=None, compare=False)
    weights: Sequence[float] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if not self.segments:
            raise DataError(f"{self.source}: examples need at least one list of texts.")
        rows = len(self.segments[0])
        segments = [("texts of the second segment", segment) for segment in self.segments[1:]]
        for name, column in (*segments, ("line numbers", self.lines), *self._columns().items()):
            if column is not None and len(column) != rows:
                raise DataError(f"{self.source}: {rows} texts, but {len(column)} {name}; each needs one.")

    def __len__(self) -> int:
        return len(self.segments[0])

    @property
    def texts(self) -> list[str]:
        """The texts of the first segment."""
        return self.segments[0]

    def take(self, indices: Iterable[int] | np.ndarray) -> "Examples":
        """The rows at `indices`, in that order."""
        rows = [int(index) for index in indices]
        known = self._columns().items()
        columns: dict[str, Any] = {name: [column[row] for row in rows] for name, column in known}
        segments = tuple([segment[row] for row in rows] for segment in self.segments)
        lines = None if self.lines is None else self.lines[np.array(rows, dtype=np.int64)]
        return replace(self, segments=segments, lines=lines, **columns)

    def _columns(self) -> dict[str, Any]:
        """What is known of each row besides its texts and line."""
        names = ("labels", "ids", "groups", "times", "parts", "words", "weights")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def flat(self) -> list[str]:
        """All texts, row after row: the segments of the first row, then those of the second."""
        if len(self.segments) == 1:
            return list(self.segments[0])
        return [text for row in zip(*self.segments, strict=True) for text in row]

    def location(self, row: int) -> str:
        """The file and the line of a row, for messages, such as "reviews.csv, line 7".

        Rows with ids have the id instead ("squad.json, 5733be28"), rows without lines their number from 1.
        """
        return f"{self.source}, {row_name(row, self.lines) if self.ids is None else self.ids[row]}"


def all_names(examples: Examples) -> set[str]:
    """All labels that occur, or the tags of spans."""
    return {name for label in examples.labels or () for name in label_names(label)}


def check_texts(examples: Examples) -> None:
    """Raise a DataError if all texts are empty."""
    if not any(text.strip() for text in examples.flat()):
        raise DataError(f"{examples.source}: all {len(examples):,} texts are empty")
