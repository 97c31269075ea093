"""One rung with one seed, trained and tested in a process of its own.

`python -m wordladder.ladder.run job.json` starts it. What stays in the job's folder: `model/`, `outcomes.npy`
and `scores.npy` of the test rows, and `result.json`, written last. What a model costs is measured elsewhere.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..data.examples import Examples
from .child import Line, answering
from .handover import nested_order, read_examples, write_array, write_json

__all__ = ["OUTCOMES", "RESULT", "SCORES", "Result", "Run", "train_and_test"]

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


@dataclass(frozen=True, kw_only=True)
class Result:
    """What one run found.

    Attributes:
        metric: The name of the primary metric.
        higher_is_better: Its direction.
        value: The metric on the test rows.
        dev_value: The metric on the dev rows.
        train_rows: How many rows were trained on.
        train_seconds: The time to train, the word vectors included even where they were already there.
        vectors_seconds: The part of it that went into word vectors.
        warnings: What the training warned of.
        dev_interval: The 95 % bootstrap interval of `dev_value`.
        looks: How many times dev was looked at to choose an epoch.
    """

    metric: str
    higher_is_better: bool
    value: float
    dev_value: float
    train_rows: int
    train_seconds: float
    vectors_seconds: float
    warnings: tuple[str, ...]
    dev_interval: tuple[float, float] | None = None
    looks: int = 1


def train_and_test(run: Run, line: Line) -> Result:
    """Train, test, and write everything down."""
    from ..evaluation.intervals import resampled
    from ..model import Model
    from ..recipe import Recipe

    data, folder = Path(run.data), Path(run.folder)
    train, dev, test = (read_examples(data / f"{part}.json") for part in ("train", "dev", "test"))
    train = _part(train, run.rows)
    recipe = Recipe(run.recipe, run.name, Path(run.recipe_folder))
    model = Model(recipe, device=run.device, threads=run.threads)
    line.send("clock_starts")
    model.fit(train, dev=dev, output=folder / "model", resume=True, cache=Path(run.cache), progress=line)
    line.send("clock_stops")
    line("testing", 0, None)
    outcomes = model.outcomes(test)
    result = _result(model, len(train), outcomes)
    write_array(folder / OUTCOMES, outcomes)
    write_array(folder / SCORES, resampled(outcomes, model.task_.primary, groups=test.groups))
    write_json(folder / RESULT, asdict(result))
    return result


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
        train_seconds=float(report["train_seconds"]),
        vectors_seconds=float(report.get("vectors_seconds", 0.0)),
        warnings=tuple(report["warnings"]),
        dev_interval=model.evaluation_.interval,
        looks=max(1, len(report.get("history", ()))),
    )


def main(path: str) -> None:
    """Do what the job file says and send the result."""
    run = Run(**json.loads(Path(path).read_text(encoding="utf-8")))
    with answering() as line:
        line.send("result", facts=asdict(train_and_test(run, line)))


if __name__ == "__main__":
    main(sys.argv[1])
