"""Write word vectors in another format."""

from pathlib import Path

from ..console import console, print_json
from ..options import Json, UnicodeErrors
from ..signatures import command_options
from ._shared import Format


@command_options(source={"metavar": "FILE"}, target={"metavar": "FILE"}, dim={"min": 1})
def convert(
    source: Path,
    target: Path,
    *,
    format_: Format = None,
    to_format: str | None = None,
    dim: int | None = None,
    unicode_errors: UnicodeErrors = "strict",
    json: Json = False,
) -> None:
    """Write word vectors in another format, and report what is lost in it.

    Reads word2vec text and binary, GloVe, fastText .vec, .bin and .ftz, gensim .kv, model2vec folders and
    .safetensors. A .bin of vectors with subwords is written as a fastText model. Only .safetensors keeps all.

    Example:  wordladder vectors convert words.vec.gz words.safetensors

    Args:
        source: Word vectors to read.
        target: File to write; its suffix is the format, .gz compresses. Without a suffix: a model2vec
            folder.
        to_format: text, binary, fasttext, safetensors or model2vec; if not given, found from the new file's
            name.
        dim: Numbers in a vector, where a word2vec binary file does not say.
    """
    from ...formats import output_format, read_vectors, unsupported_parts, write_vectors

    output_format(target, to_format)  # report a wrong suffix before reading
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
