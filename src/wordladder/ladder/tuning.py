"""Searches the settings of a rung on dev: Optuna's TPE sampler, with median pruning.

`python -m wordladder.ladder.tuning job.json` tries the settings of one rung. Each trial is kept as soon as it
ends, and its sampler depends on its number alone, so that a search that was interrupted goes on as if it had
not been.
"""

import json
import sys
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from time import perf_counter
from typing import Any

from ..errors import WordladderError
from ..extras import require
from ..recipe import Recipe, component
from .result import Tuned
from .run import read_examples
from .subprocess_job import EventWriter, job_events

TRIALS = "trials.jsonl"
STARTUP_TRIALS = 5  # before which nothing is pruned, and settings are drawn at random
FACTOR = 4.0  # how far learning rates go from the recipe's
_WORDS = {"ngrams": (1, 2, 3), "sublinear": (True, False), "lowercase": (True, False)}
SHALLOW: dict[str, dict[str, tuple[Any, ...]]] = {
    "tfidf": {**_WORDS, "min_documents": (1, 2, 3, 5)},
    "ridge": {**_WORDS, "min_documents": (1, 2, 3, 5)},
    "tfidf_similarity": _WORDS,
    "tfidf_cosine": {**_WORDS, "characters": (0, 3, 5, 6)},
    "fasttext": {
        "dim": (8, 16, 32, 64),
        "word_ngrams": (1, 2, 3),
        "min_count": (1, 2, 5),
        "learning_rate": (0.1, 0.25, 0.5, 1.0),
    },
    "crf": {
        "l2": (0.01, 0.03, 0.1, 0.3, 1.0),
        "learning_rate": (0.05, 0.1, 0.2),
        "affixes": (3, 4, 5),
        "window": (1, 2, 3),
        "epochs": (5, 10, 20),
    },
}


@dataclass(frozen=True)
class Choices:
    """The values that a setting may take.

    Attributes:
        default: The recipe's value.
        values: All of them; if there are none, it is a number from `low` to `high`.
        low: The lowest number.
        high: The highest.
        log: Whether numbers are drawn by their logarithm.
    """

    default: Any
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False


@dataclass(frozen=True, kw_only=True)
class TuningJob:
    """What a job searches.

    Attributes:
        recipe: The tables of the recipe.
        name: The name of the rung.
        recipe_folder: The folder that relative paths in the recipe refer to.
        data: The folder of `train.json` and `dev.json`.
        folder: Where the trials are kept.
        cache: A folder for trained word vectors and the like.
        fixed: Settings that are not searched, for the user has chosen them.
        trials: How many settings are tried.
        seed: Of the search.
        threads: Threads to train with.
        device: Where to train; None leaves it to the model.
    """

    recipe: dict[str, Any]
    name: str
    recipe_folder: str
    data: str
    folder: str
    cache: str
    fixed: list[str]
    trials: int
    seed: int
    threads: int
    device: str | None


def search_space(recipe: Recipe, fixed: Container[str] = ()) -> dict[str, Choices]:
    """The settings of a recipe that are searched, by their dotted keys: few, those that matter most.

    Args:
        recipe: The recipe.
        fixed: Settings that are not.
    """
    known, space = recipe.flat(), dict[str, Choices]()
    if shallow := recipe.table("shallow"):
        own = signature(component("shallow", shallow["kind"])).parameters
        for name, values in SHALLOW.get(shallow["kind"], {}).items():
            default = shallow.get(name, own[name].default)
            space[f"shallow.{name}"] = Choices(default, values if default in values else (default, *values))
    else:
        tuned = any(key.startswith("embedders.") and key.endswith(".tune") and known[key] for key in known)
        rates = {"training.learning_rate": None if tuned else 1e-3, "training.head_learning_rate": None}
        for key, default in rates.items():
            if (rate := known.get(key, default)) is not None:
                space[key] = Choices(rate, low=rate / FACTOR, high=rate * FACTOR, log=True)
        sizes = ["training.batch_rows", *(key for key in known if key.endswith(".hidden"))]
        for key in sizes:
            if (size := known.get(key)) is not None:
                space[key] = Choices(size, (size // 2, size, 2 * size))
        dropouts = signature(component("tasks", recipe.task)).parameters
        if "dropout" in dropouts:
            space["task.dropout"] = Choices(known.get("task.dropout", dropouts["dropout"].default), high=0.6)
        for key in known:
            if key.startswith(("embedders.", "encoders.")) and key.endswith(".dropout"):
                space[key] = Choices(known[key], high=0.6)
    return {key: choices for key, choices in space.items() if key not in fixed}


def tune(job: TuningJob, events: EventWriter) -> Tuned | None:
    """Try settings on dev; None if the recipe has none that are searched, or all trials failed."""
    from ..model.model import Model

    recipe = Recipe(job.recipe, job.name, Path(job.recipe_folder))
    train, dev = (read_examples(Path(job.data) / f"{part}.json") for part in ("train", "dev"))
    task = component("tasks", recipe.task)
    sign = 1.0 if task.higher_is_better else -1.0

    def fit(settings: Mapping[str, Any], report: Callable[[int, float], None]) -> float:
        def progress(stage: str, done: float, total: float | None, **facts: float | str) -> None:
            events(stage, done, total, **facts)
            if "dev" in facts:
                report(int(facts["epoch"]), sign * float(facts["dev"]))

        model = Model(recipe.with_settings(settings), device=job.device, threads=job.threads)
        model.fit(train, dev=dev, cache=job.cache, progress=progress)
        return sign * float(model.report_["dev_value"])

    found = search(search_space(recipe, job.fixed), fit, Path(job.folder), trials=job.trials, seed=job.seed)
    if found is None:
        return None
    return Tuned(**{**vars(found), "default": sign * found.default, "value": sign * found.value})


def search(
    space: Mapping[str, Choices],
    fit: Callable[[Mapping[str, Any], Callable[[int, float], None]], float],
    folder: Path,
    *,
    trials: int,
    seed: int = 1,
) -> Tuned | None:
    """Find the settings with the highest value.

    Args:
        space: The settings, by key.
        fit: Gives the value of some settings; it may report the value after each epoch, and is then given up
            by an exception if that is below the median of the trials before.
        folder: Where the trials are kept, and read if there are any.
        trials: How many settings are tried, first of all the defaults.
        seed: Of the search.
    """
    optuna = require("optuna", "tune", "the search for settings")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    ranges = {key: _distribution(optuna, one) for key, one in space.items()}
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS, n_warmup_steps=1)
    study = optuna.create_study(direction="maximize", pruner=pruner)
    folder.mkdir(parents=True, exist_ok=True)
    log, seconds = folder / TRIALS, 0.0
    for line in _whole_lines(log):
        facts = json.loads(line)
        seconds += facts.pop("seconds")
        state = optuna.trial.TrialState[facts.pop("state")]
        steps = {int(step): value for step, value in facts.pop("steps").items()}
        study.add_trial(
            optuna.trial.create_trial(state=state, distributions=ranges, intermediate_values=steps, **facts)
        )
    for number in range(len(study.trials), trials if space else 0):
        study.sampler = optuna.samplers.TPESampler(seed=1000 * seed + number, n_startup_trials=STARTUP_TRIALS)
        if number == 0:
            study.enqueue_trial({key: one.default for key, one in space.items()})
        began, trial = perf_counter(), study.ask(ranges)

        def report(step: int, value: float, trial: Any = trial) -> None:
            if step not in study.trials[trial.number].intermediate_values:
                trial.report(value, step)
                if trial.should_prune():
                    raise optuna.TrialPruned

        try:
            study.tell(trial, fit(trial.params, report))
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        except WordladderError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        done = study.trials[trial.number]
        kept = {"params": done.params, "value": done.value, "state": done.state.name}
        took = perf_counter() - began
        seconds += took
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**kept, "steps": done.intermediate_values, "seconds": took}) + "\n")
    states = [trial.state.name for trial in study.trials]
    if "COMPLETE" not in states or states[0] != "COMPLETE":
        return None
    best = study.best_trial
    changed = {key: value for key, value in best.params.items() if value != space[key].default}
    default = float(study.trials[0].value or 0.0)
    return Tuned(
        trials=len(states),
        pruned=states.count("PRUNED"),
        seconds=seconds,
        default=default,
        value=float(best.value or 0.0),
        settings=changed,
    )


def _distribution(optuna: Any, one: Choices) -> Any:
    if one.values:
        return optuna.distributions.CategoricalDistribution(one.values)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)


def _whole_lines(path: Path) -> list[str]:
    """The lines of a log; one that was cut by a kill is removed from it."""
    if not path.is_file():
        return []
    whole, newline, rest = path.read_text(encoding="utf-8").rpartition("\n")
    if rest:
        path.write_text(whole + newline, encoding="utf-8")
    return whole.split("\n") if whole else []


def main(path: str) -> None:
    """Run the job in the file and send its result."""
    job = TuningJob(**json.loads(Path(path).read_text(encoding="utf-8")))
    with job_events() as events:
        found = tune(job, events)
        events.send("result", facts=vars(found) if found else {})


if __name__ == "__main__":
    main(sys.argv[1])
