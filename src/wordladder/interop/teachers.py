"""Teachers: sentence encoders that word vectors are distilled from. PyTorch is loaded with the first one."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..data.examples import Examples
from ..errors import ModelError
from .sources import identify


def open_teacher(source: str, base: Path, device: str | None = None) -> Callable[[Sequence[str]], np.ndarray]:
    """What an encoder makes of texts: a function that returns one vector a text.

    Args:
        source: A folder of sentence-transformers or transformers, or a name on the Hugging Face hub.
        base: Where a relative folder starts.
        device: Where it computes; None: an accelerator if there is one.

    Raises:
        ModelError: there is no such encoder, or it cannot be read.
    """
    found = identify(base / source if (base / source).is_dir() else source)
    if found.kind not in ("sentence_encoder", "fine_tuned", "encoder"):
        raise ModelError(f"vectors: teacher = {source!r} is no sentence encoder, but {found.kind}")
    from .sentence_encoder import SentenceEngine

    engine = SentenceEngine.open(found.path, source, device=device)
    return lambda texts: engine.encode(Examples((list(texts),)))
