"""Splits the data once for all rungs."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..data.examples import Examples, Span, all_names, check_texts, label_names
from ..data.labels import spell_like
from ..data.partners import with_strangers
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
from ..recipe import component

SHARES = {"test": 0.2, "dev": 0.1}  # of the rows that are left

Source = Examples | str | Path


@dataclass(frozen=True)
class Split:
    """The same rows for every rung.

    Attributes:
        train: The rows to train on.
        dev: The rows for choices.
        test: The rows for intervals.
        notes: How the split was made, in sentences.
        warnings: Its problems, in sentences.
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
    """Read the parts that are given and hold out the others.

    Args:
        train: Labelled rows, or their file.
        test: The same for the test; None holds out a fifth of train.
        dev: The same for dev; None holds out a tenth of the rest of train.
        seed: The seed of the draw; duplicates, or rows of one group, stay together; with times nothing is
            drawn.
        columns: The columns, as parameters of `read_examples`.
        task: The kind of the task, which decides how files are read.

    Raises:
        DataError: A file cannot be read, there are too few rows or no texts, or train lacks a label that dev
            or test has.
        SettingError: The `split` column and a file are both for the same part.
    """
    given = read_parts(train, test, dev, task=task, columns=columns)
    check_texts(given.train)
    rest, notes, warnings = given.train, list(given.notes), []
    parts: dict[str, Examples] = {}
    for name, own in (("test", given.test), ("dev", given.dev)):
        if own is None:
            rest, own = hold_out(rest, SHARES[name], seed)
            notes.append(_describe(name, rest, seed, task))
        parts[name] = with_strangers(own)
    for name in ("dev", "test"):
        _check_part(rest, parts[name], name)
        warnings += shared_texts(rest, parts[name], name, task)
        warnings += shared_groups_and_times(rest, parts[name], name)
    warnings += shared_texts(parts["dev"], parts["test"], "test", task, known="dev")
    warnings += rare_labels(rest, parts["dev"]) + missing_labels(rest, parts["test"], "test")
    notes += describe_groups_and_times({"train": rest, "dev": parts["dev"], "test": parts["test"]})
    return Split(train=rest, **parts, notes=tuple(notes), warnings=tuple(warnings))


def read_parts(
    train: Source, test: Source | None, dev: Source | None, *, task: str, columns: Mapping[str, Any]
) -> Parts:
    """Read the parts that are given, by files or by the `split` column of the training file.

    Args:
        train: Labelled rows, or their file.
        test: The same for the test, or None.
        dev: The same for dev, or None.
        task: The kind of the task, which decides how files are read.
        columns: The columns, as parameters of `read_examples`.

    Raises:
        DataError: A file cannot be read.
        SettingError: The column and a file are both for the same part.
    """
    split_columns = columns.get("split_columns")
    whole = {**columns, "split_columns": split_columns and replace(split_columns, split=False)}
    rows = _read(train, task, columns)
    own = [None if source is None else _read(source, task, whole) for source in (dev, test)]
    parts = apply_split_column(rows, *own)
    known = all_names(parts.train)
    dev, test = (part and spell_like(part, known) for part in (parts.dev, parts.test))
    notes = dict.fromkeys(note for part in (rows, *own) if part is not None for note in part.notes)
    return parts._replace(dev=dev, test=test, notes=(*notes, *parts.notes))


def _describe(name: str, rest: Examples, seed: int, task: str) -> str:
    """How a part was held out."""
    share = "fifth of the rows" if name == "test" else "tenth of the training rows"
    if rest.times is not None:
        return f"The newest {share} was held out for {name}, rows of one time together."
    together = "questions about one passage" if task == "span_qa" else "duplicates"
    if rest.groups is not None:
        together = "rows of one group"
    return f"A {share} was held out for {name} with seed {seed}, {together} together."


def _read(source: Source, task: str, columns: Mapping[str, Any]) -> Examples:
    examples = source if isinstance(source, Examples) else read_examples(source, task, **columns)
    if examples.labels is None and component("tasks", task).labels_are != "nothing":
        raise DataError(f"{examples.source}: training needs labels, and there are none")
    return examples


def _check_part(train: Examples, part: Examples, name: str) -> None:
    """Find errors that would stop every rung, before anything is trained."""
    if not len(part):
        raise DataError(f"{part.source}: too few rows for a {name} part; give more, or a {name} file")
    known = all_names(train)
    for row, label in enumerate(part.labels or ()):
        parts = () if isinstance(label, float) else label
        has_spans = any(isinstance(one, Span) for one in parts)  # spans of an unknown type are only missed
        unknown = [] if has_spans else [one for one in label_names(label) if one not in known]
        if unknown:
            raise DataError(
                f"{part.location(row)}: the label {unknown[0]!r} of this {name} row does not occur in train"
            )


def fingerprint(split: Split) -> str:
    """A hash of the rows of the three parts."""
    digest = hashlib.sha256()
    for part in (split.train, split.dev, split.test):
        digest.update(json.dumps([part.segments, part.labels]).encode("ascii"))
    return digest.hexdigest()
