"""`wordladder distill`: a cheap rung learns from a dear one."""

import time
from pathlib import Path
from typing import Any

from . import options as shared
from .console import console, duration, interval, print_figures, print_json, progress_bar, tell
from .signatures import command_options, library_options

_OPTIONS = library_options(
    "distillation/distill.py",
    "distill",
    {"Distillation": "made_up objective temperature hard"},
    made_up={"metavar": "COPIES", "min": 0},
)
_CALLS = 200  # texts that are timed


@command_options(
    _OPTIONS,
    shared.climb_options({**shared.COLUMNS, **shared.SPLIT}),
    unlabelled={"metavar": "FILE", "rich_help_panel": "Distillation"},
)
def distill(
    teacher: str,
    recipe: str,
    *,
    train: Path,
    output: shared.Output,
    unlabelled: Path | None = None,
    dev: Path | None = None,
    test: Path | None = None,
    encoder: str | None = None,
    compare: bool = True,
    set_: shared.Set = None,
    seed: int | None = None,
    cache: Path | None = None,
    device: shared.Device = None,
    threads: shared.Threads = None,
    json: shared.Json = False,
    **columns: Any,
) -> None:
    """Teach a rung with a better model, and save it.

    Example:  wordladder distill bert-model bilstm --train reviews.csv --made-up 10 --output student

    Args:
        teacher: Folder of a saved model, a folder of transformers, or a name on the Hugging Face hub; several
            with commas between are averaged.
        recipe: The student: a rung's name (see `wordladder rungs`) or a TOML file.
        train: Labelled table, or tagged text; for vectors texts without labels, one a line or a table.
        unlabelled: More texts: one a line, or a table; labels in it are not read.
        dev: Rows on which all choices are made; if not given, a tenth of the training rows.
        test: Rows on which teacher and student are evaluated.
        encoder: Folder or hub name of the student's pretrained encoder or vectors, instead of the recipe's.
        compare: Train the student without the teacher too, to see what it brings.
        seed: Seed of everything random.
        cache: Folder that keeps the teacher's scores, word vectors and features for other runs.
    """
    from ..data.reading import read_examples
    from ..data.split_columns import Parts, group_or_time
    from ..distillation import distill as library
    from ..interop.encoders import read_encoder
    from ..ladder.split import read_parts
    from ..recipe import Recipe

    chosen = Recipe.load(recipe)
    if encoder is not None:
        chosen = chosen.with_encoder(read_encoder(encoder))
    chosen = chosen.with_settings(shared.parse_settings(set_, seed))
    split = {name: columns.pop(name) for name in ("group", "time", "ignore_split")}
    settings = {name: columns.pop(name) for name in ("made_up", "objective", "temperature", "hard")}
    reading = {name: columns[name] for name in ("text", "format", "skip_incomplete")}
    columns["split_columns"] = group_or_time(**split)
    by_vectors = settings["objective"] == "vectors"

    def plain(path: Path | None) -> Any:
        task = "classification" if by_vectors else chosen.task
        return None if path is None else read_examples(path, task, labelled=False, **reading)

    if by_vectors:
        tested = None if test is None else read_examples(test, "similarity", **columns)
        parts = Parts(plain(train), plain(dev), tested)
    else:
        parts = read_parts(train, test, dev, task=chosen.task, columns=columns)
    place: dict[str, Any] = {"device": device, "threads": threads}
    with progress_bar() as progress:
        found = library.distill(
            teacher.split(",") if "," in teacher else teacher,
            chosen,
            parts.train,
            unlabelled=plain(unlabelled),
            dev=parts.dev,
            test=parts.test,
            compare=compare,
            output=output,
            cache=cache,
            seed=seed or 1,
            progress=progress,
            **settings,
            **place,
        )
    rows = _rows(found, parts.test or parts.dev or parts.train, "encode" if by_vectors else "predict")
    if json:
        print_json({"rows": found.rows, "models": rows, "gain": found.gain and vars(found.gain)})
        return
    _print(found, rows, output)
    tell([*parts.notes, *found.model.report_["warnings"]], to=console)


def _rows(found: Any, examples: Any, verb: str) -> list[dict[str, Any]]:
    """What each model is worth, and how fast it is: the teacher, the student alone, the taught one."""
    some = examples.take(range(min(_CALLS, len(examples))))
    texts = some.flat() if verb == "encode" or len(some.segments) == 1 else list(zip(*some.segments))
    alone = [] if found.alone is None else [found.alone]
    named = {"teacher": found.teachers, "student alone": alone, "taught student": [found.model]}
    scored = (found.teacher, found.untaught, found.taught)
    return [
        {"model": name, "texts_per_second": _rate(models, texts, verb), "test": one and one.to_dict()}
        for (name, models), one in zip(named.items(), scored)
        if models
    ]


def _rate(models: Any, texts: list[Any], verb: str) -> float:
    """Texts a second that several models together predict or encode."""
    seconds = 0.0
    for model in models:
        answer = getattr(model, verb)
        answer(texts)  # what is set up once
        started = time.perf_counter()
        answer(texts)
        seconds += time.perf_counter() - started
    return len(texts) / seconds


def _print(found: Any, rows: list[dict[str, Any]], output: Path) -> None:
    from ..files.folders import size_mb

    report, counts = found.model.report_, found.rows
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    console.print(
        f"[bold]{found.model.recipe_.name}[/bold]  taught with {', '.join(parts)} texts in "
        f"{duration(report['train_seconds'])}, {size_mb(output):.1f} MB in [bold]{output}[/bold]"
    )
    first, tested = rows[0], rows[0]["test"] is not None
    figures = []
    for row in rows:
        speed = f"{row['texts_per_second']:,.0f}"
        if row is not first:
            speed += f"  ({row['texts_per_second'] / first['texts_per_second']:.1f} ×)"
        value = (
            [f"[bold]{row['test']['value']:.4f}[/bold]", interval(row["test"]["interval"])] if tested else []
        )
        figures.append([row["model"], *value, speed])
    metric = [rows[0]["test"]["metric"], "95 % interval"] if tested else []
    print_figures(["", *metric, "texts/s"], figures)
    if found.gain is not None:
        gain = found.gain
        console.print(
            f"teaching brings [bold]{gain.value:+.4f}[/bold]  ({gain.low:+.4f} to {gain.high:+.4f})"
        )
    verb = "embed" if found.model.recipe_.task == "similarity" else "predict"
    console.print(f'[dim]next:[/dim]  echo "…" | wordladder {verb} {output} -')
