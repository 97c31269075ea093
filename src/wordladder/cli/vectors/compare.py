"""Compare two files of word vectors: what moved between them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.text import Text

from ..console import console, print_figures, print_json
from ..options import Json, UnicodeErrors, split_names
from ..signatures import command_options, library_options
from ._shared import File, Format, as_trained, load, near

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


@command_options(OPTIONS, other={"metavar": "FILE"})
def compare(
    file: File,
    other: Path,
    *,
    format_: Format = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
    **options: Any,
) -> None:
    """Show what moved between two files of word vectors, aligned by orthogonal Procrustes.

    Example:  wordladder vectors compare before.safetensors after.safetensors --words apple,cloud

    Args:
        other: The later vectors to compare with.
    """
    from ...evaluation.vector_drift import compare_vectors

    first, second = (load(one, format_, unicode_errors) for one in (file, other))
    options["words"] = [as_trained(word, first) for word in split_names(options["words"]) or ()]
    result = compare_vectors(first, second, **options)
    paths = [str(file), str(other)]
    print_json({"files": paths, **_figures(result)}) if json else _print(paths, result)


def _figures(result: Any) -> dict[str, Any]:
    """The same as a dictionary, neighbours as `vectors neighbors` writes them."""
    figures = asdict(result)
    for change in (one for part in ("most", "least", "asked") for one in figures[part]):
        for side in ("then", "now"):
            change[side] = near(change[side])
    return figures


def _print(paths: list[str], result: Any) -> None:
    sizes = zip(paths, result.sizes, result.dims)
    print_figures(["file", "words", "numbers each"], ((path, f"{n:,}", f"{dim:,}") for path, n, dim in sizes))
    console.print(
        f"{result.shared:,} words in both; of these the {result.frequent:,} most frequent, aligned:\n"
        f"mean cosine {result.mean_cosine:.3f}; of {result.neighbors} nearest words {result.mean_kept:.0%} "
        f"stayed (over {result.sample:,} words)",
        soft_wrap=True,
    )
    changes = {"asked for": result.asked, "moved most": result.most, "moved least": result.least}
    for title, words in changes.items():
        if words:
            console.print()
            print_figures([title, "cosine", "stayed"], map(_row, words), ["nearest then", "nearest now"])


def _row(change: Any) -> list[str | Text]:
    sides = [Text(" ".join(word for word, _ in side[:_SHOWN])) for side in (change.then, change.now)]
    return [change.word, f"{change.cosine:.3f}", f"{change.kept:.0%}", *sides]
