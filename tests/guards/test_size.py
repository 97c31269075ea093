"""The tail stays short: when this bites, an idea wants splitting, not the lines squeezing."""

import ast
from pathlib import Path

import wordladder

PACKAGE = Path(wordladder.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def bodies():
    """Every function with the number of lines of its body, docstring left out."""
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                yield f"{path.relative_to(PACKAGE)}:{node.name}", lines


def test_no_file_is_longer_than_400_lines():
    long = {
        str(p.relative_to(PACKAGE)): n for p in FILES if (n := len(p.read_text("utf-8").split("\n"))) > 401
    }
    assert not long


def test_no_function_body_is_longer_than_60_lines():
    assert not {name: lines for name, lines in bodies() if lines > 60}


def test_nine_in_ten_function_bodies_are_shorter_than_30_lines():
    lengths = [lines for _, lines in bodies()]
    assert sum(lines < 30 for lines in lengths) >= 0.9 * len(lengths)
