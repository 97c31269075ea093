"""The folder next to an output with the checkpoints of an unfinished training run, to resume it."""

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
from ..processes import process_number


@contextmanager
def exclusive_output(
    output: Path, busy: str = "is writing it; wait until it ends, or choose another output"
) -> Iterator[None]:
    """Lock an output for this process, and those that train with it, by a file next to it that the system
    unlocks when the process ends.

    Args:
        output: The output.
        busy: What an error says of the process that has locked it.

    Raises:
        OutputError: another process has locked it, or the lock cannot be written.
    """
    if process_number() > 0:
        yield
        return
    path = path_with_name(output)
    path = path.with_name(f".{path.name}.lock")
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    with file:
        try:
            _lock(file)
        except OSError:
            file.seek(0)
            raise OutputError(
                f"{output}: the process {file.read().strip() or 'of another run'} {busy}"
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

        file.seek(1024)  # the process number stays readable
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def open_checkpoint_folder(
    output: Path,
    tables: dict[str, Any],
    data: Iterable[Examples | None],
    resume: bool,
    marker: str = RECIPE_FILE,
) -> Path:
    """The folder `OUTPUT.training`: a new one, or with `resume` that of an interrupted run; of several
    processes the first one makes it.

    Args:
        output: The folder of the model.
        tables: The settings of the run.
        data: What it learns from.
        resume: Whether to continue an interrupted run, if there is one.
        marker: A file by which a finished output is recognised.

    Raises:
        OutputError: the output cannot be written, or a folder of something else has the name.
        SettingError: the interrupted run had other data or another recipe.
    """
    if process_number() > 0:
        return _folder(output)
    check_output_folder(output, marker)
    folder, fingerprint = _folder(output), _fingerprint(tables, data)
    path = folder / "belongs.txt"
    if folder.is_file() or (folder.exists() and not path.is_file() and any(folder.iterdir())):
        raise OutputError(
            f"{folder}: something else is there already, and it is left alone; choose another output"
        )
    if resume and path.is_file():
        if path.read_text(encoding="utf-8") != fingerprint:
            raise SettingError(
                f"{folder}: the interrupted run had other data or another recipe; "
                "start again without resuming, or use the same data and recipe"
            )
        return folder
    if folder.exists():
        shutil.rmtree(folder)
    with write_errors(folder):
        folder.mkdir(parents=True)
        path.write_text(fingerprint, encoding="utf-8")
    return folder


def remove_checkpoint_folder(output: Path) -> None:
    """Remove the folder, once the output is complete."""
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
