"""Made-up rungs, climbs and jobs, so that the tests of the ladder train nothing."""

import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from wordladder.evaluation.intervals import Difference, bootstrap_scores, percentile_interval
from wordladder.files.json_files import write_json
from wordladder.ladder.choice import choose, compare
from wordladder.ladder.price import COSTS, Budget, Price
from wordladder.ladder.result import Climb, Rule, Rung
from wordladder.ladder.run import OUTCOMES, RESULT, SCORES, RunResult, read_examples
from wordladder.ladder.runner import Measured
from wordladder.ladder.sentences import reason
from wordladder.ladder.subprocess_job import JobError


def price(latency=1.0, *, size=10.0, memory=300.0, train=60.0):
    """A price of which only the median latency matters, unless more is said."""
    return Price(
        latency_p50=latency,
        latency_p95=latency * 1.5,
        throughput=1000 / latency,
        memory_mb=memory,
        size_mb=size,
        load_seconds=1.0,
        train_seconds=train,
    )


def rung(name, dev, latency, gap=None, *, test=None, **facts):
    """A measured rung; `gap` is its difference to the best as (value, low, high)."""
    test = dev if test is None else test
    return Rung(
        name=name,
        recipe=f"# {name}\n",
        seeds=(1,),
        seed_values=(test,),
        seed_dev_values=(dev,),
        value=test,
        dev_value=dev,
        interval=(test - 0.01, test + 0.01),
        difference=None if gap is None else Difference(*gap),
        **{"price": price(latency), **facts},
    )


def rule(*, cost="latency", rows=1000, margin=0.01, **limits):
    """The rule for accuracy."""
    return Rule(cost=COSTS[cost], metric="accuracy", rows=rows, margin=margin, budget=Budget(**limits))


def right_rows(accuracy, rows, seed):
    """Outcomes (rows, 1): which rows are answered right. Hard rows are hard for everybody."""
    hard = np.random.default_rng(0).random(rows)
    own = np.random.default_rng(seed).random(rows)
    mixed = 0.6 * hard + 0.4 * own
    return (mixed < np.quantile(mixed, accuracy)).astype(np.float64)[:, None]


def mean(outcomes):
    """Accuracy from right and wrong."""
    return float(outcomes.mean())


def made_up_climb(folder, accuracies, *, rows=400, broken=(), chosen_by=None, seeds=(1, 2)):
    """A climb over rungs given as {name: (accuracy, latency)}."""
    measured = []
    for number, (name, (accuracy, latency)) in enumerate(accuracies.items()):
        runs = [right_rows(accuracy, rows, 10 * number + seed) for seed in seeds]
        scores = np.mean([bootstrap_scores(run, mean, resamples=200) for run in runs], axis=0)
        values = tuple(mean(run) for run in runs)
        found = Rung(
            name=name,
            recipe=f'# {name} <&>\n[task]\nkind = "classification"\n',
            seeds=tuple(seeds),
            seed_values=values,
            seed_dev_values=values,
            value=float(np.mean(values)),
            dev_value=float(np.mean(values)),
            interval=percentile_interval(scores),
            price=price(latency, train=latency * 100),
            warnings=("12% of the train texts are <cut>",),
        )
        measured.append(Measured(found, scores))
    measured += [Measured(Rung(name=name, recipe="", error="it broke")) for name in broken]
    by = chosen_by or rule(rows=rows)
    rungs = compare(measured, by)
    choice = choose(rungs, by)
    return Climb(
        task="classification",
        rungs=rungs,
        rule=by,
        choice=choice,
        reason=reason(rungs, choice, by),
        rows={"train": 900, "dev": 100, "test": rows},
        seeds=tuple(seeds),
        notes=("A fifth was held out.",),
        warnings=("3 of the 400 test texts also occur in the training texts.",),
        machine={"processor": "a processor", "cores": 2, "python": "3.12"},
        threads=2,
        device="cpu",
        seconds=100.0,
        folder=Path(folder),
    )


class MadeUpJobs:
    """Replaces `run_job`: writes what a run writes, from a table of accuracies.

    An accuracy that is a str is the error of the run.
    """

    def __init__(self, accuracies, latencies=None, dev_values=None):
        self.accuracies, self.latencies, self.dev_values = accuracies, latencies or {}, dev_values or {}
        self.jobs = []

    def __call__(self, module, job, folder, *, threads, minutes=None, progress=None):
        json.dumps(job)  # a real job is written as JSON
        if "runs" in job:
            for one in job["runs"]:
                with suppress(JobError):
                    self(module, one, folder, threads=threads)
            return {}
        self.jobs.append((module.rsplit(".", 1)[-1], job))
        return self._run(job) if module.endswith(".run") else self._cost(job)

    def _run(self, job):
        accuracy = self.accuracies[job["name"]]
        if isinstance(accuracy, str):
            raise JobError(accuracy, user_error=accuracy.startswith("user"))
        test = read_examples(Path(job["data"]) / "test.json")
        fixed = job["model"] is not None
        seed = 1 if fixed else job["recipe"]["training"]["seed"]
        rows = job["rows"] or len(read_examples(Path(job["data"]) / "train.json"))
        outcomes = right_rows(accuracy, len(test), seed)
        dev = self.dev_values.get(job["name"], accuracy)
        result = RunResult(
            metric="accuracy",
            higher_is_better=True,
            value=mean(outcomes),
            dev_value=dev,
            dev_interval=(dev - 0.05, dev + 0.05),
            train_rows=rows,
            train_seconds=None if fixed else 10.0 * seed,
            size_mb=4.0 if fixed else None,
            vectors_seconds=0.0,
            warnings=("a warning",),
        )
        place = Path(job["folder"])
        (place / "model").mkdir(parents=True)
        (place / "model" / "weights").write_bytes(b"0" * 1_000_000)
        np.save(place / OUTCOMES, outcomes)
        np.save(place / SCORES, bootstrap_scores(outcomes, mean, resamples=200))
        write_json(place / RESULT, asdict(result))
        return asdict(result)

    def _cost(self, job):
        name = Path(job["model"]).parents[1].name if Path(job["model"]).name == "model" else job["model"]
        latency = self.latencies.get(name, 1.0)
        facts = {"latency_p50": latency, "latency_p95": 2 * latency, "throughput": 100.0, "memory_mb": 50.0}
        return facts | {"load_seconds": 1.0, "device": "cpu"}
