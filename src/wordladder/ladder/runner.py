"""Trains and measures rungs, one subprocess after another."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..errors import OutputError
from ..files.json_files import read_json, write_json
from ..files.streams import write_errors
from ..progress import Progress, quiet
from ..recipe import Recipe
from . import cost, run
from .climb_folder import ClimbFolder
from .plan import FixedModel
from .split import Split
from .subprocess_job import JobResult, run_job

TEXTS = "texts.json"
COST = "cost.json"


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
    """

    folder: ClimbFolder
    threads: int
    device: str | None = None
    minutes: float | None = None
    progress: Progress = quiet
    run_job: Callable[..., JobResult] = run_job

    @contextmanager
    def data_files(self, split: Split) -> Iterator[None]:
        """Write the rows for the jobs; at the end these copies of the user's data are removed."""
        try:
            with write_errors(self.folder.path):
                for name in ("train", "dev", "test"):
                    run.write_examples(self.folder.data / f"{name}.json", getattr(split, name))
            write_json(self.folder.data / TEXTS, _sample_texts(split.test))
            yield
        finally:
            shutil.rmtree(self.folder.data, ignore_errors=True)

    def train(self, recipe: Recipe | FixedModel, seed: int, rows: int | None = None) -> JobResult:
        """Train and test one rung with one seed, or test a model, unless there is a result already."""
        folder = self.folder.run(recipe.name, seed, rows)
        if (result := self.folder.result(folder)) is not None:
            return JobResult(facts=asdict(result))
        if isinstance(recipe, FixedModel):
            source: dict[str, Any] = {"recipe": {}, "recipe_folder": "", "model": recipe.source}
            label = recipe.name
        else:
            tables = recipe.with_settings({"training.seed": seed}).tables
            source = {"recipe": tables, "recipe_folder": str(recipe.folder.absolute())}
            label = f"{recipe.name}, seed {seed}"
        job = run.Run(
            **source,
            name=recipe.name,
            data=str(self.folder.data),
            folder=str(folder),
            cache=str(self.folder.cache),
            rows=rows,
            threads=self.threads,
            device=self.device,
        )
        label += "" if rows is None else f", {rows:,} rows"
        ended = self._run(run.__name__, asdict(job), folder, label, self.minutes)
        if rows is not None:  # the models of a label curve are not kept
            shutil.rmtree(folder / "model", ignore_errors=True)
        return ended

    def measure(self, recipe: Recipe | FixedModel, model: Path | str) -> JobResult:
        """Measure what a saved model costs to use, unless it was measured with the same settings already."""
        path = self.folder.rung(recipe.name) / COST
        settings = {"threads": self.threads, "device": self.device}
        if path.is_file():
            known = read_json(path, dict, OutputError)
            if known["way"] == settings:
                return JobResult(facts=known["facts"])
        self.progress(f"{recipe.name}: measuring its cost", 0, None)
        job = {**settings, "model": str(model), "texts": str(self.folder.data / TEXTS)}
        ended = self._run(cost.__name__, job, path.parent, recipe.name)
        if ended.facts is not None:
            write_json(path, {"way": settings, "facts": ended.facts})
        return ended

    def _run(
        self, module: str, job: dict[str, Any], folder: Path, label: str, minutes: float | None = None
    ) -> JobResult:
        def progress(stage: str, done: float, total: float | None, **facts: float | str) -> None:
            self.progress(f"{label}: {stage}", done, total, **facts)

        return self.run_job(module, job, folder, threads=self.threads, minutes=minutes, progress=progress)


def _sample_texts(test: Examples) -> list[Any]:
    """A random sample of the test texts to measure with: each a text, or a list of its segments."""
    chosen = np.random.default_rng(1).permutation(len(test))[: cost.BATCH_TEXTS]
    if len(test.segments) == 1:
        return [test.texts[row] for row in chosen]
    return [[segment[row] for segment in test.segments] for row in chosen]
