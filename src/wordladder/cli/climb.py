"""`wordladder climb`: from a table of texts to a measured recommendation."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..data.plurals import counted
from . import options as shared
from .console import console, duration, interval, milliseconds, plain_table, print_json, progress_bar, tell
from .signatures import command_options

if TYPE_CHECKING:
    from ..ladder.result import Climb, Rung

FIGURES = ("metric", "95 % interval", "p50", "p95", "{}/s", "memory", "size", "training")
WIDE = 100
OPTIONS = {
    "Options": "test dev task rungs recipes seeds seed label_curve vectors corpus encoders models",
    "Budget": "cost margin max_latency_ms max_size_mb max_memory_mb max_minutes",
    **shared.COLUMNS,
    **shared.SPLIT,
    shared.RUN: "device threads",
}


@command_options(shared.climb_options(OPTIONS))
def climb(
    file: Path,
    *,
    output: shared.Output,
    unicode_errors: shared.UnicodeErrors = "strict",
    set_: shared.Set = None,
    resume: shared.Resume = False,
    json: shared.Json = False,
    **options: Any,
) -> None:
    """Train several rungs on the same rows, measure quality and price, and recommend one.

    Example:  wordladder climb reviews.csv --rungs tfidf,vectors-mean,bilstm --seeds 1 --output climb

    Args:
        file: Labelled table, tagged text, or questions with answers; .gz .xz .zst too.
    """
    from ..ladder.climb import climb as run

    settings = shared.parse_settings(set_)
    options |= {"rungs": shared.split_names(options["rungs"]), "unicode_errors": unicode_errors}
    if not any(options[name] for name in ("rungs", "recipes", "encoders", "max_minutes")):
        _warn_of_slow_rungs(options["task"], settings)
    with progress_bar() as progress:
        result = run(file, output=output, settings=settings, resume=resume, progress=progress, **options)
    if json:
        print_json(result.to_json())
    else:
        print_climb(result)
        console.print(f"[dim]report:[/dim] {result.folder / 'report.html'}")
    if any(rung.error for rung in result.rungs):
        raise typer.Exit(1)


def _warn_of_slow_rungs(task: str, settings: dict[str, Any]) -> None:
    """Warn about rungs that take hours, if nobody asked for them."""
    from ..embedders._encoder_sources import STARTER, starter_languages
    from ..ladder.plan import plan_recipes, tuned_from_hub

    language = next(iter(starter_languages()), None)
    recipes = plan_recipes(task, None, None, settings=settings, language=language).recipes
    started = [r.name for r in recipes if r.flat().get("embedders.0.source") == STARTER]
    for names, where in ((tuned_from_hub(recipes), "from the Hugging Face hub"), (started, "from a starter")):
        note = f"will be tuned {where}: hours on a processor; --rungs or --max-minutes limits it"
        tell([f"{', '.join(names)} {note}"] if names else [])


def print_climb(result: "Climb") -> None:
    """The table of a climb, its notes and warnings, and the recommendation."""
    from ..ladder.encoders import left_out_lines

    rows = result.rows
    learned = f"{rows['train']:,} training rows" if "train" in rows else f"{rows['documents']:,} documents"
    console.print(
        f"{learned} · {rows['dev']:,} dev · {rows['test']:,} test · "
        f"{counted(len(result.seeds), 'seed')} · {counted(result.threads, 'thread')} · "
        f"{duration(result.seconds)}"
    )
    # A narrow terminal shows what the choice rests on; the report has everything.
    shown = [name for name in FIGURES if console.width >= WIDE or name not in ("p95", "{}/s", "memory")]
    table = plain_table()
    table.add_column("rung", overflow="fold")
    for column in shown:
        head = result.metric if column == "metric" else column.format(result.rule.units)
        table.add_column(head, justify="right", no_wrap=True)
    for rung in result.rungs:
        name = f"[bold green]{rung.name} ◀[/bold green]" if rung.name == result.recommended else rung.name
        figures = _figures(rung)
        table.add_row(name, *(figures.get(column, "") for column in shown))
    console.print(table)
    for rung in result.rungs:
        if rung.error:
            tell([rung.error], console, f"[red]{rung.name} did not finish:[/red]")
    tell([*result.notes, *result.warnings, *left_out_lines(result.left_out)], to=console)
    console.print(f"\n[bold]{result.reason}[/bold]", soft_wrap=True)


def _figures(rung: "Rung") -> dict[str, str]:
    """What the table shows of a rung, by column."""
    if rung.value is None or rung.interval is None:
        return {"metric": "[red]–[/red]"}
    figures = {"metric": f"[bold]{rung.value:.4f}[/bold]", "95 % interval": interval(rung.interval)}
    if (price := rung.price) is not None:
        figures |= {
            "p50": milliseconds(price.latency_p50),
            "p95": milliseconds(price.latency_p95),
            "{}/s": f"{price.throughput:,.0f}",
            "memory": f"{price.memory_mb:,.0f} MB",
            "size": f"{price.size_mb:,.1f} MB",
            "training": duration(price.train_seconds) if isfinite(price.train_seconds) else "–",
        }
    return figures
