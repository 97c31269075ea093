"""Prints what a user should know about how files were read."""

from typing import Any

from .console import console

__all__ = ["print_notes"]


def print_notes(*tables: Any) -> None:
    """The notes of some Examples, one a line; None is passed over."""
    for examples in tables:
        for note in () if examples is None else examples.notes:
            console.print("[yellow]note:[/yellow] ", end="")
            console.print(f"{examples.source}: {note}", markup=False, soft_wrap=True)
