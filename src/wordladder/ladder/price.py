"""The price of a rung: four costs, how each is written, and the budget. Nothing is measured here."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, log10
from operator import attrgetter

from ..errors import SettingError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one rung costs to train and to use.

    Attributes:
        latency_p50: Milliseconds for one text, the median of separately timed calls.
        latency_p95: Milliseconds that 95 calls in 100 stay under.
        throughput: Texts a second when many are given at once.
        memory_mb: The most memory that the process held while it answered, in MB (1e6 bytes).
        size_mb: The saved folder, in MB.
        load_seconds: From an imported library to a model ready to answer.
        train_seconds: To train it, the word vectors included; the mean over the seeds; infinite where it is
            not known.
    """

    latency_p50: float
    latency_p95: float
    throughput: float
    memory_mb: float
    size_mb: float
    load_seconds: float
    train_seconds: float


def figure(value: float, digits: int = 2) -> str:
    """A number with the digits that matter and no zeros behind them: 0.041, 0.4, 4.1, 41, 410, 4,100."""
    if value == 0:
        return "0"
    rounded = round(value, digits - 1 - floor(log10(abs(value))))
    places = max(digits - 1 - floor(log10(abs(rounded))), 0)  # 9.96 has become 10 by now
    written = f"{rounded:,.{places}f}"
    return written.rstrip("0").rstrip(".") if "." in written else written


def written_seconds(seconds: float, digits: int = 2) -> str:
    """A duration in the unit that a person would choose; a dash where it is not known."""
    if seconds == float("inf"):
        return "–"
    if seconds < 60:
        return f"{figure(seconds, digits)} s"
    if seconds < 3600:
        return f"{figure(seconds / 60, digits)} min"
    return f"{figure(seconds / 3600, digits)} h"


def written_megabytes(value: float, digits: int = 2) -> str:
    """A size in MB or GB."""
    return f"{figure(value, digits)} MB" if value < 950 else f"{figure(value / 1000, digits)} GB"


def _milliseconds(value: float, digits: int = 2) -> str:
    return f"{figure(value, digits)} ms"


@dataclass(frozen=True)
class CostKind:
    """One of the costs that rungs are compared by.

    Attributes:
        name: What `--cost` calls it.
        title: The heading of its picture.
        axis: What it is, in words, with the place of what is answered.
        of: Takes it from a price.
        written: Writes a value with its unit and so many digits, such as "0.4 ms".
        tail: What follows that in a sentence, with the place of what is answered.
    """

    name: str
    title: str
    axis: str
    of: Callable[[Price], float]
    written: Callable[..., str]
    tail: str

    def phrase(self, value: float, digits: int = 2, unit: str = "text") -> str:
        """A value in a sentence, such as "0.4 ms a text"."""
        return f"{self.written(value, digits)} {self.tail.format(unit)}"


_KINDS = (
    CostKind(
        "latency", "Latency", "time for one {} (median)", attrgetter("latency_p50"), _milliseconds, "a {}"
    ),
    CostKind(
        "memory", "Memory", "memory at the peak", attrgetter("memory_mb"), written_megabytes, "of memory"
    ),
    CostKind("size", "Size", "size on disk", attrgetter("size_mb"), written_megabytes, "on disk"),
    CostKind(
        "train",
        "Training time",
        "time to train, word vectors included",
        attrgetter("train_seconds"),
        written_seconds,
        "to train",
    ),
)
COSTS = {kind.name: kind for kind in _KINDS}
_UNITS = {"tagging": "sentence", "span_qa": "question"}


def unit_of(task: str) -> str:
    """What is answered one by one: a text, a sentence, a question."""
    return _UNITS.get(task, "text")


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
    """What a rung may cost at most; None sets no limit.

    Args:
        max_latency_ms: Median milliseconds for one text.
        max_size_mb: MB on disk.
        max_memory_mb: MB of memory at the peak.
        max_minutes: Minutes to train one rung with one seed; training is stopped there.
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

    def exceeded(self, price: Price, unit: str = "text") -> tuple[str, ...]:
        """One phrase for each limit that the price is over, such as "2.1 ms a text"."""
        return tuple(
            COSTS[name].phrase(COSTS[name].of(price), unit=unit)
            for name, limit in self.limits().items()
            if limit < COSTS[name].of(price) < float("inf")
        )

    def told(self, unit: str = "text") -> str:
        """The limits in words: "at most 1 ms a text and 50 MB on disk"; empty without limits."""
        phrases = [COSTS[name].phrase(limit, 9, unit) for name, limit in self.limits().items()]
        return f"at most {' and '.join(phrases)}" if phrases else ""
