"""Fonts for labels in any script: of those installed, the ones that have the characters."""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SettingError

USUAL = "DejaVu Sans"  # comes with matplotlib
# Families with Han characters that systems bring along, the plainest first.
HAN_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Heiti SC", "STHeiti",
    "SimHei", "Noto Sans CJK JP", "Noto Sans CJK TC", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


def fonts_for(text: str, font: str | Path | None = None) -> tuple[list[str], str]:
    """Font families for `text`, of which the first that has a character draws it.

    Args:
        text: What is to be drawn.
        font: A font file to take before all others.

    Returns:
        The families, and the characters that none of the installed fonts has.

    Raises:
        SettingError: the font cannot be read.
    """
    from matplotlib import font_manager

    manager = font_manager.fontManager
    families = [USUAL]
    missing = dict.fromkeys(one for one in text if one.isprintable() and not one.isspace())
    if font is not None:
        try:
            manager.addfont(str(font))
            families.insert(0, font_manager.get_font(str(font)).family_name)
        except (OSError, RuntimeError) as error:
            raise SettingError(f"{font} is not a font file that can be read: {error}.") from None
        missing = _lacking([str(font)], missing)
    missing = _lacking(_files(manager, USUAL), missing)
    if not missing:
        return families, ""
    _look_again(manager)
    for family in _by_taste(manager):
        left = _lacking(_files(manager, family), missing)
        if len(left) < len(missing):
            families.append(family)
            missing = left
        if not missing:
            break
    return families, "".join(missing)


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """Keep matplotlib from telling of each character and each weight that a font lacks."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        log.setLevel(level)


def _files(manager: Any, family: str) -> list[str]:
    """The files of a family, upright and of a usual weight where there are such."""
    entries = [entry for entry in manager.ttflist if entry.name == family]
    plain = [entry for entry in entries if entry.style == "normal" and entry.weight in (400, "normal")]
    return [entry.fname for entry in plain or entries][:1]


def _by_taste(manager: Any) -> list[str]:
    """The installed families, those for Han characters first."""
    installed = {entry.name for entry in manager.ttflist}
    han = [name for name in HAN_FAMILIES if name in installed]
    # fonts of last resort have a box for every character
    others = sorted(name for name in installed - set(han) if "last resort" not in name.lower())
    return han + others


def _look_again(manager: Any) -> None:
    """Make fonts known that were installed since matplotlib last looked; broken ones stay unknown."""
    from matplotlib import font_manager

    known = {os.path.realpath(entry.fname) for entry in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if os.path.realpath(path) not in known:
            try:
                manager.addfont(path)
            except (OSError, RuntimeError):
                continue


def _lacking(files: Sequence[str], characters: dict[str, None]) -> dict[str, None]:
    """Those of the characters that none of the files has."""
    for file in files:
        has = _characters(file)
        characters = {one: None for one in characters if ord(one) not in has}
    return characters


@cache
def _characters(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
