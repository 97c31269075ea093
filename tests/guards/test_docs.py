"""Pages that are made from the code are as the code is."""

import re
from pathlib import Path

import pytest
from reference_pages import commands_page, recipes_page
from test_imports import ORDER
from typer.main import get_command

import wordladder
from wordladder.cli import app

PACKAGE = Path(wordladder.__file__).parent
DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", DOCS.parent / "README.zh.md", *sorted(DOCS.rglob("*.md"))]


@pytest.mark.parametrize(("name", "page"), [("commands.md", commands_page), ("recipes.md", recipes_page)])
def test_generated_pages_are_current(name, page):
    assert (DOCS / name).read_text(encoding="utf-8") == page(), "run: make docs"


def test_both_readmes_have_the_same_shape():
    english, chinese = (
        (DOCS.parent / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
    )

    def shape(text):
        lines = text.split("\n")
        return [len(line) - len(line.lstrip("#")) for line in lines if line.startswith("#")], text.count(
            "```"
        )

    assert shape(english) == shape(chinese)


def test_every_room_is_on_the_map_in_import_order():
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[\w.]+/?` ?)+)\|", page, re.MULTILINE)
    rooms = [room.rstrip("/").removesuffix(".py") for row in rows for room in re.findall(r"`([^`]+)`", row)]
    assert rooms == [room for room in ORDER if room != "__main__"]
    named = re.findall(r"`((?:[\w<>]+/)+[\w<>]*(?:\.\w+)?)`", page)
    for path in named:
        assert "<" in path or any((root / path).exists() for root in (PACKAGE, DOCS.parent)), path


def written_commands(text):
    """The words behind each `wordladder` in blocks of code and between backquotes."""
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").split("\n")
    lines += re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)
    for line in lines:
        for found in re.finditer(r"(?:^|[|/] ?)wordladder ([a-z-].*?)(?=\s[|#]|$)", line.strip()):
            yield found[1].split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_written_commands_and_options_exist(page):
    commands = list(written_commands(page.read_text(encoding="utf-8")))
    assert commands or page.parent != DOCS.parent, "a README without commands"
    for words in commands:
        command = get_command(app)
        while hasattr(command, "commands"):
            options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
            name = words.pop(0) if words else "--help"
            if name in options:
                break
            assert name in command.commands, (page.name, name)
            command = command.commands[name]
        options |= {option for parameter in command.params for option in parameter.opts}
        given = {word for word in words if re.match(r"--?[a-z]", word)}
        assert given <= options, (page.name, command.name, sorted(given - options))
