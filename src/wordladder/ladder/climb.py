"""Climb the ladder: train rungs on the same data with the same seeds, measure them, recommend one.

Every run happens in a process of its own and is kept as it ends. What the rule is, what is measured and how
it is drawn stand in the other files of this folder.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from ..data.examples import all_names
from ..data.split_columns import group_or_time
from ..embedders._starter import text_language
from ..errors import SettingError, UserError
from ..evaluation.agreement import comparable, disagreement
from ..files.streams import disk_errors
from ..formats import UnicodeErrors
from ..model.checkpoint_folder import sole
from ..progress import Progress, quiet
from ..recipe import Recipe
from .choice import Rule, choose
from .climb_folder import Record
from .job_files import write_json
from .machine import available_threads, describe
from .measured import Measured, comparable_by_metric, compare, measure_rung, with_gaps
from .plan import FixedModel, plan_models, plan_recipes
from .price import Budget, cost_kind, unit_of
from .reason import reason
from .report import write_report
from .result import Climb
from .rung import Rung
from .runner import Workshop
from .split import Source, Split, fingerprint, split_data

CURVE_PARTS = (16, 4)  # a sixteenth and a quarter of the rows, and all
FEWEST_CURVE_ROWS = 16


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
    progress: Progress = quiet,
) -> Climb:
    """Train rungs on the same data, measure them, and recommend the cheapest that is as good as the best.

    Args:
        train: Labelled rows, or a file of them.
        output: A folder for everything that is kept: models, figures, `climb.json`, `report.html`.
        test: Rows to compare the rungs on; left out, a fifth of train is held out, duplicates together.
        dev: Rows on which all choosing is done; left out, a tenth of what is left of train.
        task: The kind of the task.
        rungs: The rungs to climb, by name; left out, all that come with the package.
        recipes: A folder of recipes to climb instead.
        seeds: How many seeds every rung is trained with.
        seed: The first of them, and the seed of the split.
        cost: What cheap means: latency, size, memory or train.
        margin: How much worse than the best still counts as good, in units of the metric.
        max_latency_ms: Most median milliseconds for one text.
        max_size_mb: Most MB on disk.
        max_memory_mb: Most MB of memory at the peak.
        max_minutes: Most minutes to train a rung with one seed; training is stopped there.
        vectors: A file of word vectors for every rung that uses static ones.
        unicode_errors: What becomes of its words that are not UTF-8: `strict`, `ignore` or `replace`.
        corpus: Raw text on which the rungs that train word vectors train them too.
        encoders: Folders of pretrained encoders for the rungs of their families: BERT, ALBERT, ELMo. A rung
            without one is left out, unless it reads the starter encoder or its own can be had from the hub.
        models: Models that are there already, to be measured beside the rungs: folders of ours, of
            transformers with a head, classifiers of fastText.
        settings: Recipe settings to change in every rung, such as `{"training.epochs": 3}`.
        text: The column of the texts.
        label: The column of the labels.
        label_separator: What separates several labels in a cell.
        format: The format of the files, where their names do not tell.
        skip_incomplete: Whether rows of a table without a text or a label are left out; if not, they are
            refused.
        group: The column of authors, documents or files: rows of one stay together in the split. In a SQuAD
            document "title", in tagged columns "document".
        time: The column that says when rows were written: train on the oldest, test on the newest.
        ignore_split: Whether a column called split, with train, dev and test, is ignored.
        threads: Threads to train and to measure with; left out, all there are.
        device: Where networks train and answer: `"cpu"`, `"cuda"`; left out, the best there is.
        resume: Continue the climb that lies in the output.
        label_curve: Also train every rung on a sixteenth and a quarter of the rows.
        progress: Told how far it is.

    Raises:
        UserError: What was given cannot be used, or every rung breaks because of it.
    """
    started = perf_counter()
    limits = {"max_latency_ms": max_latency_ms, "max_size_mb": max_size_mb, "max_memory_mb": max_memory_mb}
    rule = _rule(cost, margin, Budget(**limits, max_minutes=max_minutes))
    numbers = _numbers(seed, seeds)
    threads = available_threads() if threads is None else _at_least_one("threads", threads)
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
    fixed = plan_models(models)
    made, left_out = plan_recipes(task, rungs, recipes, beside=fixed, **changes)
    _check_device(device, made)
    plan: list[Recipe | FixedModel] = [*fixed, *made]
    folder = Path(output)
    with sole(folder), disk_errors(folder):
        record = Record(folder)
        record.begin(fingerprint(split), plan, resume=resume)
        shop = Workshop(record=record, threads=threads, device=device, minutes=max_minutes, progress=progress)
        measured = _measure_all(shop, split, plan, numbers, label_curve=label_curve)
        found = _found(task, split, shop, measured, rule, numbers, perf_counter() - started)
        found = replace(found, left_out=left_out)
        _save(found)
    return found


def _save(found: Climb) -> None:
    """Write `climb.json` and `report.html` into the folder."""
    write_json(found.folder / "climb.json", found.to_json())
    write_report(found, found.folder / "report.html")


def _rule(cost: str, margin: float, budget: Budget) -> Rule:
    """How the recommended rung is chosen."""
    if not 0 <= margin < float("inf"):
        raise SettingError(f"margin = {margin}: how much worse may be good enough, 0 or more")
    return Rule(cost=cost_kind(cost), margin=margin, budget=budget)


def _check_device(device: str | None, recipes: Sequence[Recipe]) -> None:
    """Refuse a device that is not here before anything is trained; shallow models need none."""
    if device is not None and any(not recipe.table("shallow") for recipe in recipes):
        from ..layers.devices import chosen

        chosen(device)


def _numbers(first: int, count: int) -> tuple[int, ...]:
    return tuple(range(first, first + _at_least_one("seeds", count)))


def _at_least_one(name: str, value: int) -> int:
    if value < 1:
        raise SettingError(f"{name} = {value}: at least one is needed")
    return value


def _measure_all(
    shop: Workshop,
    split: Split,
    plan: Sequence[Recipe | FixedModel],
    seeds: Sequence[int],
    *,
    label_curve: bool,
) -> list[Measured]:
    """Every rung in turn.

    Raises:
        UserError: Every rung broke, because of what the user gave.
    """
    parts = _parts(split) if label_curve else ()
    measured: list[Measured] = []
    shop.open(split)
    try:
        for recipe in plan:
            shop.progress("climb", len(measured), len(plan), rung=recipe.name)
            measured.append(measure_rung(shop, recipe, seeds, parts))
        shop.progress("climb", len(plan), len(plan))
    finally:
        shop.close()
    if all(one.user_error for one in measured):
        shop.record.forget()
        raise UserError(f"no rung could be trained; {measured[0].rung.name}: {measured[0].rung.error}")
    return measured


def _parts(split: Split) -> tuple[int, ...]:
    """The numbers of rows of a label curve: enough to show every label, and fewer than all."""
    fewest = max(FEWEST_CURVE_ROWS, len(all_names(split.train)))
    return tuple(len(split.train) // part for part in CURVE_PARTS if len(split.train) // part >= fewest)


def _on_models(rungs: Sequence[Rung]) -> list[str]:
    """What has to be known of models that were there already."""
    names = [rung.name for rung in rungs if rung.fixed and rung.measured]
    told = "measured as they are. Where test rows are among what one was trained on, its figure is too good."
    return [f"{', '.join(names)}: {told}"] if names else []


def _found(
    task: str,
    split: Split,
    shop: Workshop,
    measured: Sequence[Measured],
    rule: Rule,
    seeds: tuple[int, ...],
    seconds: float,
) -> Climb:
    """Compare, choose, and put everything together."""
    measured = comparable_by_metric(measured)
    first = next((one for one in measured if one.result), None)
    rule = replace(rule, rows=len(split.test), unit=unit_of(task))
    if first is not None and first.result is not None:
        rule = replace(rule, metric=first.result.metric, higher_is_better=first.result.higher_is_better)
    if comparable(split.dev.groups, split.test.groups):
        measured = with_gaps(measured, len(split.dev), len(split.test))
    rungs = compare(measured, rule)
    disagree = disagreement(
        {rung.name: rung.gap for rung in rungs if rung.gap},
        higher_is_better=rule.higher_is_better,
        grouped=split.dev.groups is not None,
        timed=split.test.times is not None,
    )
    choice = choose(rungs, rule)
    return Climb(
        task=task,
        rungs=rungs,
        rule=rule,
        choice=choice,
        reason=reason(rungs, choice, rule),
        rows=split.rows(),
        seeds=seeds,
        notes=split.notes,
        warnings=(*split.warnings, *disagree, *_on_models(rungs)),
        machine=describe(),
        threads=shop.threads,
        device=(first and first.device) or shop.device or "",
        seconds=seconds,
        folder=shop.record.folder,
    )
