"""The options that several commands share, each described once."""

import tomllib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import RecipeError

TABLE = "Table"
SPLIT = "Split"
RUN = "Run"


def option(help: str, panel: str, *names: str, **more: Any) -> Any:
    """An option that stands in a panel of its command's help."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder of a saved model.")]
Input = Annotated[
    str, typer.Argument(metavar="FILE", help="One text a line, or a table; - is standard input.")
]
Text = Annotated[
    str | None,
    option("Column of the texts; left out, found by the usual names.", TABLE, "--text", metavar="COLUMN"),
]
Label = Annotated[
    str | None,
    option("Column of the labels; left out, found by the usual names.", TABLE, "--label", metavar="COLUMN"),
]
LabelSeparator = Annotated[
    str | None, option("What stands between several labels in a cell; a JSON list needs none.", TABLE)
]
Format = Annotated[
    str | None,
    option(
        "csv, tsv, jsonl, parquet, fasttext, lines; of tagged text columns, conllu; of questions squad. "
        "Left out, the file's name and first lines tell.",
        TABLE,
        "--format",
    ),
]
SkipIncomplete = Annotated[
    bool,
    option(
        "Leave out rows of a table that lack a text or a label, and say how many; without it they are "
        "refused.",
        TABLE,
        "--skip-incomplete",
    ),
]
Group = Annotated[
    str | None,
    option(
        "Column of authors, documents or files: rows of one stay together in every part. In a SQuAD "
        "document title, in tagged columns document.",
        SPLIT,
        metavar="COLUMN",
    ),
]
Time = Annotated[
    str | None,
    option(
        "Column of ISO dates, ISO datetimes or numbers: the newest rows are held out.",
        SPLIT,
        metavar="COLUMN",
    ),
]
IgnoreSplit = Annotated[
    bool,
    option(
        "Ignore the column split, whose train, dev (or validation) and test are obeyed otherwise.",
        SPLIT,
        "--ignore-split",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")]
Device = Annotated[
    str | None, option("cpu, cuda, or cuda:1 for the second accelerator; left out, the best there is.", RUN)
]
Threads = Annotated[int | None, option("Threads to compute with.", RUN, min=1)]
Vectors = Annotated[
    Path | None, typer.Option(help="Word vectors for every static embedder, instead of training them.")
]
UnicodeErrors = Annotated[
    Literal["strict", "ignore", "replace"],
    typer.Option(
        "--unicode-errors",
        help="Words of text or word2vec binary vectors that are not UTF-8: strict refuses them, ignore "
        "leaves their wrong bytes out, replace puts U+FFFD there.",
    ),
]
Corpus = Annotated[
    list[Path] | None,
    typer.Option(help="Raw text to train word vectors on, beside the training texts; may be repeated."),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a setting of the recipe, such as training.epochs=3; may be repeated.",
    ),
]


def blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts of an input, `size` of them at a time: the last block may be shorter."""
    source = iter(texts)
    while block := list(islice(source, size)):
        yield block


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
