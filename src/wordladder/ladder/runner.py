"""Trains and measures rungs in subprocesses, one after another."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..errors import OutputError
from ..evaluation.intervals import Scores, over_seeds, percentile_interval
from ..files.folders import size_mb
from ..files.json_files import read_json, write_json
from ..files.streams import write_errors
from ..progress import Progress, quiet
from ..recipe import Recipe
from . import cost, run, tuning
from .climb_folder import ClimbFolder
from .plan import FixedModel, TaughtRecipe
from .price import Price
from .result import CurvePoint, Rung, Tuned
from .split import Split
from .subprocess_job import JobError, run_job

TEXTS = "texts.json"
COST = "cost.json"


@dataclass
class Measured:
    """A rung, with what is needed to compare it.

    Attributes:
        rung: The rung, not yet compared with others.
        scores: Its bootstrap scores `(resamples,)`, over rows and seeds; None if it failed.
        results: The results of its runs, one for each seed; none if it failed.
        user_error: Whether it failed because of what the user gave.
        device: Where it was measured.
    """

    rung: Rung
    scores: Scores | None = None
    results: Sequence[run.RunResult] = ()
    user_error: bool = False
    device: str = ""

    @property
    def looks(self) -> int:
        """How many times dev was evaluated, over all seeds."""
        return sum(result.looks for result in self.results) or 1


class Part(NamedTuple):
    """A point of a label curve: how many training rows, and how many seeds, each with rows of its own."""

    rows: int
    seeds: int

    def numbers(self, first: int) -> list[int]:
        """The seeds."""
        return [first + number for number in range(self.seeds)]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


@dataclass(frozen=True, kw_only=True)
class Runner:
    """What all runs of a climb share.

    Attributes:
        folder: The folder of the climb.
        threads: Threads to train and measure with.
        device: Where to train and measure; None leaves it to the model.
        minutes: The time limit for the training of one run.
        progress: Called with the progress of each run.
        run_job: Runs a job in a subprocess.
        failed: The errors of the runs that failed, by their folder.
    """

    folder: ClimbFolder
    threads: int
    device: str | None = None
    minutes: float | None = None
    progress: Progress = quiet
    run_job: Callable[..., dict[str, Any]] = run_job
    failed: dict[Path, JobError] = field(default_factory=dict)

    @contextmanager
    def data_files(self, split: Split) -> Iterator[None]:
        """Write the rows for the jobs; at the end these copies of the user's data are removed."""
        try:
            with write_errors(self.folder.path):
                for name in ("train", "dev", "test"):
                    run.write_examples(self.folder.data / f"{name}.json", getattr(split, name))
            texts = split.test.texts if len(split.test.segments) == 1 else list(zip(*split.test.segments))
            # A random sample of the test texts to measure with: each a text, or its segments.
            rows = np.random.default_rng(1).permutation(len(split.test))[: cost.BATCH_TEXTS]
            write_json(self.folder.data / TEXTS, [texts[row] for row in rows])
            yield
        finally:
            shutil.rmtree(self.folder.data, ignore_errors=True)

    def measure_rung(
        self, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[Part] = ()
    ) -> Measured:
        """Train a rung with every seed and measure its price. If it fails, the rung has an `error`.

        Args:
            recipe: The recipe of the rung, or a model, which is tested once and has no label curve.
            seeds: The seeds; a rung that fails with one is not tried with the next.
            parts: The parts of the training rows for its label curve, without that of all rows.
        """
        rung = Rung(name=recipe.name, recipe=recipe.to_toml(), fixed=isinstance(recipe, FixedModel))
        if rung.fixed:
            seeds, parts = seeds[:1], ()
        if (failed := self.train_seeds(recipe, seeds)) is not None:
            seed, error = failed
            where = "" if seed == seeds[0] else f"seed {seed}: "
            return Measured(replace(rung, error=f"{where}{error}"), user_error=error.user_error)
        results, scores = self._load_results(recipe.name, seeds)
        rung = replace(
            rung,
            seeds=tuple(seeds),
            seed_values=tuple(result.value for result in results),
            seed_dev_values=tuple(result.dev_value for result in results),
            value=float(np.mean([result.value for result in results])),
            dev_value=float(np.mean([result.dev_value for result in results])),
            interval=percentile_interval(scores),
            coverage=_mean([result.coverage for result in results]),
            labels_a_set=_mean([result.labels_a_set for result in results]),
            warnings=tuple(dict.fromkeys(warning for result in results for warning in result.warnings)),
        )
        try:
            facts = self.measure(recipe, seeds[0])
        except JobError as error:
            return Measured(replace(rung, error=f"its cost could not be measured: {error}"))
        seconds = float(np.mean([result.train_seconds or inf for result in results]))
        size = results[0].size_mb
        if size is None:
            size = size_mb(self._model(recipe, seeds[0]))
        usage = {name: facts[name] for name in Price.__dataclass_fields__ if name in facts}
        price = Price(**usage, size_mb=size, train_seconds=seconds)
        self.train_parts(recipe, seeds, parts)
        rung = replace(rung, price=price, curve=self._label_curve(recipe.name, seeds, parts))
        return Measured(rung, scores, results, device=facts["device"])

    def _load_results(
        self, name: str, seeds: Sequence[int], rows: int | None = None
    ) -> tuple[list[run.RunResult], Scores]:
        """The results of successful runs, and the bootstrap scores of the rung."""
        runs = [self.folder.run(name, seed, rows) for seed in seeds]
        results = [result for folder in runs if (result := self.folder.result(folder))]
        return results, over_seeds(np.stack([self.folder.scores(folder) for folder in runs]))

    def train_seeds(self, recipe: Recipe | FixedModel, seeds: Sequence[int]) -> tuple[int, JobError] | None:
        """Train a rung with every seed until one fails: that seed, and why."""
        for seed in seeds:
            try:
                self.train(recipe, seed)
            except JobError as error:
                return seed, error
        return None

    def train_parts(self, recipe: Recipe | FixedModel, seeds: Sequence[int], parts: Sequence[Part]) -> None:
        """Train a rung on the parts of its label curve. Those that fail, for example with too few rows, have
        no result. One process runs all that have none yet.
        """
        jobs = [self._job(recipe, seed, part.rows) for part in parts for seed in part.numbers(seeds[0])]
        jobs = [job for job in jobs if self.folder.result(Path(job.folder)) is None]
        if jobs:
            minutes, folder = (
                self.minutes and self.minutes * len(jobs),
                self.folder.rung(recipe.name) / "curve",
            )
            try:
                with suppress(JobError):
                    everything = {"runs": [asdict(job) for job in jobs]}
                    self._run(run.__name__, everything, folder, f"{recipe.name}, label curve", minutes)
            finally:
                for job in jobs:  # of a run that was killed
                    shutil.rmtree(Path(job.folder) / "model", ignore_errors=True)
                shutil.rmtree(folder, ignore_errors=True)

    def _label_curve(self, name: str, seeds: Sequence[int], parts: Sequence[Part]) -> tuple[CurvePoint, ...]:
        """The points of a label curve that have a result."""
        asked = [(part.rows, part.numbers(seeds[0])) for part in parts]
        points = []
        for rows, numbers in (*asked, (None, list(seeds))) if parts else ():
            done = [seed for seed in numbers if self.folder.result(self.folder.run(name, seed, rows))]
            if done:
                results, scores = self._load_results(name, done, rows)
                values = tuple(result.value for result in results)
                interval = percentile_interval(scores)
                points.append(
                    CurvePoint(results[0].train_rows, float(np.mean(values)), interval, seed_values=values)
                )
        return tuple(points)

    def train(self, recipe: Recipe | FixedModel, seed: int) -> None:
        """Train and test one rung with one seed, or test a model, unless there is a result already.

        Raises:
            JobError: It failed.
        """
        job = self._job(recipe, seed)
        folder = Path(job.folder)
        if self.folder.result(folder) is not None:
            return
        if folder in self.failed:
            raise self.failed[folder]
        label = recipe.name if isinstance(recipe, FixedModel) else f"{recipe.name}, seed {seed}"
        try:
            self._run(run.__name__, asdict(job), folder, label, self.minutes)
        except JobError as error:
            self.failed[folder] = error
            raise

    def _job(self, recipe: Recipe | FixedModel, seed: int, rows: int | None = None) -> run.Run:
        source: dict[str, Any]
        if isinstance(recipe, FixedModel):
            source = {"recipe": {}, "recipe_folder": "", "model": recipe.source}
        else:
            tables = recipe.with_settings({"training.seed": seed}).tables
            source = {"recipe": tables, "recipe_folder": str(recipe.folder.absolute())}
            if isinstance(recipe, TaughtRecipe):
                source |= {"teacher": recipe.teacher, "made_up": recipe.made_up}
        return run.Run(
            **source,
            name=recipe.name,
            data=str(self.folder.data),
            folder=str(self.folder.run(recipe.name, seed, rows)),
            cache=str(self.folder.cache),
            rows=rows,
            threads=self.threads,
            device=self.device,
        )

    def tune(
        self, recipe: Recipe, trials: int, seed: int, fixed: Sequence[str]
    ) -> tuple[Recipe, Tuned | None]:
        """The recipe with the best settings of a search on dev, and what the search found; the recipe as it
        is where nothing was found.

        Args:
            recipe: The recipe.
            trials: How many settings are tried.
            seed: Of the search.
            fixed: Settings that are not searched.
        """
        folder = self.folder.rung(recipe.name) / "tuning"
        path = folder / "tuned.json"
        if not path.is_file():
            job = tuning.TuningJob(
                recipe=recipe.tables,
                name=recipe.name,
                recipe_folder=str(recipe.folder.absolute()),
                data=str(self.folder.data),
                folder=str(folder),
                cache=str(self.folder.cache),
                fixed=list(fixed),
                trials=trials,
                seed=seed,
                threads=self.threads,
                device=self.device,
            )
            minutes = self.minutes and self.minutes * trials
            label = f"{recipe.name}, {trials} settings"
            try:
                write_json(path, self._run(tuning.__name__, asdict(job), folder, label, minutes))
            except JobError:  # the rung itself will say why
                return recipe, None
        facts = read_json(path, dict, OutputError)
        found = Tuned(**facts) if facts else None
        return (recipe.with_settings(found.settings) if found else recipe), found

    def measure(self, recipe: Recipe | FixedModel, seed: int) -> dict[str, Any]:
        """Measure what a model costs to use, unless it was measured with the same settings already.

        Raises:
            JobError: It failed.
        """
        path = self.folder.rung(recipe.name) / COST
        settings = {"threads": self.threads, "device": self.device}
        if path.is_file():
            known = read_json(path, dict, OutputError)
            if known["way"] == settings:
                return known["facts"]
        self.progress(f"{recipe.name}: measuring its cost", 0, None)
        job = {**settings, "model": str(self._model(recipe, seed)), "texts": str(self.folder.data / TEXTS)}
        facts = self._run(cost.__name__, job, path.parent, recipe.name)
        write_json(path, {"way": settings, "facts": facts})
        return facts

    def _model(self, recipe: Recipe | FixedModel, seed: int) -> Path:
        """An existing model, or that of a run."""
        if isinstance(recipe, FixedModel):
            return Path(recipe.source)
        return self.folder.run(recipe.name, seed) / "model"

    def _run(
        self, module: str, job: dict[str, Any], folder: Path, label: str, minutes: float | None = None
    ) -> dict[str, Any]:
        def progress(stage: str, done: float, total: float | None, **facts: float | str) -> None:
            self.progress(f"{label}: {stage}", done, total, **facts)

        return self.run_job(module, job, folder, threads=self.threads, minutes=minutes, progress=progress)
