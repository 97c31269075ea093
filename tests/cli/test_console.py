"""What the command line writes where there is no terminal."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from wordladder.cli import console


@pytest.mark.parametrize("width", [8, 20, 40])
def test_lines_break_between_chinese_characters_and_at_spaces(width):
    text = Text("… 师重道，「港督都可以」叫做 Wordladder 肥彭！")
    text.append(" averyveryverylongwordindeed end ", "bold")
    lines = console.wrapped(text, width)
    plain = [line.plain for line in lines]
    assert all(cell_len(line) <= width for line in plain)
    assert "".join(plain).replace(" ", "") == text.plain.replace(" ", "")
    assert not any(line[0] in "，」！" or line[-1] == "「" for line in plain)
    assert len(plain[0]) > 1  # no mark stands alone before Chinese text
    assert any(line.spans for line in lines)


def test_progress_in_a_file_is_a_line_now_and_then(monkeypatch):
    clock, told = [100.0], io.StringIO()
    monkeypatch.setattr(console, "errors", Console(file=told, width=80))
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    with console.progress_bar() as tell:
        for second in range(0, 100, 5):
            clock[0] = 100.0 + second
            tell("epochs", second / 5, 20 if second < 60 else None, loss=0.25, words_per_second=2e6)
        clock[0] += 40
        tell("measuring", 0, None)
    assert told.getvalue().splitlines() == [
        "30 s  epochs 6 of 20  loss 0.25  words per second 2.00 M",
        "60 s  epochs 12  loss 0.25  words per second 2.00 M",
        "1 min 30 s  epochs 18  loss 0.25  words per second 2.00 M",
        "2 min 15 s  measuring",
    ]
