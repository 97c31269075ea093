"""What the command line shows: one console, progress bars on a terminal, JSON for programs."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ..progress import Progress, quiet

__all__ = ["console", "errors", "print_json", "progress_bar"]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output, whatever the terminal."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A callable for the library's long work; it draws one bar a stage on a terminal and stays quiet in a
    pipe.
    """
    if not errors.is_terminal:
        yield quiet
        return
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[facts]}"),
        console=errors,
        transient=True,
    )
    stages: dict[str, Any] = {}

    def tell(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(stage, total=total, facts="")
        shown = "  ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in facts.items())
        bars.update(stages[stage], completed=done, total=total, facts=shown)

    with bars:
        yield tell


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.4g}"
