"""Write word vectors in another format."""

from pathlib import Path
from typing import Annotated

import typer

from ..console import console, print_json
from ..options import Json
from ._shared import Format, load

__all__ = ["convert"]


def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Word vectors to read.")],
    target: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="File to write; its suffix says the format, .gz compresses."),
    ],
    format_: Format = None,
    json: Json = False,
) -> None:
    """Write word vectors in another format. Only safetensors keeps counts and settings.

    Example:  wordladder vectors convert words.vec.gz words.safetensors
    """
    from ...formats import format_of

    written = format_of(target)
    vectors = load(source, format_)
    vectors.save(target)
    if json:
        print_json({"words": len(vectors), "dim": vectors.dim, "format": written, "output": str(target)})
        return
    console.print(f"{len(vectors):,} words of {vectors.dim} numbers in [bold]{target}[/bold] ({written})")
