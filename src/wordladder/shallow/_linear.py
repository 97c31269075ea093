"""Linear models on bags of terms: logistic regression, one binary decision for each label. The arithmetic is
in `kernels.logistic`.
"""

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ..kernels.terms import Bags

_PASSES, _TOLERANCE = 50, 1e-4  # passes over the texts at most; the gradient at which they stop


class Linear(NamedTuple):
    """The coefficients `(terms, labels)` and intercepts `(labels,)`; two classes have one column."""

    coefficients: NDArray[np.float32]
    intercepts: NDArray[np.float32]


def fit_linear(
    bags: "Bags",
    terms: int,
    targets: NDArray[np.int64],
    *,
    bayes: bool,
    regularisation: float,
    class_weights: Literal["balanced"] | None,
    weights: NDArray[np.float32] | None,
    seed: int,
) -> Linear:
    """Fit one binary decision for each label.

    Args:
        bags: The features of the texts.
        terms: How many features there are.
        targets: The label of each text, or indicators `(texts, labels)`.
        bayes: Whether each feature is multiplied by its naive-Bayes log-count ratio for the decision (Wang
            and Manning 2012, "Baselines and Bigrams", section 2); the coefficients include it.
        regularisation: Inverse strength of the L2 penalty.
        class_weights: Whether each class, or each of the two sides of a decision, has the same total weight.
        weights: The weights of the texts; None: all are equal.
        seed: Of the order in which the solver goes through the texts.
    """
    several = targets.ndim == 2
    decisions = targets.T if several else np.eye(int(targets.max()) + 1, dtype=np.int64)[:, targets]
    if not several and len(decisions) == 2:
        decisions = decisions[1:]
    columns, intercepts = [], []
    text_weights = np.ones(len(targets)) if weights is None else weights.astype(np.float64)
    for decision in decisions:
        costs = regularisation * text_weights
        if class_weights:
            classes = decision if several else targets
            counts = np.bincount(classes)
            costs *= (len(classes) / np.count_nonzero(counts) / np.maximum(1, counts))[classes]
        ratio = _log_count_ratio(bags, terms, decision, text_weights) if bayes else np.ones(terms, np.float32)
        scaled = bags._replace(values=bags.values * ratio[bags.ids]) if bayes else bags
        coefficients, intercept = _fit_decision(scaled, terms, decision, costs, seed)
        columns.append(coefficients * ratio)
        intercepts.append(intercept)
    return Linear(np.stack(columns, axis=1).astype(np.float32), np.array(intercepts, np.float32))


def _log_count_ratio(
    bags: "Bags", terms: int, decision: NDArray[np.int64], weights: NDArray[np.float64]
) -> NDArray[np.float32]:
    sizes = np.diff(bags.begins)
    values, of_terms = bags.values * np.repeat(weights, sizes), np.repeat(decision, sizes)
    counts = [np.bincount(bags.ids, values * (of_terms == side), terms) + 1 for side in (1, 0)]
    shares = [np.log(count / count.sum()) for count in counts]
    return (shares[0] - shares[1]).astype(np.float32)


def _fit_decision(
    bags: "Bags", terms: int, decision: NDArray[np.int64], costs: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], float]:
    """The coefficients and the intercept of one binary decision; the intercept is penalised, too."""
    from ..kernels.logistic import one_pass

    if decision.all() or not decision.any():
        return np.zeros(terms), 20.0 if decision.any() else -20.0
    signs, duals = 2.0 * decision - 1, np.stack([np.zeros(len(costs)), costs], axis=1)
    weights = np.zeros(terms + 1)
    random, used = np.random.default_rng(seed), np.flatnonzero(costs)
    for _ in range(_PASSES):
        if one_pass(random.permutation(used), *bags, signs, costs, duals, weights) < _TOLERANCE:
            break
    return weights[:-1], float(weights[-1])
