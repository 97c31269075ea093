"""The options that several commands share, each described once."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import RecipeError

__all__ = [
    "Device",
    "Format",
    "Json",
    "Label",
    "LabelSeparator",
    "Output",
    "Resume",
    "Set",
    "Text",
    "Threads",
    "parse_settings",
]

TABLE = "Table"
RUN = "Run"

Text = Annotated[
    str | None,
    typer.Option(
        "--text",
        metavar="COLUMN",
        help="Column of the texts; left out, found by the usual names.",
        rich_help_panel=TABLE,
    ),
]
Label = Annotated[
    str | None,
    typer.Option(
        "--label",
        metavar="COLUMN",
        help="Column of the labels; left out, found by the usual names.",
        rich_help_panel=TABLE,
    ),
]
LabelSeparator = Annotated[
    str | None,
    typer.Option(
        help="What stands between several labels in a cell; a JSON list needs none.", rich_help_panel=TABLE
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="csv, tsv, jsonl, parquet, txt or fasttext; left out, the file's name tells.",
        rich_help_panel=TABLE,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]
Device = Annotated[
    str | None,
    typer.Option(
        help='"cpu", or "cuda" for an accelerator; left out, the best there is.', rich_help_panel=RUN
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads to compute with.", rich_help_panel=RUN)]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the recipe, such as training.epochs=3; may be repeated.",
    ),
]


def parse_settings(given: list[str] | None, seed: int | None = None) -> dict[str, Any]:
    """`["training.epochs=3"]` as `{"training.epochs": 3}`; a value is read as TOML, else as it stands.

    Raises:
        RecipeError: there is no `=`.
    """
    settings: dict[str, Any] = {} if seed is None else {"training.seed": seed}
    for one in given or []:
        key, equals, value = one.partition("=")
        if not equals:
            raise RecipeError(f"--set {one}: write it as KEY=VALUE, such as training.epochs=3")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value.strip()
    return settings
