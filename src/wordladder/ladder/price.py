"""The costs of a rung, how each is written, and the budget. They are measured in `cost` and `run`."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from operator import attrgetter

from ..errors import SettingError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a rung costs to train and to use.

    Attributes:
        latency_p50: Milliseconds for one text, the median of separately timed calls.
        latency_p95: Milliseconds for one text, the 95th percentile.
        throughput: Texts a second in large batches.
        memory_mb: The peak memory of the process, the interpreter and libraries included, in MB (1e6 bytes).
        load_seconds: From a started interpreter to a model ready to predict, the imports included.
        size_mb: The size of the saved folder, in MB.
        train_seconds: The training time, word vectors included, the mean over the seeds; infinite if unknown.
        joules: The energy of the processor for one text in large batches; None where the machine does not
            tell it.
    """

    latency_p50: float
    latency_p95: float
    throughput: float
    memory_mb: float
    load_seconds: float
    size_mb: float
    train_seconds: float
    joules: float | None = None

    def per_million(self, per_hour: float) -> float:
        """What a million texts cost in large batches, on a machine at so much an hour."""
        return 1e6 / self.throughput / 3600 * per_hour


def format_number(value: float, digits: int = 2) -> str:
    """A number with its significant digits and no trailing zeros: 0.041, 0.4, 4.1, 41, 410, 4,100."""
    return f"{float(f'{value:.{digits}g}'):,.12f}".rstrip("0").rstrip(".")


def format_milliseconds(value: float, digits: int = 2) -> str:
    """A latency in ms."""
    return f"{format_number(value, digits)} ms"


def format_megabytes(value: float, digits: int = 2) -> str:
    """A size in MB or GB."""
    size, unit = (1, "MB") if value < 950 else (1000, "GB")
    return f"{format_number(value / size, digits)} {unit}"


def format_seconds(value: float, digits: int = 2) -> str:
    """A duration in seconds, minutes or hours; a dash if it is unknown (infinite)."""
    if value == inf:
        return "–"
    size, unit = (1, "s") if value < 60 else (60, "min") if value < 3600 else (3600, "h")
    return f"{format_number(value / size, digits)} {unit}"


@dataclass(frozen=True)
class CostKind:
    """One of the costs that rungs are compared by.

    Attributes:
        name: Its name as the value of `--cost`.
        title: The heading of its picture.
        axis: What it is, in words; {} stands for the unit of prediction, such as "text".
        of: Takes it from a price.
        format: Writes a value with its unit and a number of digits, such as "0.4 ms".
        suffix: What follows that in a sentence; {} as in `axis`.
    """

    name: str
    title: str
    axis: str
    of: Callable[[Price], float]
    format: Callable[..., str]
    suffix: str

    def phrase(self, value: float, digits: int = 2, unit: str = "text") -> str:
        """A value in a sentence, such as "0.4 ms a text"."""
        return f"{self.format(value, digits)} {self.suffix.format(unit)}"


_LATENCY = "time for one {} (median)"
_TRAINING = "training time, word vectors included"
_KINDS = (
    CostKind("latency", "Latency", _LATENCY, attrgetter("latency_p50"), format_milliseconds, "a {}"),
    CostKind("memory", "Memory", "peak memory", attrgetter("memory_mb"), format_megabytes, "of memory"),
    CostKind("size", "Size", "size on disk", attrgetter("size_mb"), format_megabytes, "on disk"),
    CostKind("train", "Training time", _TRAINING, attrgetter("train_seconds"), format_seconds, "to train"),
)
COSTS = {kind.name: kind for kind in _KINDS}
# The unit of prediction; for other tasks a text.
UNITS = {
    "tagging": "sentence", "span_qa": "question", "pairs": "pair", "similarity": "pair", "retrieval": "query",
}  # fmt: skip


def cost_kind(name: str) -> CostKind:
    """The cost of that name.

    Raises:
        SettingError: There is none.
    """
    if name not in COSTS:
        raise SettingError(f"cost: there is no {name!r}.{did_you_mean(name, COSTS)}")
    return COSTS[name]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The most that a rung may cost; None sets no limit.

    Args:
        max_latency_ms: Median milliseconds for one text.
        max_size_mb: MB on disk.
        max_memory_mb: MB of peak memory.
        max_minutes: Minutes to train one rung with one seed; longer training is stopped.
    """

    max_latency_ms: float | None = None
    max_size_mb: float | None = None
    max_memory_mb: float | None = None
    max_minutes: float | None = None

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not value > 0:
                raise SettingError(f"{name} = {value}: a limit must be above 0")

    def limits(self) -> dict[str, float]:
        """The limits that are set, by the names of their costs, in the units of a price."""
        limits = {
            "latency": self.max_latency_ms,
            "memory": self.max_memory_mb,
            "size": self.max_size_mb,
            "train": None if self.max_minutes is None else self.max_minutes * 60,
        }
        return {name: limit for name, limit in limits.items() if limit is not None}

    def exceeded(self, price: Price, unit: str = "text") -> tuple[str, ...]:
        """A phrase for each limit that the price exceeds, such as "2.1 ms a text"."""
        costs = {name: COSTS[name].of(price) for name in self.limits()}
        over = [name for name, limit in self.limits().items() if limit < costs[name] < inf]
        return tuple(COSTS[name].phrase(costs[name], unit=unit) for name in over)

    def describe(self, unit: str = "text") -> str:
        """The limits in words: "at most 1 ms a text and 50 MB on disk"; empty without limits."""
        phrases = [COSTS[name].phrase(limit, 9, unit) for name, limit in self.limits().items()]
        return f"at most {' and '.join(phrases)}" if phrases else ""
