"""The encoder of an index: loading it, recognising it, and the vectors of its queries and passages."""

from os import path as paths
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError
from ..formats import check_finite
from ..model.inputs import unit_vectors
from ..model.loading import load
from .settings import IndexSettings

NO_ENCODER = (
    "{}: the index was built without an encoder, and is searched by words; for vectors, build another one "
    "with an encoder"
)
_PROBE = "The quick brown fox jumps over the lazy dog. 敏捷的棕色狐狸跳过了懒狗。"
_NEAR = 0.045  # of two vectors of length one: a cosine of 0.999; of words that are unknown both are zero
_PROMPTS = {"query": ("query",), "passage": ("document", "passage")}


def name_of(encoder: Any) -> str:
    """Where an encoder can be loaded again."""
    if isinstance(encoder, str | Path):
        return paths.abspath(encoder) if Path(encoder).exists() else str(encoder)
    return str(getattr(encoder, "folder_", None) or "given in Python")


def loaded(encoder: Any, **loading: Any) -> Any:
    """The encoder, loaded if it is a path or a name, with these keywords of `load`."""
    return load(encoder, **loading) if isinstance(encoder, str | Path) else encoder


def text_vectors(encoder: Any, texts: list[str], kind: str) -> NDArray[np.float32]:
    """The vectors of texts, of length one; with the encoder's own prompt for queries or passages, if it has
    one.
    """
    layout = getattr(getattr(encoder, "engine_", None), "layout", None)
    names = [name for name in _PROMPTS[kind] if layout is not None and name in layout.prompts]
    options = {"prompt_name": names[0]} if names else {}
    vectors = unit_vectors(np.asarray(encoder.encode(texts, **options), np.float32))
    check_finite(vectors, lambda row: f"the vector of the text {texts[row][:40]!r}")
    return vectors


def probe(encoder: Any) -> NDArray[np.float32]:
    """The vector of a text that is always the same, `(dim,)`."""
    return text_vectors(encoder, [_PROBE], "passage")[0]


def described(encoder: Any, name: str) -> dict[str, Any]:
    """What the settings of an index say of its encoder.

    Args:
        encoder: The encoder.
        name: Where it can be loaded again.
    """
    known = probe(encoder)
    return {"encoder": name, "dim": len(known), "probe": [round(float(value), 6) for value in known]}


def check_encoder(encoder: Any, settings: IndexSettings, name: str) -> None:
    """Raise a StoreError if an index was not built with this encoder.

    Args:
        encoder: The encoder.
        settings: The settings of the index.
        name: Its folder or address.
    """
    if not settings.dim:
        raise StoreError(NO_ENCODER.format(name))
    found = probe(encoder)
    if len(found) != settings.dim:
        raise StoreError(
            f"{name}: its vectors have {settings.dim} numbers, those of this encoder {len(found)}; "
            "`wordladder index upgrade` changes the encoder"
        )
    if np.linalg.norm(found - np.array(settings.probe)) > _NEAR:
        raise StoreError(
            f"{name}: this is not the encoder it was built with ({settings.encoder}); "
            "`wordladder index upgrade` changes the encoder"
        )
