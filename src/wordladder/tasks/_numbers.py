"""What tasks whose labels are numbers share: the right ones, and how well predicted ones agree with them."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError
from ..metrics.numbers import mean_absolute_error, pearson, spearman
from ..text.words import Tokens

METRICS: dict[str, Callable[..., float]] = {
    "spearman": spearman,
    "pearson": pearson,
    "mae": mean_absolute_error,
}


class NumberTask(ABC):
    """A task whose labels are numbers."""

    metric: Any
    per_word = False
    labels_are = "numbers"
    labels: ClassVar[list[str]] = []  # it has no names

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher primary metric is better."""
        return self.metric != "mae"

    def check(self, examples: Examples) -> None:
        """Raise a DataError that names the first row without a number."""
        for row, label in enumerate(examples.labels or ()):
            if not isinstance(label, float):
                raise DataError(f"{examples.location(row)}: a number is expected, not {label!r}")

    def gold(self, examples: Examples) -> NDArray[np.float64]:
        """The right numbers `(rows,)`."""
        self.check(examples)
        return np.array(examples.labels, np.float64)

    def numbers(self, examples: Examples) -> NDArray[np.float64]:
        """The right numbers of training examples.

        Raises:
            DataError: there are none.
        """
        if examples.labels is None:
            raise DataError(f"{examples.source}: training needs numbers, and there are none")
        return self.gold(examples)

    def check_varying(self, gold: NDArray[np.float64], examples: Examples) -> None:
        """Raise a DataError if all numbers are the same."""
        if gold.min() == gold.max():
            raise DataError(f"{examples.source}: the numbers are all the same; nothing can be learned")

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """Nothing: no numbers are lost."""
        return {}

    @abstractmethod
    def values(self, scores: NDArray) -> NDArray[np.float64]:
        """The predicted numbers `(rows,)`."""

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
        return METRICS[self.metric](*outcomes.T)

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Spearman's and Pearson's correlation, and the mean absolute error."""
        outcomes = self.outcomes(scores, examples)
        return {name: metric(*outcomes.T) for name, metric in METRICS.items()}
