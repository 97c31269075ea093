"""Where names go in a picture so that they hide neither points nor bars nor each other, greedily."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from math import hypot
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, bottom, right, top, in points
SIZE = 9.0
HEIGHT = SIZE
POINT = 5.0  # half the side of the square around a point that no name may enter
# The sides of a point, best first: to the right or left, above or below.
SIDES = ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
DISTANCES = (8.0, 14.0, 22.0, 32.0, 44.0)
ALIGNMENT = {1: "left", -1: "right", 0: "center"}


class Mark(NamedTuple):
    """A point that gets a name: where it is and where its bar ends, in the units of the axes."""

    x: float
    y: float
    low: float
    high: float
    name: str
    colour: str


class _Place(NamedTuple):
    """Where a name could go: its anchor, what part of it is anchored, and the room that it takes."""

    x: float
    y: float
    alignment: str
    box: Box


def place_labels(
    axes: "Axes", marks: Sequence[Mark], *, line: Sequence[tuple[float, float]] = (), only_right: bool = False
) -> None:
    """Write a name beside each point.

    Args:
        axes: Where the points were drawn; its limits are final.
        marks: The points and their names.
        line: A line through some of the points that names had better not cross.
        only_right: Keep every name to the right of its point, moved up or down: for the ends of lines.
    """
    place = axes.transData.transform
    centres = [tuple(place((mark.x, mark.y))) for mark in marks]
    taken = [(x - POINT, y - POINT, x + POINT, y + POINT) for x, y in centres]
    for mark, (x, _) in zip(marks, centres):
        taken.append((x - 1, place((mark.x, mark.low))[1], x + 1, place((mark.x, mark.high))[1]))
    taken += list(_along([tuple(place(point)) for point in line]))
    frame = axes.get_window_extent()
    page = (frame.x0 - 4, frame.y0, frame.x1 + 4, frame.y1 + 6)
    # From the top down, so that names fan out in the order of their points.
    for number in sorted(range(len(marks)), key=lambda n: -centres[n][1]):
        mark = marks[number]
        width = name_width(mark.name)
        choices = _fan(centres[number], width) if only_right else _around(centres[number], width)
        best = min(choices, key=lambda choice: _cost(choice.box, taken, page))
        taken.append(best.box)
        axes.annotate(
            mark.name,
            xy=(best.x, best.y),
            xycoords="figure pixels",
            horizontalalignment=best.alignment,
            color=mark.colour,
            fontsize=SIZE,
            annotation_clip=False,
        )


def _along(points: Sequence[tuple[float, float]]) -> Iterator[Box]:
    """Small boxes strung along a line."""
    for (x, y), (next_x, next_y) in pairwise(points):
        steps = max(int(hypot(next_x - x, next_y - y) / 3), 1)
        for step in range(1, steps):
            at_x, at_y = x + (next_x - x) * step / steps, y + (next_y - y) * step / steps
            yield (at_x - 1, at_y - 1, at_x + 1, at_y + 1)


@cache
def name_width(name: str) -> float:
    """How wide a name is, in points, in a font that is wider than most."""
    from matplotlib.textpath import TextPath

    return max((x for x, _ in TextPath((0, 0), name, size=SIZE).vertices), default=0.0)


def _around(centre: tuple[float, float], width: float) -> Iterator[_Place]:
    """All sides, from near to far."""
    for distance in DISTANCES:
        for across, up in SIDES:
            reach = distance * (0.7 if across and up else 1.0)
            x, middle = centre[0] + across * reach, centre[1] + up * (reach + HEIGHT / 2 * (up != 0))
            yield _place(x, middle, ALIGNMENT[across], width)


def _fan(centre: tuple[float, float], width: float) -> Iterator[_Place]:
    """To the right only, ever further up and down."""
    for step in range(40):
        yield _place(centre[0] + 8.0, centre[1] + (step + 1) // 2 * (-1) ** step * 2.0, "left", width)


def _place(x: float, middle: float, alignment: str, width: float) -> _Place:
    left = x - {"left": 0.0, "center": width / 2, "right": width}[alignment]
    bottom = middle - HEIGHT / 2
    return _Place(x, bottom + HEIGHT * 0.26, alignment, (left, bottom, left + width, bottom + HEIGHT))


def _cost(box: Box, taken: Sequence[Box], page: Box) -> float:
    """How much of what is taken the box hides, and how far it leaves the page."""
    over = (page[0] - box[0], page[1] - box[1], box[2] - page[2], box[3] - page[3])
    return sum(_shared(box, other) for other in taken) + 100.0 * sum(max(amount, 0.0) for amount in over)


def _shared(one: Box, other: Box) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0
