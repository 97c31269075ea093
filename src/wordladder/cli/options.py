"""The options that several commands share, each described once."""

import tomllib
from collections.abc import Iterable, Iterator
from inspect import Parameter
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from ..errors import RecipeError

TABLE = "Table"
SPLIT = "Split"
RUN = "Run"


def option(help: str, panel: str | None = None, *names: str, **more: Any) -> Any:
    """An option in a panel of its command's help; None is the first panel."""
    return typer.Option(*names, help=help, rich_help_panel=panel, **more)


def argument(metavar: str, help: str) -> Any:
    """A positional argument."""
    return typer.Argument(metavar=metavar, help=help)


def option_group(**options: Any) -> list[Parameter]:
    """Options for `add_options`: False if they are flags, else None, where they are not given."""
    return [
        Parameter(
            name,
            Parameter.KEYWORD_ONLY,
            annotation=kind,
            default=False if get_args(kind)[0] is bool else None,
        )
        for name, kind in options.items()
    ]


ModelPath = Annotated[Path, argument("MODEL", "Folder of a saved model.")]
LABELLED = "Labelled table, tagged text, or questions with answers; .gz .xz .zst too."
LabelledFile = Annotated[Path, argument("FILE", LABELLED)]
Input = Annotated[str, argument("FILE", "One text a line, or a table; - is standard input.")]
Text = Annotated[
    str | None,
    option("Column of the texts; found by the usual names if not given.", TABLE, "--text", metavar="COLUMN"),
]
Label = Annotated[
    str | None,
    option("Column of the labels; found by the usual names if not given.", TABLE, metavar="COLUMN"),
]
LabelSeparator = Annotated[
    str | None, option("Separator of several labels in a cell; not needed for JSON lists.", TABLE)
]
Format = Annotated[
    str | None,
    option(
        "Tables: csv, tsv, jsonl, parquet, fasttext or lines. Tagged text: columns or conllu. Questions: "
        "squad. Found by the file's name and first lines if not given.",
        TABLE,
        "--format",
    ),
]
SkipIncomplete = Annotated[
    bool,
    option(
        "Leave out rows that lack a text or a label, and report how many; otherwise they are an error.",
        TABLE,
        "--skip-incomplete",
    ),
]
Group = Annotated[
    str | None,
    option(
        "Column of authors, documents or files: rows of one stay together in every part. For SQuAD files "
        "`title`, for tagged text `document`.",
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
        "Ignore a column named split; otherwise its train, dev (or validation) and test are used.",
        SPLIT,
        "--ignore-split",
    ),
]
COLUMNS = option_group(
    text=Text, label=Label, label_separator=LabelSeparator, format=Format, skip_incomplete=SkipIncomplete
)
SPLITTING = option_group(group=Group, time=Time, ignore_split=IgnoreSplit)
Json = Annotated[bool, option("Print JSON for programs.", None, "--json")]
Output = Annotated[Path, option("Folder to write.", None, "--output", "-o")]
Resume = Annotated[bool, option("Continue an interrupted run.", None, "--resume")]
Seed = Annotated[int, option("Seed of everything random.")]
Device = Annotated[
    str | None,
    option("cpu, cuda, or cuda:1 for the second accelerator; the best there is if not given.", RUN),
]
Threads = Annotated[int | None, option("Threads to compute with.", RUN, min=1)]
COMPUTING = option_group(device=Device, threads=Threads)
Vectors = Annotated[
    Path | None, option("Word vectors for every static embedder, instead of training them.", metavar="FILE")
]
UnicodeErrors = Annotated[
    Literal["strict", "ignore", "replace"],
    option(
        "Words of text or word2vec binary vectors that are not UTF-8: `strict` is an error, `ignore` drops "
        "the invalid bytes, `replace` puts U+FFFD there.",
        None,
        "--unicode-errors",
    ),
]
Corpus = Annotated[
    list[Path] | None,
    option("Raw text to train word vectors on, in addition to the training texts. May be repeated."),
]
WORD_VECTORS = option_group(vectors=Vectors, corpus=Corpus)
Set = Annotated[
    list[str] | None,
    option(
        "Change a setting of the recipe, such as training.epochs=3. May be repeated.",
        None,
        "--set",
        metavar="KEY=VALUE",
    ),
]


def blocks(texts: Iterable[str], size: int) -> Iterator[list[str]]:
    """The texts of an input, `size` of them at a time: the last block may be shorter."""
    source = iter(texts)
    while block := list(islice(source, size)):
        yield block


def split_names(texts: list[str] | None) -> list[str] | None:
    """The names in texts such as "a,b"; None if there are no texts."""
    return texts and [name.strip() for text in texts for name in text.split(",") if name.strip()]


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
