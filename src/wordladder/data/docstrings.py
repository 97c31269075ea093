"""Real text that lies on every machine: docstrings of the installed packages, as a task and as raw text.

The task: which library does a description come from? Nothing is imported or run, and nothing is downloaded.
"""

import hashlib
import importlib.metadata
import os
import re
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from ..progress import Progress, quiet
from .docstring_source import count_words, docstrings_of, first_sentence, name_pattern, paragraphs_of
from .examples import Examples

MASK = "…"  # stands where a library's name stood
_SHORTEST, _LONGEST = 5, 30  # words of a description
_TEST_SHARE = 0.2
_MOST_SOURCE = 10_000_000  # characters read of one library: more of the largest few would drown the rest
# Copies of other libraries and tests of the library: neither tells what a library does.
_SKIPPED_FOLDERS = {
    "__pycache__", "site-packages", "dist-packages", "node_modules", "wordladder",
    "test", "tests", "idle_test", "_distutils", "lib2to3",
    "_vendor", "vendor", "_vendored", "extern", "externals", "third_party",
}  # fmt: skip
# Known by everybody, and so taken before others that say as much.
_WELL_KNOWN = {
    "django", "matplotlib", "networkx", "numpy", "pandas", "pillow", "scikit-learn", "scipy", "sqlalchemy",
    "sympy", "tensorflow", "torch", "transformers",
}  # fmt: skip
_ALIASES = {
    "huggingface_hub": ("hugging face", "hf"),
    "matplotlib": ("mpl", "plt", "pyplot"),
    "networkx": ("nx",),
    "numpy": ("np",),
    "pandas": ("pd",),
    "tensorflow": ("tf",),
    "tkinter": ("tk",),
}


@dataclass(frozen=True)
class DocstringData:
    """Descriptions with the library each comes from, and raw text.

    Attributes:
        train: First sentences of docstrings, with the library each is from; its name is masked by "…". The
            groups are the source files.
        test: The same, from files that train has nothing of.
        raw: All paragraphs, unmasked and without repeats, but for those that test asks about.
        files: How many source files were read.
        seconds: How long it took.
        complete: False when the time limit ended the reading.
    """

    train: Examples
    test: Examples
    raw: list[str]
    files: int
    seconds: float
    complete: bool


class _Docstring(NamedTuple):
    paragraphs: list[str]
    description: str  # the first sentence without the library's names; "" if it cannot be asked about


class _Row(NamedTuple):
    key: str
    text: str
    file: int


@dataclass(frozen=True)
class _Library:
    """A library, its files in an order drawn by seed, and the docstrings of each."""

    name: str
    aliases: set[str] = field(default_factory=set)
    paths: list[tuple[bytes, Path]] = field(default_factory=list)
    files: list[list[_Docstring]] = field(default_factory=list)


def gather(
    limit_seconds: float = 20.0,
    seed: int = 1,
    *,
    folders: Sequence[str | Path] | None = None,
    min_rows: int = 10,
    max_rows: int = 500,
    most_libraries: int = 8,
    progress: Progress = quiet,
) -> DocstringData:
    """Read docstrings and deal them into train and test, by file.

    The same installed files and seed give the same answer, unless the time limit ended the reading.

    Args:
        limit_seconds: Reading stops after so many seconds; what was read until then is used.
        seed: Decides which files are read first and which are kept for the test.
        folders: Folders that hold packages; by default the standard library and the installed packages.
        min_rows: A library with fewer descriptions for training, or none for the test, is left out.
        max_rows: No more than so many descriptions of one library are used for training, a quarter of it for
            the test.
        most_libraries: No more libraries than these: first those that have half of `max_rows`, then the well
            known, then those that have more.
        progress: Told how many files are read.

    Raises:
        DataError: fewer than two libraries have enough descriptions.
    """
    start = time.monotonic()
    libraries = _find(
        _installed() if folders is None else list(map(Path, folders)), seed, start + limit_seconds / 2
    )
    files, complete = _read(libraries, start + limit_seconds, progress)
    train, test, asked = _deal(libraries, min_rows, max_rows, most_libraries)
    if len(set(train.labels or ())) < 2 or not len(test):
        raise DataError(
            f"Docstrings of {len(libraries)} libraries ({files} files read) are too few for a demonstration. "
            "Install more packages, or allow more time."
        )
    raw = _raw_text(libraries, asked)
    return DocstringData(train, test, raw, files, time.monotonic() - start, complete)


def _installed() -> list[Path]:
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = sysconfig.get_paths()
    return list(dict.fromkeys(Path(paths[name]) for name in names))


def _find(folders: Iterable[Path], seed: int, deadline: float) -> list[_Library]:
    """The libraries under `folders`, by name; a file's place is a digest of seed and name."""
    distributions = importlib.metadata.packages_distributions()
    libraries: dict[str, _Library] = {}
    for folder in folders:
        for path in _sources(folder, deadline):
            relative = path.relative_to(folder)
            package = relative.parts[0].removesuffix(".py")
            owners = sorted({owner for owner in distributions.get(package, ()) if owner}) or [package]
            name = owners[0] if len(owners) == 1 else package
            if name.startswith("_"):
                continue
            library = libraries.setdefault(name, _Library(name))
            library.aliases.update((name, package, *_ALIASES.get(name, ())))
            library.paths.append((_digest(f"{seed} {relative.as_posix()}"), path))
    for library in libraries.values():
        library.paths.sort()
    return [libraries[name] for name in sorted(libraries)]


def _sources(folder: Path, deadline: float) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        if time.monotonic() > deadline:
            return
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith(("test_", "conftest")):
                yield Path(place, name)


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest()


def _read(libraries: Sequence[_Library], deadline: float, progress: Progress) -> tuple[int, bool]:
    """Read a file of each library in turn, so that a time limit leaves something of every one."""
    patterns = [name_pattern(library.aliases) for library in libraries]
    room = [_MOST_SOURCE] * len(libraries)
    total = sum(len(library.paths) for library in libraries)
    done = 0
    for turn in range(max((len(library.paths) for library in libraries), default=0)):
        for number, library in enumerate(libraries):
            if turn >= len(library.paths) or room[number] <= 0:
                continue
            if time.monotonic() > deadline:
                return done, False
            source = _source(library.paths[turn][1])
            room[number] -= len(source)
            library.files.append([_docstring(text, patterns[number]) for text in docstrings_of(source)])
            done += 1
        progress("reading docstrings", done, total)
    return done, True


def _docstring(text: str, names: re.Pattern[str]) -> _Docstring:
    paragraphs = paragraphs_of(text)
    description = names.sub(MASK, first_sentence(paragraphs[0]))
    return _Docstring(paragraphs, description if _SHORTEST <= count_words(description) <= _LONGEST else "")


def _source(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:  # gone or locked since it was listed: as if it had not been there
        return ""


def _deal(
    libraries: Sequence[_Library], min_rows: int, max_rows: int, most: int
) -> tuple[Examples, Examples, set[str]]:
    """Train, test, and the keys of all that stands in files of the test."""
    described = [[_by_key(file) for file in library.files] for library in libraries]
    homes = Counter(key for files in described for key in {key for rows in files for key in rows})
    dealt = []
    for library, files in zip(libraries, described):
        seen: set[str] = set()
        own = []
        for rows in files:  # what several libraries say tells nothing; what one says twice counts once
            own.append({key: text for key, text in rows.items() if homes[key] == 1 and key not in seen})
            seen |= rows.keys()
        learnt, kept = _split(own)
        if len(learnt) >= min_rows and kept:
            dealt.append((library.name, learnt, kept))
    dealt.sort(key=lambda one: (len(one[1]) < max_rows / 2, one[0] not in _WELL_KNOWN, -len(one[1])))
    dealt = sorted(dealt[:most])
    asked = {row.key for _, _, kept in dealt for row in kept}
    train = _examples([(name, learnt[:max_rows]) for name, learnt, _ in dealt])
    test = _examples([(name, kept[: max(1, max_rows // 4)]) for name, _, kept in dealt])
    return train, test, asked


def _examples(rows_of: Sequence[tuple[str, Sequence[_Row]]]) -> Examples:
    rows = [(name, row) for name, rows in rows_of for row in rows]
    return Examples(
        ([row.text for _, row in rows],),
        [name for name, _ in rows],
        source="docstrings",
        groups=[f"{name}, file {row.file}" for name, row in rows],
    )


def _by_key(file: list[_Docstring]) -> dict[str, str]:
    return {_key(docstring.description): docstring.description for docstring in file if docstring.description}


_NO_LETTERS = re.compile(r"[\W\d_]+")


def _key(text: str) -> str:
    """What two descriptions that only differ in case, digits and punctuation have in common."""
    return _NO_LETTERS.sub(" ", text).strip().lower()


def _split(files: list[dict[str, str]]) -> tuple[list[_Row], list[_Row]]:
    """Whole files to the test until it has its share; the files are in an order drawn by seed."""
    train: list[_Row] = []
    test: list[_Row] = []
    share = _TEST_SHARE * sum(map(len, files))
    for number, rows in enumerate(files):
        side = test if len(test) + len(rows) / 2 <= share else train
        side += [_Row(key, text, number) for key, text in rows.items()]
    return train, test


def _raw_text(libraries: Sequence[_Library], asked: set[str]) -> list[str]:
    raw: dict[str, None] = {}
    for library in libraries:
        for paragraphs, description in (docstring for file in library.files for docstring in file):
            hidden = bool(description) and _key(description) in asked
            raw.update(dict.fromkeys(text for text in paragraphs[hidden:] if text))
    return list(raw)
