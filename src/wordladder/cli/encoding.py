"""What commands that compute vectors of texts share: opening a model, encoding, and what is said about it."""

from pathlib import Path
from typing import Any

from ..errors import SettingError
from ..progress import Progress
from .console import console, tell
from .options import blocks

BLOCK = 4096


def open_encoder(source: Path, **opening: Any) -> Any:
    """A model or word vectors, by `wordladder.load`; its notes are printed."""
    import warnings

    from ..model.loading import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the notes are printed
        loaded = load(source, **opening)
    tell(loaded.notes)
    return loaded


def encode_texts(loaded: Any, texts: list[str], progress: Progress, **options: Any) -> Any:
    """The vectors of texts, `(texts, dim)`.

    Args:
        loaded: A model or word vectors.
        texts: The texts.
        progress: Called with the number of texts.
        options: Keywords of `Model.encode`.

    Raises:
        SettingError: word vectors are given a prompt.
    """
    import numpy as np

    from ..word_vectors import WordVectors

    if isinstance(loaded, WordVectors):
        if options["prompt"] or options["prompt_name"]:
            raise SettingError("word vectors take no prompt")
        options = {name: value for name, value in options.items() if name == "normalize_embeddings"}
    parts = []
    for block in blocks(texts, BLOCK):
        parts.append(loaded.encode(block, **options))
        progress("texts", sum(map(len, parts)), len(texts))
    if cut := getattr(loaded, "texts_truncated", 0):
        tell([f"{cut:,} of {len(texts):,} texts are longer than the encoder reads, and were cut"])
    return np.concatenate(parts) if parts else np.zeros((0, 0), "f4")


def show_anisotropy(mean: float | None) -> None:
    """Print the mean cosine of random pairs, and what it means if it is high."""
    from ..evaluation.anisotropy import HIGH, MEANING

    if mean is not None:
        console.print(f"mean cosine of random pairs {mean:.3f}")
        tell([MEANING] if mean > HIGH else [])
