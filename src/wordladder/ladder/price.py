"""The price of a rung: four costs, how each is written, and the budget. Nothing is measured here."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, log10

from ..errors import SettingError, did_you_mean

__all__ = ["COSTS", "Budget", "CostKind", "Price", "cost_kind", "figure", "written_seconds"]


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one rung costs to train and to use.

    Attributes:
        latency_p50: milliseconds for one text, the median of separately timed calls.
        latency_p95: milliseconds that 95 calls in 100 stay under.
        throughput: texts a second when many are given at once.
        memory_mb: the most memory that the process held while it answered, in MB (1e6 bytes).
        size_mb: the saved folder, in MB.
        load_seconds: from an imported library to a model ready to answer.
        train_seconds: to train it, the word vectors included; the mean over the seeds.
    """

    latency_p50: float
    latency_p95: float
    throughput: float
    memory_mb: float
    size_mb: float
    load_seconds: float
    train_seconds: float


@dataclass(frozen=True)
class CostKind:
    """One of the costs that rungs are compared by.

    Attributes:
        name: what `--cost` calls it.
        title: the heading of its picture.
        axis: the label of its axis.
        of: takes it from a price.
        phrase: writes it in a sentence, such as "0.4 ms a text".
        brief: writes it beside an axis, such as "0.4 ms".
    """

    name: str
    title: str
    axis: str
    of: Callable[[Price], float]
    phrase: Callable[[float], str]
    brief: Callable[[float], str]


def figure(value: float) -> str:
    """A number with two digits that matter: 0.041, 0.41, 4.1, 41, 410, 4,100."""
    if value == 0:
        return "0"
    places = 1 - floor(log10(abs(value)))
    rounded = round(value, places)
    places = 1 - floor(log10(abs(rounded)))  # 9.96 becomes 10, which has no decimals
    return f"{rounded:,.{max(places, 0)}f}"


def written_seconds(seconds: float) -> str:
    """A duration in the unit that a person would choose."""
    if seconds < 90:
        return f"{figure(seconds)} s"
    if seconds < 90 * 60:
        return f"{figure(seconds / 60)} min"
    return f"{figure(seconds / 3600)} h"


def _megabytes(value: float) -> str:
    return f"{figure(value)} MB" if value < 950 else f"{figure(value / 1000)} GB"


COSTS = {
    kind.name: kind
    for kind in (
        CostKind(
            "latency",
            "Latency",
            "time for one text (median)",
            lambda price: price.latency_p50,
            lambda value: f"{figure(value)} ms a text",
            lambda value: f"{figure(value)} ms",
        ),
        CostKind(
            "memory",
            "Memory",
            "memory of the process at its peak",
            lambda price: price.memory_mb,
            lambda value: f"{_megabytes(value)} of memory",
            _megabytes,
        ),
        CostKind(
            "size",
            "Size",
            "size on disk",
            lambda price: price.size_mb,
            lambda value: f"{_megabytes(value)} on disk",
            _megabytes,
        ),
        CostKind(
            "train",
            "Training time",
            "time to train, word vectors included",
            lambda price: price.train_seconds,
            lambda value: f"{written_seconds(value)} to train",
            written_seconds,
        ),
    )
}


def cost_kind(name: str) -> CostKind:
    """The cost of that name.

    Raises:
        SettingError: there is none.
    """
    if name not in COSTS:
        raise SettingError(f"cost: there is no {name!r}.{did_you_mean(name, COSTS)}")
    return COSTS[name]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What a rung may cost at most; None sets no limit.

    Args:
        max_latency_ms: median milliseconds for one text.
        max_size_mb: MB on disk.
        max_memory_mb: MB of memory at the peak.
        max_minutes: minutes to train one rung with one seed; training is stopped there.
    """

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_memory_mb: float | None = None
    max_minutes: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise SettingError(f"{name} = {value}: a limit is a number above 0")

    def limits(self) -> dict[str, float]:
        """The limits that are set, under the names of their costs, in the units of a price."""
        minutes = self.max_minutes
        given = {
            "latency": self.max_latency_ms,
            "memory": self.max_memory_mb,
            "size": self.max_size_mb,
            "train": None if minutes is None else minutes * 60,
        }
        return {name: limit for name, limit in given.items() if limit is not None}

    def exceeded(self, price: Price) -> tuple[str, ...]:
        """One phrase for each limit that the price is over, such as "2.1 ms a text"."""
        return tuple(
            COSTS[name].phrase(COSTS[name].of(price))
            for name, limit in self.limits().items()
            if COSTS[name].of(price) > limit
        )

    def __str__(self) -> str:
        """The limits in words: "at most 1 ms a text and 50 MB on disk"; empty without limits."""
        phrases = [COSTS[name].phrase(limit) for name, limit in self.limits().items()]
        return f"at most {' and '.join(phrases)}" if phrases else ""
