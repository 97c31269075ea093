"""The one sentence that says why a rung is recommended, or why none is. It decides nothing."""

from collections.abc import Sequence

from .choice import MANY_ROWS, Choice, Rule
from .rung import Rung


def reason(rungs: Sequence[Rung], choice: Choice, rule: Rule) -> str:
    """Such as "gru: 0.4 ms a text and within 0.01 of bilstm (0.902), the best on dev, with 95 % confidence."

    Args:
        rungs: The rungs that were chosen from.
        choice: What the rule said.
        rule: What it depended on.
    """
    fixed = [rung for rung in rungs if rung.fixed and rung.measured]
    rungs = [rung for rung in rungs if not rung.fixed] or rungs
    return " ".join([_why(rungs, choice, rule), *(_against(model, choice) for model in fixed)])


def _against(model: Rung, choice: Choice) -> str:
    """How a model that was there already stands to the best rung."""
    gap = model.difference
    if gap is None or model.name == choice.best:
        return ""
    if gap.low <= 0 <= gap.high:
        told = f"cannot be told from {choice.best} ({gap.low:+.3f} to {gap.high:+.3f})"
    else:
        side, low, high = ("better", gap.low, gap.high) if gap.value > 0 else ("worse", -gap.high, -gap.low)
        told = f"is {abs(gap.value):.3f} ({low:.3f} to {high:.3f}) {side} than {choice.best}"
    return f"{model.name}, which was there already, {told}: {_quality(model)} on the test rows."


def _why(rungs: Sequence[Rung], choice: Choice, rule: Rule) -> str:
    named = {rung.name: rung for rung in rungs}
    best = named.get(choice.best or "")
    if best is None:
        return _nothing_measured(rungs)
    if choice.best_within_budget is None:
        return _nothing_fits(rungs, best, rule)
    doubt = named.get(choice.undecided or "")
    if choice.recommended is None:
        return _nothing_good(named[choice.best_within_budget], best, doubt, choice, rule)
    if choice.recommended == best.name:
        return _best_is_recommended(best, rungs, doubt, choice, rule)
    return _cheaper_is_recommended(named[choice.recommended], best, doubt, choice, rule)


def _cheaper_is_recommended(chosen: Rung, best: Rung, doubt: Rung | None, choice: Choice, rule: Rule) -> str:
    price = rule.cost.phrase(chosen.cost(rule.cost), unit=rule.unit)
    more = ""
    if doubt:
        told = f"{doubt.name} ({_quality(doubt)})"
        more = f"; for the cheaper {told} {_too_few(rule)} to tell: {_enough(choice)} are needed"
    return (
        f"{chosen.name}: {price} and within {rule.margin:g} of {best.name} ({_quality(best)}), "
        f"the best on dev, with 95 % confidence{more}."
    )


def _best_is_recommended(
    best: Rung, rungs: Sequence[Rung], doubt: Rung | None, choice: Choice, rule: Rule
) -> str:
    price, quality = (
        rule.cost.phrase(best.cost(rule.cost), unit=rule.unit),
        f"{_metric(rule)} {_quality(best)}",
    )
    measured = [rung for rung in rungs if rung.measured]
    cheaper = [rung for rung in measured if rung.cost(rule.cost) < best.cost(rule.cost)]
    if len(measured) == 1:
        return f"{best.name}: {quality} at {price}, the only rung that was measured."
    is_best = f"the best on dev ({quality} on test)"
    if doubt:
        return (
            f"{best.name}: {is_best} at {price}, but {_too_few(rule)} to tell whether the cheaper "
            f"{doubt.name} ({_quality(doubt)}) is within {rule.margin:g} of it: {_enough(choice)} are needed."
        )
    if not cheaper:
        return f"{best.name}: both {is_best} and the cheapest ({price})."
    if not any(rung.within_budget for rung in cheaper):
        return f"{best.name}: {is_best}, and at {price} the cheapest within the budget."
    return f"{best.name}: {is_best} at {price}; all that is cheaper is worse by more than {rule.margin:g}."


def _nothing_measured(rungs: Sequence[Rung]) -> str:
    broken = next((rung for rung in rungs if rung.error), None)
    return f"No rung could be measured; {broken.name}: {broken.error}" if broken else "No rung was measured."


def _nothing_fits(rungs: Sequence[Rung], best: Rung, rule: Rule) -> str:
    measured = [rung for rung in rungs if rung.measured]
    nearest = min(measured, key=lambda rung: (len(rung.over_budget), rung.cost(rule.cost)))
    told = f"{' and '.join(nearest.over_budget)}, {_metric(rule)} {_quality(nearest)}"
    budget = rule.budget.told(rule.unit)
    more = "" if nearest is best else f"; the best is {best.name} ({_quality(best)})"
    return f"No rung fits the budget ({budget}): the nearest is {nearest.name} ({told}){more}."


def _nothing_good(rung: Rung, best: Rung, doubt: Rung | None, choice: Choice, rule: Rule) -> str:
    gap, budget = rung.difference, rule.budget.told(rule.unit)
    price = rule.cost.phrase(rung.cost(rule.cost), unit=rule.unit)
    gives_up = ""
    if gap is not None and gap.value < 0:
        gives_up = f", which gives up {-gap.value:.3f} ({max(-gap.high, 0.0):.3f} to {-gap.low:.3f})"
    elif gap is not None:
        gives_up = f", which may give up as much as {-gap.low:.3f}"
    more = ""
    if doubt:
        subject = "it" if doubt is rung else f"{doubt.name} ({_quality(doubt)})"
        rows = f"{_enough(choice)} test rows, not {rule.rows:,}"
        more = f"; to tell whether {subject} is good enough after all would take {rows}"
    return (
        f"Nothing within the budget ({budget}) is shown to be within {rule.margin:g} of the best "
        f"({best.name}, {_quality(best)}); the best it allows is {rung.name} "
        f"({_quality(rung)}, {price}){gives_up}{more}."
    )


def _metric(rule: Rule) -> str:
    return rule.metric.replace("_", " ").replace("f1", "F1")


def _quality(rung: Rung) -> str:
    return f"{rung.value:.3f}"


def _too_few(rule: Rule) -> str:
    return f"{rule.rows:,} test rows are too few"


def _enough(choice: Choice) -> str:
    needed = choice.rows_needed or 0
    return f"more than {MANY_ROWS:,}" if needed >= MANY_ROWS else f"about {needed:,}"
