"""The folder of a climb: where the result of each run is kept, and whether the climb may be resumed.

plan.json                   the hash of the data, and the recipes of the climb
runs/NAME/seed-1/           model/, outcomes.npy, scores.npy, result.json, which is written last
runs/NAME/seed-1/rows-500/  the same without model/, for the label curve
runs/NAME/tuning/           the settings that were tried, and tuned.json: what was found
runs/NAME/cost.json         what the model of the first seed costs to use
cache/                      word vectors that several rungs share
cascade/                    the cascade, if one was asked for and found
climb.json, report.html     written at the end, with climb.csv and climb.md
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, SettingError
from ..evaluation.intervals import Scores
from ..files.json_files import read_json, write_json
from ..recipe import Recipe
from .plan import FixedModel
from .run import RESULT, SCORES, RunResult

PLAN = "plan.json"


@dataclass(frozen=True)
class ClimbFolder:
    """The folder of one climb."""

    path: Path

    @property
    def data(self) -> Path:
        """Where the rows are while jobs run."""
        return self.path / "data"

    @property
    def cache(self) -> Path:
        """What several rungs share."""
        return self.path / "cache"

    def rung(self, name: str) -> Path:
        """The folder of a rung."""
        return self.path / "runs" / name

    def run(self, name: str, seed: int, rows: int | None = None) -> Path:
        """The folder of one run; with `rows`, of a point of the label curve."""
        folder = self.rung(name) / f"seed-{seed}"
        return folder if rows is None else folder / f"rows-{rows}"

    def result(self, run: Path) -> RunResult | None:
        """The result of a run, if it is complete."""
        path = run / RESULT
        return RunResult(**read_json(path, dict, OutputError)) if path.is_file() else None

    def scores(self, run: Path) -> Scores:
        """The bootstrap scores `(resamples,)` of a complete run."""
        return np.load(run / SCORES, allow_pickle=False)

    def begin(
        self, data: str, recipes: Sequence[Recipe | FixedModel], *, tune: int | None, resume: bool
    ) -> None:
        """Check that the folder is empty or belongs to this climb, and write its plan.

        Args:
            data: The fingerprint of the rows.
            recipes: The recipes to climb, and the models to measure.
            tune: How many settings of each recipe are tried.
            resume: Whether to resume the climb in the folder.

        Raises:
            OutputError: The folder has a climb that is not to be resumed, or cannot be written.
            SettingError: The climb in the folder has other data or recipes.
        """
        path = self.path / PLAN
        plan: dict[str, Any] = {"data": data, "tune": tune}
        plan["rungs"] = {recipe.name: recipe.flat() for recipe in recipes}
        if path.is_file():
            if not resume:
                raise OutputError(
                    f"{self.path}: there is a climb here already; continue it with resume, or choose another "
                    "output"
                )
            before, began = read_json(path, dict, OutputError), f"{self.path}: the climb here began with"
            if before["data"] != data:
                raise SettingError(f"{began} other data; choose another output")
            if before.get("tune") != tune:
                raise SettingError(f"{began} tune = {before.get('tune')}, not {tune}; choose another output")
            for name, settings in json.loads(json.dumps(plan["rungs"])).items():
                known = before["rungs"].get(name, settings)
                for key in sorted(known.keys() | settings.keys()):
                    if known.get(key) != settings.get(key):
                        raise SettingError(
                            f"{began} {key} = {known.get(key)!r} in {name}, not {settings.get(key)!r}; "
                            "choose another output"
                        )
            plan["rungs"] = before["rungs"] | plan["rungs"]
        write_json(path, plan)

    def remove_runs(self) -> None:
        """Remove the files of a climb without any result."""
        (self.path / PLAN).unlink(missing_ok=True)
        for folder in (self.path / "runs", self.cache):
            shutil.rmtree(folder, ignore_errors=True)
