"""Draws a word map: points, one colour for each group, and labels that do not overlap."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..errors import SettingError
from ..extras import require
from .label_fonts import fonts_for, quiet_fonts
from .label_placement import draw_labels
from .word_map import WordMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
INK, MUTED = "#2b2b2b", "#8a8a86"
PALETTE = (
    "#3f6592", "#b0603f", "#4f7f5f", "#85629b", "#a07f2c", "#3c8587", "#ad5f7e", "#6f7a34", "#7a5c48",
    "#5d6673",
)  # fmt: skip
PLAIN, BOLD = (8.0, "normal"), (9.5, "bold")  # size and weight
SMALL_PRINT = 6.5


class MapPicture(NamedTuple):
    """A picture of a word map.

    Attributes:
        content: The bytes of the file.
        missing: Characters of the labels for which no font was found.
        overlaps: How many pairs of labels overlap.
    """

    content: bytes
    missing: str
    overlaps: int


def picture_format(path: str | Path) -> str:
    """The format of a picture, by its file name extension.

    Raises:
        SettingError: the extension is not svg, png or pdf.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise SettingError(f"{path}: the name of a picture must end with .svg, .png or .pdf.")
    return suffix


def draw_word_map(
    word_map: WordMap, format: str = "svg", *, font: str | Path | None = None, title: str = ""
) -> MapPicture:
    """Draw a word map.

    With neighbours, the words asked for are bold, and each group has its own colour.

    Args:
        word_map: The words and their coordinates.
        format: `svg`, `png` or `pdf`.
        font: A font file for the labels; None chooses an installed font that has their characters.
        title: A line above the map.

    Raises:
        MissingExtraError: matplotlib is not installed.
        SettingError: the font cannot be read.
    """
    matplotlib = require("matplotlib", "plot", "A map of words")
    families, missing = fonts_for("".join([*word_map.words, title]), font)
    settings = {
        "font.family": families, "svg.fonttype": "path", "svg.hashsalt": "map", "pdf.fonttype": 42,
        "axes.unicode_minus": False,
    }  # fmt: skip
    with matplotlib.rc_context(settings), quiet_fonts():
        scale = max(1.0, (len(word_map.words) / 45) ** 0.5)
        for _ in range(4):  # a larger page has more room for the labels
            figure, overlaps = _draw(word_map, scale, title)
            if not overlaps:
                break
            scale *= 1.2
        buffer = io.BytesIO()
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, format=format, dpi=180, facecolor="white", metadata=dates.get(format))
    return MapPicture(buffer.getvalue(), missing, overlaps)


def _draw(word_map: WordMap, scale: float, title: str) -> "tuple[Figure, int]":
    """The figure, `scale` times as large as for a few words, and how many pairs of labels overlap."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # In the proportion of the points, within limits; in inches.
    wide, high = np.maximum(np.ptp(word_map.points, axis=0), 1e-12)
    width, height = 7.0 * scale, 7.0 * scale * float(np.clip(high / wide, 0.56, 0.9))
    figure = Figure(figsize=(width, height), dpi=72)
    FigureCanvasAgg(figure)  # its one renderer measures all labels
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _set_limits(axes, word_map.points, width, height)
    asked, others = word_map.asked, len(word_map.words) - word_map.asked
    colours = [PALETTE[group % len(PALETTE) if others else 0] for group in word_map.groups]
    radii = [2.5 if others else 2.0] * asked + [1.6] * others
    sizes, weights = zip(*[BOLD if others else PLAIN] * asked, *[PLAIN] * others)
    x, y = word_map.points.T
    axes.scatter(x, y, s=[(2 * r) ** 2 for r in radii], c=colours, linewidths=0, alpha=0.9, zorder=2)
    page = (6.0, 22.0, figure.bbox.width - 6.0, figure.bbox.height - 24.0)
    inks, style = colours if others else [INK] * asked, {"textsize": list(sizes), "fontweight": list(weights)}
    overlaps = draw_labels(axes, word_map.points, word_map.words, page, inks, **style)
    left = 0.22 / width
    figure.text(left, 0.16 / height, _caption(word_map), fontsize=SMALL_PRINT, color=MUTED)
    if title:
        figure.text(left, 1 - 0.3 / height, title, fontsize=10.5, color=INK, weight="bold", parse_math=False)
    return figure, overlaps


def _set_limits(axes: Any, points: np.ndarray, width: float, height: float) -> None:
    """The same units along both axes, the points centred, and room for labels around them."""
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    room = np.array([width - 1.7, height - 1.1])
    unit = max(*(np.ptp(points, axis=0) / room), 1e-12)
    (left, bottom), (right, top) = (centre + sign * unit * np.array([width, height]) / 2 for sign in (-1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _caption(word_map: WordMap) -> str:
    count = f"{len(word_map.words)} words"
    if word_map.explained is not None:
        across, up = word_map.explained
        return f"{count}. Principal components: {across:.0%} of the variance across, {up:.0%} up"
    perplexity = f"{word_map.perplexity:.0f}"
    return f"{count}. t-SNE, perplexity {perplexity}: close words are alike, large distances mean little"
