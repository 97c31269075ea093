"""`wordladder train` and `wordladder rungs`: a recipe and a table become a saved model."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import SettingError
from ._warnings import tell
from .console import console, print_json, progress_bar
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
    parse_settings,
)
from .tables import duration, figures_table, interval, percent_or_value, plain_table


def train(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="A rung's name (see `wordladder rungs`) or a TOML file.")
    ],
    train: Annotated[
        Path,
        typer.Option(
            "--train", help="Labelled table, tagged text, or questions with answers; .gz .xz .zst too."
        ),
    ],
    output: Output,
    dev: Annotated[
        Path | None,
        typer.Option(
            help="Table on which all choosing is done; left out, a tenth of the training rows is held out."
        ),
    ] = None,
    test: Annotated[Path | None, typer.Option(help="Table on which the finished model is evaluated.")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="Folder (or hub name) of the pretrained encoder, instead of the recipe's own."),
    ] = None,
    vectors: Vectors = None,
    unicode_errors: UnicodeErrors = "strict",
    corpus: Corpus = None,
    set_: Set = None,
    seed: Annotated[int | None, typer.Option(help="Start of everything random.")] = None,
    resume: Resume = False,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Folder in which word vectors, and features of frozen encoders, stay for other trainings."
        ),
    ] = None,
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
    """Train one rung or recipe, and save the model.

    Example:  wordladder train bilstm --train reviews.csv --output model --set training.epochs=3
    """
    from ..data.split_checks import describe_groups_and_times, missing_labels
    from ..data.split_columns import group_or_time
    from ..ladder.encoders import read_encoder
    from ..ladder.split import read_parts
    from ..model.model import Model
    from ..recipe import Recipe

    chosen = Recipe.load(recipe)
    if encoder is not None:
        chosen = read_encoder(encoder).into(chosen)
    chosen = _with_word_vectors(chosen, vectors, corpus, unicode_errors)
    chosen = chosen.with_settings(parse_settings(set_, seed))
    layout: dict[str, Any] = {
        "text": text,
        "label": label,
        "label_separator": label_separator,
        "format": format_,
        "skip_incomplete": skip_incomplete,
        "split_columns": group_or_time(group, time, ignore_split=ignore_split),
    }
    parts = read_parts(train, test, dev, task=chosen.task, columns=layout)
    model = Model(chosen, device=device, threads=threads)
    with progress_bar() as progress:
        given: dict[str, Any] = {"output": output, "resume": resume, "cache": cache}
        model.fit(parts.train, dev=parts.dev, **given, progress=progress)
    tested = None if parts.test is None else model.evaluate(parts.test)
    notes = [*parts.notes, *model.report_["split"], *describe_groups_and_times({"test": parts.test})]
    notes += missing_labels(parts.train, parts.test, "test")
    warnings = [*model.report_["warnings"], *_leaks(parts, chosen.task), *_gap(model, tested, parts)]
    if json:
        print_json(_summary(model, tested, output) | {"warnings": warnings, "notes": notes})
    else:
        _print(model, tested, output, notes + warnings)


def _leaks(parts: Any, task: str) -> list[str]:
    """What the parts should not share; the texts that dev shares with train are in the model's report."""
    from ..data.split_checks import shared_groups_and_times, shared_texts

    found = [] if parts.dev is None else shared_groups_and_times(parts.train, parts.dev, "dev")
    if parts.test is not None:
        found += shared_texts(parts.train, parts.test, "test", task)
        found += [] if parts.dev is None else shared_texts(parts.dev, parts.test, "test", task, known="dev")
        found += shared_groups_and_times(parts.train, parts.test, "test")
    return found


def _with_word_vectors(
    recipe: Any, vectors: Path | None, corpus: list[Path] | None, unicode_errors: Any
) -> Any:
    """The recipe with the word vectors, or the raw text for them, that were given."""
    from ..ladder.plan import with_corpus, with_vectors

    found = with_vectors(recipe, vectors, unicode_errors)
    if vectors is not None and found is recipe:
        raise SettingError(f"--vectors: {recipe.name} has no static embedder that could read them.")
    trained = with_corpus(found, corpus)
    if corpus is not None and trained is found:
        raise SettingError(f"--corpus: {recipe.name} trains no word vectors here.")
    return trained


def _gap(model: Any, tested: Any, parts: Any) -> list[str]:
    """Whether dev and test differ by more than chance allows."""
    from ..evaluation.agreement import Sample, comparable, disagreement, gap_between

    groups = [part.groups for part in (parts.train, parts.dev, parts.test) if part is not None]
    if tested is None or not hasattr(model, "evaluation_") or not comparable(*groups):
        return []
    dev, test = (Sample(found.value, found.interval, found.rows) for found in (model.evaluation_, tested))
    gap = gap_between(dev, test, max(1, len(model.report_.get("history", ()))))
    return disagreement(
        {model.recipe_.name: gap},
        higher_is_better=model.task_.higher_is_better,
        grouped=parts.train.groups is not None,
        timed=parts.test.times is not None,
    )


def _summary(model: Any, tested: Any, output: Path) -> dict[str, Any]:
    report = model.report_
    return {
        "recipe": model.recipe_.name,
        "output": str(output),
        "metric": report["metric"],
        "dev": report["dev_value"],
        "test": None if tested is None else tested.to_dict(),
        "rows": report["rows"],
        "train_seconds": report["train_seconds"],
    }


def _print(model: Any, tested: Any, output: Path, notes: Sequence[str]) -> None:
    from ..files.folders import size_mb

    report, rows = model.report_, model.report_["rows"]
    held = " (held out)" if report["dev_held_out"] else ""
    console.print(
        f"[bold]{model.recipe_.name}[/bold]  trained on {rows['train']:,} rows in "
        f"{duration(report['train_seconds'])}, {size_mb(output):.1f} MB in [bold]{output}[/bold]"
    )
    evaluations = [("dev" + held, getattr(model, "evaluation_", None)), ("test", tested)]
    shown = {name: found for name, found in evaluations if found is not None}
    errors = [found.metrics.get("calibration_error") for found in shown.values()]
    columns = ["", report["metric"], "95 % interval", "rows", "calibration error"]
    table = figures_table(*columns[: 4 if None in errors else 5])
    for (name, found), error in zip(shown.items(), errors):
        value = f"[bold]{percent_or_value(found.value)}[/bold]"
        last = [] if None in errors else [f"{error:.3f}"]
        table.add_row(name, value, interval(found.interval), f"{found.rows:,}", *last)
    console.print(table)
    tell(notes, to=console)
    asked = f"wordladder predict {output} questions.json --top 3"
    text = f'echo "…" | wordladder predict {output} -'
    console.print(f"[dim]next:[/dim]  {asked if model.recipe_.task == 'span_qa' else text}")


def rungs(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Print this rung's recipe.")] = None,
    task: Annotated[str | None, typer.Option(help="The task whose rungs are listed; left out, all.")] = None,
    json: Json = False,
) -> None:
    """List the rungs, or print one's recipe.

    Example:  wordladder rungs bilstm > mine.toml
    """
    from ..ladder.encoders import TITLES
    from ..recipe import rung_names, rung_tasks, rung_text

    if name is not None:
        print(rung_text(name, task), end="")
        return
    tasks = rung_tasks() if task is None else [task]
    headers = [(one, rung, _header(rung_text(rung, one))) for one in tasks for rung in rung_names(one)]
    if json:
        print_json([{"name": rung, "task": one, **header} for one, rung, header in headers])
        return
    table = plain_table()
    table.add_column("rung", no_wrap=True)
    for column in ("what it is", "measured price"):
        table.add_column(column)
    for place, (one, rung, header) in enumerate(headers):
        if len(tasks) > 1 and (not place or headers[place - 1][0] != one):
            table.add_row(f"[cyan]{one}[/cyan]")
        needs = f"[dim]needs {TITLES[header['encoder']]}: --encoder FOLDER[/dim]" if header["encoder"] else ""
        table.add_row(f"[bold]{rung}[/bold]", header["about"], f"{header['price']} {needs}".strip())
    console.print(table)


def _header(text: str) -> dict[str, Any]:
    """The comment lines that open a rung's file, what it is and its measured price, and the family of the
    pretrained encoder that it needs.
    """
    from ..ladder.encoders import family

    embedders = tomllib.loads(text).get("embedders", ())
    lines = [line.removeprefix("#").strip() for line in text.split("\n") if line.startswith("#")]
    about = [line for line in lines if not line.startswith(("rung:", "price:"))]
    price = [line.removeprefix("price:").strip() for line in lines if line.startswith("price:")]
    encoder = next((needed for table in embedders if (needed := family(table))), None)
    return {"about": " ".join(about), "price": " ".join(price), "encoder": encoder}
