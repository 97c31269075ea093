"""`wordladder climb`: from a table of texts to a measured recommendation."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..data.plurals import counted
from ._warnings import tell
from .console import console, print_json, progress_bar, say
from .options import (
    Corpus,
    Device,
    Format,
    Group,
    IgnoreSplit,
    Json,
    Label,
    LabelSeparator,
    Output,
    Resume,
    Set,
    SkipIncomplete,
    Text,
    Threads,
    Time,
    UnicodeErrors,
    Vectors,
    option,
    parse_settings,
)
from .tables import duration, interval, milliseconds, percent_or_value, plain_table

if TYPE_CHECKING:
    from ..ladder.result import Climb, Rung

BUDGET = "Budget"
FIGURES = ("metric", "95 % interval", "p50", "p95", "{}s/s", "memory", "size", "training")
WIDE = 100


def climb(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Labelled table, tagged text, or questions with answers; .gz .xz .zst too."
        ),
    ],
    output: Output,
    test: Annotated[
        Path | None,
        typer.Option(
            help="Table that tells how good the rungs are; left out, a fifth of the rows is held out."
        ),
    ] = None,
    dev: Annotated[
        Path | None,
        typer.Option(help="Table on which all choosing is done; left out, a tenth of the rest is held out."),
    ] = None,
    task: Annotated[str, typer.Option(help="The task.")] = "classification",
    rungs: Annotated[str | None, typer.Option(help="Rungs to climb, between commas; left out, all.")] = None,
    recipes: Annotated[Path | None, typer.Option(help="Folder of recipes to climb instead.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds every rung is trained with.")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed, also of the split.")] = 1,
    label_curve: Annotated[
        bool, typer.Option("--label-curve", help="Also train on parts of the rows.")
    ] = False,
    cost: Annotated[
        Literal["latency", "size", "memory", "train"], option("What cheap means.", BUDGET)
    ] = "latency",
    margin: Annotated[
        float, option("How much worse than the best still counts as good.", BUDGET, min=0)
    ] = 0.01,
    max_latency_ms: Annotated[float | None, option("Most milliseconds for one text.", BUDGET)] = None,
    max_size_mb: Annotated[float | None, option("Most MB on disk.", BUDGET)] = None,
    max_memory_mb: Annotated[float | None, option("Most MB of memory.", BUDGET)] = None,
    max_minutes: Annotated[
        float | None, option("Most minutes to train a rung once; it is stopped there.", BUDGET)
    ] = None,
    vectors: Vectors = None,
    unicode_errors: UnicodeErrors = "strict",
    corpus: Corpus = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder (or hub name) of a pretrained BERT, ALBERT or ELMo for the rungs that read one; may "
            "be repeated."
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model that is there already, measured beside the rungs: a folder of ours or of "
            "transformers, a fastText .bin; may be repeated."
        ),
    ] = None,
    set_: Set = None,
    resume: Resume = False,
    text: Text = None,
    label: Label = None,
    label_separator: LabelSeparator = None,
    format_: Format = None,
    skip_incomplete: SkipIncomplete = False,
    group: Group = None,
    time: Time = None,
    ignore_split: IgnoreSplit = False,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Train several rungs on the same rows, measure quality and price, and recommend one.

    Example:  wordladder climb reviews.csv --rungs tfidf,vectors-mean,bilstm --seeds 1 --output climb
    """
    from ..ladder.climb import climb as run

    settings = parse_settings(set_)
    if rungs is None and recipes is None and not encoder and max_minutes is None:
        _tell_of_the_hub(task, settings)
    with progress_bar() as progress:
        found = run(
            file,
            output=output,
            test=test,
            dev=dev,
            task=task,
            rungs=None if rungs is None else [name.strip() for name in rungs.split(",") if name.strip()],
            recipes=recipes,
            seeds=seeds,
            seed=seed,
            cost=cost,
            margin=margin,
            max_latency_ms=max_latency_ms,
            max_size_mb=max_size_mb,
            max_memory_mb=max_memory_mb,
            max_minutes=max_minutes,
            vectors=vectors,
            unicode_errors=unicode_errors,
            corpus=corpus,
            encoders=encoder,
            models=model,
            settings=settings,
            text=text,
            label=label,
            label_separator=label_separator,
            format=format_,
            skip_incomplete=skip_incomplete,
            group=group,
            time=time,
            ignore_split=ignore_split,
            threads=threads,
            device=device,
            resume=resume,
            label_curve=label_curve,
            progress=progress,
        )
    if json:
        print_json(found.to_json())
    else:
        print_climb(found)
        console.print(f"[dim]report:[/dim] {found.folder / 'report.html'}")
    if any(rung.error for rung in found.rungs):
        raise typer.Exit(1)


def _tell_of_the_hub(task: str, settings: dict[str, Any]) -> None:
    """Say beforehand which rungs take hours, where nobody asked for them."""
    from ..embedders._starter import STARTER, starter_languages
    from ..ladder.plan import plan_recipes, tuned_from_hub

    language = next(iter(starter_languages()), None)
    recipes = plan_recipes(task, None, None, settings=settings, language=language).recipes
    started = [r.name for r in recipes if r.flat().get("embedders.0.source") == STARTER]
    for names, where in ((tuned_from_hub(recipes), "from the Hugging Face hub"), (started, "from a starter")):
        if names:
            told = f"{', '.join(names)} will be tuned {where}: hours on a processor"
            tell([f"{told}; --rungs or --max-minutes limits it"])


def print_climb(found: "Climb") -> None:
    """The table of a climb, what was noticed, and the recommendation."""
    from ..ladder.encoders import left_out_lines

    rows = found.rows
    console.print(
        f"{rows['train']:,} training rows · {rows['dev']:,} dev · {rows['test']:,} test · "
        f"{counted(len(found.seeds), 'seed')} · {counted(found.threads, 'thread')} · "
        f"{duration(found.seconds)}"
    )
    # A narrow terminal shows what the choice rests on; the report has everything.
    shown = [name for name in FIGURES if console.width >= WIDE or name not in ("p95", "{}s/s", "memory")]
    table = plain_table()
    table.add_column("rung", overflow="fold")
    for column in shown:
        head = found.metric if column == "metric" else column.format(found.rule.unit)
        table.add_column(head, justify="right", no_wrap=True)
    for rung in found.rungs:
        name = f"[bold green]{rung.name} ◀[/bold green]" if rung.name == found.recommended else rung.name
        figures = _figures(rung)
        table.add_row(name, *(figures.get(column, "") for column in shown))
    console.print(table)
    for rung in found.rungs:
        if rung.error:
            say(f"[red]{rung.name} did not finish:[/red]", rung.error)
    tell([*found.notes, *found.warnings, *left_out_lines(found.left_out)], to=console)
    console.print(f"\n[bold]{found.reason}[/bold]", soft_wrap=True)


def _figures(rung: "Rung") -> dict[str, str]:
    """What the table shows of a rung, by column."""
    if rung.value is None or rung.interval is None:
        return {"metric": "[red]–[/red]"}
    figures = {
        "metric": f"[bold]{percent_or_value(rung.value)}[/bold]",
        "95 % interval": interval(rung.interval),
    }
    if (price := rung.price) is not None:
        figures |= {
            "p50": milliseconds(price.latency_p50),
            "p95": milliseconds(price.latency_p95),
            "{}s/s": f"{price.throughput:,.0f}",
            "memory": f"{price.memory_mb:,.0f} MB",
            "size": f"{price.size_mb:,.1f} MB",
            "training": duration(price.train_seconds) if isfinite(price.train_seconds) else "–",
        }
    return figures
