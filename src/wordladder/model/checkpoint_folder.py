"""The folder beside an output in which an unfinished training run keeps its checkpoints, so that it can go
on.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ..data.examples import Examples
from ..errors import OutputError, SettingError
from ..files.folders import RECIPE_FILE, check_output_folder, path_with_name
from ..files.streams import write_errors


@contextmanager
def sole(output: Path) -> Iterator[None]:
    """Nobody else works on this output meanwhile: a lock beside it goes with the process that holds it.

    Raises:
        OutputError: another process does, or the lock cannot be written.
    """
    place = path_with_name(output)
    path = place.with_name(f".{place.name}.lock")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    with file:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            raise OutputError(
                f"{output}: the process {file.read().strip() or 'of another run'} is writing it; "
                "wait for its end, or choose another output"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _lock(file: IO[str]) -> None:
    """Lock a file until it is closed; an OSError if it is locked already."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(1024)  # the number stays readable
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_work(
    output: Path,
    tables: dict[str, Any],
    data: Iterable[Examples | None],
    resume: bool,
    mark: str = RECIPE_FILE,
) -> Path:
    """The run's folder, `OUTPUT.training`: a new one, or with `resume` the one that an interrupted run left.

    Raises:
        OutputError: the output cannot be written, or a folder that is no run's has the name.
        SettingError: the interrupted run had other data or another recipe.
    """
    check_output_folder(output, mark)
    folder, belongs = _folder(output), _fingerprint(tables, data)
    note = folder / "belongs.txt"
    if folder.is_file() or (folder.exists() and not note.is_file() and any(folder.iterdir())):
        raise OutputError(
            f"{folder}: something else is there already, and it is left alone; choose another output"
        )
    if resume and note.is_file():
        if note.read_text(encoding="utf-8") != belongs:
            raise SettingError(
                f"{folder}: the interrupted run had other data or another recipe; "
                "start anew without resuming, or give what was given then"
            )
        return folder
    if folder.exists():
        shutil.rmtree(folder)
    with write_errors(folder):
        folder.mkdir(parents=True)
        note.write_text(belongs, encoding="utf-8")
    return folder


def close_work(output: Path) -> None:
    """Remove the run's folder, once the output is complete."""
    shutil.rmtree(_folder(output), ignore_errors=True)


def _folder(output: Path) -> Path:
    output = path_with_name(output)
    return output.with_name(output.name + ".training")


def _fingerprint(tables: dict[str, Any], data: Iterable[Examples | None]) -> str:
    digest = hashlib.sha256(json.dumps(tables, sort_keys=True).encode())
    for examples in data:
        if examples is None:
            continue
        for part in (*examples.segments, examples.labels or (), examples.weights or ()):
            digest.update(json.dumps(part, ensure_ascii=True).encode())
    return digest.hexdigest()
