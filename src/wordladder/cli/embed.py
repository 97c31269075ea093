"""`wordladder embed`: one vector a text, from a model, an encoder of another program, or word vectors."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..errors import OutputError, SettingError
from ._warnings import tell
from .console import console, print_json, progress_bar
from .options import Device, Format, Input, Json, Text, Threads, UnicodeErrors, blocks, option

BLOCK = 4096
_SETTINGS = "Vectors"


def embed(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="Folder of a saved model, of sentence-transformers or of transformers; a name on the "
            "Hugging Face hub; or a file of word vectors.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .npy or .parquet.")],
    file: Input = "-",
    normalize: Annotated[bool, option("Give vectors the length one.", _SETTINGS, "--normalize")] = False,
    prompt: Annotated[str | None, option("Put before each text.", _SETTINGS)] = None,
    prompt_name: Annotated[
        str | None, option("Name of a prompt that the model has, such as query.", _SETTINGS)
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"],
        option(
            "Arithmetic of an encoder of another program; auto takes bfloat16 where the hardware "
            "computes in it.",
            _SETTINGS,
        ),
    ] = "auto",
    batch_size: Annotated[
        int | None, option("Most texts computed together; left out, as many as pay.", _SETTINGS, min=1)
    ] = None,
    unicode_errors: UnicodeErrors = "strict",
    text: Text = None,
    format_: Format = None,
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
) -> None:
    """Write one vector a text.

    An encoder of sentence-transformers gives the vectors that it gives there; of a plain encoder of
    transformers the mean of all pieces is taken, and of word vectors the mean of a text's words.

    Example:  wordladder embed model texts.txt --output vectors.npy
    """
    import time
    import warnings

    import numpy as np

    from ..data.tables import read_texts
    from ..model.loading import load
    from ..word_vectors import WordVectors

    if output.suffix not in (".npy", ".parquet"):
        raise OutputError(f"{output}: vectors are written as .npy or .parquet")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the notes are printed
        given: dict[str, Any] = {"device": device, "threads": threads, "precision": precision}
        loaded: Any = load(model, unicode_errors=unicode_errors, **given)
    tell(loaded.notes)
    settings = {"prompt": prompt, "prompt_name": prompt_name, "batch_size": batch_size}
    if isinstance(loaded, WordVectors):
        if prompt or prompt_name:
            raise SettingError(f"{model}: word vectors take no prompt")
        settings = {}
    texts = list(read_texts(file, text=text, format=format_))
    started = time.perf_counter()
    with progress_bar() as progress:
        parts = []
        for block in blocks(texts, BLOCK):
            parts.append(loaded.encode(block, normalize_embeddings=normalize, **settings))
            progress("texts", sum(map(len, parts)), len(texts))
    seconds = time.perf_counter() - started
    vectors = np.concatenate(parts) if parts else np.zeros((0, 0), "f4")
    _write_vectors(output, texts, vectors)
    cut = getattr(loaded, "texts_cut", 0)
    facts = {"texts": len(texts), "dim": vectors.shape[1], "seconds": seconds, "texts_cut": cut}
    if json:
        print_json(facts | {"output": str(output)})
        return
    tell([f"{cut:,} of {len(texts):,} texts are longer than the encoder reads, and were cut"] if cut else [])
    console.print(
        f"{len(texts):,} vectors of {vectors.shape[1]} numbers in [bold]{output}[/bold]  "
        f"[dim]{seconds:.1f} s[/dim]"
    )


def _write_vectors(output: Path, texts: list[str], vectors: Any) -> None:
    import numpy as np

    from ..files.streams import atomic_write
    from ..formats import check_finite

    check_finite(vectors, lambda row: f"{output}, row {row + 1}: the vector of the text {texts[row][:40]!r}")
    with atomic_write(output) as file:
        if output.suffix == ".npy":
            np.save(file, vectors, allow_pickle=False)
            return
        import pyarrow as pa
        from pyarrow import parquet

        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        parquet.write_table(pa.table({"text": texts, "vector": column}), file)
