"""Writes docs/commands.md and docs/recipes.md from the code: `python tools/reference_pages.py [FOLDER]`.

A setting is described once, in a docstring or an option's help; a test fails when the pages differ.
"""

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any, get_args, get_origin

from wordladder.cli.signatures import documented_arguments
from wordladder.recipe import component, kinds
from wordladder.text.words import TextSettings
from wordladder.training.settings import TrainingSettings

FOLDERS = {
    "vectors": "[vectors]",
    "embedders": "[[embedders]]",
    "fusion": "[fusion]",
    "encoders": "[[encoders]]",
    "shallow": "[shallow]",
    "tasks": "[task]",
}


def recipes_page() -> str:
    """Every table of a recipe and its keys, as Markdown."""
    lines = ["# Recipes: every table and key", "", "Made from the code by `make docs`.", ""]
    for cls, title in ((TextSettings, "[text]"), (TrainingSettings, "[training]")):
        lines += _section(f"`{title}`", cls)
    for folder, title in FOLDERS.items():
        for kind in kinds(folder):
            lines += _section(f'`{title}` `kind = "{kind}"`', component(folder, kind))
    return "\n".join(lines)


def _section(title: str, cls: type) -> list[str]:
    doc = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    lines = [f"## {title}", "", doc, ""]
    about = documented_arguments(inspect.getdoc(cls) or "")
    parameters = [
        p for p in inspect.signature(cls, eval_str=True).parameters.values() if p.kind is p.KEYWORD_ONLY
    ]
    if parameters:
        lines += ["| key | values | default | |", "|---|---|---|---|"]
    for p in parameters:
        default = "must be given" if p.default is p.empty else _written(p.default)
        lines.append(f"| `{p.name}` | {_values(p.annotation)} | {default} | {about.get(p.name, '')} |")
    return [*lines, ""]


def _written(value: Any) -> str:
    return "left out" if value is None else f"`{json.dumps(value, ensure_ascii=False)}`"


def _values(annotation: Any) -> str:
    """A type as the reader of a TOML file knows it."""
    names = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    if annotation in names:
        return names[annotation]
    arguments = [a for a in get_args(annotation) if a is not type(None)]
    if get_origin(annotation) is list:
        return "list of " + _values(arguments[0])
    if all(isinstance(a, str) for a in arguments):
        return ", ".join(f'`"{a}"`' for a in arguments)
    return " or ".join(_values(a) for a in arguments)


def commands_page() -> str:
    """Every command and its options, as Markdown."""
    from typer.main import get_command

    from wordladder.cli import app

    lines = ["# Commands", "", "Made from the code by `make docs`.", ""]
    for path, command in _commands("wordladder", get_command(app)):
        text = re.sub(r"^Example: *", "    ", inspect.cleandoc(command.help or ""), flags=re.MULTILINE)
        lines += [f"## {path}", "", text, ""]
        lines += ["| | |", "|---|---|"]
        for parameter in command.params:
            if parameter.name != "help":
                lines.append(f"| `{_usage(parameter)}` | {getattr(parameter, 'help', '') or ''} |")
        lines.append("")
    return "\n".join(lines)


def _commands(path: str, command: Any) -> list[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        return [(path, command)]
    return [leaf for name, inner in command.commands.items() for leaf in _commands(f"{path} {name}", inner)]


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return (parameter.metavar or parameter.name).upper()
    name = max(parameter.opts, key=len)
    default = parameter.default
    shown = isinstance(default, int | float | str) and not isinstance(default, bool)
    return f"{name} {default}" if shown else name


def main(folder: str = "docs") -> None:
    """Write both pages."""
    for name, page in (("commands.md", commands_page()), ("recipes.md", recipes_page())):
        Path(folder, name).write_text(page, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
