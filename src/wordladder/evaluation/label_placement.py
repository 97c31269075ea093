"""Labels next to the points of a picture, which cover neither points nor lines nor each other."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from ..extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Box = tuple[float, float, float, float]  # left, bottom, right, top

_NEAR = 12.0  # pixels from its point, a label needs no leader line
_SHARE = 0.5  # of the width of the axes: no label is further from its point


def draw_labels(
    axes: "Axes", points: ArrayLike, labels: Sequence[str], page: Box, colors: Sequence[str], **style: Any
) -> int:
    """Draw labels next to their points, with a thin leader line to those that are far away.

    Args:
        axes: Where the points and perhaps lines were drawn; its limits are final.
        points: The points (labels, 2), in the units of the axes.
        labels: Their labels.
        page: The part of the figure where labels may be, in pixels.
        colors: The colours of the labels and their leader lines.
        style: The `textsize` and the `fontweight` of all labels or of each.

    Returns:
        How many pairs of labels overlap.
    """
    x, y = np.asarray(points, dtype=float).T
    to_data = axes.transData.inverted().transform
    lines = [to_data(line.get_transform().transform(line.get_xydata())) for line in axes.lines]
    (left, bottom), (right, top) = to_data(np.reshape(page, (2, 2)))
    *_, texts, leaders = require("textalloc", "plot", "labels in a picture").allocate(
        axes, x, y, list(labels),
        x_scatter=x, y_scatter=y,
        x_lines=[line[:, 0] for line in lines], y_lines=[line[:, 1] for line in lines],
        xlims=(left, right), ylims=(bottom, top), max_distance=_SHARE, avoid_label_lines_overlap=True,
        textcolor=list(colors), linecolor=list(colors), linewidth=0.5, plot_kwargs={"alpha": 0.45},
        parse_math=False, **style,
    )  # fmt: skip
    for leader in filter(None, leaders):
        across, up = np.ptp(axes.transData.transform(leader.get_xydata()), axis=0)
        if np.hypot(across, up) < _NEAR:
            leader.remove()
    boxes = [text.get_window_extent() for text in texts]
    return (sum(box.count_overlaps(boxes) for box in boxes) - len(boxes)) // 2
