"""The sentences of a climb: why a rung is recommended, or why none is, and what the figures do not show."""

from collections.abc import Sequence
from typing import Any

from .choice import MANY_ROWS
from .price import COSTS, format_milliseconds, format_seconds
from .result import LEVEL, Choice, Climb, Forecast, Meeting, Rule, Rung

BASELINES = {
    "classification": "tfidf", "pairs": "tfidf-cosine", "similarity": "tfidf-similarity",
    "regression": "ridge", "tagging": "crf", "span_qa": "bidaf", "retrieval": "bm25",
}  # fmt: skip

ALPHA = 0.05
_MEETINGS = 6  # that are told


def reason(rungs: Sequence[Rung], choice: Choice, rule: Rule) -> str:
    """Such as "gru: 0.4 ms a text and within 0.01 of bilstm (0.902), the best on dev, with 95 % confidence."

    Args:
        rungs: The rungs that were chosen from.
        choice: What the rule chose.
        rule: What the choice depended on.
    """
    fixed = [rung for rung in rungs if rung.fixed and rung.measured]
    sentences = [_Reason([rung for rung in rungs if not rung.fixed] or rungs, choice, rule).sentence()]
    sentences += [_compare_model(model, choice) for model in fixed]
    return " ".join(filter(None, sentences))


def _compare_model(model: Rung, choice: Choice) -> str:
    """How an existing model compares with the best rung."""
    gap = model.difference
    if gap is None or model.name == choice.best:
        return ""
    if gap.low <= 0 <= gap.high:
        difference = f"cannot be distinguished from {choice.best} ({gap.low:+.3f} to {gap.high:+.3f})"
    else:
        side, low, high = ("better", gap.low, gap.high) if gap.value > 0 else ("worse", -gap.high, -gap.low)
        difference = f"is {abs(gap.value):.3f} ({low:.3f} to {high:.3f}) {side} than {choice.best}"
    return f"The existing model {model.name} {difference}: {model.value:.3f} on the test rows."


def _figure(rung: Rung) -> str:
    return f"{rung.name} ({rung.value:.3f})"


class _Reason:
    """Explains a choice in one sentence."""

    def __init__(self, rungs: Sequence[Rung], choice: Choice, rule: Rule) -> None:
        self.choice, self.rule = choice, rule
        self.measured = [rung for rung in rungs if rung.measured]
        self.errors = [f"{rung.name}: {rung.error}" for rung in rungs if rung.error]
        self.by_name = {rung.name: rung for rung in rungs}
        self.undecided = self.by_name.get(choice.undecided or "")
        self.too_few = f"{rule.rows:,} test rows are too few to decide"
        self.undecided_figure = _figure(self.undecided) if self.undecided else ""
        needed = choice.rows_needed or 0
        self.needed = f"more than {MANY_ROWS:,}" if needed >= MANY_ROWS else f"about {needed:,}"
        self.metric = metric_name(rule)

    def sentence(self) -> str:
        if self.choice.best is None:
            return f"No rung could be measured; {self.errors[0]}" if self.errors else "No rung was measured."
        best = self.by_name[self.choice.best]
        if self.choice.best_within_budget is None:
            return self.nothing_fits(best)
        if self.choice.recommended is None:
            return self.nothing_good(self.by_name[self.choice.best_within_budget], best)
        if self.choice.recommended == best.name:
            return f"{best.name}: {self.best_recommended(best)}."
        return self.cheaper_recommended(self.by_name[self.choice.recommended], best)

    def price(self, rung: Rung) -> str:
        return self.rule.cost.phrase(rung.cost(self.rule.cost), unit=self.rule.unit)

    def cheaper_recommended(self, rung: Rung, best: Rung) -> str:
        more = ""
        if self.undecided:
            more = f"; {self.too_few} about the cheaper {self.undecided_figure}: {self.needed} are needed"
        return (
            f"{rung.name}: {self.price(rung)} and within {self.rule.margin:g} of {best.name} "
            f"({best.value:.3f}), the best on dev, with 95 % confidence{more}."
        )

    def best_recommended(self, best: Rung) -> str:
        quality, price = f"{self.metric} {best.value:.3f}", self.price(best)
        if len(self.measured) == 1:
            return f"{quality} at {price}, the only rung that was measured"
        is_best, margin = f"the best on dev ({quality} on test)", f"{self.rule.margin:g}"
        if self.undecided:
            return (
                f"{is_best} at {price}, but {self.too_few} whether the cheaper {self.undecided_figure} "
                f"is within {margin} of it: {self.needed} are needed"
            )
        cost = self.rule.cost
        cheaper = [rung for rung in self.measured if rung.cost(cost) < best.cost(cost)]
        if not cheaper:
            return f"both {is_best} and the cheapest ({price})"
        if not any(rung.within_budget for rung in cheaper):
            return f"{is_best}, and at {price} the cheapest within the budget"
        return f"{is_best} at {price}; every cheaper rung is worse by more than {margin}"

    def nothing_fits(self, best: Rung) -> str:
        nearest = min(self.measured, key=lambda rung: (len(rung.over_budget), rung.cost(self.rule.cost)))
        figures = f"{' and '.join(nearest.over_budget)}, {self.metric} {nearest.value:.3f}"
        budget = self.rule.budget.describe(self.rule.unit)
        more = "" if nearest is best else f"; the best is {_figure(best)}"
        return f"No rung fits the budget ({budget}): the closest is {nearest.name} ({figures}){more}."

    def nothing_good(self, rung: Rung, best: Rung) -> str:
        gap, loss, more = rung.difference, "", ""
        if gap is not None and gap.value < 0:
            loss = f", which is worse by {-gap.value:.3f} ({max(-gap.high, 0.0):.3f} to {-gap.low:.3f})"
        elif gap is not None:
            loss = f", which may be worse by up to {-gap.low:.3f}"
        if self.undecided:
            subject = "it" if self.undecided is rung else self.undecided_figure
            rows = f"{self.needed} test rows, not {self.rule.rows:,}"
            more = f"; deciding whether {subject} is good enough would take {rows}"
        return (
            f"No rung within the budget ({self.rule.budget.describe(self.rule.unit)}) is shown to be within "
            f"{self.rule.margin:g} of the best ({best.name}, {best.value:.3f}); the best that fits is "
            f"{rung.name} ({rung.value:.3f}, {self.price(rung)}){loss}{more}."
        )


def metric_name(rule: Rule) -> str:
    """The metric as in running text: "macro F1", "accuracy"."""
    return rule.metric.replace("_", " ").replace("f1", "F1")


def cascade_sentence(climb: Climb) -> str:
    """What the cascade of a climb reaches, what it costs, and what holds for it."""
    found = climb.cascade
    assert found is not None
    low, high = found.interval
    mean, p95, best = (
        format_milliseconds(one) for one in (found.latency_mean, found.latency_p95, found.best_latency_mean)
    )
    answering = _join(
        [f"{name} answers {100 * share:.0f} %" for name, share in zip(found.names, found.shares)]
    )
    tried = f", {found.tested} cascades tested" if found.tested > 1 else ""
    last = found.names[-1]
    return (
        f"Cascade {' → '.join(found.names)}: {found.value:.3f} ({low:.3f} to {high:.3f}), a mean of {mean} a "
        f"{climb.rule.unit} where {last} takes {best} (p95 {p95}); {answering}. "
        f"With {100 * (1 - found.level):.0f} % confidence its share of wrong answers is at most "
        f"{found.margin:g} above that of {last} ({climb.rule.rows:,} test rows{tried})."
    )


def forecast_sentences(forecast: Forecast) -> list[str]:
    """Where rungs overtake each other, and with how many rows each is good enough."""
    most = forecast.rungs[0].expected[-1].rows
    first = forecast.overtaking[:_MEETINGS]
    found = [f"{one.rung} overtakes {one.other} at about {_rows(one, most)}." for one in first]
    for one in forecast.good_enough:
        near = f"within {forecast.margin:g} of {one.other}"
        if one.rows is not None:
            found.append(f"{one.rung} comes {near} at about {_rows(one, most)}.")
        elif one.interval[0] is None:
            found.append(f"{one.rung} does not come {near} before {most:,} rows.")
        else:
            found.append(f"{one.rung} probably does not come {near} before {most:,} rows.")
    if forecast.left_out:
        found.append(f"Without a label curve of three points: {_join(list(forecast.left_out))}.")
    return [*found, f"Rows are training rows. Intervals hold with {100 * LEVEL:.0f} % probability."]


def _rows(meeting: Meeting, most: int) -> str:
    low, high = (f"{end:,}" if end is not None else f"beyond {most:,}" for end in meeting.interval)
    return f"{meeting.rows:,} rows ({low} to {high})"


def tuning_sentences(climb: Climb) -> list[str]:
    """What the search for settings found for each rung."""
    found = []
    for rung in climb.rungs:
        if rung.tuned is not None:
            tuned = rung.tuned
            changed = ", ".join(f"{key} = {_short(value)}" for key, value in tuned.settings.items())
            gave_up = f", {tuned.pruned} of them given up early" if tuned.pruned else ""
            tried = f"{tuned.trials} settings tried in {format_seconds(tuned.seconds)}{gave_up}"
            best = f"none is better on dev than the recipe's ({tuned.default:.3f})"
            if changed:
                best = f"{tuned.default:.3f} → {tuned.value:.3f} on dev with {changed}"
            found.append(f"{rung.name}: {tried}; {best}.")
    return found


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def guarantee_sentence(climb: Climb) -> str:
    """How often the sets of the recommended rung, or of the best one, hold the right label; empty without."""
    name = climb.recommended or climb.best
    rung = climb.rung(name) if name else None
    if rung is None or rung.coverage is None:
        return ""
    if climb.task == "tagging":
        return (
            f"The sets of entities of {rung.name} hold {100 * rung.coverage:.1f} % of a test row"
            f"'s right ones on average, with {rung.labels_a_set:.2f} entities."
        )
    return (
        f"The sets of labels of {rung.name} hold the right one in {100 * rung.coverage:.1f} % of the "
        f"test rows, with {rung.labels_a_set:.2f} labels on average."
    )


def caveats(climb: Climb) -> list[str]:
    """What the figures of this climb do and do not show."""
    measured = [rung for rung in climb.rungs if rung.measured]
    sentences = [
        _resolution(climb, measured),
        _ties(climb, measured),
        _confirmed(climb, measured),
        _baseline(climb, measured),
        _seeds(climb, measured),
    ]
    sentences.append(guarantee_sentence(climb))
    sentences.append(
        f"The best rung was chosen on {climb.rows['dev']:,} dev rows; the test rows only decide whether a "
        "cheaper one is as good. All figures apply to text like this, on this machine."
    )
    return [sentence for sentence in sentences if sentence]


def _resolution(climb: Climb, measured: list[Rung]) -> str:
    """How small a difference these test rows can show."""
    gaps = [rung.difference for rung in measured if rung.difference and rung.name != climb.best]
    if not gaps:
        return ""
    widest = max((gap.high - gap.low) / 2 for gap in gaps)
    seeds = f" and of {len(climb.seeds)} seeds" if len(climb.seeds) > 1 else ""
    return (
        f"With {climb.rule.rows:,} test rows, rungs that differ by less than about {widest:.3f} cannot be "
        f"distinguished. The intervals reflect the sampling of the test rows{seeds}, and nothing else."
    )


def _ties(climb: Climb, measured: list[Rung]) -> str:
    """Which rungs the test rows do not tell apart from the best one."""
    compared = [rung for rung in measured if rung.p_value is not None]
    alike = [rung.name for rung in compared if (rung.p_value or 0.0) > ALPHA]
    if not alike:
        return ""
    how = f" ({len(compared)} comparisons, corrected by Holm's method)" if len(compared) > 1 else ""
    return f"{climb.rule.rows:,} test rows do not tell {_join(alike)} apart from {climb.best}{how}."


def _confirmed(climb: Climb, measured: list[Rung]) -> str:
    """Whether the recommendation also holds as one of several comparisons."""
    count = sum(rung.p_margin is not None for rung in measured)
    rung = next((rung for rung in measured if rung.name == climb.recommended), None)
    if rung is None or rung.p_margin is None or count < 2:
        return ""
    claim = f"that {rung.name} is within {climb.rule.margin:g} of {climb.best}"
    if rung.p_margin <= ALPHA / 2:  # the intervals are two-sided
        return f"It also holds {claim} if all {count} comparisons are corrected for (Holm's method)."
    return f"Corrected for all {count} comparisons (Holm's method), these rows do not yet show {claim}."


def _baseline(climb: Climb, measured: list[Rung]) -> str:
    """What the baseline reaches, and which rungs do not beat it."""
    base = next((rung for rung in measured if rung.name == BASELINES.get(climb.task)), None)
    if base is None or base.price is None or len(measured) == 1:
        return ""
    sign = 1 if climb.rule.higher_is_better else -1
    losers = [r for r in measured if r is not base and sign * (r.value or 0.0) <= sign * (base.value or 0.0)]
    seconds = format_seconds(base.price.train_seconds)
    text = f"{base.name} reaches {base.value:.3f} after {seconds} of training."
    if not losers:
        return f"{text} Every other rung beats it; the table shows at what price."
    cheaper = {r.name: [k.title.lower() for k in COSTS.values() if r.cost(k) < base.cost(k)] for r in losers}
    worse = [name for name, costs in cheaper.items() if not costs]
    if worse:
        text += f" {_join(worse)} did not beat it and cost more in every respect: not worth the price."
    for name, costs in cheaper.items():
        if costs:
            text += f" {name} did not beat it, but is cheaper in {_join(costs)}."
    return text


def _join(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _seeds(climb: Climb, measured: list[Rung]) -> str:
    if climb.task == "retrieval":
        return ""
    if len(climb.seeds) == 1:
        return (
            "Each rung was trained once. Another seed would give slightly different figures; the intervals "
            "do not show that."
        )
    spreads = [(max(rung.seed_values) - min(rung.seed_values), rung.name) for rung in measured]
    if not spreads:
        return ""
    widest, name = max(spreads)
    return (
        f"Each figure is the mean over {len(climb.seeds)} seeds. "
        f"Between seeds, a rung varies by up to {widest:.3f} ({name})."
    )
