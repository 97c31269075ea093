"""The folder of a climb: where each run is kept as it ends, and whether the folder may be continued.

plan.json                   the data (as a hash) and the recipes that the climb began with
runs/NAME/seed-1/           model/, outcomes.npy, scores.npy, result.json, written when the run has ended
runs/NAME/seed-1/rows-500/  the same without model/, for the label curve
runs/NAME/cost.json         what the model of the first seed costs
cache/                      word vectors that several rungs share
climb.json, report.html     written when all has ended
"""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OutputError, SettingError
from ..recipe import Recipe
from .job_files import read_json, write_json
from .plan import FixedModel
from .run import RESULT, SCORES, Result
from .significance import Scores

PLAN = "plan.json"
ALREADY = "a climb is kept here already; continue it with resume, or choose another output"


@dataclass(frozen=True)
class Record:
    """The folder of one climb."""

    folder: Path

    @property
    def data(self) -> Path:
        """Where the rows lie while children run."""
        return self.folder / "data"

    @property
    def cache(self) -> Path:
        """What several rungs share."""
        return self.folder / "cache"

    def rung(self, name: str) -> Path:
        """The folder of a rung."""
        return self.folder / "runs" / name

    def run(self, name: str, seed: int, rows: int | None = None) -> Path:
        """The folder of one run; `rows` if it is a point of a label curve."""
        folder = self.rung(name) / f"seed-{seed}"
        return folder if rows is None else folder / f"rows-{rows}"

    def result(self, run: Path) -> Result | None:
        """What a run found, if it has ended."""
        if not (run / RESULT).is_file():
            return None
        facts = read_json(run / RESULT)
        return Result(**facts | {"warnings": tuple(facts["warnings"])})

    def scores(self, run: Path) -> Scores:
        """The resampled scores `(resamples,)` of a run that has ended."""
        return np.load(run / SCORES, allow_pickle=False)

    def begin(self, data: str, recipes: Sequence[Recipe | FixedModel], *, resume: bool) -> None:
        """Make sure that what lies here belongs to this climb, and note what this climb is.

        Args:
            data: The fingerprint of the rows.
            recipes: The recipes to climb, and the models to measure.
            resume: Whether to continue what lies here.

        Raises:
            OutputError: A climb is here and it is not to be continued, or the folder cannot be written.
            SettingError: It is to be continued, but with other data or recipes than it began with.
        """
        place = self.folder / PLAN
        plan = {"data": data, "rungs": {recipe.name: recipe.flat() for recipe in recipes}}
        if place.is_file():
            if not resume:
                raise OutputError(f"{self.folder}: {ALREADY}")
            before = read_json(place)
            self._check_same(before, json.loads(json.dumps(plan)))
            plan["rungs"] = before["rungs"] | plan["rungs"]
        write_json(place, plan)

    def _check_same(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        if before["data"] != now["data"]:
            raise SettingError(f"{self.folder}: the climb here began with other data; choose another output")
        for name, settings in now["rungs"].items():
            known = before["rungs"].get(name, settings)
            for key in sorted(known.keys() | settings.keys()):
                if known.get(key) != settings.get(key):
                    raise SettingError(
                        f"{self.folder}: the climb here began with {key} = {known.get(key)!r} in {name}, "
                        f"not {settings.get(key)!r}; choose another output"
                    )

    def forget(self) -> None:
        """Remove what a climb without any result has left."""
        (self.folder / PLAN).unlink(missing_ok=True)
        for folder in (self.folder / "runs", self.cache):
            shutil.rmtree(folder, ignore_errors=True)
