"""A file → Examples by the kind of the task: the one way in that needs no format."""

import re
from collections.abc import Callable
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

from ..errors import DataError, SettingError, did_you_mean
from ..text.file_content import STANDARD_INPUT, read_head, source_name
from .examples import Examples
from .partners import read_scored_pairs
from .questions import read_questions
from .running_text import read_running_text
from .tables import read_table
from .tagged import read_tagged
from .translations import read_translations

_HEAD = 1 << 16  # bytes that show what a file is
_ARTICLES = re.compile(r'\s*(\{.*?"data"\s*:\s*)?\[\s*\{.*?"(paragraphs|qas)"\s*:', re.DOTALL)
_TAG = re.compile(r"O|[BIESLUMW]-\S+")

_READERS: dict[str, Callable[..., Examples]] = {
    "classification": read_table,
    "pairs": read_table,
    "regression": partial(read_table, numbers=True),
    "similarity": read_scored_pairs,
    "tagging": read_tagged,
    "span_qa": read_questions,
    "translation": read_translations,
    "language_model": read_running_text,
}


def read_examples(path: str | Path, task: str, **layout: Any) -> Examples:
    """Read a file as a task needs it.

    Args:
        path: The file; "-" is standard input.
        task: A kind of task: classification, pairs, similarity and regression read tables, tagging tagged
            text, span_qa questions, translation two files or tables, language_model lines of text.
        layout: Where texts and labels are: the keywords of `read_table`, `read_tagged` or `read_questions`.
            None stands for what is not given.

    Raises:
        DataError: the file cannot be read as this task needs it.
        SettingError: no files are read for the task, or it has no such setting.
    """
    if task not in _READERS:
        raise SettingError(f"No files can be read for the task {task!r}.{did_you_mean(task, _READERS)}")
    values = (value for name, value in layout.items() if name not in ("split_columns", "skip_incomplete"))
    if task == "classification" and all(value is None for value in values):
        _check_is_table(path)
    reader = _READERS[task]
    known = [name for name in signature(reader).parameters if name != "path"]
    for name, value in layout.items():
        if name not in known and value is not None:
            raise SettingError(f"{name} is given, but files of {task} have none, only {', '.join(known)}.")
    examples = reader(path, **{name: value for name, value in layout.items() if name in known})
    if task in ("pairs", "similarity") and (count := len(examples.segments)) != 2:
        raise DataError(
            f"{examples.source}: a pair has two texts, but {count} column of texts was found. Name both "
            "(text, --text FIRST,SECOND)."
        )
    return examples


def _check_is_table(path: str | Path) -> None:
    """Raise a DataError if a file is for another task than classification."""
    if str(path) == STANDARD_INPUT:
        return
    head = read_head(path, _HEAD).decode("utf-8", "replace").removeprefix("\ufeff")
    if _ARTICLES.match(head):
        kind, task = "questions about passages", "span_qa"
    elif _has_tagged_words(head):
        kind, task = "tagged text", "tagging"
    else:
        return
    raise DataError(
        f"{source_name(path)} looks like {kind}, not like a table of texts and labels: it is for "
        f"--task {task}, and for the rungs that `wordladder rungs --task {task}` lists."
    )


def _has_tagged_words(head: str) -> bool:
    """Whether each line but the blank ones is a word and its tag, of a scheme that marks entities."""
    lines = [line.split() for line in head[: head.rfind("\n") + 1].split("\n")]
    some = [line for line in lines if line and line[0] != "#"]
    tags = {line[-1] for line in some}
    well_formed = all(len(line) > 1 for line in some) and all(map(_TAG.fullmatch, tags))
    return well_formed and "O" in tags and len(tags) > 1
