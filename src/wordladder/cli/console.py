"""What the command line shows: one console, progress bars on a terminal, JSON for programs."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from ..progress import Progress
from .tables import duration

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
SECONDS = 30.0  # between two lines of progress in a file or a pipe


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output, whatever the terminal."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say(mark: str, text: str, to: Console = console) -> None:
    """A line that opens with a mark in colour; the text stands as it is."""
    to.print(mark, end=" ")
    to.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A callable for the library's long work; it draws one bar a stage on a terminal, and elsewhere writes a
    line now and then.
    """
    if not errors.is_terminal:
        yield _lines()
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
        bars.update(stages[stage], completed=done, total=total, facts=_shown(facts))

    with bars:
        yield tell


def _lines() -> Progress:
    """Writes where the work is, if the last line is `SECONDS` ago; what ends sooner is quiet."""
    started = last = time.monotonic()

    def tell(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS:
            return
        last = now
        part = f" {_short(done)}" + (f" of {_short(total)}" if total else "") if done or total else ""
        errors.print(
            f"{duration(now - started)}  {stage}{part}  {_shown(facts)}".rstrip(),
            markup=False,
            soft_wrap=True,
        )

    return tell


def _shown(facts: dict[str, float | str]) -> str:
    return "  ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in facts.items())


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value
    if abs(value) >= 1e6:
        return f"{value / 1e6:.2f} M"
    if abs(value) >= 1e4:
        return f"{value / 1e3:.0f} k"
    return f"{value:.4g}"
