"""Statements about rows that nobody has seen, which hold with a stated probability for any number of rows."""

import numpy as np
from numpy.typing import NDArray

_LARGEST = 0.75  # the share of the capital that is bet at most


def p_value_of_mean(
    losses: NDArray[np.float64], limit: float, *, level: float = 0.05, seed: int = 1
) -> float:
    """The p-value of "the mean loss is `limit` or more", for independent losses from -1 to 1.

    It bets on each row in turn that its loss is below the limit; if the mean were not, the capital would
    rarely grow (Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting").

    Args:
        losses: The loss of each row, `(rows,)`.
        limit: The limit.
        level: The level the bets are best for; the p-value is valid at any.
        seed: Of the order of the rows.
    """
    if not len(losses):
        return 1.0
    gains = (1 - np.random.default_rng(seed).permutation(losses)) / 2  # from 0 to 1
    mean, count = (1 - limit) / 2, np.arange(1, len(losses) + 1)
    running = (0.5 + np.cumsum(gains)) / (count + 1)
    spread = (0.25 + np.cumsum((gains - running) ** 2)) / (count + 1)
    before = np.concatenate([[0.25], spread[:-1]])  # a bet knows only the rows before its own
    bets = np.minimum(np.sqrt(2 * np.log(1 / level) / (len(losses) * before)), _LARGEST / mean)
    capital = np.cumsum(np.log1p(bets * (gains - mean)))
    return float(min(1.0, np.exp(-capital.max())))
