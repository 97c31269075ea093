"""Prints what a user should know about how files were read."""

from collections.abc import Iterable
from typing import Any

from .console import console, errors

__all__ = ["print_notes", "tell"]


def print_notes(*tables: Any, to: Any = console) -> None:
    """The notes of some Examples, a line for each file; None is passed over."""
    for examples in tables:
        if examples is not None and examples.notes:
            to.print("[yellow]note:[/yellow] ", end="")
            to.print(f"{examples.source}: {' '.join(examples.notes)}", markup=False, soft_wrap=True)


def tell(notes: Iterable[str]) -> None:
    """Notes on standard error, a line for each, where programs that read JSON do not meet them."""
    for note in notes:
        errors.print("[yellow]note:[/yellow] ", end="")
        errors.print(note, markup=False, soft_wrap=True)
