"""Two models on the same rows: how far they differ, whether that is chance, and which answers changed."""

from dataclasses import asdict, dataclass
from itertools import zip_longest
from math import exp, lgamma, log
from typing import Any, NamedTuple

from ..data.examples import Examples
from ..errors import SettingError
from .evaluate import Evaluation, difference, evaluate_scores
from .intervals import Difference


class Changed(NamedTuple):
    """A row that the models answer in different ways.

    Attributes:
        row: Its number, from 1.
        texts: Its texts.
        gold: The right answer.
        first: The first model's.
        second: The second model's.
        verdict: `"fixed"`: only the second is right; `"broken"`: only the first; else `"other"`.
    """

    row: int
    texts: tuple[str, ...]
    gold: Any
    first: Any
    second: Any
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """How two models differ on the same rows.

    Attributes:
        first, second: How good each is.
        difference: How much better the second is, with the paired 95 % interval.
        counts: The rows that `both`, `only_first`, `only_second` and `neither` answered rightly; None for
            tasks whose answers are not right or wrong.
        p_value: McNemar's exact test of `only_first` against `only_second`: the probability that they differ
            as much by chance; None as above.
        changed: The rows with different answers: broken and fixed ones in turn, then the others; of numbers
            the largest changes first.
    """

    first: Evaluation
    second: Evaluation
    difference: Difference
    counts: dict[str, int] | None
    p_value: float | None
    changed: list[Changed]

    def to_dict(self) -> dict[str, Any]:
        """The same as values that JSON can hold."""
        return asdict(self) | {"changed": [one._asdict() for one in self.changed]}


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p-value of McNemar's test: that so many tosses of a coin come out so unevenly
    (McNemar 1947; Dietterich 1998).

    Args:
        only_first: Rows that only the first model has right.
        only_second: Rows that only the second model has right.
    """
    tosses, fewer = only_first + only_second, min(only_first, only_second)
    ways = (lgamma(tosses + 1) - lgamma(k + 1) - lgamma(tosses - k + 1) for k in range(fewer + 1))
    return min(1.0, 2 * sum(exp(one - tosses * log(2)) for one in ways))


def compare_scores(engines: Any, scores: Any, examples: Examples, *, resamples: int = 1000) -> Comparison:
    """Compare what two models said of the same examples.

    Args:
        engines: The engines of the first and the second model.
        scores: Their scores.
        examples: The labelled examples.
        resamples: Bootstrap resamples for the intervals.

    Raises:
        SettingError: the models have different metrics.
    """
    one, other = (engine.task for engine in engines)
    if one.metric != other.metric:
        raise SettingError(
            f"the models cannot be compared: one is measured by {one.metric}, the other by {other.metric}"
        )
    first, second = (
        evaluate_scores(engine, found, examples, resamples=resamples)
        for engine, found in zip(engines, scores)
    )
    outcomes = [engine.task.outcomes(found, examples) for engine, found in zip(engines, scores)]
    gain = difference(one, outcomes[1], outcomes[0], examples.groups, resamples=resamples)
    predictions = [engine.task.predictions(found) for engine, found in zip(engines, scores)]
    if not hasattr(one, "right"):
        return Comparison(first, second, gain, None, None, _changed(examples, predictions, None))
    a, b = right = [engine.task.right(rows) for engine, rows in zip(engines, outcomes)]
    counts = {"both": a & b, "only_first": a & ~b, "only_second": b & ~a, "neither": ~a & ~b}
    numbers = {name: int(rows.sum()) for name, rows in counts.items()}
    p_value = mcnemar(numbers["only_first"], numbers["only_second"])
    return Comparison(first, second, gain, numbers, p_value, _changed(examples, predictions, right))


def _changed(examples: Examples, predictions: Any, right: Any) -> list[Changed]:
    found = []
    for row, (first, second) in enumerate(zip(*predictions)):
        if first == second:
            continue
        verdicts = (False, False) if right is None else (bool(right[0][row]), bool(right[1][row]))
        verdict = {(False, True): "fixed", (True, False): "broken"}.get(verdicts, "other")
        gold = None if examples.labels is None else examples.labels[row]
        texts = tuple(segment[row] for segment in examples.segments)
        found.append(Changed(row + 1, texts, gold, first, second, verdict))
    if examples.labels is not None and isinstance(examples.labels[0], float):
        return sorted(found, key=lambda one: -abs(one.second - one.first))
    kinds = {kind: [one for one in found if one.verdict == kind] for kind in ("broken", "fixed", "other")}
    turns = (one for turn in zip_longest(kinds["broken"], kinds["fixed"]) for one in turn if one is not None)
    return [*turns, *kinds["other"]]
