"""Pictures of a climb as SVG: quality against a cost, and the label curve. The page is made elsewhere.

Matplotlib draws; every colour is a stand-in that becomes a CSS variable of the page, and the type is the
page's, so one picture reads on light, on dark and on paper.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import TYPE_CHECKING

from .labels import Mark, name_width, place_labels
from .price import CostKind
from .result import Climb
from .rung import Rung, pareto_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, ACCENT, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
SIDE_MARGINS = 40.0
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", PAPER: "--paper"}


@dataclass(frozen=True)
class Shape:
    """A size of a picture in points; the page scales it.

    Attributes:
        name: Makes the ids of the picture differ from those of other sizes.
        width: Its width.
        height: Its height.
        ticks: The most ticks on the cost axis.
    """

    name: str
    width: float
    height: float
    ticks: int


WIDE = Shape("wide", 520, 300, 7)
NARROW = Shape("narrow", 262, 262, 5)


def cost_picture(climb: Climb, kind: CostKind, shape: Shape) -> str:
    """Quality on the test rows against one cost, the Pareto front drawn, as an `<svg>` element."""
    rungs = [rung for rung in climb.rungs if rung.measured and isfinite(rung.cost(kind))]
    drawn, axes = _new(shape)
    axes.set_xscale("log")
    limit = climb.rule.budget.limits().get(kind.name)
    _set_limits(axes, [rung.cost(kind) for rung in rungs], rungs, limit)
    front = pareto_front(rungs, kind, higher_is_better=climb.rule.higher_is_better)
    x, y = [rung.cost(kind) for rung in front], [rung.value or 0.0 for rung in front]
    axes.plot(x, y, color=ACCENT, linewidth=1, alpha=0.55, zorder=1)
    if limit is not None:
        axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)
    for rung in rungs:
        _draw_point(axes, rung, rung.cost(kind), rung in front, rung.name == climb.recommended)
    _cost_ticks(axes, kind, shape)
    marks = [_mark(rung, rung.cost(kind), climb.recommended) for rung in rungs]
    place_labels(axes, marks, line=[(rung.cost(kind), rung.value or 0.0) for rung in front])
    told = ", ".join(f"{rung.name} {rung.value:.3f} at {kind.written(rung.cost(kind))}" for rung in rungs)
    return _svg(
        drawn,
        f"{shape.name}-{kind.name}",
        f"{climb.metric} against {kind.axis.format(climb.rule.unit)}: {told}",
    )


def curve_picture(climb: Climb, shape: Shape) -> str:
    """Quality against the number of labelled rows, a line a rung, as an `<svg>` element."""
    rungs = [rung for rung in climb.rungs if len(rung.curve) > 1]
    drawn, axes = _new(shape)
    axes.set_xscale("log")
    rows = sorted({point.rows for rung in rungs for point in rung.curve})
    room = (max(name_width(rung.name) for rung in rungs) + 14) / (shape.width - SIDE_MARGINS)
    axes.set_xlim(rows[0] / 1.15, rows[0] * (rows[-1] / rows[0]) ** (1 / (1 - room)))
    for rung in rungs:
        colour = _colour(rung, climb.recommended)
        x, y = [point.rows for point in rung.curve], [point.value for point in rung.curve]
        alpha = 1 if colour == ACCENT else 0.65
        axes.plot(x, y, color=colour, linewidth=1.1, marker="o", markersize=3.5, alpha=alpha)
    _ticks_at(axes, rows, [f"{row:,}" for row in rows])
    ends = [(rung.curve[-1], rung.name, _colour(rung, climb.recommended)) for rung in rungs]
    marks = [Mark(p.rows, p.value, p.value, p.value, name, colour) for p, name, colour in ends]
    place_labels(axes, marks, only_right=True)
    told = "; ".join(
        f"{r.name} " + ", ".join(f"{p.value:.3f} with {p.rows:,}" for p in r.curve) for r in rungs
    )
    return _svg(drawn, f"{shape.name}-curve", f"{climb.metric} against labelled rows: {told}")


def _colour(rung: Rung, recommended: str | None) -> str:
    return ACCENT if rung.name == recommended else INK


def _mark(rung: Rung, cost: float, recommended: str | None) -> Mark:
    low, high = rung.interval or (0.0, 0.0)
    name = f"{rung.name}, recommended" if rung.name == recommended else rung.name
    return Mark(cost, rung.value or 0.0, low, high, name, _colour(rung, recommended))


def _new(shape: Shape) -> "tuple[Figure, Axes]":
    """An empty picture with the quality axis on its left, and nothing else that needs ink."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(shape.width / 72, shape.height / 72), dpi=72)
    axes = drawn.add_axes(
        (34 / shape.width, 22 / shape.height, 1 - SIDE_MARGINS / shape.width, 1 - 30 / shape.height)
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8.5, length=0, pad=5)
    axes.tick_params(axis="x", which="minor", length=0, labelbottom=False)
    return drawn, axes


def _set_limits(axes: "Axes", costs: Sequence[float], rungs: Sequence[Rung], limit: float | None) -> None:
    costs = [*costs, *([limit] if limit is not None else [])]
    low, high = min(costs), max(costs)
    room = max((high / low) ** 0.12, 1.35)
    axes.set_xlim(low / room, high * room)
    ends = [end for rung in rungs for end in rung.interval or ()]
    room = max((max(ends) - min(ends)) * 0.12, 0.004)
    axes.set_ylim(min(ends) - room, max(ends) + room)


def _draw_point(axes: "Axes", rung: Rung, cost: float, on_front: bool, recommended: bool) -> None:
    value, (low, high) = rung.value or 0.0, rung.interval or (0.0, 0.0)
    colour = ACCENT if recommended else INK
    axes.plot(
        [cost, cost], [low, high], color=colour, linewidth=1, alpha=0.6, solid_capstyle="round", zorder=2
    )
    filled = colour if on_front or recommended else PAPER
    size = 7.5 if recommended else 5
    axes.plot(
        [cost],
        [value],
        color=colour,
        linestyle="none",
        marker="o",
        markersize=size,
        markerfacecolor=filled,
        markeredgecolor=colour,
        markeredgewidth=1.1,
        zorder=3,
        alpha=0.55 if rung.over_budget else 1,
    )


def _cost_ticks(axes: "Axes", kind: CostKind, shape: Shape) -> None:
    """Round ticks, as many as there is room for."""
    low, high = axes.get_xlim()
    last = low * (high / low) ** 0.95  # further right a label would leave the picture
    for series in _CLOCK if kind.name == "train" else _ROUND:
        ticks = [tick for tick in series if low <= tick <= last]
        if len(ticks) <= shape.ticks:
            break
    ticks = ticks[:: -(-len(ticks) // shape.ticks)] if ticks else [(low * high) ** 0.5]
    _ticks_at(axes, ticks, [kind.written(tick) for tick in ticks])


# From close to far: 1, 2, 5 and their tens; seconds, minutes, hours.
_ROUND = [
    [step * 10.0**power for power in range(-9, 12) for step in steps] for steps in ((1, 2, 5), (1, 3), (1,))
]
_CLOCK = [
    [
        1,
        2,
        5,
        10,
        20,
        30,
        60,
        120,
        300,
        600,
        1200,
        1800,
        3600,
        7200,
        18_000,
        36_000,
        86_400,
        172_800,
        864_000,
    ],
    [1, 10, 60, 600, 3600, 36_000, 360_000],
]


def _ticks_at(axes: "Axes", ticks: Sequence[float], labels: Sequence[str]) -> None:
    from matplotlib.ticker import NullLocator

    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(ticks, labels)


def _svg(drawn: "Figure", name: str, told: str) -> str:
    """The picture as an element: colours are variables, type is the page's, ids are unique on the page."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        drawn.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    for unwanted in (
        r"<metadata>.*?</metadata>",
        r"<!--.*?-->",
        r"<style.*?</style>",
        r' transform="rotate\(-0 .*?"',
    ):
        svg = re.sub(unwanted, "", svg, flags=re.DOTALL)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r" font-family: [^;\"]*;", "", svg)
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    view = (re.findall(r'viewBox="([^"]+)"', svg) or [""])[0]
    label = f'role="img" aria-label="{escape(told)}"'
    head = f'<svg class="picture {name.split("-")[0]}" {label} viewBox="{view}"'
    return re.sub(r"<svg[^>]*", f'{head} xmlns:xlink="http://www.w3.org/1999/xlink"', svg, count=1)
