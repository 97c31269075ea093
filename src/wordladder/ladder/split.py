"""One split of the data for all rungs. Nothing is trained here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..data.examples import Examples, Span, label_names
from ..data.reading import read_examples
from ..data.splits import hold_out, overlap
from ..errors import DataError

__all__ = ["Source", "Split", "all_names", "fingerprint", "split_data"]

TEST_SHARE, DEV_SHARE = 0.2, 0.1

Source = Examples | str | Path


@dataclass(frozen=True)
class Split:
    """The same rows for every rung.

    Attributes:
        train: To learn from.
        dev: To choose on.
        test: To tell how sure we are.
        notes: How the split was made, in sentences.
        warnings: What is wrong with it, in sentences.
    """

    train: Examples
    dev: Examples
    test: Examples
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def rows(self) -> dict[str, int]:
        """The number of rows of each part."""
        return {"train": len(self.train), "dev": len(self.dev), "test": len(self.test)}


def split_data(
    train: Source,
    test: Source | None,
    dev: Source | None,
    *,
    seed: int,
    columns: Mapping[str, Any],
    task: str = "classification",
) -> Split:
    """Read what is given and hold out what is not.

    Args:
        train: Labelled rows, or their file.
        test: The same for testing; None holds out a fifth of train.
        dev: The same for choosing; None holds out a tenth of what is then left of train.
        seed: Start of the draw; duplicates always stay together.
        columns: How `read_examples` finds the columns.
        task: The kind of the task, which tells how files are read.

    Raises:
        DataError: A file cannot be read, there are too few rows, or train lacks a label that dev or test has.
    """
    rest = _read(train, task, columns)
    notes, warnings = list(rest.notes), []
    kept = "questions about one passage" if task == "span_qa" else "duplicates"
    if test is None:
        rest, tested = hold_out(rest, TEST_SHARE, seed)
        notes.append(f"A fifth of the rows was held out for the test by seed {seed}, {kept} together.")
    else:
        tested = _read(test, task, columns)
        notes.extend(note for note in tested.notes if note not in notes)
    if dev is None:
        rest, chosen = hold_out(rest, DEV_SHARE, seed)
        left = "" if test is not None else " left"
        notes.append(
            f"A tenth of the training rows{left} was held out as dev by seed {seed}, {kept} together."
        )
    else:
        chosen = _read(dev, task, columns)
    for name, part in (("dev", chosen), ("test", tested)):
        _check_part(rest, part, name)
        shared = overlap(rest, part)
        if shared:
            warnings.append(_shared(shared, len(part), name, task))
    return Split(rest, chosen, tested, tuple(notes), tuple(warnings))


def _shared(count: int, rows: int, name: str, task: str) -> str:
    if task == "span_qa":
        return f"{count:,} of the {rows:,} {name} questions are about passages of the training questions."
    return f"{count:,} of the {rows:,} {name} texts also occur in the training texts."


def _read(source: Source, task: str, columns: Mapping[str, Any]) -> Examples:
    examples = source if isinstance(source, Examples) else read_examples(source, task, **columns)
    if examples.labels is None:
        raise DataError(f"{examples.source}: a climb needs labels, and there are none")
    return examples


def _check_part(train: Examples, part: Examples, name: str) -> None:
    """Find out before anything is trained what would stop every rung after hours."""
    if not len(part):
        raise DataError(f"{part.source}: too few rows for a {name} part; give more, or a {name} file")
    known = all_names(train)
    for row, label in enumerate(part.labels or ()):
        of_spans = any(isinstance(one, Span) for one in label)  # one of an unknown type is merely missed
        for found in () if of_spans else label_names(label):
            if found not in known:
                raise DataError(
                    f"{part.where(row)}: the label {found!r} of this {name} row does not occur in train"
                )


def all_names(examples: Examples) -> set[str]:
    """All labels that occur."""
    return {name for label in examples.labels or () for name in label_names(label)}


def fingerprint(split: Split) -> str:
    """What the rows of the three parts are, as a hash."""
    digest = hashlib.sha256()
    for part in (split.train, split.dev, split.test):
        digest.update(json.dumps([part.segments, part.labels]).encode("ascii"))
    return digest.hexdigest()
