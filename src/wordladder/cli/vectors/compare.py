"""Compare two files of word vectors: what moved between them."""

from pathlib import Path
from typing import Annotated, Any

from ..console import console, figures_table, print_json
from ..library_options import add_options, library_options
from ..options import Json, UnicodeErrors, argument, split_names
from ._shared import File, Format, load
from .ask import as_trained, near

_SHOWN = 5  # neighbours in a table; JSON has them all


OPTIONS = library_options(
    "evaluation/vector_drift.py",
    "compare_vectors",
    {"Options": "words neighbors frequent sample topn"},
    words={"default": None, "metavar": "WORD[,WORD]..."},
    neighbors={"min": 1},
    frequent={"min": 2},
    sample={"min": 1},
    topn={"min": 1},
)


@add_options(OPTIONS)
def compare(
    file: File,
    other: Annotated[Path, argument("FILE", "The later vectors to compare with.")],
    *,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
    **options: Any,
) -> None:
    """Show what moved between two files of word vectors, aligned by orthogonal Procrustes.

    Example:  wordladder vectors compare before.safetensors after.safetensors --words apple,cloud
    """
    from ...evaluation.vector_drift import compare_vectors

    first, second = (load(one, format_, unicode_errors) for one in (file, other))
    options["words"] = [as_trained(word, first) for word in split_names(options["words"]) or ()]
    found = compare_vectors(first, second, **options)
    if json:
        print_json({"files": [str(file), str(other)], **_figures(found)})
        return
    _print(file, other, found)


def _figures(found: Any) -> dict[str, Any]:
    """The same as a dictionary, neighbours as `vectors neighbors` writes them."""
    from dataclasses import asdict

    figures = asdict(found)
    for change in (one for part in ("most", "least", "asked") for one in figures[part]):
        for side in ("then", "now"):
            change[side] = near(change[side])
    return figures


def _print(file: Path, other: Path, found: Any) -> None:
    from rich.text import Text

    table = figures_table("file", "words", "numbers each")
    for path, size, dim in zip((file, other), found.sizes, found.dims):
        table.add_row(Text(str(path)), f"{size:,}", f"{dim:,}")
    console.print(table)
    console.print(
        f"{found.shared:,} words in both; of these the {found.frequent:,} most frequent, aligned:\n"
        f"mean cosine {found.mean_cosine:.3f}; of {found.neighbors} nearest words {found.mean_kept:.0%} "
        f"stayed (over {found.sample:,} words)",
        soft_wrap=True,
    )
    for name, changes in (
        ("asked for", found.asked),
        ("moved most", found.most),
        ("moved least", found.least),
    ):
        if changes:
            console.print()
            console.print(_table(name, changes))


def _table(name: str, changes: Any) -> Any:
    from rich.text import Text

    table = figures_table(name, "cosine", "stayed")
    for column in ("nearest then", "nearest now"):
        table.add_column(column, ratio=1)
    for one in changes:
        sides = (Text(" ".join(word for word, _ in side[:_SHOWN])) for side in (one.then, one.now))
        table.add_row(Text(one.word), f"{one.cosine:.3f}", f"{one.kept:.0%}", *sides)
    return table
