"""Numbers of things, and of lines, in sentences."""

from typing import Any


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number and what it counts: "1 sentence", "14,041 sentences"; `many` is the plural if not by an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def row_name(row: int, lines: Any) -> str:
    """What messages call a row: its line in the file; without lines, its number counted from 1."""
    return f"row {row + 1}" if lines is None else f"line {lines[row]}"
