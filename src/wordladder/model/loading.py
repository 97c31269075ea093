"""Loading what a path or a name leads to: a `Model` or `WordVectors`, an object with the verbs that it has.

`interop/sources.py` decides what there is; here is one loader for each kind.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from ..errors import ModelError
from ..extras import require
from ..formats import UnicodeErrors
from ..interop.fasttext import fasttext_engine
from ..interop.sources import Source, identify
from ..word_vectors import WordVectors
from .model import Model
from .saved_folder import read_model


class Options(NamedTuple):
    """How to load: see `load`."""

    device: str | None
    threads: int | None
    precision: Literal["auto", "float32", "bfloat16"]
    unicode_errors: UnicodeErrors


def load(
    source: str | Path,
    *,
    device: str | None = None,
    threads: int | None = None,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    unicode_errors: UnicodeErrors = "strict",
) -> Model | WordVectors:
    """Load a saved model, a model of another program, or word vectors. No code in it is executed.

    Args:
        source: The folder of a saved model; a fastText classifier (`.bin`, `.ftz`); a folder of
            sentence-transformers or transformers, with a head for classification, tagging or questions or
            with none; a name on the Hugging Face hub; or a file of word vectors.
        device: Where a network computes; left out, the best there is.
        threads: Threads that it may use.
        precision: The arithmetic of an encoder of another program; `"auto"` takes bfloat16 where the
            hardware computes in it.
        unicode_errors: What becomes of words in a file of word vectors that are not UTF-8: `"strict"`,
            `"ignore"` or `"replace"`.

    Raises:
        ModelError: there is nothing that can be loaded, or it is incomplete.
        VectorsError: a file of word vectors is broken.
        MissingExtraError: an extra is needed that is not installed.
    """
    found = identify(source)
    return LOADERS[found.kind](found, Options(device, threads, precision, unicode_errors))


def _saved_model(source: Source, options: Options) -> Model:
    saved = read_model(source.path, options.device)
    return Model.of_engine(*saved, device=options.device, threads=options.threads)


def _word_vectors(source: Source, options: Options) -> WordVectors:
    return WordVectors.load(source.path, unicode_errors=options.unicode_errors)


def _fasttext_classifier(source: Source, options: Options) -> Model:
    return _from_elsewhere(fasttext_engine(source.path), source, options)


def _encoder(source: Source, options: Options) -> Model:
    require("torch", "train", f"{source.name}: an encoder")
    from ..interop.sentence_encoder import SentenceEngine

    given: dict[str, Any] = {"device": options.device, "precision": options.precision}
    return _from_elsewhere(SentenceEngine.open(source.path, source.name, **given), source, options)


def _fine_tuned(source: Source, options: Options) -> Model:
    require("torch", "train", f"{source.name}: an encoder")
    from ..interop.fine_tuned import FineTuned

    given: dict[str, Any] = {"device": options.device, "precision": options.precision}
    return _from_elsewhere(FineTuned(source.path, source.name, **given), source, options)


def _from_elsewhere(engine: Any, source: Source, options: Options) -> Model:
    report = {"name": engine.recipe.name, "source": source.name, "warnings": getattr(engine, "notes", [])}
    return Model.of_engine(engine, report, device=options.device, threads=options.threads)


def _elmo(source: Source, options: Options) -> Model:
    raise ModelError(
        f"{source.name}: an ELMo has vectors of words, none of texts, and no head for a task; `wordladder "
        'neighbors` reads it, and a recipe with it as the source of an "elmo" embedder can be trained'
    )


LOADERS: dict[str, Callable[[Source, Options], Model | WordVectors]] = {
    "model": _saved_model,
    "fasttext_classifier": _fasttext_classifier,
    "word_vectors": _word_vectors,
    "sentence_encoder": _encoder,
    "fine_tuned": _fine_tuned,
    "encoder": _encoder,
    "elmo": _elmo,
}
