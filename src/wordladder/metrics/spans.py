"""Metrics of entities: a predicted entity counts if start, end and type are all right, as in conlleval."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from .labels import precision_recall_f1

Entity = tuple[int, int, str]
Rows = Sequence[Collection[Entity]]


def span_counts(gold: Rows, predicted: Rows) -> NDArray[np.int64]:
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


def per_type(gold: Rows, predicted: Rows) -> dict[str, dict[str, float]]:
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
