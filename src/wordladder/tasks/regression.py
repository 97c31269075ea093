"""Regression: a number for each text, such as stars or a score."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError
from ..files.json_files import Positive, read_validated, write_json
from ..text.words import Tokens
from ._decoding import sigmoid
from ._numbers import NumberTask

__all__ = ["Regression"]

_MOST_LEVELS = 50


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    mean: float
    scale: Positive
    levels: list[float]


@dataclass(eq=False, repr=False)
class Regression(NumberTask):
    """Predict a number for each text.

    Args:
        objective: `"mse"`, the mean squared error; or `"ordinal"`, for a few levels such as stars: one
            decision a level whether the number is above it, with the same weights and a threshold each
            (CORAL, Cao et al. 2020), and the expected number as the answer.
        metric: The primary metric: Spearman's or Pearson's correlation, or the mean absolute error.
        pooling: How word vectors become one: `"auto"` takes the embedder's own summary if it has one, else
            the maximum; `"mean+max"` concatenates both.
        hidden: Units of a hidden layer in the head; 0 for none.
        dropout: Dropout of the pooled vector in training.
    """

    _: KW_ONLY
    objective: Literal["mse", "ordinal"] = "mse"
    metric: Literal["spearman", "pearson", "mae"] = "spearman"
    pooling: Literal["auto", "max", "mean", "mean+max", "last", "first"] = "auto"
    hidden: int = 0
    dropout: float = 0.2

    segments = 1

    def __post_init__(self) -> None:
        self.mean, self.scale, self.levels = 0.0, 1.0, np.zeros(0)

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn the mean and the spread of the numbers, and their levels.

        Raises:
            DataError: there are no numbers, all are the same, or they are too many for levels.
        """
        gold = self.numbers(examples)
        self.check_varying(gold, examples)
        levels = np.unique(gold)
        if self.objective == "ordinal":
            if len(levels) > _MOST_LEVELS:
                raise DataError(
                    f"{examples.source}: there are {len(levels):,} different numbers, too many for levels; "
                    'use objective = "mse"'
                )
            self.levels = levels
        self.mean, self.scale = float(gold.mean()), float(gold.std())

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        write_json(folder / "labels.json", vars(_Saved(self.mean, self.scale, self.levels.tolist())))

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        saved = read_validated(folder / "labels.json", _Saved)
        self.mean, self.scale, self.levels = saved.mean, saved.scale, np.asarray(saved.levels)

    @property
    def width(self) -> int:
        """Scores for each text."""
        return max(1, len(self.levels) - 1)

    @property
    def cuts(self) -> NDArray[np.float32]:
        """Halfway between neighbouring levels, as `targets` are."""
        middles = (self.levels[1:] + self.levels[:-1]) / 2
        return ((middles - self.mean) / self.scale).astype(np.float32)

    def targets(self, examples: Examples, tokens: Tokens | None) -> NDArray[np.float32]:
        """The numbers with mean 0 and variance 1."""
        return ((self.gold(examples) - self.mean) / self.scale).astype(np.float32)

    # From scores to answers and metrics

    def values(self, scores: NDArray) -> NDArray[np.float64]:
        """The predicted numbers `(rows,)`, from scores `(rows, 1)` or one for each step between levels."""
        scores = scores.astype(np.float64)
        if len(self.levels) and scores.shape[1] == len(self.levels) - 1:
            return self.levels[0] + sigmoid(scores) @ np.diff(self.levels)
        return self.mean + self.scale * scores[:, 0]

    def fit_decoding(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Nothing is fitted."""
        return {}

    def losses(self, scores: NDArray, examples: Examples) -> NDArray[np.float64]:
        """The squared error of each row, in units of the variance."""
        return ((self.values(scores) - self.gold(examples)) / self.scale) ** 2

    def criterion(self, metric: float, scores: NDArray, examples: Examples) -> float:
        """What the best epoch is chosen by; higher is better."""
        return -float(self.losses(scores, examples).mean())
