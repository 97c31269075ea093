"""One rung with one seed, trained and tested in a process of its own, or a model tested as it is.

`python -m wordladder.ladder.run job.json` starts it. What stays in the job's folder: `model/`, `outcomes.npy`
and `scores.npy` of the test rows, and `result.json`, written last. What a model costs is measured elsewhere.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..data.examples import Examples
from .job_files import nested_order, read_examples, write_array, write_json
from .subprocess_job import Line, answering

OUTCOMES, SCORES, RESULT = "outcomes.npy", "scores.npy", "result.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process trains.

    Attributes:
        recipe: The tables of the recipe, its seed included.
        name: The name of the rung.
        recipe_folder: Where the relative paths of the recipe start.
        data: The folder with `train.json`, `dev.json` and `test.json`.
        folder: Where everything is written.
        cache: Shared by all runs, for trained word vectors and the like.
        rows: How many rows of the nested order to train on; None for all.
        threads: Threads to train with.
        device: Where to train; None leaves it to the model.
        model: A model that is there already, and tested instead; the recipe is empty then.
    """

    recipe: dict[str, Any]
    name: str
    recipe_folder: str
    data: str
    folder: str
    cache: str
    rows: int | None
    threads: int
    device: str | None
    model: str | None = None


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run found.

    Attributes:
        metric: The name of the primary metric.
        higher_is_better: Its direction.
        value: The metric on the test rows.
        dev_value: The metric on the dev rows.
        train_rows: How many rows were trained on.
        train_seconds: The time to train, the word vectors included even where they were already there; None
            of a model that was there already.
        vectors_seconds: The part of it that went into word vectors.
        warnings: What the training warned of.
        dev_interval: The 95 % bootstrap interval of `dev_value`.
        looks: How many times dev was looked at to choose an epoch.
        size_mb: The size of a model that was there already, in MB; None of one that was trained.
    """

    metric: str
    higher_is_better: bool
    value: float
    dev_value: float
    train_rows: int
    train_seconds: float | None
    vectors_seconds: float
    warnings: tuple[str, ...]
    dev_interval: tuple[float, float] | None = None
    looks: int = 1
    size_mb: float | None = None


def train_and_test(run: Run, line: Line) -> Result:
    """Train, test, and write everything down."""
    from ..evaluation.intervals import resampled

    data, folder = Path(run.data), Path(run.folder)
    train, dev, test = (read_examples(data / f"{part}.json") for part in ("train", "dev", "test"))
    train = _part(train, run.rows)
    if run.model is None:
        model = _trained(run, train, dev, line)
    else:
        model = _tested(run, dev, test)
        folder.mkdir(parents=True, exist_ok=True)
    line("testing", 0, None)
    outcomes = model.outcomes(test)
    result = _result(model, len(train), outcomes)
    write_array(folder / OUTCOMES, outcomes)
    write_array(folder / SCORES, resampled(outcomes, model.task_.primary, groups=test.groups))
    write_json(folder / RESULT, asdict(result))
    return result


def _trained(run: Run, train: Examples, dev: Examples, line: Line) -> Any:
    from ..model.model import Model
    from ..recipe import Recipe

    recipe = Recipe(run.recipe, run.name, Path(run.recipe_folder))
    model = Model(recipe, device=run.device, threads=run.threads)
    output = Path(run.folder) / "model"
    line.send("clock_starts")
    model.fit(train, dev=dev, output=output, resume=True, cache=Path(run.cache), progress=line)
    line.send("clock_stops")
    return model


def _tested(run: Run, dev: Examples, test: Examples) -> Any:
    """A model as it is, with what it is worth on dev.

    Raises:
        ModelError: It cannot be read, or has no task.
        DataError: It is for another task, or does not know a label of the data.
    """
    from ..data.labels import spell_like
    from ..evaluation.evaluate import evaluate_scores
    from ..interop.find import needed_mb
    from ..model.model import Model

    model = Model.load(run.model or "", device=run.device, threads=run.threads)
    dev, test = (spell_like(part, model.task_.labels) for part in (dev, test))
    for part in (dev, test):
        model.task_.check(part)
    model.evaluation_ = evaluate_scores(
        model.recipe_.task, model.task_, model.scores(dev), dev, resamples=200
    )
    model.report_ = {
        "dev_value": model.evaluation_.value,
        "train_seconds": None,
        "warnings": [],
        "size_mb": needed_mb(run.model or ""),
    }
    return model


def _part(train: Examples, rows: int | None) -> Examples:
    return train if rows is None else train.take(sorted(nested_order(train)[:rows]))


def _result(model: Any, train_rows: int, outcomes: Any) -> Result:
    report, task = model.report_, model.task_
    return Result(
        metric=task.metric,
        higher_is_better=bool(task.higher_is_better),
        value=task.primary(outcomes),
        dev_value=float(report["dev_value"]),
        train_rows=train_rows,
        train_seconds=report["train_seconds"],
        vectors_seconds=float(report.get("vectors_seconds", 0.0)),
        warnings=tuple(report["warnings"]),
        dev_interval=model.evaluation_.interval,
        looks=max(1, len(report.get("history", ()))),
        size_mb=report.get("size_mb"),
    )


def main(path: str) -> None:
    """Do what the job file says and send the result."""
    run = Run(**json.loads(Path(path).read_text(encoding="utf-8")))
    with answering() as line:
        line.send("result", facts=asdict(train_and_test(run, line)))


if __name__ == "__main__":
    main(sys.argv[1])
