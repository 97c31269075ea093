"""Makes the model of a climb's cascade, and measures it."""

from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..engines.cascade_engine import CascadeEngine, confidence
from ..errors import OutputError, SettingError
from ..evaluation.evaluate import difference, evaluate_scores
from ..files.json_files import read_json
from ..model.model import Model
from . import run
from .cascade import Candidate, Promise, promise, route
from .climb_folder import ClimbFolder
from .plan import FixedModel
from .result import CascadeResult, Climb
from .runner import COST, Runner

FOLDER = "cascade"
TASKS = ("classification", "pairs")


def check_task(task: str, option: str) -> None:
    """Refuse what is for classifiers where the task is another.

    Raises:
        SettingError: it is.
    """
    if task not in TASKS:
        raise SettingError(f"{option} is for {' and '.join(TASKS)}, not for {task}")


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
    known = read_decisions(climb, runner.folder)
    if climb.best not in known:
        return None, "no rung could be measured"
    models = {name: runner.folder.run(name, climb.rung(name).seeds[0]) / "model" for name in known}
    costs = {name: _latency(runner.folder, name) for name in known}
    if costs[climb.best] <= min(costs.values()):
        return None, f"{climb.best} is both the best rung on dev and the cheapest"
    several = Model.load(models[climb.best], threads=1).task_.multi_label
    parts = {part: candidates(known, costs, part, several=several) for part in ("dev", "test")}
    found = promise(parts["dev"], parts["test"], climb.best, climb.rule.margin)
    if found is None:
        return None, (
            f"of none do {climb.rule.rows:,} test rows show that its share of wrong answers is at most "
            f"{climb.rule.margin:g} above that of {climb.best}"
        )
    model = cascade_model(found, models, runner.device, runner.threads)
    model.save(runner.folder.path / FOLDER)
    routed = route(found.chain, parts["test"])
    scores = [known[name]["test"] for name in found.chain.names]
    own = np.stack(scores)[routed.stages, np.arange(len(routed.stages))]
    judged = evaluate_scores(model.engine_, own, test)
    task = model.task_
    gain = difference(task, task.outcomes(own, test), task.outcomes(scores[-1], test), test.groups)
    (runner.folder.rung(FOLDER) / COST).unlink(missing_ok=True)
    price = runner.measure(FixedModel(str((runner.folder.path / FOLDER).absolute())), 0)
    shares = np.bincount(routed.stages, minlength=len(found.chain.names)) / len(routed.stages)
    result = CascadeResult(
        names=found.chain.names,
        thresholds=found.chain.thresholds,
        shares=tuple(shares.tolist()),
        value=judged.value,
        interval=judged.interval,
        difference=gain,
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


def read_decisions(climb: Climb, folder: ClimbFolder) -> dict[str, dict[str, Any]]:
    """What the first seed of each trained rung said of dev and test rows, and which answers were right."""
    found = {}
    for rung in climb.rungs:
        path = folder.run(rung.name, rung.seeds[0]) / run.DECISIONS if rung.seeds else None
        if not rung.fixed and path is not None and path.is_file():
            with np.load(path, allow_pickle=False) as arrays:
                found[rung.name] = dict(arrays)
    return found


def candidates(
    known: dict[str, dict[str, Any]], costs: dict[str, float], part: str, *, several: bool | None
) -> list[Candidate]:
    """The rungs as stages of a cascade.

    Args:
        known: What each said.
        costs: Milliseconds of each for one text.
        part: `dev` or `test`.
        several: Whether a text may have several labels.
    """
    return [
        Candidate(name, costs[name], confidence(arrays[part], several=several), arrays[f"{part}_right"])
        for name, arrays in known.items()
    ]


def _latency(folder: ClimbFolder, name: str) -> float:
    facts = read_json(folder.rung(name) / COST, dict, OutputError)["facts"]
    return facts.get("latency_mean", facts["latency_p50"])
