"""Regression: a number for each text, such as stars or a score."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError
from ..files.json_files import Positive, read_validated, write_json
from ..metrics.numbers import mean_absolute_error, pearson, spearman
from ..text.words import Tokens
from ._decoding import sigmoid

__all__ = ["Regression"]

_MOST_LEVELS = 50
_METRICS: dict[str, Callable[..., float]] = {
    "spearman": spearman,
    "pearson": pearson,
    "mae": mean_absolute_error,
}


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    mean: float
    scale: Positive
    levels: list[float]


@dataclass(eq=False, repr=False)
class Regression:
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
    per_word = False
    labels_are = "numbers"

    def __post_init__(self) -> None:
        self.labels: list[str] = []  # it has none
        self.mean, self.scale, self.levels = 0.0, 1.0, np.zeros(0)

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher primary metric is better."""
        return self.metric != "mae"

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn the mean and the spread of the numbers, and their levels.

        Raises:
            DataError: there are no numbers, all are the same, or they are too many for levels.
        """
        if examples.labels is None:
            raise DataError(f"{examples.source}: training needs numbers, and there are none")
        gold = self.gold(examples)
        levels = np.unique(gold)
        if len(levels) < 2:
            raise DataError(f"{examples.source}: the numbers are all the same; nothing can be learned")
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

    # Numbers

    def check(self, examples: Examples) -> None:
        """Raise a DataError that names the first row without a number."""
        for row, label in enumerate(examples.labels or ()):
            if not isinstance(label, float):
                raise DataError(f"{examples.location(row)}: a number is expected, not {label!r}")

    def gold(self, examples: Examples) -> NDArray[np.float64]:
        """The right numbers `(rows,)`."""
        self.check(examples)
        return np.array(examples.labels, np.float64)

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

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """Nothing: no numbers are lost."""
        return {}

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

    def predictions(self, scores: NDArray) -> list[float]:
        """The numbers."""
        return self.values(scores).tolist()

    def answers(self, scores: NDArray, top: int = 1) -> list[dict[str, Any]]:
        """For each text its number; `top` is not used."""
        return [{"value": value} for value in self.predictions(scores)]

    def outcomes(self, scores: NDArray, examples: Examples) -> NDArray[np.float64]:
        """What `primary` needs of each row: the right and the predicted number, `(rows, 2)`."""
        return np.column_stack([self.gold(examples), self.values(scores)])

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The primary metric of (resampled) rows."""
        return _METRICS[self.metric](*outcomes.T)

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Spearman's and Pearson's correlation, and the mean absolute error."""
        outcomes = self.outcomes(scores, examples)
        return {name: metric(*outcomes.T) for name, metric in _METRICS.items()}
