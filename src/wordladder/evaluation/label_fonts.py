"""Finds installed fonts that have the characters of labels, in any script."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from ..errors import SettingError

USUAL = "DejaVu Sans"  # comes with matplotlib
# Common families with Han characters, the plainest first.
HAN_FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC",
    "Hiragino Sans GB", "Microsoft YaHei", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Heiti SC", "STHeiti",
    "SimHei", "Noto Sans CJK JP", "Noto Sans CJK TC", "Droid Sans Fallback", "Arial Unicode MS",
)  # fmt: skip


def fonts_for(text: str, font: str | Path | None = None) -> tuple[list[str], str]:
    """Font families for `text`: each character is drawn by the first family that has it.

    Args:
        text: The text to draw.
        font: A font file that takes precedence.

    Returns:
        The families, and the characters that no installed font has.

    Raises:
        SettingError: the font cannot be read.
    """
    from matplotlib import font_manager

    manager = font_manager.fontManager
    families = []
    missing = "".join(dict.fromkeys(one for one in text if one.isprintable() and not one.isspace()))
    if font is not None:
        try:
            manager.addfont(str(font))
            families.append(font_manager.get_font(str(font)).family_name)
        except (OSError, RuntimeError) as error:
            raise SettingError(f"{font} is not a font file that can be read: {error}.") from None
        missing = _missing([str(font)], missing)
    for family in _installed_families(manager):
        rest = _missing(_files(manager, family), missing)
        if family == USUAL or len(rest) < len(missing):
            families.append(family)
        missing = rest
        if not missing:
            break
    return families, missing


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """Silence matplotlib's warnings about characters and weights that a font lacks."""
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
    """A file of the family, upright and of regular weight if there is one."""
    entries = [entry for entry in manager.ttflist if entry.name == family]
    plain = [entry for entry in entries if entry.style == "normal" and entry.weight in (400, "normal")]
    return [entry.fname for entry in plain or entries][:1]


def _installed_families(manager: Any) -> Iterator[str]:
    """The usual family; then, of all that are installed, those with Han characters first."""
    yield USUAL
    _find_new_fonts(manager)
    installed = {entry.name for entry in manager.ttflist} - {USUAL}
    yield from (name for name in HAN_FAMILIES if name in installed)
    # fonts of last resort have a box for every character
    others = installed.difference(HAN_FAMILIES)
    yield from sorted(name for name in others if "last resort" not in name.lower())


def _find_new_fonts(manager: Any) -> None:
    """Add fonts that were installed after matplotlib built its cache; broken ones are skipped."""
    from matplotlib import font_manager

    known = {os.path.realpath(entry.fname) for entry in manager.ttflist}
    for path in font_manager.findSystemFonts():
        if os.path.realpath(path) not in known:
            with suppress(OSError, RuntimeError):
                manager.addfont(path)


def _missing(files: list[str], characters: str) -> str:
    """The characters that none of the files has."""
    return "".join(one for one in characters if not any(ord(one) in _characters(file) for file in files))


@cache
def _characters(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
