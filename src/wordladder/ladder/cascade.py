"""Puts rungs in a cascade: a text goes on to the next dearer rung until one is sure enough of its answer.

Chains and thresholds are searched on dev. The best ones there, from the dearest to the cheapest, are tested
on the test rows until one fails: is its share of wrong answers so much above that of the best rung, or more?
So the statement about the last one that passes holds with the stated probability, however many were tried
(Learn then Test with a fixed sequence; Angelopoulos, Bates, Candès, Jordan & Lei 2021).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.promises import p_value_of_mean

LEVEL = 0.05
_STEPS = {2: 40, 3: 12}  # thresholds that are tried for a stage, by the number of stages
_TESTED = 20  # cascades that may be tested
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Candidate:
    """What a rung says of some rows.

    Attributes:
        name: Its name.
        cost: Milliseconds for one text.
        sure: How sure it is of each answer, `(rows,)`.
        right: Which answers are right, `(rows,)`.
    """

    name: str
    cost: float
    sure: Floats
    right: Bools

    def take(self, rows: Any) -> "Candidate":
        """The same of some rows."""
        return Candidate(self.name, self.cost, self.sure[rows], self.right[rows])


@dataclass(frozen=True)
class Chain:
    """Rungs in order, and how sure all but the last have to be.

    Attributes:
        names: The rungs, the cheapest first.
        thresholds: One less.
    """

    names: tuple[str, ...]
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class Routed:
    """What a chain makes of some rows.

    Attributes:
        stages: The number of the stage that answers each row, `(rows,)`.
        costs: Milliseconds of each row, `(rows,)`.
        right: Which answers are right, `(rows,)`.
    """

    stages: NDArray[np.int64]
    costs: Floats
    right: Bools


@dataclass(frozen=True)
class Promise:
    """A cascade, and what is known about it.

    Attributes:
        chain: The cascade.
        margin: How many more answers may be wrong than the best rung's, as a share of all.
        level: The probability with which that does not hold.
        p_value: The p-value of its test.
        tested: How many cascades were tested until one failed, this one included.
    """

    chain: Chain
    margin: float
    level: float
    p_value: float
    tested: int


def route(chain: Chain, candidates: Sequence[Candidate]) -> Routed:
    """Answer rows by a chain, as `CascadeEngine.route` does."""
    rungs = _chosen(chain.names, candidates)
    stages = np.full(len(rungs[0].sure), len(rungs) - 1)
    for number in reversed(range(len(rungs) - 1)):
        stages[rungs[number].sure >= chain.thresholds[number]] = number
    costs = np.cumsum([rung.cost for rung in rungs])[stages]
    return Routed(stages, costs, np.choose(stages, [rung.right for rung in rungs]))


def promise(
    dev: Sequence[Candidate], test: Sequence[Candidate], best: str, margin: float, *, level: float = LEVEL
) -> Promise | None:
    """The cheapest cascade of which the test rows show that it has at most `margin` more wrong answers than
    the best rung; None: they show it of none.

    Args:
        dev: The rungs on dev.
        test: The same on the test rows, which must be independent of each other.
        best: The best rung, which is the last stage.
        margin: As a share of all answers.
        level: The probability with which the statement may be wrong.
    """
    last = next(rung for rung in test if rung.name == best)
    found, tested = None, 0
    for chain in candidates_of(dev, best, margin):
        losses = last.right.astype(float) - route(chain, test).right
        p_value, tested = p_value_of_mean(losses, margin, level=level), tested + 1
        if p_value > level:
            break
        found = Promise(chain, margin, level, p_value, tested)
    return None if found is None else Promise(found.chain, margin, level, found.p_value, tested)


def candidates_of(dev: Sequence[Candidate], best: str, margin: float) -> list[Chain]:
    """The chains that no other beats in both cost and right answers on dev, the dearest first: at most as
    many as are tested, and none with more than `margin` more wrong answers there than the best rung.
    """
    last = next(rung for rung in dev if rung.name == best)
    tried = []
    for chain in _chains(dev, last):
        found = route(chain, dev)
        tried.append((float(found.costs.mean()), float(last.right.mean() - found.right.mean()), chain))
    front: list[Chain] = []
    lowest = np.inf
    for cost, loss, chain in sorted(tried, key=lambda one: one[:2]):
        if loss < lowest and cost < last.cost:
            lowest = loss
            if loss <= margin:
                front.append(chain)
    kept = np.unique(np.linspace(0, len(front) - 1, min(_TESTED, len(front))).astype(int))
    return [front[place] for place in kept[::-1]]


def _chosen(names: Sequence[str], candidates: Sequence[Candidate]) -> list[Candidate]:
    by_name = {one.name: one for one in candidates}
    return [by_name[name] for name in names]


def _chains(dev: Sequence[Candidate], last: Candidate) -> Iterator[Chain]:
    """Every chain of two or three rungs that ends in the best one, with thresholds between which equally many
    rows of dev lie.
    """
    cheaper = sorted((rung for rung in dev if rung.cost < last.cost), key=lambda rung: rung.cost)
    for length, steps in _STEPS.items():
        shares = np.linspace(0, 1, steps + 1)
        for rungs in combinations(cheaper, length - 1):
            grids = [np.unique(np.quantile(rung.sure, shares)).tolist() for rung in rungs]
            for thresholds in product(*grids):
                yield Chain((*(rung.name for rung in rungs), last.name), thresholds)
