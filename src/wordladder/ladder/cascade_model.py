"""Makes the model of a climb's cascade, and measures it."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..engines.cascade_engine import CascadeEngine
from ..errors import OutputError, SettingError
from ..evaluation.evaluate import difference
from ..evaluation.intervals import bootstrap_scores, percentile_interval
from ..files.json_files import read_json
from ..model.model import Model
from . import run
from .cascade import Candidate, Promise, promise, route
from .climb_folder import ClimbFolder
from .plan import FixedModel
from .result import CascadeResult, Climb
from .runner import COST, Runner

FOLDER = "cascade"
TASKS = {
    "cascade": ("classification", "pairs", "tagging"),
    "guarantee": ("classification", "pairs", "tagging"),
    "live": ("classification",),
}


def check_task(task: str, option: str) -> None:
    """Refuse an option that is for other tasks.

    Raises:
        SettingError: it is.
    """
    if task not in TASKS[option]:
        raise SettingError(f"{option} is for {', '.join(TASKS[option])}, not for {task}")


def add_cascade(climb: Climb, test: Examples, runner: Runner) -> tuple[CascadeResult | None, str]:
    """The cheapest cascade with at most `margin` more wrong answers than the best rung, saved in the folder
    `cascade` of the climb; or None, and why there is none.

    Args:
        climb: The climb.
        test: Its test rows.
        runner: What ran it, while the rows to measure with are there.
    """
    if test.groups is not None and len(set(test.groups)) < len(test):
        return None, "the test rows come in groups, and what is promised holds for independent rows"
    known = read_answers(climb, runner.folder)
    if climb.best not in known:
        return None, "no rung could be measured"
    models = {name: runner.folder.run(name, climb.rung(name).seeds[0]) / "model" for name in known}
    costs = {name: _latency(runner.folder, name) for name in known}
    if costs[climb.best] <= min(costs.values()):
        return None, f"{climb.best} is both the best rung on dev and the cheapest"
    parts = {part: candidates(known, costs, part) for part in ("dev", "test")}
    found = promise(parts["dev"], parts["test"], climb.best, climb.rule.margin)
    if found is None:
        return None, (
            f"{climb.rule.rows:,} test rows do not show for any that its share of wrong answers is at most "
            f"{climb.rule.margin:g} above that of {climb.best}"
        )
    model = cascade_model(found, models, runner.device, runner.threads)
    model.save(runner.folder.path / FOLDER)
    routed = route(found.chain, parts["test"])
    outcomes = [known[name]["test_outcomes"] for name in found.chain.names]
    own = np.stack(outcomes)[routed.stages, np.arange(len(routed.stages))]
    task = model.task_
    (runner.folder.rung(FOLDER) / COST).unlink(missing_ok=True)
    price = runner.measure(FixedModel(str((runner.folder.path / FOLDER).absolute())), 0)
    shares = np.bincount(routed.stages, minlength=len(found.chain.names)) / len(routed.stages)
    result = CascadeResult(
        names=found.chain.names,
        thresholds=found.chain.thresholds,
        shares=tuple(shares.tolist()),
        value=task.primary(own),
        interval=percentile_interval(bootstrap_scores(own, task.primary)),
        difference=difference(task, own, outcomes[-1]),
        latency_mean=price["latency_mean"],
        latency_p95=price["latency_p95"],
        best_latency_mean=costs[climb.best],
        margin=found.margin,
        level=found.level,
        p_value=found.p_value,
        tested=found.tested,
    )
    return result, ""


def cascade_model(
    found: Promise, models: dict[str, Path], device: str | None = None, threads: int | None = None
) -> Model:
    """The model of a cascade.

    Args:
        found: The cascade.
        models: The folder of each rung's model.
        device: Where they compute.
        threads: The number of threads.
    """
    stages = [Model.load(models[name], device=device, threads=threads) for name in found.chain.names]
    last = stages[-1]
    engine = CascadeEngine(last.recipe_)
    engine.set_stages(stages, found.chain.names, found.chain.thresholds)
    report = {"warnings": [], "promise": vars(found) | {"chain": vars(found.chain)}}
    return Model.of_engine(engine, report, last.label_kind_, device=device, threads=threads)


def read_answers(climb: Climb, folder: ClimbFolder) -> dict[str, dict[str, Any]]:
    """What is known of the answers of each trained rung's first seed to the dev and test rows."""
    found = {}
    for rung in climb.rungs:
        path = folder.run(rung.name, rung.seeds[0]) / run.ANSWERS if rung.seeds else None
        if not rung.fixed and path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as arrays:
                found[rung.name] = dict(arrays)
    return found


def candidates(known: dict[str, dict[str, Any]], costs: dict[str, float], part: str) -> list[Candidate]:
    """The rungs as stages of a cascade.

    Args:
        known: What is known of the answers of each.
        costs: Milliseconds of each for one text.
        part: `dev` or `test`.
    """
    return [
        Candidate(name, costs[name], arrays[f"{part}_sure"], arrays[f"{part}_right"])
        for name, arrays in known.items()
    ]


def _latency(folder: ClimbFolder, name: str) -> float:
    facts = read_json(folder.rung(name) / COST, dict, OutputError)["facts"]
    return facts.get("latency_mean", facts["latency_p50"])
