"""The options that several commands share, each described once."""

import tomllib
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import RecipeError, SettingError
from .signatures import library_options

RUN = "Run"
_COLUMN = {"metavar": "COLUMN"}
COLUMNS = {"Table": "text label label_separator format skip_incomplete"}
SPLIT = {"Split": "group time ignore_split"}


def option(help: str, panel: str | None = None, *names: str, **more: Any) -> Any:
    """An option in a panel of its command's help; None is the first panel."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
Input = Annotated[
    str, typer.Argument(metavar="FILE", help="One text a line, or a table; - is standard input.")
]
Json = Annotated[bool, option("Print JSON for programs.", None, "--json")]
Output = Annotated[Path, option("Folder to write.", None, "--output", "-o")]
Resume = Annotated[bool, option("Continue an interrupted run.", None, "--resume")]
Seed = Annotated[int, option("Seed of everything random.")]
Device = Annotated[
    str | None, option("`cpu`, `cuda`, or `cuda:1`; if not given, the best device there is.", RUN)
]
Threads = Annotated[int | None, option("Threads to compute with.", RUN, min=1)]
UnicodeErrors = Annotated[
    Literal["strict", "ignore", "replace"],
    option(
        "Words of text or word2vec binary vectors that are not UTF-8: `strict` is an error, `ignore` drops "
        "the invalid bytes, `replace` puts U+FFFD there."
    ),
]
Set = Annotated[
    list[str] | None,
    option(
        "Change a setting of the recipe: training.epochs=3. May be repeated.",
        None,
        "--set",
        metavar="KEY=VALUE",
    ),
]


def numbering_option(panel: str) -> list[Any]:
    """What judgements call queries by."""
    choices = {"metavar": "ids|order"}
    return library_options("search/judgements.py", "read_queries", {panel: "numbering"}, numbering=choices)


def judged_options(panel: str) -> list[Any]:
    """How files of judgements and queries are read."""
    lowest = library_options("search/judgements.py", "read_judgements", {panel: "lowest_is_best"})
    return [*lowest, *numbering_option(panel)]


# Options that are parameters of `climb`, for the panels given; other commands have some of them too.
climb_options = partial(
    library_options,
    "ladder/climb.py",
    "climb",
    rungs={"metavar": "NAME[,NAME]..."},
    seeds={"min": 1},
    jobs={"min": 1},
    tune={"min": 1},
    cost={"type": Literal["latency", "size", "memory", "train"]},
    margin={"min": 0},
    vectors={"metavar": "FILE"},
    corpus={"type": list[Path]},
    forecast={"metavar": "ROWS[,ROWS]..."},
    encoders={"flags": ["--encoder"]},
    models={"flags": ["--model"]},
    text=_COLUMN,
    label=_COLUMN,
    group=_COLUMN,
    time=_COLUMN,
    threads={"min": 1},
)


def blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts of an input, `size` of them at a time: the last block may be shorter."""
    source = iter(texts)
    while block := list(islice(source, size)):
        yield block


def split_names(texts: list[str] | None) -> list[str] | None:
    """The names in texts such as "a,b"; None if there are no texts."""
    return texts and [name.strip() for text in texts for name in text.split(",") if name.strip()]


def split_numbers(texts: list[str] | None, option: str) -> list[int]:
    """The numbers in texts such as "5000,25000".

    Raises:
        SettingError: one is no whole number.
    """
    found = []
    for text in split_names(texts) or []:
        if not text.isdecimal():
            raise SettingError(f"{option} {text}: it takes whole numbers, such as 5000,25000")
        found.append(int(text))
    return found


def parse_settings(options: list[str] | None, seed: int | None = None) -> dict[str, Any]:
    """`["training.epochs=3"]` as `{"training.epochs": 3}`; a value that is not TOML is a string.

    Raises:
        RecipeError: there is no `=`.
    """
    settings: dict[str, Any] = {} if seed is None else {"training.seed": seed}
    for text in options or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f"--set {text}: write it as KEY=VALUE, such as training.epochs=3")
        try:
            settings[key.strip()] = tomllib.loads(f"value = {value.strip()}")["value"]
        except tomllib.TOMLDecodeError:
            settings[key.strip()] = value.strip()
    return settings
