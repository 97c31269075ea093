"""A file → Examples by the kind of the task: the one way in that needs no format."""

from inspect import signature
from pathlib import Path
from typing import Any

from ..errors import SettingError, did_you_mean
from .examples import Examples
from .questions import read_questions
from .tables import read_table
from .tagged import read_tagged

__all__ = ["read_examples"]

_READERS = {"classification": read_table, "tagging": read_tagged, "span_qa": read_questions}


def read_examples(path: str | Path, task: str, **layout: Any) -> Examples:
    """Read a file as a task needs it.

    Args:
        path: The file; "-" is standard input.
        task: A kind of task: classification reads tables, tagging tagged text, span_qa questions.
        layout: Where texts and labels are: the keywords of `read_table`, `read_tagged` or `read_questions`.
            None stands for what is not given.

    Raises:
        DataError: the file cannot be read as this task needs it.
        SettingError: no files are read for the task, or it has no such setting.
    """
    if task not in _READERS:
        raise SettingError(f"No files can be read for the task {task!r}.{did_you_mean(task, _READERS)}")
    reader = _READERS[task]
    known = [name for name in signature(reader).parameters if name != "path"]
    for name, value in layout.items():
        if name not in known and value is not None:
            raise SettingError(
                f"{name} is given, but the files of {task} have none; it can be: {', '.join(known)}."
            )
    return reader(path, **{name: value for name, value in layout.items() if name in known})
