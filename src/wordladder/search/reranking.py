"""Ranks hits again by a model that reads the query with each passage."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .passages import Hit

_SMALLEST = 1e-12  # probabilities nearer to 0 or 1 count as this near


def reranked(model: Any, query: str, hits: Sequence[Hit], share: float = 1.0) -> list[Hit]:
    """The hits by falling relevance, which becomes their score; or by a mean of it and the scores they have.

    Args:
        model: A model of pairs or of similarity.
        query: The query.
        hits: The hits.
        share: The share of the model; below 1 both scores are standardised over the hits first.
    """
    return mixed(hits, *scores_of(model, query, hits), share)


def scores_of(model: Any, query: str, hits: Sequence[Hit]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scores that hits have, and those that a model gives them."""
    return np.array([hit.score for hit in hits]), relevance(model, [(query, hit.text) for hit in hits])


def mixed(
    hits: Sequence[Hit], first: NDArray[np.float64], second: NDArray[np.float64], share: float
) -> list[Hit]:
    """The hits by the second score or, if its share is below 1, by the mean of both."""
    scores = second if share == 1 else (1 - share) * _standard(first) + share * _standard(second)
    order = np.argsort(-scores, kind="stable")
    return [replace(hits[i], score=float(scores[i])) for i in order]


def _standard(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores with mean 0 and variance 1; all 0 where they are the same."""
    if not len(scores) or scores.std() == 0:
        return np.zeros(len(scores))
    return (scores - scores.mean()) / scores.std()


def relevance(model: Any, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """How well each passage fits its query, `(pairs,)`: a similarity, or the log-odds of the second of two
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
    chances = np.clip(model.predict_proba(list(pairs))[:, 1].astype(np.float64), _SMALLEST, 1 - _SMALLEST)
    return np.log(chances) - np.log1p(-chances)
