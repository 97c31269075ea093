"""`wordladder compare`: two saved models on the same labelled rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.text import Text

from .console import console, interval, print_figures, print_json, print_notes
from .options import COLUMNS, Device, Json, Threads, climb_options
from .signatures import command_options

_LONGEST = 160  # characters of a text that are shown
_MARKS = {"fixed": "green", "broken": "red", "other": "dim"}


@command_options(climb_options(COLUMNS), changed={"min": 0})
def compare(
    first: str,
    second: str,
    file: Path,
    *,
    changed: int = 20,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **columns: Any,
) -> None:
    """Compare two models on the same labelled rows: the difference, and the answers that change.

    Example:  wordladder compare model new-model test.csv

    Args:
        first: Folder of a model, such as the one in use.
        second: Folder of the model that might replace it.
        file: Labelled table, tagged text, or questions with answers.
        changed: How many of the changed answers are shown; --json has all of them.
    """
    from ..data.reading import read_examples
    from ..model.compare import compare as library
    from ..model.model import Model

    loaded = Model.load(first, device=device, threads=threads)
    examples = read_examples(file, loaded.recipe_.task, **columns)
    found = library(loaded, second, examples, device=device, threads=threads)
    if json:
        print_json(found.to_dict())
        return
    metric, rows = found.first.metric, found.first.rows
    print_figures(
        ["model", metric, "95 % interval"],
        [
            [name, f"[bold]{one.value:.4f}[/bold]", interval(one.interval)]
            for name, one in ((first, found.first), (second, found.second))
        ],
    )
    gain = found.difference
    verdict = "better" if gain.low > 0 else "worse" if gain.high < 0 else "not clearly better or worse"
    console.print(
        f"the second is [bold]{verdict}[/bold]: {gain.value:+.4f}  ({gain.low:+.4f} to {gain.high:+.4f})  "
        f"[dim]{rows:,} rows[/dim]"
    )
    if found.counts is not None:
        parts = [f"{name.replace('_', ' ')} {count:,}" for name, count in found.counts.items()]
        console.print(f"[dim]right:[/dim] {' · '.join(parts)}   [dim]McNemar p[/dim] {found.p_value:.2g}")
    if found.changed and changed:
        _print_changed(found.changed, changed)
    print_notes(examples)


def _print_changed(rows: Sequence[Any], most: int) -> None:
    shown = rows[:most]
    console.print(f"\n{len(rows):,} answers change" + (f", the first {most:,}:" if len(rows) > most else ":"))
    table: list[list[str | Text]] = []
    for one in shown:
        answers = (Text(_shown(answer, one.texts[-1])) for answer in (one.gold, one.first, one.second))
        texts = Text(" ‖ ".join(" ".join(text[:_LONGEST].split()) for text in one.texts))
        verdict = f"[{_MARKS[one.verdict]}]{one.verdict}[/]"
        table.append([f"{one.row:,}", verdict, *answers, texts])
    print_figures(["row", "", "right", "first", "second"], table, ["text"])


def _shown(answer: Any, text: str) -> str:
    """An answer in a few words."""
    if isinstance(answer, float):
        return f"{answer:.3f}"
    if not isinstance(answer, list | tuple):
        return str(answer) or "–"
    return (
        ", ".join(
            f"{text[one.start : one.end]} {one.type}" if hasattr(one, "type") else _plain(one)
            for one in answer
        )
        or "–"
    )


def _plain(one: Any) -> str:
    return str(one.text if hasattr(one, "text") else one)
