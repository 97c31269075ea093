"""Metrics of labels and entities: accuracy, precision, recall, F1 and calibration, independent of models and
tasks. A predicted entity counts if start, end and type are all right, as in conlleval.
"""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
EntityRows = Sequence[Collection[tuple[int, int, str]]]


def accuracy(gold: Ints, predicted: Ints) -> float:
    """The share of rows `(rows,)` or `(rows, labels)` that are completely right."""
    same = gold == predicted
    return float(np.mean(same if same.ndim == 1 else same.all(axis=1)))


def macro_f1(gold: Ints, predicted: Ints, labels: int) -> float:
    """The unweighted mean of F1 over the labels that occur in `gold` or `predicted`; both are indices
    `(rows,)`, or indicators `(rows, labels)` for several labels a row.
    """
    if gold.ndim == 2:
        hits, total = (gold & predicted).sum(axis=0), gold.sum(axis=0) + predicted.sum(axis=0)
    else:
        hits = np.bincount(gold[gold == predicted], minlength=labels)
        total = np.bincount(gold, minlength=labels) + np.bincount(predicted, minlength=labels)
    seen = total > 0
    return float(np.mean(2 * hits[seen] / total[seen])) if seen.any() else 0.0


def micro_f1(gold: Ints, predicted: Ints) -> float:
    """F1 over all decisions of indicator matrices `(rows, labels)` together."""
    counts = (int(matrix.sum()) for matrix in (gold & predicted, predicted, gold))
    return precision_recall_f1(*counts)["f1"]


def precision_recall_f1(hits: int, predicted: int, gold: int) -> dict[str, float]:
    """Precision, recall and F1 from counts; 0 where there is nothing to count."""
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / gold if gold else 0.0,
        "f1": 2 * hits / (predicted + gold) if predicted + gold else 0.0,
    }


def average_precision(gold: NDArray[np.bool_], scores: Floats) -> float:
    """The mean precision at each right row, rows `(rows,)` by falling score, equal ones together: the
    area under the curve of precision over recall, as in scikit-learn; 0 where no row is right.
    """
    hits, found = _counts_by_score(gold, scores)
    return float(np.sum(np.diff(hits, prepend=0) * hits / found) / max(1, gold.sum()))


def best_threshold(gold: NDArray[np.bool_], scores: Floats) -> float:
    """The middle between the two scores that give the best F1 if all rows above are taken for right."""
    hits, found = _counts_by_score(gold, scores)
    levels = np.unique(scores)[::-1]
    best = int(np.argmax(2 * hits / (found + gold.sum())))
    return float(levels[best : best + 2].mean())


def _counts_by_score(gold: NDArray[np.bool_], scores: Floats) -> tuple[Floats, Floats]:
    """For each different score, the highest first, the right rows and all rows with at least this score."""
    _, level, counts = np.unique(-scores, return_inverse=True, return_counts=True)
    return np.cumsum(np.bincount(level, gold)), np.cumsum(counts).astype(np.float64)


def per_label(gold: Ints, predicted: Ints) -> list[dict[str, float]]:
    """Precision, recall, F1 and support of every label, from indicator matrices `(rows, labels)`."""
    counts = [matrix.sum(axis=0).tolist() for matrix in (gold & predicted, predicted, gold)]
    return [precision_recall_f1(*label) | {"support": label[2]} for label in zip(*counts)]


def calibration_error(confidence: Floats, correct: NDArray[np.bool_], bins: int = 15) -> float:
    """Expected calibration error with equally wide bins (Guo et al. 2017, equation 3).

    `confidence (rows,)` is the probability of the predicted answer, `correct (rows,)` whether it is right.
    """
    bin_of = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gap = np.bincount(bin_of, weights=correct.astype(np.float64) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(confidence))


def span_counts(gold: EntityRows, predicted: EntityRows) -> NDArray[np.int64]:
    """Hits, predicted entities and gold entities of each row, int64 `(rows, 3)`.

    Both arguments hold the entities `(start, end, type)` of each row; repeated ones count once. F1 needs only
    sums over rows, so that a bootstrap can resample rows.

    Raises:
        ValueError: the numbers of rows differ.
    """
    counts = [
        (len(right & found), len(found), len(right))
        for right, found in zip(map(set, gold), map(set, predicted), strict=True)
    ]
    return np.array(counts, dtype=np.int64).reshape(len(counts), 3)


def span_f1(counts: NDArray[np.int64]) -> float:
    """Micro F1 of rows of `span_counts`; 0 if there are no entities, as in conlleval."""
    return precision_recall_f1(*counts.sum(axis=0).tolist())["f1"]


def per_type(gold: EntityRows, predicted: EntityRows) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of every type in `gold` or `predicted`, by name."""
    hits, found, right = Counter[str](), Counter[str](), Counter[str]()
    for gold_row, predicted_row in zip(map(set, gold), map(set, predicted), strict=True):
        hits.update(type for _, _, type in gold_row & predicted_row)
        found.update(type for _, _, type in predicted_row)
        right.update(type for _, _, type in gold_row)
    return {
        type: precision_recall_f1(hits[type], found[type], right[type]) | {"support": right[type]}
        for type in sorted(found.keys() | right.keys())
    }
