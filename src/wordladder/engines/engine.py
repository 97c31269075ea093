"""What a Model drives, and what a fit of it may use."""

import tempfile
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..progress import Progress, quiet
from ..text.words import Tokens


class Engine(Protocol):
    """What a Model drives."""

    task: Any
    recipe: Any

    def threads(self, count: int | None) -> AbstractContextManager[None]: ...
    def fit(self, train: Examples, dev: Examples | None, run: "FitRun") -> dict[str, Any]: ...
    def scores(self, examples: Examples) -> Any: ...
    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]: ...
    def fusion_weights(self, examples: Examples) -> "list[FusionWeights]": ...
    def keep(self, folder: Path) -> None: ...
    def restore(self, folder: Path) -> None: ...


class FitRun(ExitStack):
    """What a fit may use: a folder for checkpoints, a cache for word vectors and features, threads, and whom
    to tell. When it is left, what only this fit needed is let go of.
    """

    def __init__(
        self,
        work: Path | None = None,
        cache: Path | None = None,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> None:
        super().__init__()
        self.work, self.cache, self.threads, self.progress = work, cache, threads, progress
        self.checkpoint = None if work is None else work / "checkpoint.safetensors"

    def features(self, network: Any) -> Path:
        """The folder for the features of frozen embedders: the cache, or one for this fit alone."""
        if self.cache is not None:
            return self.cache
        folder = self.work
        if folder is None:
            folder = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="wordladder-")))
        self.callback(network.forget)  # before the folder goes: Windows removes no file that is mapped
        return folder


def text_facts(tokens: Tokens) -> dict[str, float]:
    """How much text there is, and what was cut away of it."""
    lost, words = int(tokens.lost.sum()), len(tokens.starts)
    return {
        "texts": len(tokens.texts),
        "words": words,
        "texts_cut": float(np.mean(tokens.lost > 0)) if len(tokens.texts) else 0.0,
        "words_lost": lost / max(1, lost + words),
    }


class FusionWeights(NamedTuple):
    """What a fusion gives each embedder at each word of a text.

    Attributes:
        words: the text's words.
        embedders: the kinds of the embedders, numbered as in the recipe where a kind occurs twice.
        weights: `(words, embedders)`; each row adds up to one.
    """

    words: list[str]
    embedders: list[str]
    weights: NDArray[np.float32]
