"""What the command line prints: text, notes, tables, progress bars on a terminal, JSON for programs."""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ..processes import process_number
from ..progress import Progress, quiet

FIRST = process_number() == 0  # of the processes that train together only this one tells its results
console = Console(highlight=False, quiet=not FIRST)
errors = Console(stderr=True, highlight=False)
_WIDE = r"\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60"
# A word, or a wide character with what must not stand apart from it: 「before, 。after.
_PIECE = re.compile(
    rf"\s+|[（「『《“‘【]*(?:[{_WIDE}]|[^\s{_WIDE}“‘]+)[，。、！？；：）」』》”’】…]*\s*|[^\s]\s*"
)
STOPPED = 130  # the exit code after an interrupt from the keyboard
SECONDS = 30.0  # between two lines of progress in a file or a pipe


def print_json(value: Any) -> None:
    """One JSON document on one line of standard output, whatever the terminal."""
    if FIRST:
        sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_notes(examples: Any, to: Console = console) -> None:
    """The notes of some Examples, if there are any, in one line."""
    if examples.notes:
        tell([f"{examples.source}: {' '.join(examples.notes)}"], to)


def tell(notes: Iterable[str], to: Console = errors, mark: str = "[yellow]note:[/yellow]") -> None:
    """Print notes, each on a line after a mark in colour. On standard error they stay out of JSON output."""
    for note in notes:
        to.print(mark, end=" ")
        to.print(note, markup=False, soft_wrap=True)


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A callable for the library's long work; it draws one bar a stage on a terminal, and elsewhere writes a
    line now and then.
    """
    if not errors.is_terminal or not FIRST:
        yield _lines() if FIRST else quiet
        return
    from rich import progress

    columns = [
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=30),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("[dim]{task.fields[facts]}"),
    ]
    bars = progress.Progress(*columns, console=errors, transient=True)
    stages: dict[str, Any] = {}

    def tell(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        if stage not in stages:
            stages[stage] = bars.add_task(stage, total=total, facts="")
        bars.update(stages[stage], completed=done, total=total, facts=_shown(facts))

    with bars:
        yield tell


def _lines() -> Progress:
    """Writes a line of progress every `SECONDS`; work that ends sooner is quiet."""
    started = last = time.monotonic()

    def tell(stage: str, done: float, total: float | None, **facts: float | str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < SECONDS:
            return
        last = now
        part = f" {_short(done)}" + (f" of {_short(total)}" if total else "") if done or total else ""
        line = f"{duration(now - started)}  {stage}{part}  {_shown(facts)}"
        errors.print(line.rstrip(), markup=False, soft_wrap=True)

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


def plain_table() -> Any:
    """A table without lines, to which columns are added."""
    from rich.table import Table

    return Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")


def print_figures(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], texts: Sequence[str] = ()
) -> None:
    """Print a table.

    Args:
        columns: The columns' names: the first column is text, the others are figures.
        rows: The cells of each row. The first one is shown as it is, the others may have markup.
        texts: The names of more columns of text, the last ones.
    """
    table = plain_table()
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for column in texts:
        table.add_column(column, ratio=1)
    for first, *others in rows:
        table.add_row(Text(str(first)), *others)
    console.print(table)


def wrapped(text: Text, width: int) -> list[Text]:
    """The lines of a text: they break at spaces, and between Chinese characters."""
    offsets, filled, at = list[int](), 0, 0
    for piece in _PIECE.findall(text.plain):
        size = cell_len(piece.rstrip())
        if filled and filled + size > width:
            offsets.append(at)
            filled = 0
        filled += cell_len(piece)
        at += len(piece)
    lines = [part for line in text.divide(offsets) for part in line.wrap(console, width)]  # of long words
    for line in lines:
        line.rstrip()
    return lines


def duration(seconds: float) -> str:
    """Seconds as people write them: "3.1 s", "5 min 02 s"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def interval(bounds: tuple[float, float] | list[float]) -> str:
    """The two ends of an interval."""
    return " – ".join(f"{bound:.3f}" for bound in bounds)


def milliseconds(value: float) -> str:
    """A latency with two significant digits."""
    return f"{value:.2f} ms" if value < 10 else f"{value:.0f} ms"
