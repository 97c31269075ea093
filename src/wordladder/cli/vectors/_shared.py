"""What the commands about word vectors share: their options, and loading."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._warnings import tell

if TYPE_CHECKING:
    from ...formats import UnicodeErrors

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Word vectors: .vec .txt .bin .ftz .kv .safetensors, a model2vec folder."
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format", help="text, binary, fasttext, gensim, safetensors or model2vec; left out, the file tells."
    ),
]
TopN = Annotated[int, typer.Option("--topn", min=1, help="Answers shown.")]


def load(file: Path, format_: str | None = None, unicode_errors: "UnicodeErrors" = "strict") -> Any:
    """The vectors of a file; its notes are told."""
    from ...formats import read_vectors
    from ...word_vectors import WordVectors

    table = read_vectors(file, format_, unicode_errors=unicode_errors)
    tell(table.notes)
    return WordVectors.of(table)
