"""Where the labels of points go so that they hide neither points nor each other.

Greedy at first, crowded points before lonely ones, then each label in turn moves to the best place left by
the others until none gains by moving.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_GAP = 2.0  # between a point and its label
_CLEAR = 1.5  # kept free around points
_DISTANCES = np.array((0.0, 3.0, 7.0, 12.0, 18.0, 26.0, 36.0, 48.0))
_FAR = 10.0  # beyond it, a line leads from the point to the label
# Where a label stands as seen from its point, best first: (across, up).
_ACROSS = (1, 1, 1, -1, -1, -1, 0, 0, 0.5, -0.5, 0.5, -0.5)
_SIDES = np.array([_ACROSS, (0, 1, -1, 0, 1, -1, 1, -1, 1, 1, -1, -1)]).T
_LINED = np.repeat(_DISTANCES > _FAR, len(_SIDES))  # the choices that need a line
_TOUCH, _HIDE, _LEAVE, _CROSS = 1000.0, 300.0, 5000.0, 60.0  # prices, beside that of distance
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


class _Choices(NamedTuple):
    """The boxes (labels, choices, 4) where labels may go, and points (labels, choices, n, 4) on the lines
    that would lead there, as boxes without room.
    """

    boxes: np.ndarray
    leads: np.ndarray


def label_places(labels: Sequence[Label], page: tuple[float, float, float, float]) -> tuple[list[Place], int]:
    """A place for each label, and how many pairs of labels still touch.

    Args:
        labels: The points and the sizes of their labels.
        page: Left, bottom, right and top of the room there is.
    """
    table = np.array(labels, dtype=float).reshape(-1, 5)
    choices = _choices(table)
    near = _near(table)
    fixed = np.tile(_prices(), (len(table), 1)) + _LEAVE * _outside(choices.boxes, page)
    radius = table[:, 4:] + _CLEAR
    dots = np.hstack([table[:, :2] - radius, table[:, :2] + radius])
    for i, others in enumerate(near):
        fixed[i] += _HIDE * _touch(choices.boxes[i], dots[others]).sum(axis=1)
        fixed[i] += _CROSS * _crossed(choices.leads[i], dots[others])
    chosen = _settled(choices, fixed, near)
    boxes = choices.boxes[np.arange(len(table)), chosen]
    touching = sum(int(_touch(boxes[i : i + 1], boxes[i + 1 :]).sum()) for i in range(len(boxes)))
    return [Place(box[0], box[1], bool(far)) for box, far in zip(boxes.tolist(), _LINED[chosen])], touching


def _settled(choices: _Choices, fixed: np.ndarray, near: Sequence[np.ndarray]) -> np.ndarray:
    """The choice (labels,) of each label: no other would be cheaper, the other labels staying."""
    chosen = np.full(len(fixed), -1)
    boxes = np.full((len(fixed), 4), np.nan)  # what is not a number touches nothing
    order = sorted(range(len(fixed)), key=lambda i: -len(near[i]))
    for _ in range(_ROUNDS):
        moved = False
        for i in order:
            others = boxes[near[i]]
            cost = fixed[i] + _TOUCH * _touch(choices.boxes[i], others).sum(axis=1)
            best = int(np.argmin(cost + _CROSS * _crossed(choices.leads[i], others)))
            moved |= best != chosen[i]
            chosen[i], boxes[i] = best, choices.boxes[i, best]
        if not moved:
            break
    return chosen


def _prices() -> np.ndarray:
    """What each choice costs where nothing is in its way: (choices,)."""
    sides = np.arange(len(_SIDES)) * 0.8
    return (sides + (_DISTANCES**2 / 12 + _DISTANCES)[:, None]).ravel()


def _choices(table: np.ndarray) -> _Choices:
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
    return _Choices(boxes, np.concatenate([line, line], axis=-1))


def _near(table: np.ndarray) -> list[np.ndarray]:
    """For each label the others that it could ever meet."""
    room = 2 * (_DISTANCES.max() + _GAP + table[:, 4].max(initial=0.0))
    apart = np.abs(table[:, None, :2] - table[None, :, :2])
    meet = np.all(apart < table[:, None, 2:4] + table[None, :, 2:4] + room, axis=-1)
    np.fill_diagonal(meet, False)
    return [np.flatnonzero(row) for row in meet]


def _touch(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which boxes (..., 4) share room with which others (n, 4): (..., n)."""
    left, bottom, right, top = np.moveaxis(boxes[..., None], -2, 0)
    found = left < others[:, 2]
    found &= others[:, 0] < right
    found &= bottom < others[:, 3]
    found &= others[:, 1] < top
    return found


def _crossed(leads: np.ndarray, others: np.ndarray) -> np.ndarray:
    """How many of the others the line of each choice crosses: (choices,)."""
    crossed = np.zeros(leads.shape[0], np.int64)
    crossed[_LINED] = _touch(leads[_LINED], others).any(axis=1).sum(axis=-1)
    return crossed


def _outside(boxes: np.ndarray, page: tuple[float, float, float, float]) -> np.ndarray:
    left, bottom, right, top = page
    return np.any([boxes[..., :2] < (left, bottom), boxes[..., 2:] > (right, top)], axis=(0, -1))
