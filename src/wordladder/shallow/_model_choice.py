"""Choosing between fitted models by their losses on the dev set."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class DevSet(NamedTuple):
    """The texts of the dev set, and a function from their scores to the loss of each, `(rows,)`."""

    texts: list[str]
    losses: Callable[[NDArray[np.float32]], NDArray[np.float64]]


class Candidate(NamedTuple):
    """A fitted model, or what it consists of, and its loss on each row of the dev set."""

    model: Any
    losses: NDArray[np.float64]


def best_of(default: Candidate, others: list[Candidate]) -> Candidate:
    """The default, unless another candidate is significantly better."""
    best = min(others, key=lambda candidate: candidate.losses.mean(), default=default)
    return best if is_better(best.losses, default.losses) else default


def is_better(new: NDArray[np.float64], old: NDArray[np.float64]) -> bool:
    """Whether new losses are lower than old ones by more than the standard error of the difference."""
    gain = old - new
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
