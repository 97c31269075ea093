"""Folders that are written whole or not at all: of saved models, and with another mark of anything else."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ..errors import ModelError, OutputError
from .streams import write_errors

RECIPE_FILE = "recipe.toml"


def is_saved_model(folder: Path) -> bool:
    """Whether the folder holds a saved wordladder model, or one whose replacement was interrupted."""
    return ((folder if folder.exists() else _backup(folder)) / RECIPE_FILE).is_file()


def find_model(folder: str | Path) -> Path:
    """The folder of a saved model; if its replacement was interrupted, the old model is restored first.

    Raises:
        ModelError: there is no saved model.
    """
    folder = Path(folder)
    if not folder.exists():
        if not is_saved_model(folder):
            raise ModelError(f"{folder}: there is no such folder")
        os.replace(_backup(folder), folder)
    if not is_saved_model(folder):
        raise ModelError(f"{folder}: this is not a saved wordladder model (it has no {RECIPE_FILE})")
    return folder


def restore_folder(target: Path, marker: str) -> None:
    """Put the old folder back if its replacement by `atomic_folder` was interrupted."""
    if not target.exists() and (_backup(target) / marker).is_file():
        os.replace(_backup(target), target)


@contextmanager
def atomic_folder(target: str | Path, marker: str = RECIPE_FILE) -> Iterator[Path]:
    """Fill a new folder that replaces `target` when the block ends without an error.

    Until then an existing `target` stays as it is. Only a folder that contains the file `marker` is replaced.

    Raises:
        OutputError: `target` is a file or a folder of something else, or it cannot be written.
    """
    check_output_folder(Path(target), marker)
    target = path_with_name(target)
    new = target.with_name(f".{target.name}.{uuid4().hex[:8]}.new")
    try:
        with write_errors(target):
            new.mkdir(parents=True)
            yield new
            _sync(new)
            _replace(new, target, marker)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def check_output_folder(target: Path, marker: str = RECIPE_FILE) -> None:
    """Check before the work starts that a folder can be written to `target`.

    Raises:
        OutputError: `target` is a file or a folder of something else, or its parent cannot be created.
    """
    foreign = target.is_dir() and any(target.iterdir()) and not (target / marker).is_file()
    if target.is_file() or foreign:
        raise OutputError(
            f"{target}: something else is there already, and it is left alone; choose another output"
        )
    parent = path_with_name(target).parent
    with write_errors(target):
        parent.mkdir(parents=True, exist_ok=True)
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{target}: cannot be written: no permission in {parent}")


def path_with_name(folder: str | Path) -> Path:
    """The folder as a path that ends in its own name, which "." and ".." do not."""
    folder = Path(folder)
    return folder if folder.name not in ("", "..") else folder.resolve()


def _backup(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _replace(new: Path, target: Path, marker: str) -> None:
    """Move the old folder aside and the new one into its place; `find_model` repairs a stop between the two.

    The working directory of this process is kept, and its content moved instead. The marker is moved such
    that it is there only together with everything else.
    """
    backup = _backup(target)
    if target.exists():
        shutil.rmtree(backup, ignore_errors=True)
        if Path.cwd().is_relative_to(target.resolve()):
            backup.mkdir()
            _move(sorted(target.iterdir(), key=lambda path: path.name != marker), backup)
            _move(sorted(new.iterdir(), key=lambda path: path.name == marker), target)
        else:
            os.replace(target, backup)
    if not target.exists():
        os.replace(new, target)
    shutil.rmtree(backup, ignore_errors=True)


def _move(paths: Iterable[Path], folder: Path) -> None:
    for path in paths:
        os.replace(path, folder / path.name)


def _sync(folder: Path) -> None:
    """Flush the files to disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


def content_hash(path: Path) -> str:
    """The SHA-256 of a file, or of the names and contents of the files in a folder."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for file_path in sorted(path.iterdir()):
        if file_path.is_file():
            digest.update(f"{file_path.name}\0{content_hash(file_path)}\0".encode())
    return digest.hexdigest()


def size_mb(folder: Path) -> float:
    """The size on disk of all files below a folder, in MB of 10⁶ bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def disk_mb(folder: Path) -> float:
    """The space on disk that all files below a folder take, in MB of 10⁶ bytes: less than their sizes where
    files have holes.
    """
    found = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum(getattr(one, "st_blocks", -(-one.st_size // 512)) for one in found) * 512 / 1e6
