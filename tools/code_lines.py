"""Prints the lines of code of each folder of the package: docstrings, comments and blank lines do not count.

python tools/code_lines.py [FOLDER]
"""

import ast
import sys
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "wordladder"
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING,
    tokenize.ENDMARKER,
}  # fmt: skip
DEFINITIONS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def code_lines(path: Path) -> int:
    """How many lines of a file hold code."""
    with path.open("rb") as file:
        tokens = [token for token in tokenize.tokenize(file.readline) if token.type not in LAYOUT]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, DEFINITIONS) and ast.get_docstring(node, clean=False) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def main() -> None:
    """Print folder, files and lines, and the sum."""
    package = Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE
    lines: Counter[str] = Counter()
    files: Counter[str] = Counter()
    for path in package.rglob("*.py"):
        folder = path.relative_to(package).parent.as_posix()
        lines[folder] += code_lines(path)
        files[folder] += 1
    for folder in sorted(lines):
        print(f"{folder:20}{files[folder]:5}{lines[folder]:8,}")
    print(f"{'all':20}{files.total():5}{lines.total():8,}")


if __name__ == "__main__":
    main()
