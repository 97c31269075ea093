"""Decoding parameters of a classifier that are fitted on the dev set: a temperature, and a threshold for each
label. No weights are trained here.
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float = TypeVar("Float", bound=np.floating)


def log_softmax(scores: NDArray[Float], axis: int = 1) -> NDArray[Float]:
    """Log-probabilities of rows `(rows, labels)`, or with `axis` 0 of columns; `-inf` has none."""
    shifted = scores - scores.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))


def softmax(scores: Floats) -> Floats:
    """Probabilities of rows `(rows, labels)`."""
    return np.exp(log_softmax(scores))


def sigmoid(scores: Floats) -> Floats:
    """Elementwise logistic function, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))


def confidence(scores: Floats, *, several: bool | None) -> Floats:
    """How sure a classifier is of its answer, `(rows,)`: the probability of the label; of several labels a
    text that of the least certain decision.

    Args:
        scores: The `decisions` of a task, `(rows, labels)`.
        several: Whether a text may have several labels.
    """
    if not several:
        return softmax(scores).max(axis=1) if len(scores) else np.zeros(0)
    positive = sigmoid(scores)
    return np.maximum(positive, 1 - positive).min(axis=1, initial=1.0)


def least_probability(chances: Floats, guarantee: float) -> float:
    """The least probability at which a label belongs to the set of a text, so that sets of new texts contain
    the right label with probability `guarantee` or more: split conformal prediction, for rows like these
    (Vovk, Gammerman & Shafer 2005; Sadinle, Lei & Wasserman 2019).

    Args:
        chances: The probability of the right label of each row, `(rows,)`.
        guarantee: The share of texts.
    """
    wrong = math.floor((len(chances) + 1) * (1 - guarantee) + 1e-9)  # rows that may lie below
    return float(np.sort(chances)[wrong - 1]) if wrong else 0.0


def least_for_recall(chances: Sequence[Floats], guarantee: float) -> float:
    """The least probability at which an entity belongs to the set of a text, so that sets of new texts hold
    this share of their right entities on average: conformal risk control (Angelopoulos, Bates, Fisch, Lei &
    Schuster 2024), for texts like these.

    Args:
        chances: Of each text with entities the probability of every right one, 0 if it is no candidate.
        guarantee: The share of the entities of a text.
    """
    count = len(chances)
    if not count:
        return 0.0
    weights = np.concatenate([np.full(len(row), 1 / len(row)) for row in chances])
    flat = np.concatenate(chances)
    order = np.argsort(flat, kind="stable")
    flat, missed = flat[order], np.concatenate([[0.0], np.cumsum(weights[order])])[:-1]
    missed = missed[np.searchsorted(flat, flat)]  # of those that are less probable, not equally so
    kept = flat[missed + 1 <= (1 - guarantee) * (count + 1) + 1e-9]
    return float(kept[-1]) if len(kept) else 0.0


def log_losses(
    scores: Floats, gold: NDArray[np.int64], temperature: float = 1.0, *, multi_label: bool = False
) -> Floats:
    """The negative log-probability of each row's gold labels given `scores / temperature`: `(rows,)`."""
    scaled = scores.astype(np.float64) / temperature
    if multi_label:
        return np.mean(np.logaddexp(0.0, scaled) - gold * scaled, axis=1)
    return -log_softmax(scaled)[np.arange(len(gold)), gold]


def fit_temperature(scores: Floats, gold: NDArray[np.int64], *, multi_label: bool) -> float:
    """The temperature with the lowest loss of `scores / temperature` (Guo et al. 2017, section 4.2).

    The loss is unimodal in the temperature's logarithm; a golden-section search finds its minimum.

    Args:
        scores: `(rows, labels)`, unnormalised.
        gold: The gold label of each row `(rows,)`, or indicators `(rows, labels)` for several labels a row.
    """

    def loss(log_temperature: float) -> float:
        return float(np.mean(log_losses(scores, gold, np.exp(log_temperature), multi_label=multi_label)))

    low, high, ratio = np.log(0.05), np.log(20.0), (np.sqrt(5.0) - 1.0) / 2.0
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = loss(left), loss(right)
    while high - low > 1e-4:
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = loss(right)
    return float(np.exp((low + high) / 2))


def best_thresholds(probabilities: Floats, gold: NDArray[np.int64]) -> Floats:
    """The probability threshold with the highest F1 on these rows for each label; 0.5 for a label that never
    occurs.

    Both arguments are `(rows, labels)`. A threshold is halfway between two neighbouring probabilities.
    """
    rows, labels = probabilities.shape
    thresholds = np.full(labels, 0.5)
    for label in np.flatnonzero(gold.any(axis=0)):
        order = np.argsort(-probabilities[:, label], kind="stable")
        falling = np.append(probabilities[order, label], 0.0)
        hits = np.cumsum(gold[order, label])
        f1 = 2 * hits / (np.arange(1, rows + 1) + hits[-1])
        # a threshold separates rows only between two different probabilities
        separable = np.append(falling[:-2] > falling[1:-1], True)
        best = int(np.argmax(np.where(separable, f1, -1.0)))
        thresholds[label] = (falling[best] + falling[best + 1]) / 2
    return thresholds
