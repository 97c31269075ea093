"""Metrics of numbers: how well predicted ones agree with the right ones."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def pearson(gold: Floats, predicted: Floats) -> float:
    """Pearson's correlation of two `(rows,)`; 0 where one of them does not vary."""
    gold, predicted = gold - gold.mean(), predicted - predicted.mean()
    norm = np.sqrt((gold @ gold) * (predicted @ predicted))
    return float(gold @ predicted / norm) if norm > 0 else 0.0


def spearman(gold: Floats, predicted: Floats) -> float:
    """Spearman's correlation of two `(rows,)`: that of their ranks, and equal numbers have equal ranks."""
    return pearson(_ranks(gold), _ranks(predicted))


def mean_absolute_error(gold: Floats, predicted: Floats) -> float:
    """The mean distance of two `(rows,)`."""
    return float(np.abs(gold - predicted).mean())


def _ranks(values: Floats) -> Floats:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]
