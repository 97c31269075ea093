"""What a climb does and does not show, in sentences with its own figures. The page is made elsewhere."""

from .price import COSTS, written_seconds
from .result import Climb
from .rung import Rung

BASELINES = {"classification": "tfidf", "tagging": "crf", "span_qa": "bidaf"}


def truths(climb: Climb) -> list[str]:
    """The sentences that apply to this climb."""
    measured = [rung for rung in climb.rungs if rung.measured]
    told = [_resolution(climb, measured), _baseline(climb, measured), _seeds(climb, measured), _dev(climb)]
    return [sentence for sentence in told if sentence]


def _resolution(climb: Climb, measured: list[Rung]) -> str:
    """How small a difference these test rows can show."""
    arms = [
        (rung.difference.high - rung.difference.low) / 2
        for rung in measured
        if rung.difference and rung.name != climb.best
    ]
    if not arms:
        return ""
    return (
        f"With {climb.rule.rows:,} test rows, two rungs that differ by less than about {max(arms):.3f} "
        "cannot be told apart. The intervals cover the choice of the test rows, nothing else."
    )


def _baseline(climb: Climb, measured: list[Rung]) -> str:
    """What the honest baseline reaches, and who does not beat it."""
    base = next((rung for rung in measured if rung.name == BASELINES.get(climb.task)), None)
    if base is None or base.price is None or base.value is None or len(measured) == 1:
        return ""
    sign = 1 if climb.rule.higher_is_better else -1
    beaten = [r for r in measured if r is not base and sign * ((r.value or 0.0) - base.value) <= 0]
    told = (
        f"{base.name} reaches {base.value:.3f} after {written_seconds(base.price.train_seconds)} of training."
    )
    if not beaten:
        return f"{told} Every other rung beats it; the table tells at what price."
    cheaper = {
        r.name: [k.axis.format(climb.rule.unit) for k in COSTS.values() if r.cost(k) < base.cost(k)]
        for r in beaten
    }
    dearer = [name for name, costs in cheaper.items() if not costs]
    if dearer:
        told += (
            f" {_listed(dearer)} did not beat it here and cost more in every respect: not worth the price."
        )
    for name, costs in cheaper.items():
        if costs:
            told += f" {name} did not beat it either, but takes less {_listed(costs)}."
    return told


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _seeds(climb: Climb, measured: list[Rung]) -> str:
    if len(climb.seeds) == 1:
        return (
            "Each rung was trained once. Another seed gives slightly other figures; no interval shows that."
        )
    spreads = [(max(rung.seed_values) - min(rung.seed_values), rung.name) for rung in measured]
    if not spreads:
        return ""
    widest, name = max(spreads)
    return (
        f"Each figure is a mean over {len(climb.seeds)} seeds. "
        f"From seed to seed a rung varies by up to {widest:.3f} ({name})."
    )


def _dev(climb: Climb) -> str:
    return (
        f"Which rung is best was decided on {climb.rows['dev']:,} dev rows; the test rows only tell whether "
        "a cheaper one is as good. All figures hold for text like this, on this machine."
    )
