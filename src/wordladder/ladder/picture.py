"""Draws the pictures of a climb as SVG: quality against a cost, and the label curve.

Every colour that matplotlib draws is a placeholder for a CSS variable of the page, and the font is the
page's, so one picture suits light and dark screens and paper.
"""

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple

from ..evaluation.label_placement import draw_labels
from .choice import pareto_front
from .evidence import Evidence
from .price import CostKind
from .result import Climb, Rung

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE, ACCENT, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505"
VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", ACCENT: "--accent", PAPER: "--paper"}
SIDE_MARGINS = 40.0
SIZE = 9.0  # of names
UNUSED = re.compile(  # what matplotlib writes that the page needs not, or has of its own
    r"<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>"
    r'| transform="rotate\(-0 .*?"| font-family: [^;"]*;',
    re.DOTALL,
)


class Shape(NamedTuple):
    """The size of a picture in points; the page scales it.

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
    """Quality on the test rows against one cost, with the Pareto front, as an `<svg>` element."""
    rungs = [rung for rung in climb.rungs if rung.measured and isfinite(rung.cost(kind))]
    costs, values = [rung.cost(kind) for rung in rungs], [rung.value or 0.0 for rung in rungs]
    front = pareto_front(rungs, kind, higher_is_better=climb.rule.higher_is_better)
    limit = climb.rule.budget.limits().get(kind.name)
    axes = _new_axes(shape)
    _set_limits(axes, costs if limit is None else [*costs, limit], rungs)
    x, y = [rung.cost(kind) for rung in front], [rung.value or 0.0 for rung in front]
    axes.plot(x, y, color=ACCENT, linewidth=1, alpha=0.55, zorder=1)
    if limit is not None:
        axes.axvline(limit, color=MUTED, linewidth=0.8, linestyle=(0, (3, 3)), zorder=0)
    for rung, cost in zip(rungs, costs):
        _draw_point(axes, rung, cost, rung in front, rung.name == climb.recommended)
    _set_cost_ticks(axes, kind, shape)
    _draw_names(axes, list(zip(costs, values)), _names(rungs, climb, ", recommended"))
    points = ", ".join(f"{r.name} {r.value:.3f} at {kind.format(c)}" for r, c in zip(rungs, costs))
    label = f"{climb.metric} against {kind.axis.format(climb.rule.unit)}: {points}"
    return _svg(axes, f"{shape.name}-{kind.name}", label)


def curve_picture(climb: Climb, shape: Shape) -> str:
    """Quality against the number of labelled rows, a line for each rung, as an `<svg>` element: dashed where
    it is a forecast, with the interval of the recommended rung.
    """
    rungs = [rung for rung in climb.rungs if len(rung.curve) > 1]
    later = {one.name: one.expected for one in climb.forecast.rungs} if climb.forecast else {}
    axes = _new_axes(shape)
    rows = sorted(
        {point.rows for rung in rungs for point in rung.curve}
        | {point.rows for expected in later.values() for point in expected}
    )
    names = _names(rungs, climb)
    texts = [axes.text(0, 0, name, fontsize=SIZE, parse_math=False) for name in names]
    room = (max(text.get_window_extent().width for text in texts) + 14) / (shape.width - SIDE_MARGINS)
    for text in texts:
        text.remove()
    axes.set_xlim(rows[0] / 1.15, rows[0] * (rows[-1] / rows[0]) ** (1 / (1 - room)))
    ends = []
    for rung, colour in zip(rungs, names.values()):
        alpha = 1 if rung.name == climb.recommended else 0.65
        x, y = [point.rows for point in rung.curve], [point.value for point in rung.curve]
        axes.plot(x, y, color=colour, linewidth=1.1, marker="o", markersize=3.5, alpha=alpha)
        more = [one for one in later.get(rung.name, ()) if one.rows > x[-1]]
        x, y = [x[-1], *(one.rows for one in more)], [y[-1], *(one.value for one in more)]
        axes.plot(x, y, color=colour, linewidth=1.1, linestyle=(0, (3, 2)), alpha=alpha)
        if rung.name == climb.recommended and more:
            low, high = zip((y[0], y[0]), *(one.interval for one in more))
            axes.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
        ends.append((x[-1], y[-1]))
    _set_row_ticks(axes, rows, shape)
    _draw_names(axes, ends, names)
    points = (", ".join(f"{p.value:.3f} with {p.rows:,}" for p in rung.curve) for rung in rungs)
    curves = "; ".join(f"{rung.name} {text}" for rung, text in zip(rungs, points))
    return _svg(axes, f"{shape.name}-curve", f"{climb.metric} against labelled rows: {curves}")


def calibration_picture(found: Evidence, shape: Shape) -> str:
    """The share of right answers against how sure a rung is of them, as an `<svg>` element."""
    axes = _new_axes(shape, log=False)
    sure, right = [one.sure for one in found.calibration], [one.right for one in found.calibration]
    low = min(*sure, *right) - 0.03
    axes.plot([low, 1], [low, 1], color=LINE, linewidth=1, zorder=1)
    axes.plot(sure, right, color=ACCENT, linewidth=1.1, marker="o", markersize=4, zorder=3, clip_on=False)
    axes.set_xlim(low, 1)
    axes.set_ylim(low, 1)
    points = ", ".join(f"{one.right:.3f} at {one.sure:.3f}" for one in found.calibration)
    return _svg(axes, f"{shape.name}-calibration", f"share of right answers against how sure it is: {points}")


def _set_row_ticks(axes: "Axes", rows: Sequence[int], shape: Shape) -> None:
    """A tick for each number of rows that has room for it, from the right."""
    low, high = axes.get_xlim()
    ticks: list[int] = []
    for row in reversed(rows):
        room = 6.5 * len(f"{row:,}") / (shape.width - SIDE_MARGINS)
        if not ticks or row * (high / low) ** room <= ticks[-1]:
            ticks.append(row)
    axes.set_xticks(ticks, [f"{row:,}" for row in ticks])


def _new_axes(shape: Shape, *, log: bool = True) -> "Axes":
    """The axes of an empty picture, by default with a logarithmic x axis, and nothing that is not needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = shape.width, shape.height
    figure = Figure(figsize=(width / 72, height / 72), dpi=72)
    FigureCanvasAgg(figure)  # its one renderer measures all labels
    axes = figure.add_axes((34 / width, 22 / height, 1 - SIDE_MARGINS / width, 1 - 30 / height))
    axes.set_xscale("log" if log else "linear")
    axes.minorticks_off()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.grid(axis="y", color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=MUTED, labelsize=8.5, length=0, pad=5)
    return axes


def _set_limits(axes: "Axes", costs: Sequence[float], rungs: Sequence[Rung]) -> None:
    room = max((max(costs) / min(costs)) ** 0.12, 1.35)
    axes.set_xlim(min(costs) / room, max(costs) * room)
    ends = [end for rung in rungs for end in rung.interval or ()]
    room = max((max(ends) - min(ends)) * 0.12, 0.004)
    axes.set_ylim(min(ends) - room, max(ends) + room)


def _draw_point(axes: "Axes", rung: Rung, cost: float, on_front: bool, recommended: bool) -> None:
    colour = ACCENT if recommended else INK
    bar: dict[str, Any] = {"linewidth": 1, "alpha": 0.6, "solid_capstyle": "round", "zorder": 2}
    axes.plot([cost, cost], rung.interval or (0.0, 0.0), color=colour, **bar)
    axes.plot(
        [cost],
        [rung.value or 0.0],
        color=colour,
        marker="o",
        markersize=7.5 if recommended else 5,
        markerfacecolor=colour if on_front or recommended else PAPER,
        markeredgewidth=1.1,
        zorder=3,
        alpha=0.55 if rung.over_budget else 1,
    )


def _names(rungs: Sequence[Rung], climb: Climb, suffix: str = "") -> dict[str, str]:
    """The names of the rungs and their colours; the recommended one has the suffix."""
    labels = [(r.name + suffix, ACCENT) if r.name == climb.recommended else (r.name, INK) for r in rungs]
    return dict(labels)


def _draw_names(axes: "Axes", points: Sequence[tuple[float, float]], names: Mapping[str, str]) -> None:
    frame = axes.get_window_extent()
    page = (frame.x0 - 4, frame.y0, frame.x1 + 4, frame.y1 + 6)
    draw_labels(axes, points, list(names), page, list(names.values()), textsize=SIZE)


# Ticks from close to far: 1, 2, 5 and their tens; seconds, minutes, hours.
_DECIMAL = [
    [step * 10.0**power for power in range(-9, 12) for step in steps] for steps in ((1, 2, 5), (1, 3), (1,))
]
_CLOCK = [
    [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000, 36000, 86400, 172800, 864000],
    [1, 10, 60, 600, 3600, 36000, 360000],
]  # fmt: skip


def _set_cost_ticks(axes: "Axes", kind: CostKind, shape: Shape) -> None:
    """Round ticks, as many as there is room for."""
    low, high = axes.get_xlim()
    last = low * (high / low) ** 0.95  # further right a label would leave the picture
    for series in _CLOCK if kind.name == "train" else _DECIMAL:
        ticks = [tick for tick in series if low <= tick <= last]
        if len(ticks) <= shape.ticks:
            break
    ticks = ticks[:: -(-len(ticks) // shape.ticks)] if ticks else [(low * high) ** 0.5]
    axes.set_xticks(ticks, [kind.format(tick) for tick in ticks])


def _svg(axes: "Axes", name: str, label: str) -> str:
    """The picture as an element: colours are variables, the font is the page's, ids are unique on it."""
    import matplotlib

    buffer, figure = io.StringIO(), axes.get_figure(root=True)
    assert figure is not None
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = UNUSED.sub("", svg[svg.index("<svg") :])
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    used = set(re.findall(r"#([\w-]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda match: match[0] if match[1] in used else "", svg)
    view = (re.findall(r'viewBox="([^"]+)"', svg) or [""])[0]
    attributes = f'role="img" aria-label="{escape(label)}" viewBox="{view}"'
    head = f'<svg class="picture {name.split("-")[0]}" {attributes}'
    return re.sub(r"<svg[^>]*", f'{head} xmlns:xlink="http://www.w3.org/1999/xlink"', svg, count=1)
