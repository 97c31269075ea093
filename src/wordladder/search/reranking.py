"""Ranks hits again by a model that reads the query with each passage."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .passages import Hit


def reranked(model: Any, query: str, hits: Sequence[Hit]) -> list[Hit]:
    """The hits by falling relevance, which becomes their score."""
    scores = relevance(model, [(query, hit.text) for hit in hits])
    order = np.argsort(-scores, kind="stable")
    return [replace(hits[i], score=float(scores[i])) for i in order]


def relevance(model: Any, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """How well each passage fits its query, `(pairs,)`: a similarity, or the probability of the second of two
    labels.

    Raises:
        ModelError: the model does not score pairs of texts, or has more than two labels.
    """
    task = getattr(getattr(model, "recipe_", None), "task", None)
    if not pairs:
        return np.zeros(0)
    if task == "similarity":
        return np.asarray(model.predict(list(pairs)), np.float64)
    if task != "pairs" or len(model.task_.labels) != 2:
        raise ModelError("a reranker is a model of similarity, or of pairs in two classes")
    return np.asarray(model.predict_proba(list(pairs)), np.float64)[:, 1]
