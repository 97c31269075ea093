"""The result of a climb: the rungs with their quality and price, the recommendation, and `climb.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from pathlib import Path
from typing import Any

from ..evaluation.agreement import Gap
from ..evaluation.intervals import Difference
from .encoders import LeftOut
from .price import Budget, CostKind, Price

LEVEL = 0.9  # of the intervals of a forecast


@dataclass(frozen=True)
class CurvePoint:
    """The quality that a rung reaches with a part of the training rows.

    Attributes:
        rows: How many labelled rows it was trained on.
        value: The metric on the test rows, the mean over the seeds.
        interval: Its bootstrap interval.
        seed_values: The metric for each seed, which also draws the rows.
    """

    rows: int
    value: float
    interval: tuple[float, float]
    seed_values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a search found for a rung.

    Attributes:
        trials: How many settings were tried, the recipe's own among them.
        pruned: How many of these were given up early.
        seconds: How long it took.
        default: The metric on dev with the recipe's settings.
        value: The metric on dev with the best ones.
        settings: The best ones, where they differ from the recipe.
    """

    trials: int
    pruned: int
    seconds: float
    default: float
    value: float
    settings: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A measured rung. What is None could not be measured; `error` then says why.

    Attributes:
        name: The name of the recipe.
        value: The mean of `seed_values`.
        interval: The bootstrap interval of `value`.
        seeds: The seeds that it was trained with.
        seed_values: The metric on the test rows for each seed.
        dev_value: The mean of `seed_dev_values`.
        seed_dev_values: The metric on the dev rows for each seed; all choices are based on their mean.
        difference: How much better than the best rung it is on the test rows (positive is better).
        p_value: How often chance makes such a difference, corrected for all comparisons with the best rung.
        p_margin: How often chance makes the rung seem to be within the margin of it, corrected likewise.
        gap: The gap between dev and test, and how much of it chance explains.
        price: What it costs.
        on_front: Whether no other rung is both better on the test rows and cheaper.
        over_budget: A phrase for each limit that it exceeds.
        warnings: What training did to the text, and other notable things.
        coverage: The share of the test rows whose set of labels has the right one, the mean over the seeds;
            None without a `guarantee`.
        labels_a_set: The mean number of labels in a set.
        tuned: What the search for its settings found, if there was one.
        curve: Quality by the number of labelled rows, if that was asked for.
        error: Why the rung could not be trained or measured, in one line.
        fixed: Whether it is an existing model. Its training data are unknown, so dev tells nothing about it:
            it is compared on the test rows, and not recommended.
        recipe: The recipe as TOML.
    """

    name: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    seeds: tuple[int, ...] = ()
    seed_values: tuple[float, ...] = ()
    dev_value: float | None = None
    seed_dev_values: tuple[float, ...] = ()
    difference: Difference | None = None
    p_value: float | None = None
    p_margin: float | None = None
    gap: Gap | None = None
    price: Price | None = None
    on_front: bool = False
    over_budget: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    coverage: float | None = None
    labels_a_set: float | None = None
    tuned: Tuned | None = None
    curve: tuple[CurvePoint, ...] = ()
    error: str | None = None
    fixed: bool = False
    recipe: str

    @property
    def measured(self) -> bool:
        """Whether all its runs succeeded and its price is known."""
        return self.error is None and self.value is not None and self.price is not None

    @property
    def within_budget(self) -> bool:
        """Whether it was measured and exceeds no limit."""
        return self.measured and not self.over_budget

    def cost(self, kind: CostKind) -> float:
        """Its cost in the unit of that kind; infinite if it is unknown."""
        return kind.of(self.price) if self.price else inf

    def to_json(self) -> dict[str, Any]:
        """The rung as in `climb.json`."""
        values = asdict(self)
        curve, price, _ = (values.pop(name) for name in ("curve", "price", "gap"))
        price = price or dict.fromkeys(Price.__dataclass_fields__)
        latency = {name: price.pop(f"latency_{name}") for name in ("p50", "p95")}
        if self.price and not isfinite(self.price.train_seconds):
            price["train_seconds"] = None
        return {
            **values,
            **price,
            "latency_ms": self.price and latency,
            "dev_beyond_chance": self.gap and self.gap.beyond_chance,
            "dev_chance_limit": self.gap and self.gap.limit,
            "within_budget": self.within_budget,
            "label_curve": curve,
        }


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the choice depends on besides the measurements.

    Attributes:
        cost: What "cheap" means.
        metric: The name of the metric.
        rows: The number of test rows.
        margin: How much worse than the best is still good enough.
        budget: The limits.
        higher_is_better: The direction of the metric.
        unit: The unit of prediction in a word, such as "text".
    """

    cost: CostKind
    metric: str = ""
    rows: int = 0
    margin: float = 0.01
    budget: Budget = field(default_factory=Budget)
    higher_is_better: bool = True
    unit: str = "text"

    @property
    def units(self) -> str:
        """The plural of the unit."""
        return self.unit.removesuffix("y") + ("ies" if self.unit.endswith("y") else "s")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The names of the rungs that the rule chose.

    Attributes:
        best: The best on dev at any cost; None if nothing was measured.
        recommended: The rung to ship; None if no rung within the budget is shown to be good enough.
        best_within_budget: The best on dev of those within the budget.
        undecided: A rung that might be recommended if there were more test rows.
        rows_needed: About how many test rows would decide; `MANY_ROWS` means "that many or more".
    """

    best: str | None = None
    recommended: str | None = None
    best_within_budget: str | None = None
    undecided: str | None = None
    rows_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class CascadeResult:
    """A cascade of rungs: a text goes on to the next one until one is sure enough.

    Attributes:
        names: The rungs, the cheapest first.
        thresholds: How sure each but the last has to be, a probability.
        shares: The share of the test rows that each answers.
        value: The metric on the test rows.
        interval: Its bootstrap interval.
        difference: How much better than the best rung it is; positive is better.
        latency_mean: Milliseconds for one text, the mean of separately timed calls.
        latency_p95: The 95th percentile of these.
        best_latency_mean: The mean of the best rung.
        margin: How much larger its share of wrong answers is than that of the best rung at most, with
            probability 1 - `level`.
        level: The probability with which that is wrong.
        p_value: The p-value of its test.
        tested: How many cascades were tested.
    """

    names: tuple[str, ...]
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]
    value: float
    interval: tuple[float, float]
    difference: Difference
    latency_mean: float
    latency_p95: float
    best_latency_mean: float
    margin: float
    level: float
    p_value: float
    tested: int


@dataclass(frozen=True)
class Expected:
    """What to expect of a rung.

    Attributes:
        rows: The number of training rows.
        value: The metric, the median.
        interval: Its interval, which holds the metric of one training run with probability 0.9.
    """

    rows: int
    value: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class RungForecast:
    """The forecast of a rung.

    Attributes:
        name: Its name.
        rows: The training rows it was measured with.
        value: The metric with these.
        expected: What to expect of more.
    """

    name: str
    rows: int
    value: float
    expected: tuple[Expected, ...]


@dataclass(frozen=True)
class Meeting:
    """Where a rung comes as close to another as the margin, or overtakes it.

    Attributes:
        rung: The one that is behind with the rows there are.
        other: The one that is ahead.
        rows: The number of training rows, the median; None if that is more than were asked about.
        interval: Its interval of 90 %; None for an end that is farther away.
    """

    rung: str
    other: str
    rows: int | None
    interval: tuple[int | None, int | None]


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What to expect of the rungs of a climb with more labels.

    Attributes:
        metric: The metric.
        margin: How much worse than another rung still counts as good.
        rungs: The forecasts, in the order of the ladder.
        overtaking: Which rung overtakes which within the rows that were asked about, the soonest first.
        good_enough: When each rung comes within the margin of the one that is expected to be best with most
            rows, for those that are not there yet.
        left_out: The rungs without enough points.
    """

    metric: str
    margin: float
    rungs: tuple[RungForecast, ...]
    overtaking: tuple[Meeting, ...]
    good_enough: tuple[Meeting, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Climb:
    """The result of a climb.

    Attributes:
        task: The kind of the task.
        rungs: The rungs in the order of the ladder, those that failed included.
        rule: What the choice was based on: metric, cost, margin, budget.
        choice: The rungs that the rule chose, by name.
        reason: Why, in one sentence.
        rows: The numbers of rows in `train`, `dev` and `test`.
        seeds: The seeds that every rung was trained with.
        notes: How the data was read and split.
        warnings: Problems of the data, and where dev and test disagree.
        machine: The hardware, and the versions of the software.
        threads: The threads for training and measuring.
        device: Where the rungs ran.
        seconds: How long the climb took this time.
        folder: The folder of all results.
        left_out: The rungs without a pretrained encoder, or that need an extra that is not installed.
        cascade: The cascade of its rungs, if one was asked for and found.
        forecast: What to expect with more training rows, if that was asked for.
        price_per_hour: The price of the machine, if it was given.
        evidence: What lies behind the figure of the recommended rung, an `Evidence`, where answers are kept.
    """

    task: str
    rungs: tuple[Rung, ...]
    rule: Rule
    choice: Choice
    reason: str
    rows: Mapping[str, int]
    seeds: tuple[int, ...] = ()
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    machine: Mapping[str, str | int | float]
    threads: int
    device: str
    seconds: float = 0.0
    folder: Path
    left_out: tuple[LeftOut, ...] = ()
    cascade: CascadeResult | None = None
    forecast: Forecast | None = None
    price_per_hour: float | None = None
    evidence: Any = None

    @property
    def metric(self) -> str:
        """The name of the primary metric."""
        return self.rule.metric

    @property
    def recommended(self) -> str | None:
        """The name of the rung to ship, if there is one."""
        return self.choice.recommended

    @property
    def best(self) -> str | None:
        """The name of the best rung on dev at any cost."""
        return self.choice.best

    def rung(self, name: str) -> Rung:
        """The rung of that name."""
        return next(rung for rung in self.rungs if rung.name == name)

    def to_json(self) -> dict[str, Any]:
        """The contents of `climb.json`."""
        own = {key: value for key, value in vars(self).items() if key not in ("rule", "choice", "folder")}
        return {
            **own,
            **{key: getattr(self.rule, key) for key in ("metric", "higher_is_better", "margin")},
            **asdict(self.choice),
            "cost": self.rule.cost.name,
            "budget": asdict(self.rule.budget),
            "rungs": [rung.to_json() for rung in self.rungs],
            "left_out": [one._asdict() for one in self.left_out],
            "cascade": self.cascade and asdict(self.cascade),
            "forecast": self.forecast and asdict(self.forecast),
            "evidence": self.evidence and asdict(self.evidence),
        }
