"""Imports point one way: only from what stands before in ORDER, or from the own folder. Few files lie at the
root, and no chain of imports is long.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

import wordladder

PACKAGE = Path(wordladder.__file__).parent

ORDER = (  # a word list reads better than thirty lines  # noqa: SIM905
    "errors extras processes progress files kernels text formats word_vectors layers vectors data metrics "
    "embedders fusion encoders shallow tasks heads training recipe engines interop evaluation explanation "
    "model pretraining distillation deployment ladder search serve cli __main__"
).split()
MOST_ROOT_FILES = 8
LONGEST_CHAIN = 16

FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def place(path: Path) -> str:
    """The entry of ORDER that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """The entries of ORDER that a file imports from, wherever in the file."""
    depth = len(path.relative_to(PACKAGE).parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = depth - node.level
            if above == 0:
                found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wordladder"):
            found.add((node.module + ".").split(".")[1])
    return found - {"", "__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_its_left(path):
    own = place(path)
    assert own in ORDER, f"{own} has no place in ORDER"
    wrong = [name for name in imported(path) if ORDER.index(name) >= ORDER.index(own) and name != own]
    assert not wrong, f"{path.relative_to(PACKAGE)} imports from its right: {wrong}"


def test_few_files_lie_at_the_root():
    found = sorted(path.name for path in PACKAGE.iterdir() if path.is_file())
    assert len(found) <= MOST_ROOT_FILES, found


def test_no_chain_of_imports_between_rooms_is_long():
    edges: dict[str, set[str]] = {}
    for path in FILES:
        edges.setdefault(place(path), set()).update(imported(path) - {place(path)})

    @cache
    def chain(room: str) -> tuple[str, ...]:
        return (room, *max((chain(other) for other in edges.get(room, ())), key=len, default=()))

    longest = max(map(chain, edges), key=len)
    assert len(longest) <= LONGEST_CHAIN, " → ".join(longest)
