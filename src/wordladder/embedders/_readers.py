"""The readers of embedders by kind, without PyTorch: what an exported model reads texts with."""

from pathlib import Path
from typing import Any

from ._pieces import Pieces
from ._spelled_words import SpelledWords
from ._static_words import StaticWords
from ._trigram_words import TrigramWords
from ._word_boundaries import WordBoundaries

READERS: dict[str, Any] = {
    "static": StaticWords,
    "characters": SpelledWords,
    "trigrams": TrigramWords,
    "boundaries": WordBoundaries,
    "transformer": Pieces,
}


def restore_reader(kind: str, folder: Path, settings: dict[str, Any]) -> Any:
    """The reader that an embedder of this kind wrote with `keep`, which returned the settings."""
    return READERS[kind].restore(folder, **settings)


def leaves(prepared: Any, name: str = "") -> dict[str, Any]:
    """The arrays or tensors in a named tuple, and in tuples within it, by their path; no None."""
    if prepared is None:
        return {}
    if not isinstance(prepared, tuple):
        return {name: prepared}
    keys = getattr(prepared, "_fields", range(len(prepared)))
    found: dict[str, Any] = {}
    for key, value in zip(keys, prepared, strict=True):
        found |= leaves(value, f"{name}.{key}".lstrip("."))
    return found
