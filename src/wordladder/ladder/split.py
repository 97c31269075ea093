"""One split of the data for all rungs. Nothing is trained here."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.examples import Examples, Span, all_names, check_texts, label_names
from ..data.labels import spell_like
from ..data.reading import read_examples
from ..data.split_checks import (
    describe_groups_and_times,
    missing_labels,
    rare_labels,
    shared_groups_and_times,
    shared_texts,
)
from ..data.split_columns import Parts, apply_split_column
from ..data.splits import hold_out
from ..errors import DataError

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
        seed: Start of the draw; duplicates stay together, or rows of one group; times need no draw.
        columns: How `read_examples` finds the columns.
        task: The kind of the task, which tells how files are read.

    Raises:
        DataError: A file cannot be read, there are too few rows or no texts, or train lacks a label that dev
            or test has.
        SettingError: The `split` column and a file are both for the same part.
    """
    given = read_parts(train, test, dev, task=task, columns=columns)
    check_texts(given.train)
    rest, notes = given.train, list(given.notes)
    if given.test is None:
        rest, tested = hold_out(rest, TEST_SHARE, seed)
        notes.append(_held("fifth of the rows", "for the test", rest, seed, task))
    else:
        tested = given.test
    if given.dev is None:
        rest, chosen = hold_out(rest, DEV_SHARE, seed)
        of = "tenth of the training rows" + (" left" if given.test is None else "")
        notes.append(_held(of, "as dev", rest, seed, task))
    else:
        chosen = given.dev
    warnings = []
    for name, part in (("dev", chosen), ("test", tested)):
        _check_part(rest, part, name)
        warnings += shared_texts(rest, part, name, task) + shared_groups_and_times(rest, part, name)
    warnings += shared_texts(chosen, tested, "test", task, known="dev")
    warnings += rare_labels(rest, chosen) + missing_labels(rest, tested, "test")
    notes += describe_groups_and_times({"train": rest, "dev": chosen, "test": tested})
    return Split(rest, chosen, tested, tuple(notes), tuple(warnings))


def read_parts(
    train: Source, test: Source | None, dev: Source | None, *, task: str, columns: Mapping[str, Any]
) -> Parts:
    """Read what is given, and obey the `split` column of the training file.

    Args:
        train: Labelled rows, or their file.
        test: The same for testing, or None.
        dev: The same for choosing, or None.
        task: The kind of the task, which tells how files are read.
        columns: How `read_examples` finds the columns.

    Raises:
        DataError: A file cannot be read.
        SettingError: The column and a file are both for the same part.
    """
    split_columns = columns.get("split_columns")
    whole = {**columns, "split_columns": split_columns and replace(split_columns, split=False)}
    rows = _read(train, task, columns)
    tested, chosen = (None if source is None else _read(source, task, whole) for source in (test, dev))
    found = apply_split_column(rows, chosen, tested)
    known = all_names(found.train)
    found = found._replace(
        dev=found.dev and spell_like(found.dev, known), test=found.test and spell_like(found.test, known)
    )
    notes = dict.fromkeys(note for part in (rows, chosen, tested) if part is not None for note in part.notes)
    return found._replace(notes=(*notes, *found.notes))


def _held(share: str, purpose: str, rest: Examples, seed: int, task: str) -> str:
    """How a part was held out."""
    if rest.times is not None:
        return f"The newest {share} was held out {purpose}, rows of one time together."
    kept = "questions about one passage" if task == "span_qa" else "duplicates"
    kept = kept if rest.groups is None else "rows of one group"
    return f"A {share} was held out {purpose} by seed {seed}, {kept} together."


def _read(source: Source, task: str, columns: Mapping[str, Any]) -> Examples:
    examples = source if isinstance(source, Examples) else read_examples(source, task, **columns)
    if examples.labels is None:
        raise DataError(f"{examples.source}: training needs labels, and there are none")
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
                    f"{part.location(row)}: the label {found!r} of this {name} row does not occur in train"
                )


def fingerprint(split: Split) -> str:
    """What the rows of the three parts are, as a hash."""
    digest = hashlib.sha256()
    for part in (split.train, split.dev, split.test):
        digest.update(json.dumps([part.segments, part.labels]).encode("ascii"))
    return digest.hexdigest()
