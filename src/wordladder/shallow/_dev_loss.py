"""What a shallow model decides on: dev texts, and what its scores of them are worth."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Judged(NamedTuple):
    """Texts to decide on, and what becomes of their scores: the loss of each, `(rows,)`."""

    texts: list[str]
    losses: Callable[[NDArray[np.float32]], NDArray[np.float64]]

    def better(self, new: NDArray[np.float64], old: NDArray[np.float64]) -> bool:
        """Whether new losses are lower than old ones by more than the standard error of the difference."""
        gain = old - new
        return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
