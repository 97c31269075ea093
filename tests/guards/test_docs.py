"""Pages that are made from the code are as the code is."""

from pathlib import Path

import pytest

from wordladder.cli.reference import commands_page, recipes_page

DOCS = Path(__file__).parents[2] / "docs"


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
