"""Trains and measures rungs, one child process after another. What a result means is decided elsewhere."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from ..files.streams import write_errors
from ..progress import Progress, quiet
from ..recipe import Recipe
from . import cost, run
from .climb_folder import Record
from .job_files import read_json, write_examples, write_json
from .plan import FixedModel
from .split import Split
from .subprocess_job import Ended, run_child

Train = Callable[..., Ended]
TEXTS = "texts.json"
COST = "cost.json"


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """What all runs of a climb share.

    Attributes:
        record: The folder of the climb.
        threads: Threads to train with and to measure with.
        device: Where to train and measure; None leaves it to the model.
        minutes: How long the training of one run may take.
        progress: Told how far each run is.
        child: Runs a job in a process.
    """

    record: Record
    threads: int
    device: str | None = None
    minutes: float | None = None
    progress: Progress = quiet
    child: Train = run_child

    def open(self, split: Split) -> None:
        """Lay out the rows for the children."""
        with write_errors(self.record.folder):
            for name, part in (("train", split.train), ("dev", split.dev), ("test", split.test)):
                write_examples(self.record.data / f"{name}.json", part)
            write_json(self.record.data / TEXTS, _sample(split.test))

    def close(self) -> None:
        """Take the rows away: they are the user's, and lie elsewhere."""
        shutil.rmtree(self.record.data, ignore_errors=True)

    def train(self, recipe: Recipe | FixedModel, seed: int, rows: int | None = None) -> Ended:
        """Train and test one rung with one seed, or test a model, unless that was done before."""
        folder = self.record.run(recipe.name, seed, rows)
        done = self.record.result(folder)
        if done is not None:
            return Ended(facts=asdict(done))
        if isinstance(recipe, FixedModel):
            what: dict[str, Any] = {"recipe": {}, "recipe_folder": "", "model": recipe.source}
            label = recipe.name
        else:
            seeded, place = recipe.with_settings({"training.seed": seed}), str(recipe.folder.absolute())
            what = {"recipe": seeded.tables, "recipe_folder": place}
            label = f"{recipe.name}, seed {seed}"
        job = run.Run(
            **what,
            name=recipe.name,
            data=str(self.record.data),
            folder=str(folder),
            cache=str(self.record.cache),
            rows=rows,
            threads=self.threads,
            device=self.device,
        )
        label += "" if rows is None else f", {rows:,} rows"
        ended = self._run(run.__name__, asdict(job), folder, label, self.minutes)
        if rows is not None:  # the figures of a label curve are kept, its models are not
            shutil.rmtree(folder / "model", ignore_errors=True)
        return ended

    def measure(self, recipe: Recipe | FixedModel, model: Path | str) -> Ended:
        """Measure what a saved model costs to use, unless that was done before in the same way."""
        place = self.record.rung(recipe.name) / COST
        way = {"threads": self.threads, "device": self.device}
        if place.is_file():
            kept = read_json(place)
            if kept["way"] == way:
                return Ended(facts=kept["facts"])
        job = way | {"model": str(model), "texts": str(self.record.data / TEXTS)}
        self.progress(f"{recipe.name}: measuring its cost", 0, None)
        ended = self._run(cost.__name__, job, place.parent, recipe.name, None)
        if ended.facts is not None:
            write_json(place, {"way": way, "facts": ended.facts})
        return ended

    def _run(
        self, module: str, job: dict[str, Any], folder: Path, label: str, minutes: float | None
    ) -> Ended:
        def told(stage: str, done: float, total: float | None, **facts: float | str) -> None:
            self.progress(f"{label}: {stage}", done, total, **facts)

        return self.child(module, job, folder, threads=self.threads, minutes=minutes, progress=told)


def _sample(test: Examples) -> list[Any]:
    """Test texts to measure with, in an order of chance: a text, or a list of its segments."""
    chosen = np.random.default_rng(1).permutation(len(test))[: cost.BATCH_TEXTS]
    if len(test.segments) == 1:
        return [test.texts[row] for row in chosen]
    return [[segment[row] for segment in test.segments] for row in chosen]
