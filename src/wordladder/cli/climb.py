"""`wordladder climb`: from a table of texts to a measured recommendation."""

from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ..data.plurals import counted
from ..errors import SettingError
from ..search.ways import TASK
from . import options as shared
from .console import console, duration, interval, milliseconds, plain_table, print_json, progress_bar, tell
from .forecast import print_forecast
from .signatures import command_options

if TYPE_CHECKING:
    from ..ladder.result import Climb, Rung

FIGURES = ("metric", "95 % interval", "p50", "p95", "{}/s", "memory", "size", "training", "a million")
WIDE = 100
NO_WARNING = ("rungs", "recipes", "encoders", "max_minutes")  # with one of these the user has chosen
SEARCH = (
    "output", "rungs", "cost", "margin", "max_latency_ms", "max_size_mb", "max_memory_mb", "seed", "threads",
    "progress",
)  # fmt: skip
READING = ("task", "format", "encoders", "numbering", "lowest_is_best")
OPTIONS = {
    "Options": "test dev task rungs recipes seeds seed tune label_curve forecast cascade guarantee live "
    "price_per_hour vectors corpus encoders models distill made_up",
    "Budget": "cost margin max_latency_ms max_size_mb max_memory_mb max_minutes",
    **shared.COLUMNS,
    **shared.SPLIT,
    shared.RUN: "device threads jobs",
}


@command_options(
    shared.climb_options(OPTIONS),
    shared.judged_options("Search"),
    queries={"rich_help_panel": "Search"},
    qrels={"rich_help_panel": "Search"},
    rerank={"rich_help_panel": "Search"},
)
def climb(
    file: Path,
    *,
    output: shared.Output,
    unicode_errors: shared.UnicodeErrors = "strict",
    set_: shared.Set = None,
    resume: shared.Resume = False,
    queries: Path | None = None,
    qrels: Path | None = None,
    rerank: Path | None = None,
    json: shared.Json = False,
    **options: Any,
) -> None:
    """Train several rungs on the same rows, measure quality and price, and recommend one.

    Example:  wordladder climb reviews.csv --rungs tfidf,vectors-mean,bilstm --seeds 1 --output climb

    Args:
        file: Labelled table, tagged text, or questions with answers; .gz .xz .zst too. For the task retrieval
            the documents, a file or a folder.
        queries: For the task retrieval, as for `wordladder index evaluate`.
        qrels: The documents that are relevant to them.
        rerank: A model of pairs that ranks the best documents again.
    """
    from ..ladder.climb import climb as run

    settings = shared.parse_settings(set_)
    options |= {"rungs": shared.split_names(options["rungs"]), "unicode_errors": unicode_errors}
    options["forecast"] = shared.split_numbers(options["forecast"], "--forecast")
    if options["task"] != TASK and not any(options[name] for name in NO_WARNING):
        _warn_of_slow_rungs(options["task"], settings)
    if options["task"] == TASK:
        run = partial(climb_documents, queries, qrels, rerank)
    else:
        lowest_is_best, numbering = options.pop("lowest_is_best"), options.pop("numbering")
        if queries or qrels or rerank or lowest_is_best or numbering != "ids":
            raise SettingError(f"the options of search are for --task {TASK}")
    with progress_bar() as progress:
        result = run(file, output=output, settings=settings, resume=resume, progress=progress, **options)
    if json:
        print_json(result.to_json())
    else:
        print_climb(result)
        console.print(f"[dim]report:[/dim] {result.folder / 'report.html'}")
    if any(rung.error for rung in result.rungs):
        raise typer.Exit(1)


def climb_documents(
    queries: Path | None, qrels: Path | None, rerank: Path | None, file: Path, **options: Any
) -> "Climb":
    """The climb of search. Of the options of other climbs it takes those of `SEARCH`.

    Raises:
        SettingError: another option is given, or queries or judgements are missing.
    """
    from ..search.climb import climb_search
    from ..search.documents import read_documents
    from ..search.judgements import read_judgements, read_queries

    if queries is None or qrels is None:
        raise SettingError(f"--task {TASK} needs --queries and --qrels")
    usual = {"seeds": 3, "jobs": 1, "unicode_errors": "strict"}
    for name, value in options.items():
        if name not in (*SEARCH, *READING) and value and value != usual.get(name):
            raise SettingError(f"--task {TASK} has no option --{name.replace('_', '-')}")
    encoders = options.pop("encoders") or [None]
    if len(encoders) > 1:
        raise SettingError(f"--task {TASK} compares the rungs of one encoder")
    taken = {name: options[name] for name in SEARCH if name in options}
    documents = read_documents([file], format=options["format"])
    asked = read_queries(queries, numbering=options["numbering"])
    judged = read_judgements(qrels, lowest_is_best=options["lowest_is_best"])
    return climb_search(documents, asked, judged, encoder=encoders[0], reranker=rerank, **taken)


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
    from ..ladder.sentences import cascade_sentence, guarantee_sentence, tuning_sentences

    rows = result.rows
    learned = f"{rows['train']:,} training rows" if "train" in rows else f"{rows['documents']:,} documents"
    console.print(
        f"{learned} · {rows['dev']:,} dev · {rows['test']:,} test · "
        f"{counted(len(result.seeds), 'seed')} · {counted(result.threads, 'thread')} · "
        f"{duration(result.seconds)}"
    )
    # A narrow terminal shows what the choice rests on; the report has everything.
    hidden = () if console.width >= WIDE else ("p95", "{}/s", "memory")
    hidden = hidden if result.price_per_hour else (*hidden, "a million")
    shown = [name for name in FIGURES if name not in hidden]
    table = plain_table()
    table.add_column("rung", overflow="fold")
    for column in shown:
        head = result.metric if column == "metric" else column.format(result.rule.units)
        table.add_column(head, justify="right", no_wrap=True)
    for rung in result.rungs:
        name = f"[bold green]{rung.name} ◀[/bold green]" if rung.name == result.recommended else rung.name
        figures = _figures(rung, result.price_per_hour)
        table.add_row(name, *(figures.get(column, "") for column in shown))
    console.print(table)
    for rung in result.rungs:
        if rung.error:
            tell([rung.error], console, f"[red]{rung.name} did not finish:[/red]")
    tell([*result.notes, *result.warnings, *left_out_lines(result.left_out)], to=console)
    console.print(f"\n[bold]{result.reason}[/bold]", soft_wrap=True)
    if result.cascade is not None:
        console.print(cascade_sentence(result), soft_wrap=True)
    if result.forecast is not None:
        console.print()
        print_forecast(result.forecast)
    tell(tuning_sentences(result), to=console, mark="[dim]tuned:[/dim]")
    if sets := guarantee_sentence(result):
        console.print(sets, soft_wrap=True)


def _figures(rung: "Rung", per_hour: float | None) -> dict[str, str]:
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
            "a million": f"{price.per_million(per_hour or 0.0):,.3g}",
        }
    return figures
