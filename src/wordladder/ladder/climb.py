"""Climbs the ladder: trains rungs on the same data with the same seeds, measures them, and recommends one.

Every run has its own process, and its result is kept as soon as it ends.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from ..data.examples import Examples, all_names
from ..data.split_columns import group_or_time
from ..embedders._encoder_sources import text_language
from ..errors import SettingError, UserError
from ..evaluation.agreement import comparable, disagreement
from ..extras import require
from ..files.json_files import write_json
from ..files.streams import disk_errors
from ..formats import UnicodeErrors
from ..kernels.cores import cores
from ..model.checkpoint_folder import exclusive_output
from ..processes import process_count
from ..progress import Progress, quiet
from ..recipe import Recipe
from .cascade_model import add_cascade, check_task
from .choice import add_gaps, choose, compare, reject_other_metrics
from .climb_folder import ClimbFolder
from .evidence import find_evidence
from .forecast import check_rows
from .forecast import forecast as expect
from .live import live_section
from .machine import describe
from .plan import FixedModel, plan_models, plan_recipes, plan_taught
from .price import UNITS, Budget, cost_kind
from .report import write_report
from .result import Climb, Rule, Tuned
from .runner import Measured, Part, Runner
from .sentences import reason
from .side_by_side import train_side_by_side
from .split import Source, Split, fingerprint, split_data

CURVE_PARTS = (16, 4)  # a sixteenth and a quarter of the rows, besides all of them
FORECAST_PARTS = (32, 16, 8, 4, 2)
MIN_CURVE_ROWS, CURVE_SEEDS = 16, 5


class Search(NamedTuple):
    """How many settings of each rung are tried, and which stay as they are."""

    trials: int
    fixed: list[str]


def climb(
    train: Source,
    *,
    output: str | Path,
    test: Source | None = None,
    dev: Source | None = None,
    task: str = "classification",
    rungs: Sequence[str] | None = None,
    recipes: str | Path | None = None,
    seeds: int = 3,
    seed: int = 1,
    cost: str = "latency",
    margin: float = 0.01,
    max_latency_ms: float | None = None,
    max_size_mb: float | None = None,
    max_memory_mb: float | None = None,
    max_minutes: float | None = None,
    vectors: str | Path | None = None,
    unicode_errors: UnicodeErrors = "strict",
    corpus: str | Path | Sequence[str | Path] | None = None,
    encoders: Sequence[str | Path] | None = None,
    models: Sequence[str | Path] | None = None,
    distill: str | Path | None = None,
    made_up: int = 0,
    settings: Mapping[str, Any] | None = None,
    text: str | None = None,
    label: str | None = None,
    label_separator: str | None = None,
    format: str | None = None,
    skip_incomplete: bool = False,
    group: str | None = None,
    time: str | None = None,
    ignore_split: bool = False,
    threads: int | None = None,
    device: str | None = None,
    resume: bool = False,
    label_curve: bool = False,
    forecast: Sequence[int] | None = None,
    cascade: bool = False,
    guarantee: float | None = None,
    price_per_hour: float | None = None,
    tune: int | None = None,
    jobs: int = 1,
    live: bool = False,
    progress: Progress = quiet,
) -> Climb:
    """Train rungs on the same data, measure them, and recommend the cheapest that is as good as the best.

    Args:
        train: Labelled rows, or a file of them.
        output: A folder for everything that is kept: models, figures, `report.html`, `climb.json`,
            `climb.csv` and `climb.md`.
        test: Rows to compare the rungs on; if not given, a fifth of the rows, duplicates together.
        dev: Rows on which all choices are made; if not given, a tenth of the remaining rows.
        task: The kind of task: classification, pairs, regression, tagging or span_qa.
        rungs: Names of the rungs to climb; if not given, all of the task.
        recipes: A folder of recipes to climb instead.
        seeds: How many seeds every rung is trained with.
        seed: The first seed, also that of the split.
        cost: What makes a rung cheap: latency, size, memory or train (the time to train it).
        margin: How much worse than the best still counts as good, in units of the metric.
        max_latency_ms: Highest median latency for one text, in milliseconds.
        max_size_mb: Largest model on disk, in MB.
        max_memory_mb: Highest peak memory, in MB.
        max_minutes: Most minutes to train a rung with one seed; training stops there.
        vectors: Word vectors for every static embedder, instead of training them.
        unicode_errors: What becomes of its words that are not UTF-8: `strict`, `ignore` or `replace`.
        corpus: Raw text to train word vectors on, in addition to the training texts.
        encoders: Folder or hub name of a pretrained BERT, ALBERT or ELMo for the rungs that use one. A rung
            without its encoder is left out, unless a starter encoder or the hub provides it.
        models: Existing model to measure with the rungs: a folder of wordladder, a folder of transformers
            with a head, or a fastText .bin classifier.
        distill: A better model: rungs without a pretrained encoder also learn from it, as `NAME@MODEL`, and
            it is measured with them.
        made_up: Texts that are made of each training text for it.
        settings: Recipe settings to change in every rung, such as `{"training.epochs": 3}`.
        text: Column of the texts; if not given, found by the usual names.
        label: Column of the labels; if not given, found by the usual names.
        label_separator: Separator of several labels in a cell; not needed for JSON lists.
        format: Tables are csv, tsv, jsonl, parquet, fasttext or lines; tagged text is columns or conllu;
            questions are squad; raw text whose lines go on from each other is running. If not given, found
            from the file's name and first lines.
        skip_incomplete: Leave out rows that lack a text or a label, and report how many; otherwise they are
            an error.
        group: Column of authors, documents or files: rows of one stay together in every part. For SQuAD files
            it is `title`, for tagged text `document`.
        time: Column of ISO dates, ISO datetimes or numbers: the newest rows are held out.
        ignore_split: Ignore a column named split; otherwise its train, dev (or validation) and test are used.
        threads: Threads to train and measure with; if not given, all there are.
        device: `cpu`, `cuda`, or `cuda:1` for the second accelerator; if not given, the best there is.
        resume: Continue the climb that lies in the output.
        label_curve: Also train every rung on a sixteenth and a quarter of the rows.
        forecast: Also say what to expect of every rung with so many training rows, such as 5000 and 25000,
            from a label curve of six parts.
        cascade: Also put the rungs in a cascade: each text goes on to the next dearer one until one is sure
            enough, and the test rows show that at most `margin` more answers are wrong than the best rung's.
            For classification, pairs, and tagging, where an answer is all tags of a text.
        guarantee: The share of texts whose set of labels is to contain the right one, such as 0.9; for
            tagging the share of a text's entities that its set is to hold.
        price_per_hour: The price of a machine like this one an hour, in any currency; then the figures have
            what a million texts cost.
        tune: Try so many settings of every rung on dev, such as 20, and take the best; those in `settings`
            stay.
        jobs: How many rungs are trained side by side, which share the threads. Latency and memory are still
            measured one rung at a time; training times are those of rungs that had company.
        live: Put the recommended rung, the next cheaper and the best small one into `report.html`, which then
            answers what is typed there, offline. For classification; networks need onnxruntime-web.
        progress: Told how far it is.

    Raises:
        UserError: An argument is not valid, or every rung fails because of one.
    """
    started = perf_counter()
    limits = {"max_latency_ms": max_latency_ms, "max_size_mb": max_size_mb, "max_memory_mb": max_memory_mb}
    rule = Rule(cost=cost_kind(cost), margin=margin, budget=Budget(**limits, max_minutes=max_minutes))
    threads = cores() if threads is None else threads
    _check_start(margin, seeds=seeds, threads=threads, jobs=jobs, tune=1 if tune is None else tune)
    asked = {"cascade": cascade, "guarantee": guarantee is not None, "live": live}
    _check_wishes(task, [option for option, given in asked.items() if given], tune, price_per_hour, forecast)
    if guarantee is not None:
        settings = {**(settings or {}), "task.guarantee": guarantee}
    columns: dict[str, Any] = {
        "text": text,
        "label": label,
        "label_separator": label_separator,
        "format": format,
        "skip_incomplete": skip_incomplete,
        "split_columns": group_or_time(group, time, ignore_split=ignore_split),
    }
    split = split_data(train, test, dev, task=task, seed=seed, columns=columns)
    changes: dict[str, Any] = {
        "settings": settings,
        "vectors": vectors,
        "unicode_errors": unicode_errors,
        "corpus": corpus,
        "encoders": encoders,
        "language": text_language(split.train.flat()),
    }
    fixed, teachers = plan_models(models), plan_models([] if distill is None else [distill])
    planned, left_out = plan_recipes(task, rungs, recipes, models=[*fixed, *teachers], **changes)
    for teacher in teachers:
        planned = [*planned, *plan_taught(planned, teacher, made_up)]
    _check_device(device, planned)
    plan: list[Recipe | FixedModel] = [*fixed, *teachers, *planned]
    numbers = tuple(range(seed, seed + seeds))
    shares = FORECAST_PARTS if forecast else CURVE_PARTS if label_curve else ()
    parts = _curve_parts(split.train, seeds, shares)
    folder = Path(output)
    with exclusive_output(folder), disk_errors(folder):
        climb_folder = ClimbFolder(folder)
        climb_folder.begin(fingerprint(split), plan, tune=tune, resume=resume)
        runner = Runner(
            folder=climb_folder, threads=threads, device=device, minutes=max_minutes, progress=progress
        )
        with runner.data_files(split):
            search = Search(tune, list(settings or ())) if tune else None
            measured = _measure_all(runner, plan, numbers, parts, search, jobs)
            result = _result(task, split, runner, measured, rule)
            if jobs > 1:
                note = f"{jobs} rungs were trained side by side: alone each takes less time."
                result = replace(result, notes=(*result.notes, note))
            result = _add_wishes(result, split, runner, cascade=cascade, forecast=forecast)
        result = replace(result, price_per_hour=price_per_hour, seeds=numbers, left_out=left_out)
        result = replace(result, seconds=perf_counter() - started)
        page = ""
        if live:
            page, notes = live_section(result, split.test, climb_folder)
            result = replace(result, notes=(*result.notes, *notes))
        write_json(folder / "climb.json", result.to_json())
        write_report(result, folder, page)
    return result


def _check_start(margin: float, **counts: int) -> None:
    if process_count() > 1:
        raise SettingError(
            "a climb starts its own processes, --jobs several at a time; torchrun is for train and pretrain"
        )
    if not 0 <= margin < float("inf"):
        raise SettingError(f"margin = {margin}: it must be 0 or more")
    for name, count in counts.items():
        if count < 1:
            raise SettingError(f"{name} = {count}: at least one is needed")


def _check_wishes(
    task: str,
    options: Sequence[str],
    tune: int | None,
    price_per_hour: float | None,
    forecast: Sequence[int] | None,
) -> None:
    for option in options:
        check_task(task, option)
    if tune is not None:
        require("optuna", "tune", "the search for settings")
    if price_per_hour is not None and not 0 < price_per_hour < float("inf"):
        raise SettingError(f"price_per_hour = {price_per_hour}: it must be above 0")
    check_rows(forecast or [1])


def _add_wishes(
    climb: Climb, split: Split, runner: Runner, *, cascade: bool, forecast: Sequence[int] | None
) -> Climb:
    """The climb with its evidence, and what else was asked for; what cannot be had is told in the notes."""
    notes = list(climb.notes)
    if cascade:
        made, why = add_cascade(climb, split.test, runner)
        climb = replace(climb, cascade=made)
        notes += [f"No cascade: {why}."] if made is None else []
    if forecast:
        try:
            climb = replace(climb, forecast=expect(climb, forecast))
        except SettingError as error:
            notes.append(f"No forecast: {error}.")
    return replace(climb, evidence=find_evidence(climb, split.test, runner.folder), notes=tuple(notes))


def _check_device(device: str | None, recipes: Sequence[Recipe]) -> None:
    """Refuse a missing device before anything is trained; shallow models need none."""
    if device is not None and any(not recipe.table("shallow") for recipe in recipes):
        from ..layers.devices import choose_device

        choose_device(device)


def _curve_parts(train: Examples, seeds: int, shares: Sequence[int]) -> list[Part]:
    """The parts of the rows for a label curve: enough to show every label. Small ones have more seeds."""
    fewest = max(MIN_CURVE_ROWS, len(all_names(train)))
    counts = {len(train) // share: max(seeds, min(seeds * share // 2, CURVE_SEEDS)) for share in shares}
    return [Part(rows, count) for rows, count in counts.items() if rows >= fewest]


def _measure_all(
    runner: Runner,
    plan: Sequence[Recipe | FixedModel],
    seeds: Sequence[int],
    parts: Sequence[Part],
    search: Search | None,
    jobs: int,
) -> list[Measured]:
    """Measure every rung in turn, with these parts of its label curve, after a search for its settings.
    Before that so many `jobs` train side by side.

    Raises:
        UserError: Every rung failed because of what the user gave.
    """

    def prepare(recipe: Recipe | FixedModel, runner: Runner) -> tuple[Recipe | FixedModel, Tuned | None]:
        if search is not None and type(recipe) is Recipe:
            return runner.tune(recipe, search.trials, seeds[0], search.fixed)
        return recipe, None

    def train(recipe: Recipe | FixedModel, runner: Runner) -> None:
        recipe, _ = prepare(recipe, runner)
        if not isinstance(recipe, FixedModel) and runner.train_seeds(recipe, seeds) is None:
            runner.train_parts(recipe, seeds, parts)

    if jobs > 1:
        train_side_by_side(runner, [partial(train, recipe) for recipe in plan], jobs)
    measured: list[Measured] = []
    for recipe in plan:
        runner.progress("climb", len(measured), len(plan), rung=recipe.name)
        recipe, tuned = prepare(recipe, runner)
        measured.append(runner.measure_rung(recipe, seeds, parts))
        measured[-1].rung = replace(measured[-1].rung, tuned=tuned)
    runner.progress("climb", len(plan), len(plan))
    if all(one.user_error for one in measured):
        runner.folder.remove_runs()
        raise UserError(f"no rung could be trained; {measured[0].rung.name}: {measured[0].rung.error}")
    return measured


def _result(task: str, split: Split, runner: Runner, measured: list[Measured], rule: Rule) -> Climb:
    """Compare, choose, and put everything together."""
    reject_other_metrics(measured)
    first = next((one for one in measured if one.results), None)
    rule = replace(rule, rows=len(split.test), unit=UNITS.get(task, "text"))
    if first is not None:
        metric, higher_is_better = first.results[0].metric, first.results[0].higher_is_better
        rule = replace(rule, metric=metric, higher_is_better=higher_is_better)
    if comparable(split.dev.groups, split.test.groups):
        add_gaps(measured, len(split.dev), len(split.test))
    rungs = compare(measured, rule)
    gaps = disagreement(
        {rung.name: rung.gap for rung in rungs if rung.gap},
        higher_is_better=rule.higher_is_better,
        grouped=split.dev.groups is not None,
        timed=split.test.times is not None,
    )
    choice = choose(rungs, rule)
    warnings = [*split.warnings, *gaps]
    if models := ", ".join(rung.name for rung in rungs if rung.fixed and rung.measured):
        note = "measured as they are. If a model was trained on some of the test rows, its figure is too good"
        warnings.append(f"{models}: {note}.")
    return Climb(
        task=task,
        rungs=rungs,
        rule=rule,
        choice=choice,
        reason=reason(rungs, choice, rule),
        rows=split.rows(),
        notes=split.notes,
        warnings=tuple(warnings),
        machine=describe(),
        threads=runner.threads,
        device=(first and first.device) or runner.device or "",
        folder=runner.folder.path,
    )
