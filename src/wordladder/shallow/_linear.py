"""Linear models on bags of terms: logistic regression, one decision a label, by scikit-learn's liblinear."""

import warnings
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..extras import require
from ..kernels.terms import Bags

__all__ = ["Linear", "fit_linear"]


class Linear(NamedTuple):
    """A row of coefficients a term and a column a label, `(terms, labels)`; one column for two classes."""

    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]


def fit_linear(
    bags: Bags,
    terms: int,
    targets: NDArray[np.int64],
    *,
    bayes: bool,
    regularisation: float,
    class_weights: Literal["balanced"] | None,
    weights: NDArray[np.float32] | None,
    seed: int,
) -> Linear:
    """Fit one decision a label.

    Args:
        bags: The features of the texts.
        terms: How many features there are.
        targets: The label of each text, or indicators `(texts, labels)`.
        bayes: Whether each feature is multiplied by its naive-Bayes log-count ratio for the decision (Wang
            and Manning 2012, "Baselines and Bigrams", section 2); the coefficients have it in them.
        regularisation: Inverse strength of the L2 penalty.
        class_weights: Whether each class, or each decision's two sides, weigh the same.
        weights: How much each text counts; None: all the same.
        seed: Of the order in which the solver goes through the texts.
    """
    sparse = require("scipy.sparse", "train", "tf-idf")
    several = targets.ndim == 2
    decisions = targets.T if several else np.eye(int(targets.max()) + 1, dtype=np.int64)[:, targets]
    if not several and len(decisions) == 2:
        decisions = decisions[1:]
    features = sparse.csr_matrix((bags.values, bags.ids, bags.begins), (len(bags.begins) - 1, terms))
    columns, intercepts = [], []
    own = np.ones(len(targets)) if weights is None else weights
    for decision in decisions:
        both = weights
        if class_weights:
            classes = decision if several else targets
            counts = np.bincount(classes)
            both = own * (len(classes) / np.count_nonzero(counts) / np.maximum(1, counts))[classes]
        ratio = _log_count_ratio(features, decision, own) if bayes else np.float32(1)
        coefficient, intercept = _decided(features, ratio, decision, regularisation, both, seed)
        columns.append(coefficient * ratio)
        intercepts.append(intercept)
    return Linear(np.stack(columns, axis=1).astype(np.float32), np.array(intercepts, np.float32))


def _log_count_ratio(features: Any, decision: NDArray[np.int64], weights: Any) -> NDArray[np.float32]:
    sides = [decision == side for side in (1, 0)]
    counts = [weights[side] @ features[side] + 1 for side in sides]
    shares = [np.log(count / count.sum()) for count in counts]
    return (shares[0] - shares[1]).astype(np.float32)


def _decided(
    features: Any,
    ratio: Any,
    decision: NDArray[np.int64],
    regularisation: float,
    weights: NDArray[Any] | None,
    seed: int,
) -> tuple[NDArray[np.float64], float]:
    """The coefficients and the intercept of one yes-or-no decision."""
    if len(np.unique(decision)) < 2:
        return np.zeros(features.shape[1]), 20.0 if decision.any() else -20.0
    linear_model = require("sklearn.linear_model", "train", "tf-idf")
    scaled = features
    if np.ndim(ratio):
        scaled = features.copy()
        scaled.data = features.data * ratio[features.indices]
    # On sparse text liblinear's dual is the fastest.
    model = linear_model.LogisticRegression(
        C=regularisation, solver="liblinear", dual=True, random_state=seed, max_iter=50
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Liblinear failed to converge")  # nor do its last digits matter
        model.fit(scaled, decision, weights)
    return model.coef_[0], float(model.intercept_[0])
