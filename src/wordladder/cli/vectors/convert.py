"""Write word vectors in another format."""

import warnings
from pathlib import Path
from typing import Annotated

import typer

from ..console import console, print_json
from ..options import Json
from ._shared import Format

__all__ = ["convert"]


def convert(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Word vectors to read.")],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="File to write; its suffix says the format, .gz compresses. Without a suffix: a model2vec "
            "folder.",
        ),
    ],
    format_: Format = None,
    to_format: Annotated[
        str | None,
        typer.Option(
            "--to-format",
            help="text, binary, fasttext, safetensors or model2vec; left out, the new file's name tells.",
        ),
    ] = None,
    dim: Annotated[
        int | None,
        typer.Option(min=1, help="Numbers in a vector, where a word2vec binary file does not say."),
    ] = None,
    json: Json = False,
) -> None:
    """Write word vectors in another format, and say what that format has no place for.

    Read are word2vec text and binary, GloVe, fastText .vec, .bin and .ftz, gensim .kv, model2vec folders and
    .safetensors. A .bin of vectors with subwords is written as a fastText model. Only .safetensors keeps all.

    Example:  wordladder vectors convert words.vec.gz words.safetensors
    """
    from ...formats import format_of, lost_in, target_format
    from ...word_vectors import WordVectors

    format_of(target, to_format)  # a wrong suffix is told now, not after the reading
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectors = WordVectors.load(source, format_, dim=dim)
    written = target_format(target, vectors.table, to_format)
    lost = lost_in(target, vectors.table, to_format)
    noted = [str(one.message) for one in caught]
    vectors.save(target, to_format)
    if json:
        found = {"words": len(vectors), "dim": vectors.dim, "format": written, "output": str(target)}
        print_json({**found, "lost": lost, "warnings": noted})
        return
    console.print(f"{len(vectors):,} words of {vectors.dim} numbers in [bold]{target}[/bold] ({written})")
    for sentence in (*noted, *lost):
        console.print(f"  {sentence}", style="yellow", markup=False)
