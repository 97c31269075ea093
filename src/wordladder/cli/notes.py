"""Prints what a user should know about how files were read."""

from typing import Any

from .console import console

__all__ = ["print_notes"]


def print_notes(*tables: Any, to: Any = console) -> None:
    """The notes of some Examples, a line for each file; None is passed over."""
    for examples in tables:
        if examples is not None and examples.notes:
            to.print("[yellow]note:[/yellow] ", end="")
            to.print(f"{examples.source}: {' '.join(examples.notes)}", markup=False, soft_wrap=True)
