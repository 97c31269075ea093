"""Entities in a terminal and in plain text."""

import io

import pytest
from rich.color import Color
from rich.console import Console

from wordladder.cli.predict import NAMES, coloured, marked
from wordladder.errors import DataError
from wordladder.evaluation.entity_marks import COLOURS

TEXT = "Ana [x] lives in 北京."
FOUND = [{"type": "LOC", "start": 17, "end": 19}, {"type": "PER", "start": 0, "end": 3}]


def styles(shown):
    return {shown.plain[span.start : span.end]: span.style for span in shown.spans}


def test_plain_marks():
    assert marked(TEXT, FOUND) == "[Ana PER] [x] lives in [北京 LOC]."
    assert marked(TEXT, []) == TEXT
    assert marked("", []) == ""


def test_coloured_marks():
    shown = coloured(TEXT, FOUND)
    assert shown.plain == "Ana[PER] [x] lives in 北京[LOC]."
    assert styles(shown) == {
        "Ana": f"bold {NAMES[0]}", "[PER]": f"dim {NAMES[0]}",
        "北京": f"bold {NAMES[1]}", "[LOC]": f"dim {NAMES[1]}",
    }  # fmt: skip


def test_a_terminal_shows_colours_and_keeps_brackets_of_the_text():
    screen = io.StringIO()
    Console(file=screen, force_terminal=True, color_system="256", width=80).print(coloured(TEXT, FOUND))
    written = screen.getvalue()
    number = Color.parse(NAMES[0]).number
    assert f"\x1b[1;38;5;{number}mAna\x1b[0m\x1b[2;38;5;{number}m[PER]\x1b[0m [x] lives" in written


def test_colours_are_those_of_all_types_shown():
    types = [f"type {number}" for number in range(COLOURS + 1)]
    each = [coloured("a", [{"type": type, "start": 0, "end": 1}], types) for type in types]
    looks = [styles(shown)["a"] for shown in each]
    assert len(set(looks)) == COLOURS + 1
    assert sum(look.endswith("underline") for look in looks) == 1


def test_the_colours_exist_and_differ():
    assert len({Color.parse(name).number for name in NAMES}) == COLOURS


@pytest.mark.parametrize("shown", [coloured, marked])
def test_entities_that_overlap(shown):
    with pytest.raises(DataError, match="overlaps"):
        shown(TEXT, [*FOUND, {"type": "LOC", "start": 2, "end": 6}])
