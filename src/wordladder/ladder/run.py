"""The job that trains and tests one rung with one seed, or tests an existing model as it is.

`python -m wordladder.ladder.run job.json` runs it. It writes `model/`, `outcomes.npy` and `scores.npy` of the
test rows, `answers.npz` if a cascade can have the rung, and last `result.json`. What a model costs to use is
measured by another job.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Answer, Examples, Label, Span, label_names
from ..errors import WordladderError
from ..files.json_files import write_json
from ..files.streams import atomic_write
from .subprocess_job import EventWriter, job_events

OUTCOMES, SCORES, RESULT = "outcomes.npy", "scores.npy", "result.json"
ANSWERS = "answers.npz"  # of dev and test rows how sure each answer is, its outcome, and if it is right


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a job trains or tests.

    Attributes:
        recipe: The tables of the recipe, its seed included; empty for an existing model.
        name: The name of the rung.
        recipe_folder: The folder that relative paths in the recipe refer to.
        data: The folder of `train.json`, `dev.json` and `test.json`.
        folder: Where everything is written.
        cache: A folder for trained word vectors and the like, shared by all runs.
        rows: How many rows of the seed's nested order to train on; None for all.
        threads: Threads to train with.
        device: Where to train; None leaves it to the model.
        model: An existing model to test instead.
        teacher: A model that the recipe learns from; None: there is none.
        made_up: Texts that are made of each training text then.
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
    teacher: str | None = None
    made_up: int = 0


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of one run.

    Attributes:
        metric: The name of the primary metric.
        higher_is_better: Its direction.
        value: The metric on the test rows.
        dev_value: The metric on the dev rows.
        train_rows: How many rows it was trained on.
        train_seconds: The training time, word vectors included even if they came from the cache; None for an
            existing model.
        vectors_seconds: The part of it that went into word vectors.
        warnings: The warnings of the training.
        dev_interval: The 95 % bootstrap interval of `dev_value`.
        looks: How many times dev was evaluated to choose an epoch.
        size_mb: The size of an existing model in MB; None for a trained one.
        coverage: The share of the test rows whose set of labels has the right one, with a `guarantee`.
        labels_a_set: The mean number of labels in a set.
        labels: Precision, recall, F1 and support of each label, or type of entity, on the test rows.
    """

    metric: str
    higher_is_better: bool
    value: float
    dev_value: float
    train_rows: int
    train_seconds: float | None
    vectors_seconds: float
    warnings: Sequence[str]
    dev_interval: tuple[float, float] | None = None
    looks: int = 1
    size_mb: float | None = None
    coverage: float | None = None
    labels_a_set: float | None = None
    labels: dict[str, dict[str, float]] | None = None


def train_and_test(run: Run, events: EventWriter, *, timed: bool = True) -> RunResult:
    """Train, test, and write all results; if `timed`, the parent is told when training starts and stops."""
    from ..evaluation.intervals import bootstrap_scores
    from ..model.inputs import examples_to_score

    data, folder = Path(run.data), Path(run.folder)
    train, dev, test = (read_examples(data / f"{part}.json") for part in ("train", "dev", "test"))
    if run.rows is not None:
        seed = run.recipe["training"]["seed"]
        train = train.take(sorted(nested_order(train, seed)[: run.rows]))
    if run.model is None:
        model = _train(run, train, dev, events, timed=timed)
    else:
        model = evaluate_model(run, dev, test)
        folder.mkdir(parents=True, exist_ok=True)
    events("testing", 0, None)
    report, task = model.report_, model.task_
    test = examples_to_score(test, None, task, task.labels)
    found = model.scores(test)
    outcomes = task.outcomes(found, test)
    if hasattr(task, "sure"):
        dev = examples_to_score(dev, None, task, task.labels)
        _write_answers(folder / ANSWERS, task, {"dev": (model.scores(dev), dev), "test": (found, test)})
    result = RunResult(
        metric=task.metric,
        higher_is_better=bool(task.higher_is_better),
        value=task.primary(outcomes),
        dev_value=float(report["dev_value"]),
        train_rows=len(train),
        train_seconds=report["train_seconds"],
        vectors_seconds=float(report.get("vectors_seconds", 0.0)),
        warnings=report["warnings"],
        dev_interval=model.evaluation_.interval,
        looks=max(1, len(report.get("history", ()))),
        size_mb=report.get("size_mb"),
        **_more_metrics(task, found, test),
    )
    scores = bootstrap_scores(outcomes, task.primary, groups=test.groups)
    for name, array in ((OUTCOMES, outcomes), (SCORES, scores)):
        with atomic_write(folder / name) as file:
            np.save(file, array, allow_pickle=False)
    write_json(folder / RESULT, asdict(result))
    return result


def _more_metrics(task: Any, scores: Any, test: Examples) -> dict[str, Any]:
    found = task.metrics(scores, test)
    return {name: found[name] for name in ("coverage", "labels_a_set", "labels") if name in found}


def _write_answers(path: Path, task: Any, parts: dict[str, tuple[Any, Examples]]) -> None:
    single = task.labels_are == "names" and not task.multi_label
    arrays: dict[str, Any] = {"labels": np.array(task.labels if single else [], dtype=np.str_)}
    for name, (scores, examples) in parts.items():
        outcomes = task.outcomes(scores, examples)
        right = task.right(outcomes)
        arrays |= {f"{name}_sure": task.sure(scores), f"{name}_outcomes": outcomes, f"{name}_right": right}
    with atomic_write(path) as file:
        np.savez(file, **arrays)


def _train(run: Run, train: Examples, dev: Examples, events: EventWriter, *, timed: bool) -> Any:
    from ..distillation.distill import distill
    from ..model.model import Model
    from ..recipe import Recipe

    recipe = Recipe(run.recipe, run.name, Path(run.recipe_folder))
    place: dict[str, Any] = {"device": run.device, "threads": run.threads}
    how: dict[str, Any] = {"dev": dev, "resume": True, "cache": Path(run.cache), "progress": events}
    how["output"] = Path(run.folder) / "model"
    if timed:
        events.send("clock_starts")
    if run.teacher is None:
        model = Model(recipe, **place).fit(train, **how)
    else:
        how |= {"made_up": run.made_up, "compare": False, "seed": recipe.table("training").get("seed", 1)}
        model = distill(run.teacher, recipe, train, **how, **place).model
    if timed:
        events.send("clock_stops")
    return model


def evaluate_model(run: Run, dev: Examples, test: Examples) -> Any:
    """An existing model, evaluated on dev.

    Raises:
        ModelError: It cannot be read, or has no task.
        DataError: It is for another task, or does not know a label of the data.
    """
    from ..data.labels import spell_like
    from ..evaluation.evaluate import evaluate_scores
    from ..interop.sources import needed_mb
    from ..model.model import Model

    source = run.model or ""
    model = Model.load(source, device=run.device, threads=run.threads)
    task = model.task_
    dev, test = (spell_like(part, task.labels) for part in (dev, test))
    for part in (dev, test):
        task.check(part)
    model.evaluation_ = evaluate_scores(model.engine_, model.scores(dev), dev, resamples=200)
    facts: dict[str, Any] = {"train_seconds": None, "warnings": [], "size_mb": needed_mb(source)}
    model.report_ = {"dev_value": model.evaluation_.value, **facts}
    return model


def write_examples(path: Path, examples: Examples) -> None:
    """Write the fields of examples that training needs, for `read_examples`. Unpaired surrogates survive."""
    facts = {k: v for k, v in vars(examples).items() if k not in ("notes", "times", "parts")}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(facts, default=np.ndarray.tolist), encoding="ascii")


def read_examples(path: Path) -> Examples:
    """Read what `write_examples` wrote; lists of labels become tuples again."""
    facts = json.loads(path.read_text(encoding="ascii"))
    facts["segments"] = tuple(facts["segments"])
    facts["labels"] = facts["labels"] and [_label(label) for label in facts["labels"]]
    facts["lines"] = None if facts["lines"] is None else np.array(facts["lines"], dtype=np.int64)
    return Examples(**facts)


def _label(value: Any) -> Label:
    """A label from JSON, which has lists for tuples: a span has three parts, an answer two."""
    if isinstance(value, str | float):
        return value
    kinds: dict[int, Any] = {3: Span, 2: Answer}
    return tuple(part if isinstance(part, str) else kinds[len(part)](*part) for part in value)


def nested_order(examples: Examples, seed: int = 1) -> NDArray[np.int64]:
    """A random order of the rows, another for each seed; the label curve trains on its beginnings.

    The first rows show every label once: a model cannot be tested on labels that it never saw.
    """
    seen: set[str] = set()
    first: list[int] = []
    rest: list[int] = []
    for row in np.random.default_rng(seed).permutation(len(examples)):
        new = set(() if examples.labels is None else label_names(examples.labels[row]))
        (rest if new <= seen else first).append(row)
        seen |= new
    return np.array(first + rest, dtype=np.int64)


def main(path: str) -> None:
    """Run the job in the file and send its result; or one after another its `runs`, for a label curve, of
    which no models are kept, and those that fail have no result.
    """
    job = json.loads(Path(path).read_text(encoding="utf-8"))
    with job_events() as events:
        if "runs" not in job:
            events.send("result", facts=asdict(train_and_test(Run(**job), events)))
            return
        events.send("clock_starts")
        for one in job["runs"]:
            run = Run(**one)
            with suppress(WordladderError):
                train_and_test(run, events, timed=False)
            shutil.rmtree(Path(run.folder) / "model", ignore_errors=True)
        events.send("result", facts={})


if __name__ == "__main__":
    main(sys.argv[1])
