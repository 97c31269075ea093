# mypy: ignore-errors
"""Logistic regression on bags of terms with an L2 penalty, by dual coordinate descent: a pass over texts.

Source: Yu, Huang & Lin 2011, "Dual coordinate descent methods for logistic regression and maximum entropy
models", as liblinear has it. The dual variable of a text, and what its cost leaves of it, are both kept:
their logarithms count, and either may be tiny.
"""

import numpy as np
from numba import njit

_LEAST = 1e-8  # share of the cost from where a dual variable is sought
_CLOSE = 1e-6  # slope of a text's problem where it counts as solved
_STEPS = 100  # of Newton's method, at most; four are usual


@njit(nogil=True, cache=True, error_model="numpy")
def one_pass(order, begins, ids, values, signs, costs, duals, weights):
    """Solve the problem of one text after the other, and return the steepest slope that was met.

    Args:
        order: The texts.
        begins, ids, values: Their terms, as `Bags` has them.
        signs: The right side of each text, 1 or −1, `(texts,)` float64.
        costs: What a wrong answer costs, `(texts,)` float64.
        duals: The dual variables, at first 0, and what the costs leave of them, `(texts, 2)` float64;
            changed.
        weights: Of the terms, the intercept last, at first 0, `(terms + 1,)` float64; changed.
    """
    steepest, intercept = 0.0, len(weights) - 1
    for text in order:
        first, last, cost = begins[text], begins[text + 1], costs[text]
        here, sizes = ids[first:last], values[first:last]
        margin, curve = weights[intercept], 1.0
        for at in range(len(here)):
            margin += weights[here[at]] * sizes[at]
            curve += sizes[at] * sizes[at]
        margin *= signs[text]
        mine = 0 if 0.5 * curve * (duals[text, 1] - duals[text, 0]) + margin >= 0 else 1
        side = 1.0 - 2.0 * mine
        old = duals[text, mine]
        new = 0.1 * old if old > 0.5 * cost else max(old, _LEAST * cost)
        slope = curve * (new - old) + side * margin + np.log(new / (cost - new))
        steepest = max(steepest, abs(slope))
        for _ in range(_STEPS):
            if abs(slope) < _CLOSE:
                break
            step = slope / (curve + cost / (cost - new) / new)
            new = new - step if step < new else 0.1 * new
            slope = curve * (new - old) + side * margin + np.log(new / (cost - new))
        duals[text, mine], duals[text, 1 - mine] = new, cost - new
        move = side * signs[text] * (new - old)
        for at in range(len(here)):
            weights[here[at]] += move * sizes[at]
        weights[intercept] += move
    return steepest
