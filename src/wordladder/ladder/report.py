"""Writes `report.html`: one self-contained file for screen, phone and paper."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path
from string import Template

from ..data.plurals import counted
from ..errors import MissingExtraError
from ..extras import require
from ..files.streams import atomic_path
from .choice import answers, budget_classes
from .encoders import left_out_lines
from .evidence_page import evidence_sections
from .html_parts import framed, list_section, note, section, small, table
from .machine import LIBRARIES
from .picture import NARROW, WIDE, cost_picture, curve_picture
from .price import COSTS, format_megabytes, format_milliseconds, format_number, format_seconds
from .result import Climb, Forecast, Rung
from .sentences import cascade_sentence, caveats, forecast_sentences, metric_name, tuning_sentences
from .tables import write_tables

PRICE_COLUMNS = ("Latency", "{} a second", "Memory", "Size", "Training")
_METRIC_OF = {
    ("tagging", "f1"): " of entities",
    ("tagging", "accuracy"): " of words",
    ("span_qa", "f1"): " of answers",
}


def write_report(climb: Climb, folder: Path, live: str = "") -> None:
    """Write the report atomically, and the tables beside it; with a section in which models answer."""
    with atomic_path(folder / "report.html") as fresh:
        fresh.write_text(report(climb, live), encoding="utf-8", newline="\n")
    write_tables(climb, folder)


def report(climb: Climb, live: str = "") -> str:
    """The page as HTML, with a section in which models answer."""
    here = files(__package__)
    measured = any(rung.measured for rung in climb.rungs)
    headline, sentence = _headline(climb)
    try:
        require("matplotlib", "plot", "A picture of the rungs")
        drawn, pictures, curve = True, _pictures(climb), _curve(climb)
    except MissingExtraError as error:
        drawn, pictures, curve = False, note(str(error)), ""
    return Template(here.joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{headline} · wordladder"),
        style=here.joinpath("report.css").read_text(encoding="utf-8"),
        kicker="Recommended" if climb.recommended else "No recommendation",
        headline=escape(headline),
        reason=escape(sentence),
        answers=_answers(climb) if measured else "",
        live=live,
        pictures=pictures if measured else "",
        table=_table(climb),
        table_note=_table_note(climb) if measured else "",
        cascade=note(cascade_sentence(climb)) if climb.cascade else "",
        left_out="".join(note(line[:1].upper() + line[1:]) for line in left_out_lines(climb.left_out)),
        curve=curve,
        tuning=list_section("What other settings brought", map(escape, tuning_sentences(climb))),
        evidence=evidence_sections(climb, climb.evidence, pictures=drawn) if climb.evidence else "",
        classes=_classes(climb),
        warnings=list_section("Warnings", _warnings(climb)),
        caveats=list_section(
            "What this does and does not show", map(escape, caveats(climb) if measured else ())
        ),
        method=_method(climb),
        recipes="\n".join(_recipe(rung) for rung in climb.rungs),
        footer=escape(
            f"Made by wordladder {climb.machine.get('wordladder', '')}. The same figures are in climb.json, "
            "climb.csv and climb.md."
        ),
    )


def _headline(climb: Climb) -> tuple[str, str]:
    """The headline, and the reason without it."""
    name = climb.recommended
    if name is None:
        poor = "Nothing good enough" if climb.choice.best_within_budget else "Nothing fits the budget"
        return (poor if climb.best else "Nothing was measured"), climb.reason
    rest = climb.reason.removeprefix(f"{name}: ")
    return name, rest[:1].upper() + rest[1:]


def _answers(climb: Climb) -> str:
    """The answers that most people want."""
    cells = []
    for title, rung in answers(climb).items():
        name, facts = "none", ""
        if rung is not None and rung.price is not None:
            latency = format_milliseconds(rung.price.latency_p50)
            name, facts = rung.name, f"{_metric(climb)} {rung.value:.3f}, {latency}"
        cells.append(
            f'<div><dt>{escape(title)}</dt><dd class="name">{escape(name)}</dd>'
            f'<dd class="facts">{escape(facts)}</dd></div>'
        )
    return f'<dl class="answers">{"".join(cells)}</dl>'


def _metric(climb: Climb) -> str:
    """The metric and what it is of: "macro F1", "accuracy", "F1 of entities"."""
    return metric_name(climb.rule) + _METRIC_OF.get((climb.task, climb.metric), "")


def _pictures(climb: Climb) -> str:
    """A picture for each known cost, switched by radio buttons; on paper all of them."""
    kinds = [k for k in COSTS.values() if any(r.measured and isfinite(r.cost(k)) for r in climb.rungs)]
    switches = "".join(
        f'<input class="switch" type="radio" name="cost" id="by-{kind.name}"'
        f' aria-label="{kind.title}"{" checked" if kind is climb.rule.cost else ""}>'
        for kind in kinds
    )
    tabs = "".join(f'<label for="by-{kind.name}">{kind.title}</label>' for kind in kinds)
    panels = ""
    for kind in kinds:
        pictures = cost_picture(climb, kind, WIDE) + cost_picture(climb, kind, NARROW)
        picture = _with_axes(climb, pictures, kind.axis.format(climb.rule.unit))
        panels += f'<div class="panel"><h3>{kind.title}</h3>{picture}</div>'
    better = "Higher is better" if climb.rule.higher_is_better else "Lower is better"
    limit = " The dashed line is the budget." if climb.rule.budget.limits() else ""
    return (
        f'<figure>{switches}<div class="tabs">{tabs}</div><div class="panels">{panels}</div>'
        f'<figcaption class="quiet">{better}; further left is cheaper. Bars are 95 % intervals. The line '
        "connects the rungs that no other beats in both respects (the Pareto front); the other points are "
        f"hollow.{limit}</figcaption></figure>"
    )


def _with_axes(climb: Climb, pictures: str, x_axis: str) -> str:
    y_axis = f"↑ {_metric(climb)} on {climb.rule.rows:,} test rows"
    return f'<p class="axis">{escape(y_axis)}</p>{pictures}<p class="axis below">{escape(x_axis)} →</p>'


def _table(climb: Climb) -> str:
    """The rungs, also those that failed."""
    several = len([rung for rung in climb.rungs if rung.measured]) > 1
    quality = _metric(climb)
    heads = ["Rung", quality[:1].upper() + quality[1:] or "Quality"]
    heads += [f"Against {climb.best}"] if several else []
    heads += [column.format(climb.rule.units.capitalize()) for column in _price_columns(climb)]
    cells = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    rows = "\n".join(_row(rung, climb, several) for rung in climb.rungs)
    return framed(f"\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{rows}\n</tbody>")


def _price_columns(climb: Climb) -> list[str]:
    money = ["A million"] if climb.price_per_hour else []
    return [*PRICE_COLUMNS, *money, *([f"Energy a {climb.rule.unit}"] if _tells_energy(climb) else [])]


def _tells_energy(climb: Climb) -> bool:
    return any(rung.price and rung.price.joules for rung in climb.rungs)


def _row(rung: Rung, climb: Climb, several: bool) -> str:
    remarks = {
        "recommended": rung.name == climb.recommended,
        "best on dev": rung.name == climb.best,
        f"dev {rung.dev_value or 0.0:.3f}": rung.gap is not None and rung.gap.beyond_chance,
        "over budget": rung.over_budget,
        "not measured": rung.error,
    }
    remark = ", ".join(text for text, applies in remarks.items() if applies)
    head = f'<th scope="row">{escape(rung.name)}{small(remark)}</th>'
    price = rung.price
    if not rung.measured or price is None:
        span, error = len(_price_columns(climb)) + 1 + several, escape(rung.error or "")
        return f'<tr class="out">{head}<td class="error" colspan="{span}">{error}</td></tr>'
    cells = [
        f"{rung.value:.3f}{small('–'.join(f'{end:.3f}' for end in rung.interval or ()))}",
        *([_difference(rung, climb)] if several else []),
        format_milliseconds(price.latency_p50) + small(f"p95 {format_milliseconds(price.latency_p95)}"),
        format_number(price.throughput),
        format_megabytes(price.memory_mb),
        format_megabytes(price.size_mb),
        format_seconds(price.train_seconds),
        *([format_number(price.per_million(climb.price_per_hour))] if climb.price_per_hour else []),
        *([f"{format_number(price.joules)} J" if price.joules else "–"] if _tells_energy(climb) else []),
    ]
    style = "chosen" if rung.name == climb.recommended else "out" if rung.over_budget else ""
    return f'<tr class="{style}">{head}{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _difference(rung: Rung, climb: Climb) -> str:
    gap = rung.difference
    if gap is None or rung.name == climb.best:
        return "–"
    value, low, high = (f"{number:+.3f}".replace("-", "−") for number in (gap.value, gap.low, gap.high))
    return value + small(f"{low} to {high}")


def _classes(climb: Climb) -> str:
    """The best rung of each class of budget."""
    rows = [
        [escape(f"at most {limit}"), escape(rung.name), f"{rung.value:.3f}", *_prices(rung)]
        for _, limit, rung in budget_classes(climb)
    ]
    heads = ["Budget", "Best rung", _metric(climb).capitalize(), "Latency", "Memory", "Size"]
    return section("The best for each budget", table(heads, rows)) if rows else ""


def _prices(rung: Rung) -> list[str]:
    assert rung.price is not None
    price = rung.price
    return [
        format_milliseconds(price.latency_p50),
        format_megabytes(price.memory_mb),
        format_megabytes(price.size_mb),
    ]


def _table_note(climb: Climb) -> str:
    text = "Small figures are 95 % bootstrap intervals."
    if len([rung for rung in climb.rungs if rung.measured]) > 1:
        text += f" Differences are paired: positive is better than {climb.best}."
    if climb.rule.budget.limits():
        text += f" The budget: {climb.rule.budget.describe(climb.rule.unit)}."
    return note(text)


def _curve(climb: Climb) -> str:
    """The label curve, and what to expect of more labels."""
    if not any(len(rung.curve) > 1 for rung in climb.rungs):
        return ""
    pictures = curve_picture(climb, WIDE) + curve_picture(climb, NARROW)
    figure = f'<figure class="curve">{_with_axes(climb, pictures, "labelled training rows")}</figure>'
    if climb.forecast is None:
        return section("With fewer labels", figure)
    notes = "".join(map(note, forecast_sentences(climb.forecast)))
    return section("With more labels", figure, _forecast_table(climb.forecast), notes)


def _forecast_table(forecast: Forecast) -> str:
    heads = ["Rung", "Now", *(f"{one.rows:,} rows" for one in forecast.rungs[0].expected)]
    rows = []
    for rung in forecast.rungs:
        cells = [escape(rung.name), f"{rung.value:.3f}{small(f'{rung.rows:,} rows')}"]
        for one in rung.expected:
            cells.append(f"{one.value:.3f}{small('–'.join(f'{end:.3f}' for end in one.interval))}")
        rows.append(cells)
    return table(heads, rows)


def _warnings(climb: Climb) -> Sequence[str]:
    """Problems of the data, and what training did to the text: each warning with its rungs."""
    rungs: dict[str, list[str]] = {}
    for rung in climb.rungs:
        for warning in rung.warnings:
            rungs.setdefault(warning, []).append(rung.name)
    names = '<span class="quiet">({})</span>'
    items = [f"{escape(text)} {names.format(escape(', '.join(of)))}" for text, of in rungs.items()]
    return [*map(escape, climb.warnings), *items]


def _method(climb: Climb) -> str:
    machine = climb.machine
    seeds = ", ".join(map(str, climb.seeds))
    memory = f"{machine['memory_gb']} GB" if "memory_gb" in machine else ""
    accelerator = "" if climb.device == "cpu" else climb.device
    hardware = (machine.get("processor"), counted(int(machine["cores"]), "core"), memory, accelerator)
    facts = {
        "Rows": ", ".join(f"{count:,} {name}" for name, count in climb.rows.items()),
        "Split": " ".join(climb.notes) or "As given.",
        "Seeds": f"{seeds}; the same rows for every rung",
        "Intervals": "95 %, 1,000 bootstrap resamples of the test rows, or of their groups if there are any; "
        "paired for differences",
        "Latency": f"up to 200 {climb.rule.units} of the test rows, each timed alone after a warm-up",
        "Process": f"each model alone in a new process, {counted(climb.threads, 'thread')}",
        "Memory": "the peak of that process, interpreter and libraries included",
        "Hardware": ", ".join(str(part) for part in (*hardware, machine.get("system")) if part),
        "Versions": ", ".join(
            f"{name} {machine[name]}" for name in ("wordladder", "python", *LIBRARIES) if name in machine
        ),
        "Duration": format_seconds(climb.seconds),
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value)
    return f'<dl class="facts-list">{cells}</dl>'


def _recipe(rung: Rung) -> str:
    return (
        f"<details><summary>{escape(rung.name)}</summary>"
        f'<pre tabindex="0">{escape(rung.recipe.strip())}</pre></details>'
    )
