"""`report.html`: one file that needs no network, for screen, phone and paper. Nothing is computed here."""

from collections.abc import Iterable, Mapping
from html import escape
from importlib.resources import files
from math import isfinite
from pathlib import Path
from string import Template

from ..data.plurals import counted
from ..errors import MissingExtraError
from ..extras import require
from ..files.streams import atomic_path
from .caveats import truths
from .choice import answers
from .encoders import left_out_lines
from .machine import LIBRARIES
from .picture import NARROW, WIDE, cost_picture, curve_picture
from .price import COSTS, CostKind, written_seconds
from .report_table import metric_name, rung_table
from .result import Climb
from .rung import Rung


def write_report(climb: Climb, path: Path) -> None:
    """Write the report, wholly or not at all."""
    with atomic_path(path) as fresh:
        fresh.write_text(report(climb), encoding="utf-8", newline="\n")


def report(climb: Climb) -> str:
    """The page as HTML."""
    here = files(__package__)
    measured = any(rung.measured for rung in climb.rungs)
    headline, sentence = _headline(climb)
    return Template(here.joinpath("report.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{headline} · wordladder"),
        style=here.joinpath("report.css").read_text(encoding="utf-8"),
        kicker="Recommended" if climb.recommended else "No recommendation",
        headline=escape(headline),
        reason=escape(sentence),
        answers=_answers(climb) if measured else "",
        pictures=_pictures(climb) if measured else "",
        table=rung_table(climb),
        table_note=_table_note(climb) if measured else "",
        left_out=_left_out(climb),
        curve=_curve(climb),
        warnings=_warnings(climb),
        truths=_truths(climb) if measured else "",
        method=_method(climb),
        recipes="\n".join(_recipe(rung) for rung in climb.rungs),
        footer=escape(
            f"Made by wordladder {climb.machine.get('wordladder', '')}. The same figures are in climb.json."
        ),
    )


def _headline(climb: Climb) -> tuple[str, str]:
    """The name in big type, and the sentence without it."""
    name = climb.recommended
    if name is None:
        fitting = "Nothing good enough" if climb.choice.best_within_budget else "Nothing fits the budget"
        return (fitting if climb.best else "Nothing was measured"), climb.reason
    rest = climb.reason.removeprefix(f"{name}: ")
    return name, rest[:1].upper() + rest[1:]


def _answers(climb: Climb) -> str:
    """Three answers that most people want."""
    found = answers(climb)
    asked = (
        ("The cheapest good one", found.cheapest_good),
        ("The best one", found.best),
        (f"The best one under {found.latency_ms:g} ms a {climb.rule.unit}", found.best_fast),
    )
    return f'<dl class="answers">{"".join(_answer(climb, title, rung) for title, rung in asked)}</dl>'


def _answer(climb: Climb, title: str, rung: Rung | None) -> str:
    if rung is None or rung.price is None:
        name, facts = "none", ""
    else:
        latency = COSTS["latency"].written(rung.price.latency_p50)
        name, facts = rung.name, f"{metric_name(climb)} {rung.value:.3f}, {latency}"
    return (
        f'<div><dt>{escape(title)}</dt><dd class="name">{escape(name)}</dd>'
        f'<dd class="facts">{escape(facts)}</dd></div>'
    )


def _pictures(climb: Climb) -> str:
    """A picture for each cost that is known, switched by radio buttons; on paper all of them."""
    if why := _undrawn():
        return f'<p class="quiet note">{escape(why)}</p>'
    kinds = [k for k in COSTS.values() if any(r.measured and isfinite(r.cost(k)) for r in climb.rungs)]
    switches = "".join(
        f'<input class="switch" type="radio" name="cost" id="by-{kind.name}"'
        f' aria-label="{kind.title}"{" checked" if kind is climb.rule.cost else ""}>'
        for kind in kinds
    )
    tabs = "".join(f'<label for="by-{kind.name}">{kind.title}</label>' for kind in kinds)
    panels = "".join(_panel(climb, kind) for kind in kinds)
    return (
        f'<figure>{switches}<div class="tabs">{tabs}</div><div class="panels">{panels}</div>'
        f'<figcaption class="quiet">{_caption(climb)}</figcaption></figure>'
    )


def _undrawn() -> str:
    """Why there are no pictures; empty where there are."""
    try:
        require("matplotlib", "plot", "A picture of the rungs")
    except MissingExtraError as error:
        return str(error)
    return ""


def _panel(climb: Climb, kind: CostKind) -> str:
    return (
        f'<div class="panel"><h3>{kind.title}</h3>'
        f'<p class="axis">{escape(_axis(climb))}</p>'
        f"{cost_picture(climb, kind, WIDE)}{cost_picture(climb, kind, NARROW)}"
        f'<p class="axis below">{escape(kind.axis.format(climb.rule.unit))} →</p></div>'
    )


def _axis(climb: Climb) -> str:
    return f"↑ {metric_name(climb)} on {climb.rule.rows:,} test rows"


def _caption(climb: Climb) -> str:
    better = "Higher is better" if climb.rule.higher_is_better else "Lower is better"
    limit = " The dashed line is the budget." if climb.rule.budget.limits() else ""
    return (
        f"{better}, further left is cheaper. Bars are 95 % intervals. The line joins the rungs that no other "
        f"beats in both (the Pareto front); hollow points are beaten by one.{limit}"
    )


def _table_note(climb: Climb) -> str:
    told = "Small figures are 95 % bootstrap intervals."
    if len([rung for rung in climb.rungs if rung.measured]) > 1:
        told += f" Differences are paired: positive is better than {climb.best}."
    if climb.rule.budget.limits():
        told += f" The budget: {climb.rule.budget.told(climb.rule.unit)}."
    return f'<p class="quiet note">{escape(told)}</p>'


def _left_out(climb: Climb) -> str:
    """The rungs that were not climbed, and how to add them."""
    lines = (line[:1].upper() + line[1:] for line in left_out_lines(climb.left_out))
    return "".join(f'<p class="quiet note">{escape(line)}</p>' for line in lines)


def _curve(climb: Climb) -> str:
    if _undrawn() or not any(len(rung.curve) > 1 for rung in climb.rungs):
        return ""
    return (
        '<section><h2>With fewer labels</h2><figure class="curve">'
        f'<p class="axis">{escape(_axis(climb))}</p>'
        f"{curve_picture(climb, WIDE)}{curve_picture(climb, NARROW)}"
        '<p class="axis below">labelled rows to learn from →</p></figure></section>'
    )


def _warnings(climb: Climb) -> str:
    """What is wrong with the data, and what training did to the text; equal warnings of rungs together."""
    rungs: dict[str, list[str]] = {}
    for rung in climb.rungs:
        for warning in rung.warnings:
            rungs.setdefault(warning, []).append(rung.name)
    told = [escape(warning) for warning in climb.warnings]
    told += [
        f'{escape(w)} <span class="quiet">({escape(", ".join(names))})</span>' for w, names in rungs.items()
    ]
    return f"<section><h2>Warnings</h2>{_list(told)}</section>" if told else ""


def _truths(climb: Climb) -> str:
    told = _list(map(escape, truths(climb)))
    return f"<section><h2>What this does and does not show</h2>{told}</section>"


def _list(items: Iterable[str]) -> str:
    return f'<ul class="list">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def _method(climb: Climb) -> str:
    rows, machine = climb.rows, climb.machine
    seeds = ", ".join(map(str, climb.seeds))
    programs = ("wordladder", "python", *LIBRARIES)
    versions = ", ".join(f"{name} {machine[name]}" for name in machine if name in programs)
    facts = {
        "Rows": f"{rows['train']:,} train, {rows['dev']:,} dev, {rows['test']:,} test",
        "Split": " ".join(climb.notes) or "As given.",
        "Seeds": f"{seeds}; the same rows for every rung",
        "Intervals": "95 %, 1,000 bootstrap resamples of the test rows, or of their groups where they have "
        "some; paired for differences",
        "Latency": f"up to 200 {climb.rule.unit}s of the test rows, each timed alone after a warm-up",
        "Process": f"each model alone in a fresh process, {counted(climb.threads, 'thread')}",
        "Memory": "the most that process held, the interpreter and the libraries included",
        "Hardware": _hardware(machine, climb.device),
        "Versions": versions,
        "Took": written_seconds(climb.seconds),
    }
    cells = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in facts.items() if value)
    return f'<dl class="facts-list">{cells}</dl>'


def _hardware(machine: Mapping[str, str | int | float], device: str) -> str:
    memory = f"{machine['memory_gb']} GB" if "memory_gb" in machine else ""
    accelerator = device if device not in ("", "cpu") else ""
    parts = (
        machine.get("processor"),
        counted(int(machine["cores"]), "core"),
        memory,
        accelerator,
        machine.get("system"),
    )
    return ", ".join(str(part) for part in parts if part)


def _recipe(rung: Rung) -> str:
    return (
        f"<details><summary>{escape(rung.name)}</summary>"
        f'<pre tabindex="0">{escape(rung.recipe.strip())}</pre></details>'
    )
