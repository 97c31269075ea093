"""`wordladder embed`: one vector a text, from a model, an encoder of another program, or word vectors."""

from pathlib import Path
from typing import Any, Literal

from ..errors import OutputError
from .console import console, print_json, progress_bar
from .encoding import encode_texts, open_encoder, show_anisotropy
from .options import Device, Input, Json, Threads, UnicodeErrors, climb_options
from .signatures import command_options, library_options

OPTIONS = library_options(
    "model/model.py",
    "Model.encode",
    {"Vectors": "normalize_embeddings prompt prompt_name batch_size"},
    normalize_embeddings={"flags": ["--normalize"]},
    batch_size={"min": 1},
)


@command_options(
    OPTIONS,
    climb_options({"Table": "text format"}),
    precision={"rich_help_panel": "Vectors"},
    engine={"rich_help_panel": "Run"},
)
def embed(
    model: Path,
    file: Input = "-",
    *,
    output: Path,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    unicode_errors: UnicodeErrors = "strict",
    device: Device = None,
    threads: Threads = None,
    json: Json = False,
    **options: Any,
) -> None:
    """Write one vector for each text.

    A model of sentence-transformers gives the same vectors as there; a plain encoder of transformers gives
    the mean of all pieces, and word vectors the mean of a text's words.

    Example:  wordladder embed model texts.txt --output vectors.npy

    Args:
        model: Folder of a saved model, of sentence-transformers or of transformers; a name on the Hugging
            Face hub; or a file of word vectors.
        output: File to write: .npy or .parquet.
        precision: Arithmetic of a pretrained encoder; `auto` is bfloat16 where the hardware has it.
        engine: What runs an encoder: `openvino`, `torch`, or `auto`, the first where it is installed and can.
    """
    import time

    from ..data.tables import read_texts
    from ..evaluation.anisotropy import anisotropy

    if output.suffix not in (".npy", ".parquet"):
        raise OutputError(f"{output}: vectors are written as .npy or .parquet")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: there is no folder {output.parent}")
    columns = {name: options.pop(name) for name in ("text", "format")}
    opening: dict[str, Any] = {"device": device, "threads": threads, "precision": precision, "engine": engine}
    loaded = open_encoder(model, unicode_errors=unicode_errors, **opening)
    texts = list(read_texts(file, **columns))
    started = time.perf_counter()
    with progress_bar() as progress:
        vectors = encode_texts(loaded, texts, progress, **options)
    seconds = time.perf_counter() - started
    _write_vectors(output, texts, vectors)
    facts = {"texts": len(texts), "dim": vectors.shape[1], "seconds": seconds}
    facts |= {"texts_cut": getattr(loaded, "texts_truncated", 0), "anisotropy": anisotropy(texts, vectors)}
    if json:
        print_json(facts | {"output": str(output)})
        return
    console.print(
        f"{len(texts):,} vectors of {vectors.shape[1]} numbers in [bold]{output}[/bold]  "
        f"[dim]{seconds:.1f} s[/dim]"
    )
    show_anisotropy(facts["anisotropy"])


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
