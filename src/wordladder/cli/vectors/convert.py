"""Write word vectors in another format."""

from pathlib import Path
from typing import Annotated

import typer

from ..console import console, print_json
from ..options import Json, UnicodeErrors
from ._shared import Format


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
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Write word vectors in another format, and say what that format has no place for.

    Read are word2vec text and binary, GloVe, fastText .vec, .bin and .ftz, gensim .kv, model2vec folders and
    .safetensors. A .bin of vectors with subwords is written as a fastText model. Only .safetensors keeps all.

    Example:  wordladder vectors convert words.vec.gz words.safetensors
    """
    from ...formats import output_format, read_vectors, unsupported_parts, write_vectors

    output_format(target, to_format)  # a wrong suffix is told now, not after the reading
    read = read_vectors(source, format_, dim=dim, unicode_errors=unicode_errors)
    name, lost = output_format(target, to_format, read), unsupported_parts(target, read, to_format)
    written = write_vectors(target, read, to_format)
    words, width = written.vectors.shape
    noted = [*read.notes, *written.notes]
    if json:
        found = {"words": words, "dim": width, "format": name, "output": str(target)}
        print_json({**found, "lost": lost, "warnings": noted})
        return
    console.print(f"{words:,} words of {width} numbers in [bold]{target}[/bold] ({name})")
    for sentence in (*noted, *lost):
        console.print(f"  {sentence}", style="yellow", markup=False, soft_wrap=True)
