"""The table of the report: one row a rung, the broken ones too. What the figures mean is told beside it."""

from collections.abc import Sequence
from html import escape

from .price import COSTS, Price, figure, written_megabytes, written_seconds
from .result import Climb
from .rung import Rung

PRICE_COLUMNS = ("Latency", "{}s a second", "Memory", "Size", "Training")


_COUNTED = {
    ("tagging", "f1"): " of entities",
    ("tagging", "accuracy"): " of words",
    ("span_qa", "f1"): " of answers",
}


def metric_name(climb: Climb) -> str:
    """The metric as a person writes it: "macro F1", "accuracy", "F1 of entities"."""
    name = climb.metric.replace("_", " ").replace("f1", "F1")
    return name + _COUNTED.get((climb.task, climb.metric), "")


def rung_table(climb: Climb) -> str:
    """The table as HTML."""
    several = len([rung for rung in climb.rungs if rung.measured]) > 1
    quality = metric_name(climb)
    heads = ["Rung", quality[:1].upper() + quality[1:] or "Quality"]
    heads += [f"Against {climb.best}"] if several else []
    heads += [column.format(climb.rule.unit.capitalize()) for column in PRICE_COLUMNS]
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    rows = "\n".join(_row(rung, climb, several) for rung in climb.rungs)
    table = f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{rows}\n</tbody></table>"
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _row(rung: Rung, climb: Climb, several: bool) -> str:
    chosen = rung.name == climb.recommended
    kind = "chosen" if chosen else "out" if rung.over_budget else ""
    head = f'<th scope="row">{escape(rung.name)}{_small(_remark(rung, climb))}</th>'
    if not rung.measured or rung.price is None:
        span = len(PRICE_COLUMNS) + 1 + several
        return (
            f'<tr class="out">{head}<td class="error" colspan="{span}">{escape(rung.error or "")}</td></tr>'
        )
    price = rung.price
    cells = [
        f"{rung.value:.3f}{_small(_interval(rung.interval))}",
        *([_against(rung, climb)] if several else []),
        _latency(price),
        figure(price.throughput),
        written_megabytes(price.memory_mb),
        written_megabytes(price.size_mb),
        written_seconds(price.train_seconds),
    ]
    return f'<tr class="{kind}">{head}{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _latency(price: Price) -> str:
    write = COSTS["latency"].written
    return f"{write(price.latency_p50)}{_small(f'p95 {write(price.latency_p95)}')}"


def _remark(rung: Rung, climb: Climb) -> str:
    remarks = [
        "recommended" if rung.name == climb.recommended else "",
        "best on dev" if rung.name == climb.best else "",
        f"dev {rung.dev_value:.3f}" if rung.gap and rung.gap.beyond_chance else "",
        "over budget" if rung.over_budget else "",
        "not measured" if rung.error else "",
    ]
    return ", ".join(remark for remark in remarks if remark)


def _small(text: str) -> str:
    return f"<small>{escape(text)}</small>" if text else ""


def _interval(ends: Sequence[float] | None) -> str:
    return f"{ends[0]:.3f}–{ends[1]:.3f}" if ends else ""


def _against(rung: Rung, climb: Climb) -> str:
    gap = rung.difference
    if gap is None or rung.name == climb.best:
        return "–"
    return f"{_signed(gap.value)}{_small(f'{_signed(gap.low)} to {_signed(gap.high)}')}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
