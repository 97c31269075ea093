"""The picture of a map of words: points, a colour a group, and labels that stay clear of each other."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SettingError
from ..extras import require
from .label_fonts import fonts_for, quiet_fonts
from .label_placement import Label, label_places
from .word_map import WordMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
INK, MUTED = "#2b2b2b", "#8a8a86"
PALETTE = (
    "#3f6592", "#b0603f", "#4f7f5f", "#85629b", "#a07f2c", "#3c8587", "#ad5f7e", "#6f7a34", "#7a5c48",
    "#5d6673",
)  # fmt: skip
SIZE, ASKED_SIZE, SMALL_PRINT = 8.0, 9.5, 6.5


@dataclass(frozen=True)
class MapPicture:
    """A picture of a map.

    Attributes:
        content: The bytes of the file.
        missing: Characters of the labels for which no font was found.
        overlaps: How many pairs of labels could not be kept apart.
    """

    content: bytes
    missing: str
    overlaps: int


def picture_format(path: str | Path) -> str:
    """The format of a picture, by the suffix of its name.

    Raises:
        SettingError: the suffix is none of svg, png and pdf.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    if suffix not in FORMATS:
        raise SettingError(f"{path}: a picture's name ends with .svg, .png or .pdf.")
    return suffix


def draw_word_map(
    word_map: WordMap, format: str = "svg", *, font: str | Path | None = None, title: str = ""
) -> MapPicture:
    """Draw a map of words.

    Words asked for are bold; with neighbours, each group has a colour of its own.

    Args:
        word_map: The words and their places.
        format: `svg`, `png` or `pdf`.
        font: A font file for the labels; left out, an installed one that has their characters.
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
        for _ in range(4):  # on a larger page labels find more room
            figure, overlaps = _drawn(word_map, scale, title)
            if not overlaps:
                break
            scale *= 1.2
        buffer = io.BytesIO()
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
        figure.savefig(buffer, format=format, dpi=180, facecolor="white", metadata=dates.get(format))
    return MapPicture(buffer.getvalue(), missing, overlaps)


def _drawn(word_map: WordMap, scale: float, title: str) -> "tuple[Figure, int]":
    """The figure, `scale` times as large as for few words, and how many pairs of labels touch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    width, height = _page(word_map.points, scale)
    figure = Figure(figsize=(width, height), dpi=72)
    FigureCanvasAgg(figure)  # keeps the one renderer that measures all labels
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    _set_limits(axes, word_map.points, width, height)
    colours = _colours(word_map)
    areas = [(2 * radius) ** 2 for radius in _radii(word_map)]
    x, y = word_map.points.T
    axes.scatter(x, y, s=areas, c=colours, linewidths=0, alpha=0.9, zorder=2)
    overlaps = _write_labels(figure, axes, word_map, colours)
    figure.text(0.22 / width, 0.16 / height, _small_print(word_map), fontsize=SMALL_PRINT, color=MUTED)
    if title:
        figure.text(
            0.22 / width, 1 - 0.3 / height, title, fontsize=10.5, color=INK, weight="bold", parse_math=False
        )
    return figure, overlaps


def _page(points: np.ndarray, scale: float) -> tuple[float, float]:
    """Width and height in inches: as wide as high as the points lie, within what looks well."""
    wide, high = np.maximum(np.ptp(points, axis=0), 1e-12)
    return 7.0 * scale, 7.0 * scale * float(np.clip(high / wide, 0.56, 0.9))


def _set_limits(axes: Any, points: np.ndarray, width: float, height: float) -> None:
    """The same units along both axes, the points in the middle, and room for labels around."""
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    room = np.array([width - 1.7, height - 1.1])
    unit = max(*(np.ptp(points, axis=0) / room), 1e-12)
    (left, bottom), (right, top) = (centre + sign * unit * np.array([width, height]) / 2 for sign in (-1, 1))
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)


def _colours(word_map: WordMap) -> list[str]:
    if len(word_map.words) == word_map.asked:
        return [PALETTE[0]] * word_map.asked
    return [PALETTE[group % len(PALETTE)] for group in word_map.groups]


def _radii(word_map: WordMap) -> list[float]:
    rest = len(word_map.words) - word_map.asked
    return [2.5 if rest else 2.0] * word_map.asked + [1.6] * rest


def _write_labels(figure: Any, axes: Any, word_map: WordMap, colours: Sequence[str]) -> int:
    plain = len(word_map.words) == word_map.asked
    texts = []
    for number, word in enumerate(word_map.words):
        bold = number < word_map.asked and not plain
        size, weight = (ASKED_SIZE, "bold") if bold else (SIZE, "normal")
        text = figure.text(0, 0, word, fontsize=size, weight=weight, parse_math=False)
        text.set_color(INK if plain else colours[number])
        texts.append(text)
    boxes = [text.get_window_extent() for text in texts]
    centres = axes.transData.transform(word_map.points)
    labels = [
        Label(float(x), float(y), box.width, box.height, radius)
        for (x, y), box, radius in zip(centres, boxes, _radii(word_map))
    ]
    page = figure.bbox
    places, overlaps = label_places(labels, (6.0, 22.0, page.width - 6.0, page.height - 24.0))
    for text, box, place, label in zip(texts, boxes, places, labels):
        left, bottom = place.left - box.x0, place.bottom - box.y0
        text.set_position((left / page.width, bottom / page.height))
        if place.far:
            _lead(figure, label, place, text.get_color())
    return overlaps


def _lead(figure: Any, label: Label, place: Any, colour: str) -> None:
    """A hairline from a point to its label, when it had to go far."""
    from matplotlib.lines import Line2D

    end_x = float(np.clip(label.x, place.left, place.left + label.width))
    end_y = float(np.clip(label.y, place.bottom, place.bottom + label.height))
    across, up = figure.bbox.width, figure.bbox.height
    ends = [label.x / across, end_x / across], [label.y / up, end_y / up]
    figure.add_artist(Line2D(*ends, color=colour, linewidth=0.5, alpha=0.45, zorder=1))


def _small_print(word_map: WordMap) -> str:
    count = f"{len(word_map.words)} words"
    if word_map.explained is not None:
        across, up = word_map.explained
        return f"{count}. Principal components: {across:.0%} of the variance across, {up:.0%} up"
    return f"{count}. t-SNE, perplexity {word_map.perplexity:.0f}: near is alike, far away tells little"
