"""Learning curves: what a loss becomes with more training rows, and how sure that is.

The logarithm of the loss at `n` rows is `level + log(floor + (1 - floor) shape(n) / shape(first))`. Three
families of shapes that suit most measured curves (Viering and Loog 2023, "The Shape of Learning Curves") are
averaged by how probable each of their members makes what was measured (Bayesian model averaging, Hoeting et
al. 1999), on a grid of parameters with the level integrated out:

    power        n ** -c
    hill         1 / (1 + (n / m) ** c)
    exponential  exp(-(n / m) ** c)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOORS = np.linspace(0.0, 0.99, 45)  # the least loss, as a share of the loss at the first point
FLOOR_PRIOR = 1.5  # the density is proportional to (1 - floor) ** (this - 1)
EXPONENTS = np.geomspace(0.08, 2.0, 16)
EXPONENT_PRIOR = (float(np.log(0.3)), 0.4)  # mean and deviation of their logarithm
MIDDLES = np.geomspace(0.1, 1000.0, 25)  # `m`, as a multiple of the geometric mean of the measured rows
MIDDLE_PRIOR = (0.0, 2.5)
MISFIT = 0.02  # how far a real curve is from its family, in log loss
DRIFT = 1.0  # the misfit a factor e beyond the last point, as a multiple of that at the points
SPREAD, SPREAD_RUNS = 0.06, 4.0  # between runs, in log loss: what is assumed, as so many more runs
WIDTH = 0.8  # of what the grid allows: 13 measured curves, forecast 4 to 70 times as far, strayed less
DRAWS = 4000


@dataclass(frozen=True)
class Shapes:
    """Members of the families.

    Attributes:
        family: The number of the family of each, `(shapes,)`.
        exponent: `c`.
        middle: `m`, in rows.
        floor: The least loss, as a share of that with the first number of rows.
    """

    family: NDArray[np.int64]
    exponent: Array
    middle: Array
    floor: Array

    def take(self, places: NDArray[np.int64]) -> "Shapes":
        """Some of them."""
        return Shapes(*(one[places] for one in vars(self).values()))

    def relative(self, rows: Array, first: float) -> Array:
        """The logarithm of the loss less that with the first number of rows, `(shapes, rows)`."""
        shapes = self._log_shapes(rows) - self._log_shapes(np.array([first]))
        floor = self.floor[:, None]
        with np.errstate(divide="ignore"):  # of a floor of zero
            return np.logaddexp(np.log(floor), np.log1p(-floor) + shapes)

    def _log_shapes(self, rows: Array) -> Array:
        c, m = self.exponent[:, None], self.middle[:, None]
        powers = np.exp(c * np.log(rows / m))
        return np.choose(self.family[:, None], [-c * np.log(rows / m), -np.log1p(powers), -powers])


@dataclass(frozen=True)
class LearningCurve:
    """Curves that agree with what was measured, each as probable as any other.

    Attributes:
        shapes: The shape of each.
        level: The logarithm of its loss at the first number of rows, `(draws,)`.
        spread: The standard deviation between runs, in log loss.
        first: The fewest rows that were measured.
        last: The most.
    """

    shapes: Shapes
    level: Array
    spread: float
    first: float
    last: float

    def losses(self, rows: Sequence[int] | Array, *, seed: int = 1, of_a_run: bool = False) -> Array:
        """Draws of the loss at numbers of rows, `(draws, rows)`.

        Args:
            rows: The numbers of training rows.
            seed: Of the draws.
            of_a_run: Whether of one training run, and not of the mean over many.
        """
        random, counts = np.random.default_rng(seed), np.asarray(rows, float)
        far = DRIFT * np.sqrt(np.abs(np.log(counts / self.last)))
        offsets = MISFIT * random.standard_normal((2, len(self.level), 1))
        logs = self.level[:, None] + self.shapes.relative(counts, self.first) + offsets[0] + offsets[1] * far
        middle = np.median(logs, axis=0)
        logs = middle + WIDTH * (logs - middle)
        if of_a_run:
            logs = logs + self.spread * random.standard_normal(logs.shape)
        return np.exp(logs)


def fit_curve(rows: Sequence[int], losses: Sequence[Sequence[float]], *, seed: int = 1) -> LearningCurve:
    """The learning curves that agree with measured losses.

    Args:
        rows: The numbers of training rows, increasing.
        losses: The losses of the runs with each, all above zero.
        seed: Of the draws.
    """
    counts, logs = np.asarray(rows, float), [np.log(np.asarray(one, float)) for one in losses]
    means, runs = np.array([one.mean() for one in logs]), np.array([len(one) for one in logs])
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in logs)
    spread = float(np.sqrt((squares + SPREAD_RUNS * SPREAD**2) / ((runs - 1).sum() + SPREAD_RUNS)))
    shapes, prior = _grid(float(np.exp(np.log(counts).mean())))
    rest = means - shapes.relative(counts, counts[0])
    precision = 1 / (spread**2 / runs + MISFIT**2)
    level = rest @ precision / precision.sum()
    chance = prior - ((rest - level[:, None]) ** 2 @ precision) / 2  # the level is integrated out
    chance = np.exp(chance - chance.max())
    random = np.random.default_rng(seed)
    drawn = random.choice(chance.size, DRAWS, p=chance / chance.sum())
    levels = level[drawn] + random.standard_normal(DRAWS) / np.sqrt(precision.sum())
    return LearningCurve(shapes.take(drawn), levels, spread, float(counts[0]), float(counts[-1]))


def _grid(centre: float) -> tuple[Shapes, Array]:
    """Every member of every family with its log prior; the families are equally probable."""
    parts, priors = [], []
    for family, middles in enumerate((np.ones(1), MIDDLES, MIDDLES)):
        c, m, floor = (one.ravel() for one in np.meshgrid(EXPONENTS, middles, FLOORS, indexing="ij"))
        prior = (FLOOR_PRIOR - 1) * np.log1p(-floor) - _square(np.log(c), EXPONENT_PRIOR) / 2
        if family:
            prior = prior - _square(np.log(m), MIDDLE_PRIOR) / 2
        parts.append((np.full(len(c), family), c, m * centre, floor))
        priors.append(prior - np.log(np.exp(prior).sum()))
    return Shapes(*(np.concatenate(one) for one in zip(*parts))), np.concatenate(priors)


def _square(values: Array, prior: tuple[float, float]) -> Array:
    return ((values - prior[0]) / prior[1]) ** 2
