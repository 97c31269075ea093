"""Place the labels of points so that they cover neither points nor each other.

Greedy at first, crowded points before isolated ones; then each label in turn moves to the best place that the
others leave free, until no label improves by moving.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

Box = tuple[float, float, float, float]  # left, bottom, right, top

_GAP = 2.0  # between a point and its label
_CLEAR = 1.5  # kept free around points
_DISTANCES = np.array((0.0, 3.0, 7.0, 12.0, 18.0, 26.0, 36.0, 48.0))
_FAR = 10.0  # beyond it, a line leads from the point to the label
# Where a label is relative to its point, best first: (across, up).
_ACROSS = (1, 1, 1, -1, -1, -1, 0, 0, 0.5, -0.5, 0.5, -0.5)
_SIDES = np.array([_ACROSS, (0, 1, -1, 0, 1, -1, 1, -1, 1, 1, -1, -1)]).T
_NEEDS_LEAD = np.repeat(_DISTANCES > _FAR, len(_SIDES))  # the candidates with a leader line
_OVERLAP, _COVER, _LEAVE, _CROSS = 1000.0, 300.0, 5000.0, 60.0  # costs, added to that of distance
# What each candidate costs where nothing is in its way.
_DISTANCE_COSTS = (np.arange(len(_SIDES)) * 0.8 + (_DISTANCES**2 / 12 + _DISTANCES)[:, None]).ravel()
_ROUNDS = 12


class Label(NamedTuple):
    """A point, how large it is, and the size of its label."""

    x: float
    y: float
    width: float
    height: float
    radius: float


class Place(NamedTuple):
    """Where a label goes: its lower left corner, and whether that is far from its point."""

    left: float
    bottom: float
    far: bool


def draw_labels(
    axes: "Axes", points: ArrayLike, texts: Sequence["Text"], radii: Sequence[float], page: Box
) -> int:
    """Move texts next to their points, with a thin leader line where that is far away.

    Args:
        axes: Where the points and perhaps lines were drawn; its limits are final.
        points: The points (labels, 2), in the units of the axes.
        texts: Their labels, texts of the figure.
        radii: The radii of the points, in pixels.
        page: The part of the figure where labels may be, in pixels.

    Returns:
        How many pairs of labels overlap.
    """
    from matplotlib.lines import Line2D

    figure = texts[0].get_figure(root=True)
    assert figure is not None
    boxes = [text.get_window_extent() for text in texts]
    pixels = axes.transData.transform(points).tolist()
    labels = [Label(x, y, box.width, box.height, r) for (x, y), box, r in zip(pixels, boxes, radii)]
    places, overlaps = place_labels(labels, page, _line_boxes(axes))
    for text, box, label, place in zip(texts, boxes, labels, places):
        right = place.left + label.width
        # Aligned on the side of its point, a label keeps its distance in another font.
        x = place.left
        if right <= label.x:
            text.set_horizontalalignment("right")
            x = right
        elif x < label.x:
            text.set_horizontalalignment("center")
            x += label.width / 2
        text.set(x=x / figure.bbox.width, y=(place.bottom - box.y0) / figure.bbox.height)
        if place.far:
            point = np.array((label.x, label.y))
            end = np.clip(point, (place.left, place.bottom), (right, place.bottom + label.height))
            xs, ys = figure.transFigure.inverted().transform([point, end]).T
            line = Line2D(xs, ys, color=text.get_color(), linewidth=0.5, alpha=0.45, zorder=1)
            figure.add_artist(line)
    return overlaps


def _line_boxes(axes: "Axes") -> np.ndarray:
    """Small boxes (n, 4) along the lines of the axes, in pixels."""
    boxes = [np.empty((0, 4))]
    for line in axes.lines:
        pixels = line.get_transform().transform(line.get_xydata())
        ends = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(pixels, axis=0).T))])
        steps = np.arange(0, ends[-1], 3)
        x, y = (np.interp(steps, ends, column) for column in pixels.T)
        boxes.append(np.column_stack([x - 1, y - 1, x + 1, y + 1]))
    return np.concatenate(boxes)


def place_labels(
    labels: Sequence[Label], page: Box, obstacles: np.ndarray | None = None
) -> tuple[list[Place], int]:
    """A place for each label, and how many pairs of labels still overlap.

    Args:
        labels: The points and the sizes of their labels.
        page: The area where labels may be.
        obstacles: Boxes (n, 4) along lines that labels should not cover.
    """
    table = np.array(labels, dtype=float).reshape(-1, 5)
    boxes, leads = _candidates(table)
    near = _neighbors(table)
    outside = np.any([boxes[..., :2] < page[:2], boxes[..., 2:] > page[2:]], axis=(0, -1))
    costs = np.tile(_DISTANCE_COSTS, (len(table), 1)) + _LEAVE * outside
    if obstacles is not None:
        costs += _CROSS * _overlap(boxes, obstacles).sum(axis=-1)
    radius = table[:, 4:] + _CLEAR
    dots = np.hstack([table[:, :2] - radius, table[:, :2] + radius])
    for i, others in enumerate(near):
        costs[i] += _COVER * _overlap(boxes[i], dots[others]).sum(axis=1)
        costs[i] += _CROSS * _crossings(leads[i], dots[others])
    chosen = _optimise(boxes, leads, costs, near)
    boxes = boxes[np.arange(len(table)), chosen]
    overlaps = sum(int(_overlap(boxes[i : i + 1], boxes[i + 1 :]).sum()) for i in range(len(boxes)))
    return [
        Place(box[0], box[1], bool(far)) for box, far in zip(boxes.tolist(), _NEEDS_LEAD[chosen])
    ], overlaps


def _optimise(
    candidates: np.ndarray, leads: np.ndarray, costs: np.ndarray, near: Sequence[np.ndarray]
) -> np.ndarray:
    """The candidate (labels,) of each label: no other is cheaper while the other labels stay."""
    chosen = np.full(len(costs), -1)
    boxes = np.full((len(costs), 4), np.nan)  # NaN overlaps nothing
    order = sorted(range(len(costs)), key=lambda i: -len(near[i]))
    for _ in range(_ROUNDS):
        moved = False
        for i in order:
            others = boxes[near[i]]
            cost = costs[i] + _OVERLAP * _overlap(candidates[i], others).sum(axis=1)
            best = int(np.argmin(cost + _CROSS * _crossings(leads[i], others)))
            moved |= best != chosen[i]
            chosen[i], boxes[i] = best, candidates[i, best]
        if not moved:
            break
    return chosen


def _candidates(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The boxes (labels, candidates, 4) where labels may go, and points (labels, candidates, n, 4) on their
    leader lines, as boxes without extent.
    """
    x, y, width, height, radius = table.T[:, :, None]
    across, up = np.tile(_SIDES, (len(_DISTANCES), 1)).T
    reach = np.repeat(_DISTANCES, len(_SIDES)) + _GAP + radius
    reach = reach * np.where((across != 0) & (up != 0), 0.75, 1.0)
    middle_x = x + across * (reach + width / 2)
    middle_y = y + up * (reach + height / 2 - np.where(across != 0, height / 4, 0.0))
    low_x, low_y = middle_x - width / 2, middle_y - height / 2
    boxes = np.stack([low_x, low_y, low_x + width, low_y + height], axis=-1)
    point = np.stack([x, y], axis=-1)
    end = np.clip(point, boxes[..., :2], boxes[..., 2:])
    steps = np.linspace(0.2, 0.9, 5)[:, None]
    line = point[..., None, :] + steps * (end - point)[..., None, :]
    return boxes, np.concatenate([line, line], axis=-1)


def _neighbors(table: np.ndarray) -> list[np.ndarray]:
    """For each label the others that it could ever meet."""
    room = 2 * (_DISTANCES.max() + _GAP + table[:, 4].max(initial=0.0))
    apart = np.abs(table[:, None, :2] - table[None, :, :2])
    meet = np.all(apart < table[:, None, 2:4] + table[None, :, 2:4] + room, axis=-1)
    np.fill_diagonal(meet, False)
    return [np.flatnonzero(row) for row in meet]


def _overlap(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which boxes (..., 4) overlap which others (n, 4): (..., n)."""
    left, bottom, right, top = np.moveaxis(boxes[..., None], -2, 0)
    overlap = left < others[:, 2]
    overlap &= others[:, 0] < right
    overlap &= bottom < others[:, 3]
    overlap &= others[:, 1] < top
    return overlap


def _crossings(leads: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of the others the leader line of each candidate crosses: (candidates,)."""
    crossings = np.zeros(leads.shape[0], np.int64)
    crossings[_NEEDS_LEAD] = _overlap(leads[_NEEDS_LEAD], others).any(axis=1).sum(axis=-1)
    return crossings
