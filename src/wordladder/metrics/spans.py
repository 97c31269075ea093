"""Metrics of entities: a predicted one counts when start, end and type are all right, as conlleval counts."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Entity = tuple[int, int, str]
Rows = Sequence[Collection[Entity]]


def span_counts(gold: Rows, predicted: Rows) -> NDArray[np.int64]:
    """Hits, predicted entities and gold entities of each row, int64 `(rows, 3)`.

    Both arguments hold for each row its entities `(start, end, type)`; one given twice counts once. Sums over
    rows are all that F1 needs, so that a bootstrap may draw rows.

    Raises:
        ValueError: there are not as many rows of one as of the other.
    """
    counts = [
        (len(right & found), len(found), len(right))
        for right, found in zip(map(set, gold), map(set, predicted), strict=True)
    ]
    return np.array(counts, dtype=np.int64).reshape(len(counts), 3)


def span_f1(counts: NDArray[np.int64]) -> float:
    """Micro F1 of rows of `span_counts`; 0 where there is no entity at all, as conlleval has it."""
    hits, predicted, gold = counts.sum(axis=0).tolist()
    return _scores(hits, predicted, gold)["f1"]


def per_type(gold: Rows, predicted: Rows) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and support of every type that is in `gold` or `predicted`, by name."""
    hits, found, right = Counter[str](), Counter[str](), Counter[str]()
    for gold_row, predicted_row in zip(map(set, gold), map(set, predicted), strict=True):
        hits.update(type for _, _, type in gold_row & predicted_row)
        found.update(type for _, _, type in predicted_row)
        right.update(type for _, _, type in gold_row)
    return {
        type: {**_scores(hits[type], found[type], right[type]), "support": right[type]}
        for type in sorted(found.keys() | right.keys())
    }


def _scores(hits: int, predicted: int, gold: int) -> dict[str, float]:
    return {
        "precision": hits / predicted if predicted else 0.0,
        "recall": hits / gold if gold else 0.0,
        "f1": 2 * hits / (predicted + gold) if predicted + gold else 0.0,
    }
