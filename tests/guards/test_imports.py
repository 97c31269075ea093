"""Imports point one way: only from what stands before in ORDER, or from the own folder."""

import ast
from pathlib import Path

import pytest

import wordladder

PACKAGE = Path(wordladder.__file__).parent

ORDER = (  # a word list reads better than fifty lines  # noqa: SIM905
    "errors extras facts progress kernels streams artifact text vocab phrases corpus_files corpus "
    "subwords formats word_tests word_vectors vectors sequence chain layers embedders fusion encoders "
    "shallow metrics data tasks heads training recipe network engines imported work card notes inputs "
    "evaluation estimator model pretraining ladder doctor cli __main__ "
).split()

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
