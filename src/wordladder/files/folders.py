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

MARK = "recipe.toml"


def is_model(folder: Path, mark: str = MARK) -> bool:
    """Whether the folder is a saved wordladder model, or with another mark something else that is ours."""
    return (folder / mark).is_file()


def is_saved(folder: Path) -> bool:
    """Whether a saved wordladder model is there, or one whose replacement was interrupted half-way."""
    return is_model(folder) or (not folder.exists() and is_model(_old(folder)))


def find_model(folder: str | Path) -> Path:
    """The folder of a saved model; one whose replacement was interrupted half-way is put back first.

    Raises:
        ModelError: there is no saved model.
    """
    folder = Path(folder)
    if not folder.exists() and is_model(_old(folder)):
        os.replace(_old(folder), folder)
    if not folder.exists():
        raise ModelError(f"{folder}: there is no such folder")
    if not is_model(folder):
        raise ModelError(f"{folder}: this is not a saved wordladder model (it has no {MARK})")
    return folder


@contextmanager
def new_folder(target: str | Path, mark: str = MARK) -> Iterator[Path]:
    """Fill a new folder that takes the place of `target` when the block ends without an error.

    Until then whatever stood at `target` stays whole. Only a folder that has the file `mark` is replaced.

    Raises:
        OutputError: `target` is a file or a folder of something else, or it cannot be written.
    """
    check_output(Path(target), mark)
    target = named(target)
    fresh = target.with_name(f".{target.name}.{uuid4().hex[:8]}.new")
    try:
        with write_errors(target):
            fresh.mkdir(parents=True)
            yield fresh
            _sync(fresh)
            _replace(fresh, target, mark)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_output(target: Path, mark: str = MARK) -> None:
    """Find out before the work, not after it, that a model cannot be written there.

    Raises:
        OutputError: `target` is a file or a folder of something else, or its parent cannot be made.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir()) and not is_model(target, mark)):
        raise OutputError(
            f"{target}: something else is there already, and it is left alone; choose another output"
        )
    parent = named(target).parent
    with write_errors(target):
        parent.mkdir(parents=True, exist_ok=True)
    if not os.access(parent, os.W_OK):
        raise OutputError(f"{target}: cannot be written: no permission in {parent}")


def named(folder: str | Path) -> Path:
    """The folder by a path that ends in its own name, which "." and ".." do not."""
    folder = Path(folder)
    return folder if folder.name not in ("", "..") else folder.resolve()


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _replace(fresh: Path, target: Path, mark: str) -> None:
    """Rename the old folder aside, the new one into its place. `find_model` heals a stop between the two.

    A folder that someone works in stays; what is in it is moved instead, so that the mark is there only with
    all the rest.
    """
    old = _old(target)
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        if Path.cwd().is_relative_to(target.resolve()):
            old.mkdir()
            _move(sorted(target.iterdir(), key=lambda path: path.name != mark), old)
            _move(sorted(fresh.iterdir(), key=lambda path: path.name == mark), target)
        else:
            os.replace(target, old)
            os.replace(fresh, target)
    else:
        os.replace(fresh, target)
    shutil.rmtree(old, ignore_errors=True)


def _move(paths: Iterable[Path], folder: Path) -> None:
    for path in paths:
        os.replace(path, folder / path.name)


def _sync(folder: Path) -> None:
    """Have the files on the disk before the folder gets its name."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("r+b") as file:
                os.fsync(file.fileno())


def content_hash(path: Path) -> str:
    """The SHA-256 of a file, or of the names and the contents of the files in a folder."""
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for one in sorted(path.iterdir()):
        if one.is_file():
            digest.update(f"{one.name}\0{content_hash(one)}\0".encode())
    return digest.hexdigest()


def size_mb(folder: Path) -> float:
    """The size on disk of all files below a folder, in MB of 10⁶ bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
