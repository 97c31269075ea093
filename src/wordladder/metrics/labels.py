"""Metrics of labels: accuracy, F1 in its kinds, calibration. They know no model and no task."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def accuracy(gold: Ints, predicted: Ints) -> float:
    """The share of rows `(rows,)` or `(rows, labels)` that are right as a whole."""
    same = gold == predicted
    return float(np.mean(same if same.ndim == 1 else same.all(axis=1)))


def macro_f1(gold: Ints, predicted: Ints, labels: int) -> float:
    """The unweighted mean of F1 over the labels that occur in `gold` or `predicted`, both `(rows,)`."""
    hits = np.bincount(gold[gold == predicted], minlength=labels)
    return _mean_f1(hits, np.bincount(gold, minlength=labels), np.bincount(predicted, minlength=labels))


def multilabel_f1(gold: Ints, predicted: Ints) -> float:
    """Macro F1 of indicator matrices `(rows, labels)`."""
    return _mean_f1((gold & predicted).sum(axis=0), gold.sum(axis=0), predicted.sum(axis=0))


def micro_f1(gold: Ints, predicted: Ints) -> float:
    """F1 over all decisions of indicator matrices `(rows, labels)` together."""
    total = gold.sum() + predicted.sum()
    return float(2 * (gold & predicted).sum() / total) if total else 0.0


def _mean_f1(hits: Ints, gold: Ints, predicted: Ints) -> float:
    seen = (gold + predicted) > 0
    return float(np.mean(2 * hits[seen] / (gold + predicted)[seen])) if seen.any() else 0.0


def per_label(gold: Ints, predicted: Ints) -> list[dict[str, float]]:
    """Precision, recall, F1 and support of every label, from indicator matrices `(rows, labels)`."""
    hits = (gold & predicted).sum(axis=0)
    support, answered = gold.sum(axis=0), predicted.sum(axis=0)
    return [
        {
            "precision": float(h / a) if a else 0.0,
            "recall": float(h / s) if s else 0.0,
            "f1": float(2 * h / (s + a)) if s + a else 0.0,
            "support": int(s),
        }
        for h, s, a in zip(hits, support, answered)
    ]


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error with equally wide bins (Guo et al. 2017, equation 3).

    `confidence (rows,)` is the probability of the answer given, `correct (rows,)` whether it was right.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(place, weights=correct.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))
