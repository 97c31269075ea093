"""The folder beside an output in which an unfinished training run keeps its checkpoints, so that it can go
on.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .artifact import MARK, check_output, named
from .data.examples import Examples
from .errors import OutputError, SettingError

__all__ = ["close_work", "open_work"]


def open_work(
    output: Path, tables: dict[str, Any], data: Iterable[Examples | None], resume: bool, mark: str = MARK
) -> Path:
    """The run's folder, `OUTPUT.training`: a new one, or with `resume` the one that an interrupted run left.

    Raises:
        OutputError: the output cannot be written, or a folder that is no run's has the name.
        SettingError: the interrupted run had other data or another recipe.
    """
    check_output(output, mark)
    folder, belongs = _folder(output), _fingerprint(tables, data)
    note = folder / "belongs.txt"
    if folder.is_file() or (folder.exists() and not note.is_file() and any(folder.iterdir())):
        raise OutputError(
            f"{folder}: something else is there already, and it is left alone; choose another output"
        )
    if folder.exists() and not (resume and note.is_file()):
        shutil.rmtree(folder)
    if folder.exists() and note.read_text(encoding="utf-8") != belongs:
        raise SettingError(
            f"{folder}: the interrupted run had other data or another recipe; "
            "start anew without resuming, or give what was given then"
        )
    if not folder.exists():
        folder.mkdir(parents=True)
        note.write_text(belongs, encoding="utf-8")
    return folder


def close_work(output: Path) -> None:
    """Remove the run's folder, once the output is complete."""
    shutil.rmtree(_folder(output), ignore_errors=True)


def _folder(output: Path) -> Path:
    output = named(output)
    return output.with_name(output.name + ".training")


def _fingerprint(tables: dict[str, Any], data: Iterable[Examples | None]) -> str:
    digest = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    for examples in data:
        if examples is None:
            continue
        for part in (*examples.segments, examples.labels or (), examples.weights or ()):
            digest.update(json.dumps(part, ensure_ascii=True).encode())
    return digest.hexdigest()
