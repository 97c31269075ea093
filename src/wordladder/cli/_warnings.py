"""Prints what a user should know about how files were read."""

from collections.abc import Iterable
from typing import Any

from .console import console, errors, say


def print_notes(examples: Any, to: Any = console) -> None:
    """The notes of some Examples, if there are any, in one line."""
    if examples.notes:
        tell([f"{examples.source}: {' '.join(examples.notes)}"], to)


def tell(notes: Iterable[str], to: Any = errors) -> None:
    """Notes, a line for each; on standard error programs that read JSON do not meet them."""
    for note in notes:
        say("[yellow]note:[/yellow]", note, to)
