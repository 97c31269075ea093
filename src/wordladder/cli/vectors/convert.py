"""Write word vectors in another format."""

from pathlib import Path
from typing import Annotated

from ..console import console, print_json
from ..options import Json, UnicodeErrors, argument, option
from ._shared import Format


def convert(
    source: Annotated[Path, argument("FILE", "Word vectors to read.")],
    target: Annotated[
        Path,
        argument(
            "FILE",
            "File to write; its suffix is the format, .gz compresses. Without a suffix: a model2vec folder.",
        ),
    ],
    format_: Format = None,
    to_format: Annotated[
        str | None,
        option(
            "text, binary, fasttext, safetensors or model2vec; found from the new file's name if not given."
        ),
    ] = None,
    dim: Annotated[
        int | None, option("Numbers in a vector, where a word2vec binary file does not say.", min=1)
    ] = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Write word vectors in another format, and say what that format has no place for.

    Read are word2vec text and binary, GloVe, fastText .vec, .bin and .ftz, gensim .kv, model2vec folders and
    .safetensors. A .bin of vectors with subwords is written as a fastText model. Only .safetensors keeps all.

    Example:  wordladder vectors convert words.vec.gz words.safetensors
    """
    from ...formats import format_of, lost_in, read_vectors, target_format, write_vectors

    format_of(target, to_format)  # a wrong suffix is told now, not after the reading
    read = read_vectors(source, format_, dim=dim, unicode_errors=unicode_errors)
    name, lost = target_format(target, read, to_format), lost_in(target, read, to_format)
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
