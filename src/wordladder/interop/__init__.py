"""Models that other programs have trained, as engines of ours: one file is one program."""

from pathlib import Path
from typing import Any, Literal

from ..extras import require

__all__ = ["imported_engine"]

Precision = Literal["auto", "float32", "bfloat16"]


def imported_engine(
    source: str | Path, device: str | None = None, precision: Precision = "auto"
) -> tuple[Any, dict[str, Any]] | None:
    """The engine for a model of another program, and a report of what is known about it.

    Args:
        source: A `.bin` or `.ftz` file of fastText, a folder of transformers or sentence-transformers, or a
            name on the Hugging Face hub.
        device: Where an encoder computes; the best there is if not given.
        precision: The arithmetic of an encoder: `"auto"`, `"float32"` or `"bfloat16"`.

    Returns:
        None where the source is none of them.

    Raises:
        ModelError: it is one of them, and cannot be read.
        MissingExtraError: it is an encoder, and PyTorch is not installed.
    """
    if Path(source).is_file():
        from .fasttext import SUFFIXES, fasttext_engine

        return fasttext_engine(source) if Path(source).suffix in SUFFIXES else None
    from .find import find_encoder

    folder = find_encoder(source)
    if folder is None:
        return None
    require("torch", "train", f"{source}: an encoder")
    from ..embedders._sentence_layout import is_sentence_folder
    from .fine_tuned import FineTuned, task_of
    from .sentence_encoder import SentenceEngine

    tuned = task_of(folder) is not None and not is_sentence_folder(folder)
    opened = FineTuned if tuned else SentenceEngine.open
    engine = opened(folder, str(source), device=device, precision=precision)
    return engine, {"name": engine.recipe.name, "source": str(source), "warnings": engine.notes}
