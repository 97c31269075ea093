"""What the commands about word vectors share: their options, loading, and the form of words and answers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..console import tell
from ..options import UnicodeErrors, option

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Word vectors: .vec .txt .bin .ftz .kv .safetensors, a model2vec folder."
    ),
]
Format = Annotated[
    str | None,
    option("text, binary, fasttext, gensim, safetensors or model2vec; found if not given.", None, "--format"),
]


def load(file: Path, format_: str | None = None, unicode_errors: UnicodeErrors = "strict") -> Any:
    """The vectors of a file; its notes are printed."""
    from ...formats import read_vectors
    from ...word_vectors import WordVectors

    table = read_vectors(file, format_, unicode_errors=unicode_errors)
    tell(table.notes)
    return WordVectors.of(table)


def as_trained(word: str, vectors: Any) -> str:
    """The word in the form that the vectors may know it: in lower case where they were trained so."""
    from ...text.words import lower

    return lower(word) if vectors.settings.get("lowercase") and word not in vectors else word


def near(answers: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    """Words and their cosines as JSON has them."""
    return [{"word": word, "similarity": cosine} for word, cosine in answers]
