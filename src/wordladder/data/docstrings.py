"""Real text that every machine has: docstrings of the installed packages, as a task and as raw text.

The task: which library does a description come from? Nothing is imported or run, and nothing is downloaded.
"""

import hashlib
import importlib.metadata
import math
import os
import re
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ..errors import DataError
from ..progress import Progress, quiet
from .docstring_source import (
    count_words,
    docstrings_of,
    first_sentence,
    name_pattern,
    named_docstrings_of,
    paragraphs_of,
)
from .examples import Examples

MASK = "…"  # in place of a library's name
_SHORTEST, _LONGEST = 5, 30  # words of a description
_TEST_SHARE = 0.2
_MOST_SOURCE = 10_000_000  # characters read of one library: a few large ones must not drown the rest
# Copies of other libraries and tests of the library: neither tells what a library does.
_SKIPPED_FOLDERS = {
    "__pycache__", "site-packages", "dist-packages", "node_modules", "wordladder",
    "test", "tests", "idle_test", "_distutils", "lib2to3",
    "_vendor", "vendor", "_vendored", "extern", "externals", "third_party",
}  # fmt: skip
# Known by everybody, and so preferred to others with as many descriptions.
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
    """A docstring, and the number of the file that it is from, among those of its library.

    The description is the first sentence without the library's names, "" if it cannot be asked about. The key
    is what it has in common with descriptions that only differ in case, digits and punctuation.
    """

    file: int
    paragraphs: list[str]
    description: str
    key: str


@dataclass(frozen=True)
class _Library:
    """A library, its files in an order drawn by seed, and the docstrings in them."""

    name: str
    aliases: set[str] = field(default_factory=set)
    paths: list[tuple[bytes, Path]] = field(default_factory=list)
    docstrings: list[_Docstring] = field(default_factory=list)


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
        seed: Decides which files are read first and which are held out for the test.
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
    libraries = _find_libraries(_folders(folders), seed, start + limit_seconds / 2)
    patterns = [name_pattern(library.aliases) for library in libraries]
    files = 0
    for number, file, _, source in _sources(libraries, start + limit_seconds, progress):
        parsed = (_parse(text, file, patterns[number]) for text in docstrings_of(source))
        libraries[number].docstrings.extend(parsed)
        files += 1
    complete = time.monotonic() <= start + limit_seconds
    train, test, asked = _deal(libraries, min_rows, max_rows, most_libraries)
    if len(set(train.labels or ())) < 2 or not len(test):
        raise DataError(
            f"Docstrings of {len(libraries)} libraries ({files} files read) are too few for a demonstration. "
            "Install more packages, or allow more time."
        )
    docstrings = [docstring for library in libraries for docstring in library.docstrings]
    # A description of the test is left out of the raw text.
    raw = dict.fromkeys(text for one in docstrings for text in one.paragraphs[one.key in asked :] if text)
    return DocstringData(train, test, list(raw), files, time.monotonic() - start, complete)


class Documentation(NamedTuple):
    """What a docstring says.

    Attributes:
        package: The package as it is installed.
        module: The module, such as `numpy.linalg`.
        name: The class or function that it describes; "": the module.
        text: Its paragraphs of prose.
    """

    package: str
    module: str
    name: str
    text: str


def documentation(
    most: int, seed: int = 1, *, folders: Sequence[str | Path] | None = None, progress: Progress = quiet
) -> list[Documentation]:
    """What the docstrings of the installed packages say, each text once, something of every package; private
    functions are left out.

    Args:
        most: Reading stops after so many.
        seed: Decides which files are read first.
        folders: Folders that hold packages; by default the standard library and the installed packages.
        progress: Told how many files are read.
    """
    roots = sorted(_folders(folders), key=lambda folder: -len(folder.parts))
    libraries = _find_libraries(roots, seed, math.inf)
    found: dict[str, Documentation] = {}
    for number, _, path, source in _sources(libraries, math.inf, progress):
        root = next(root for root in roots if path.is_relative_to(root))
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        for name, docstring in named_docstrings_of(source):
            text = "\n".join(filter(None, paragraphs_of(docstring)))
            if count_words(text) >= _SHORTEST and not name.startswith("_"):
                found.setdefault(text, Documentation(libraries[number].name, module, name, text))
        if len(found) >= most:
            break
    return list(found.values())[:most]


def _folders(given: Sequence[str | Path] | None) -> dict[Path, None]:
    """The folders that hold packages, each once."""
    paths = sysconfig.get_paths()
    known = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return dict.fromkeys(map(Path, known if given is None else given))


def _find_libraries(folders: Iterable[Path], seed: int, deadline: float) -> list[_Library]:
    """The libraries under `folders`, by name; their files are ordered by a digest of seed and name."""
    distributions = importlib.metadata.packages_distributions()
    libraries: dict[str, _Library] = {}
    for folder in folders:
        for path in _source_files(folder, deadline):
            relative = path.relative_to(folder)
            package = relative.parts[0].removesuffix(".py")
            owners = {owner for owner in distributions.get(package, ()) if owner}
            name = owners.pop() if len(owners) == 1 else package
            if name.startswith("_"):
                continue
            library = libraries.setdefault(name, _Library(name))
            library.aliases.update((name, package, *_ALIASES.get(name, ())))
            encoded = f"{seed} {relative.as_posix()}".encode("utf-8", "surrogateescape")
            library.paths.append((hashlib.blake2b(encoded, digest_size=8).digest(), path))
    for library in libraries.values():
        library.paths.sort()
    return [libraries[name] for name in sorted(libraries)]


def _source_files(folder: Path, deadline: float) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS)
        if time.monotonic() > deadline:
            return
        for name in sorted(files):
            if name.endswith(".py") and not name.startswith(("test_", "conftest")):
                yield Path(parent, name)


def _sources(
    libraries: Sequence[_Library], deadline: float, progress: Progress
) -> Iterator[tuple[int, int, Path, str]]:
    """The numbers of library and file, the path and the source of files: one of each library in turn, so that
    a time limit leaves something of every one.
    """
    sizes = [0] * len(libraries)
    total = sum(len(library.paths) for library in libraries)
    done = 0
    for turn in range(max((len(library.paths) for library in libraries), default=0)):
        for number, library in enumerate(libraries):
            if turn >= len(library.paths) or sizes[number] >= _MOST_SOURCE:
                continue
            if time.monotonic() > deadline:
                return
            path = library.paths[turn][1]
            try:  # a file that was removed or locked since it was listed counts as empty
                source = path.read_bytes().decode("utf-8", "replace").replace("\r\n", "\n")
            except OSError:
                source = ""
            sizes[number] += len(source)
            yield number, turn, path, source
            done += 1
        progress("reading docstrings", done, total)


_NO_LETTERS = re.compile(r"[\W\d_]+")


def _parse(text: str, file: int, names: re.Pattern[str]) -> _Docstring:
    paragraphs = paragraphs_of(text)
    description = names.sub(MASK, first_sentence(paragraphs[0]))
    if not _SHORTEST <= count_words(description) <= _LONGEST:
        description = ""
    return _Docstring(file, paragraphs, description, _NO_LETTERS.sub(" ", description).strip().lower())


def _deal(
    libraries: Sequence[_Library], min_rows: int, max_rows: int, most: int
) -> tuple[Examples, Examples, set[str]]:
    """Train, test, and the keys of all descriptions in files of the test."""
    homes = Counter(key for library in libraries for key in {one.key for one in library.docstrings})
    dealt = []
    for library in libraries:
        rows: dict[str, _Docstring] = {}
        for docstring in library.docstrings:
            # What several libraries say tells nothing; what one says twice counts once.
            is_new = docstring.key not in rows or rows[docstring.key].file == docstring.file
            if docstring.description and homes[docstring.key] == 1 and is_new:
                rows[docstring.key] = docstring
        train, test = _split(list(rows.values()))
        if len(train) >= min_rows and test:
            dealt.append((library.name, train, test))
    dealt.sort(key=lambda one: (len(one[1]) < max_rows / 2, one[0] not in _WELL_KNOWN, -len(one[1])))
    dealt = sorted(dealt[:most])
    return (
        _examples([(name, row) for name, train, _ in dealt for row in train[:max_rows]]),
        _examples([(name, row) for name, _, test in dealt for row in test[: max(1, max_rows // 4)]]),
        {row.key for _, _, test in dealt for row in test},
    )


def _split(rows: list[_Docstring]) -> tuple[list[_Docstring], list[_Docstring]]:
    """Whole files to the test until it has its share; the files are in an order drawn by seed."""
    train: list[_Docstring] = []
    test: list[_Docstring] = []
    for _, group in groupby(rows, lambda row: row.file):
        rows_of_file = list(group)
        side = test if len(test) + len(rows_of_file) / 2 <= _TEST_SHARE * len(rows) else train
        side += rows_of_file
    return train, test


def _examples(rows: Sequence[tuple[str, _Docstring]]) -> Examples:
    texts, groups = [row.description for _, row in rows], [f"{name}, file {row.file}" for name, row in rows]
    return Examples((texts,), [name for name, _ in rows], "docstrings", groups=groups)
