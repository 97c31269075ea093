"""`wordladder train` and `wordladder rungs`: a recipe and a table become a saved model."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import SettingError
from . import options as shared
from .console import (
    FIRST,
    console,
    duration,
    interval,
    plain_table,
    print_figures,
    print_json,
    progress_bar,
    tell,
)
from .mining import OPTIONS, mined_parts
from .signatures import command_options

_MINING = {"rich_help_panel": "Mining"}


@command_options(
    shared.climb_options({**shared.COLUMNS, **shared.SPLIT}),
    OPTIONS,
    vectors={"metavar": "FILE"},
    mine={"metavar": "INDEX", **_MINING},
    queries={"metavar": "FILE", **_MINING},
)
def train(
    recipe: str,
    *,
    train: Path,
    output: shared.Output,
    dev: Path | None = None,
    test: Path | None = None,
    encoder: str | None = None,
    vectors: Path | None = None,
    unicode_errors: shared.UnicodeErrors = "strict",
    corpus: list[Path] | None = None,
    mine: str | None = None,
    queries: Path | None = None,
    set_: shared.Set = None,
    seed: int | None = None,
    resume: shared.Resume = False,
    cache: Path | None = None,
    device: shared.Device = None,
    threads: shared.Threads = None,
    json: shared.Json = False,
    **columns: Any,
) -> None:
    """Train one rung or recipe, and save the model.

    Example:  wordladder train bilstm --train reviews.csv --output model --set training.epochs=3

    Args:
        recipe: A rung's name (see `wordladder rungs`) or a TOML file.
        train: Labelled table, tagged text, or questions with answers; .gz .xz .zst too.
        dev: Rows on which all choices are made; if not given, a tenth of the training rows.
        test: Rows on which the trained model is evaluated.
        encoder: Folder or hub name of the pretrained encoder, instead of the recipe's.
        vectors: Word vectors for every static embedder, instead of training them.
        corpus: Raw text to train word vectors on, in addition to the training texts.
        mine: Train a reranker of the passages of this index: --train has queries with relevant texts or ids
            of documents (JSON lines {"query", "positives"}, a table of query and positive, or of query,
            positive and negative), and passages that are not relevant are drawn from the index.
        queries: The texts of the queries, if --train, --dev and --test are files of judgements, as of BEIR
            or TREC.
        seed: Seed of everything random.
        cache: Folder that keeps word vectors and features of frozen encoders for other runs.
    """
    from ..data.split_checks import describe_groups_and_times, missing_labels
    from ..data.split_columns import group_or_time
    from ..interop.encoders import read_encoder
    from ..ladder.split import read_parts
    from ..model.model import Model
    from ..recipe import Recipe

    chosen = Recipe.load(recipe)
    if encoder is not None:
        chosen = chosen.with_encoder(read_encoder(encoder))
    if vectors is not None:
        chosen = chosen.with_vectors(vectors, unicode_errors)
    if corpus is not None:
        chosen = chosen.with_corpus(corpus)
    chosen = chosen.with_settings(shared.parse_settings(set_, seed))
    split = {name: columns.pop(name) for name in ("group", "time", "ignore_split")}
    mining = {name: columns.pop(name) for name in ("negatives", "numbering")}
    columns["split_columns"] = group_or_time(**split)
    reading: dict[str, Any] = {"task": chosen.task, "columns": columns}
    place: dict[str, Any] = {"device": device, "threads": threads}
    if mine is not None:
        reading |= {"mine": mine, "queries": queries, **mining, "seed": seed or 1, **place}
    elif queries is not None:
        raise SettingError("--queries is given, but not --mine, the index that passages are drawn from")
    parts = (read_parts if mine is None else mined_parts)(train, test, dev, **reading)
    model = Model(chosen, **place)
    with progress_bar() as progress:
        model.fit(parts.train, dev=parts.dev, output=output, resume=resume, cache=cache, progress=progress)
    if not FIRST:
        return
    tested = None if parts.test is None else model.evaluate(parts.test)
    notes = [*parts.notes, *model.report_["split"], *describe_groups_and_times({"test": parts.test})]
    notes += missing_labels(parts.train, parts.test, "test")
    warnings = [*model.report_["warnings"], *_leaks(parts, chosen.task), *_gap(model, tested, parts)]
    if not json:
        _print(model, tested, output, notes + warnings)
        return
    summary = {name: model.report_[name] for name in ("metric", "rows", "train_seconds")}
    summary |= {"recipe": model.recipe_.name, "output": str(output), "dev": model.report_["dev_value"]}
    summary["test"] = None if tested is None else tested.to_dict()
    print_json(summary | {"warnings": warnings, "notes": notes})


def _leaks(parts: Any, task: str) -> list[str]:
    """Texts and origins that the parts share; texts in both dev and train are in the model's report."""
    from ..data.split_checks import shared_groups_and_times, shared_texts

    found = [] if parts.dev is None else shared_groups_and_times(parts.train, parts.dev, "dev")
    if parts.test is not None:
        found += shared_texts(parts.train, parts.test, "test", task)
        found += [] if parts.dev is None else shared_texts(parts.dev, parts.test, "test", task, known="dev")
        found += shared_groups_and_times(parts.train, parts.test, "test")
    return found


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


def _print(model: Any, tested: Any, output: Path, notes: Sequence[str]) -> None:
    from ..files.folders import size_mb

    report = model.report_
    console.print(
        f"[bold]{model.recipe_.name}[/bold]  trained on {report['rows']['train']:,} rows in "
        f"{duration(report['train_seconds'])}, {size_mb(output):.1f} MB in [bold]{output}[/bold]"
    )
    dev = "dev (held out)" if report["dev_held_out"] else "dev"
    results = {dev: getattr(model, "evaluation_", None), "test": tested}
    results = {name: result for name, result in results.items() if result is not None}
    columns = ["", report["metric"], "95 % interval", "rows"]
    rows = [
        [name, f"[bold]{result.value:.4f}[/bold]", interval(result.interval), f"{result.rows:,}"]
        for name, result in results.items()
    ]
    errors = [result.metrics.get("calibration_error") for result in results.values()]
    if results and None not in errors:
        columns.append("calibration error")
        rows = [[*row, f"{error:.3f}"] for row, error in zip(rows, errors)]
    if results:
        print_figures(columns, rows)
    tell(notes, to=console)
    predict = f"wordladder predict {output}"
    following = f'echo "…" | {predict} -'
    if model.task_.segments == 2:
        answers = model.task_.labels_are == "answers"
        following = f"{predict} questions.json --top 3" if answers else f'printf "…\\t…\\n" | {predict} -'
    console.print(f"[dim]next:[/dim]  {following}")


@command_options()
def rungs(name: str | None = None, *, task: str | None = None, json: shared.Json = False) -> None:
    """List the rungs, or print one's recipe.

    Example:  wordladder rungs bilstm > mine.toml

    Args:
        name: Print this rung's recipe.
        task: List the rungs of this task only.
    """
    from ..ladder.encoders import TITLES
    from ..recipe import rung_names, rung_tasks, rung_text
    from ..search.ways import RUNGS, TASK

    if name is not None:
        print(rung_text(name, task), end="")
        return
    tasks = [*rung_tasks(), TASK] if task is None else [task]
    written = [one for one in tasks if one != TASK]
    rows = [{"name": r, "task": t, **_header(rung_text(r, t))} for t in written for r in rung_names(t)]
    if TASK in tasks:
        facts = {"task": TASK, "price": "", "encoder": None}
        rows += [{"name": name, **facts, "about": way.about} for name, way in RUNGS.items()]
    if json:
        print_json(rows)
        return
    table = plain_table()
    table.add_column("rung", no_wrap=True)
    table.add_column("what it is")
    table.add_column("measured price")
    for number, row in enumerate(rows):
        if len(tasks) > 1 and (number == 0 or rows[number - 1]["task"] != row["task"]):
            table.add_row(f"[cyan]{row['task']}[/cyan]")
        needs = f"[dim]needs {TITLES[row['encoder']]}: --encoder FOLDER[/dim]" if row["encoder"] else ""
        table.add_row(f"[bold]{row['name']}[/bold]", row["about"], f"{row['price']} {needs}".strip())
    console.print(table)


def _header(text: str) -> dict[str, Any]:
    """The comment lines that open a rung's file, what it is and its measured price, and the family of the
    pretrained encoder that it needs.
    """
    from ..ladder.encoders import encoder_family

    tables = tomllib.loads(text)
    readers = [*tables.get("embedders", ()), *([tables["vectors"]] if "vectors" in tables else [])]
    lines = [line.removeprefix("#").strip() for line in text.split("\n") if line.startswith("#")]
    about = [line for line in lines if not line.startswith(("rung:", "price:"))]
    price = [line.removeprefix("price:").strip() for line in lines if line.startswith("price:")]
    encoder = next((needed for table in readers if (needed := encoder_family(table))), None)
    return {"about": " ".join(about), "price": " ".join(price), "encoder": encoder}
