"""What a climb knows of one rung: its recipe, its quality with intervals, its price, or why it broke."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from ..evaluation.agreement import Gap
from .price import CostKind, Price
from .significance import Difference


@dataclass(frozen=True)
class CurvePoint:
    """The quality that a rung reaches with a part of the training rows.

    Attributes:
        rows: How many labelled rows it was trained on.
        value: The metric on the test rows, the mean over the seeds.
        interval: Its bootstrap interval.
    """

    rows: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung, measured. What is None could not be measured; `error` then says why.

    Attributes:
        name: The name of the recipe.
        recipe: The recipe as TOML.
        seeds: The seeds that were trained.
        seed_values: The metric on the test rows for each seed.
        seed_dev_values: The metric on the dev rows for each seed; everything is chosen by their mean.
        value: The mean of `seed_values`.
        interval: The bootstrap interval of `value`.
        dev_value: The mean of `seed_dev_values`.
        difference: How much better than the best rung, on the test rows (positive is better).
        gap: The gap between dev and test, and what of it chance explains.
        price: What it costs.
        over_budget: One phrase for each limit that it is over.
        on_front: No other rung is both better on the test rows and cheaper.
        warnings: What training did to the text, and other things worth knowing.
        curve: Quality against labelled rows, if that was asked for.
        error: Why the rung could not be trained or measured, in one line.
        fixed: It was there already. What it has learned from is not known, so dev tells nothing of it: it is
            compared on the test rows, and not recommended.
    """

    name: str
    recipe: str
    seeds: tuple[int, ...] = ()
    seed_values: tuple[float, ...] = ()
    seed_dev_values: tuple[float, ...] = ()
    value: float | None = None
    interval: tuple[float, float] | None = None
    dev_value: float | None = None
    difference: Difference | None = None
    gap: Gap | None = None
    price: Price | None = None
    over_budget: tuple[str, ...] = ()
    on_front: bool = False
    warnings: tuple[str, ...] = ()
    curve: tuple[CurvePoint, ...] = ()
    error: str | None = None
    fixed: bool = False

    @property
    def measured(self) -> bool:
        """Whether all its runs ended well and its price is known."""
        return self.error is None and self.value is not None and self.price is not None

    @property
    def within_budget(self) -> bool:
        """Whether it was measured and no limit is exceeded."""
        return self.measured and not self.over_budget

    def cost(self, kind: CostKind) -> float:
        """What it costs, in the unit of that kind; infinite if that is not known."""
        return kind.of(self.price) if self.price else float("inf")

    def to_json(self) -> dict[str, Any]:
        """The rung as `climb.json` has it."""
        price, difference = self.price, self.difference
        return {
            "name": self.name,
            "value": self.value,
            "interval": self.interval and list(self.interval),
            "seeds": list(self.seeds),
            "seed_values": list(self.seed_values),
            "dev_value": self.dev_value,
            "seed_dev_values": list(self.seed_dev_values),
            "difference": difference and vars(difference),
            "dev_beyond_chance": self.gap and self.gap.beyond_chance,
            "dev_chance_limit": self.gap and self.gap.limit,
            "latency_ms": price and {"p50": price.latency_p50, "p95": price.latency_p95},
            "throughput": price and price.throughput,
            "memory_mb": price and price.memory_mb,
            "size_mb": price and price.size_mb,
            "load_seconds": price and price.load_seconds,
            "train_seconds": price and (price.train_seconds if isfinite(price.train_seconds) else None),
            "on_front": self.on_front,
            "within_budget": self.within_budget,
            "over_budget": list(self.over_budget),
            "warnings": list(self.warnings),
            "label_curve": [vars(point) for point in self.curve],
            "error": self.error,
            "fixed": self.fixed,
            "recipe": self.recipe,
        }


def pareto_front(rungs: Iterable[Rung], kind: CostKind, *, higher_is_better: bool = True) -> list[Rung]:
    """The measured rungs that no other one beats in both test quality and cost, cheapest first."""
    sign = 1 if higher_is_better else -1
    points = [(r.cost(kind), -sign * r.value, r) for r in rungs if r.measured and r.value is not None]
    front: list[Rung] = []
    least = float("inf")
    for _, badness, rung in sorted(points, key=lambda point: point[:2]):
        if badness < least and isfinite(rung.cost(kind)):
            front.append(rung)
            least = badness
    return front
