"""Loads a `Model` or `WordVectors` from a path or a name: one loader for each kind of source.

`interop/sources.py` finds out the kind.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from ..engines import Engine
from ..errors import ModelError
from ..extras import require
from ..formats import UnicodeErrors
from ..interop.sources import Source, identify
from ..recipe import Recipe
from ..word_vectors import WordVectors
from .model import Model
from .saved_folder import read_model


class Options(NamedTuple):
    """How to load: see `load`."""

    device: str | None
    threads: int | None
    precision: Literal["auto", "float32", "bfloat16"]
    engine: Literal["auto", "torch", "openvino"]
    unicode_errors: UnicodeErrors

    @property
    def may_be_fast(self) -> bool:
        """Whether OpenVINO may run an encoder."""
        return self.engine != "torch" and self.device in (None, "cpu")


def load(
    source: str | Path,
    *,
    device: str | None = None,
    threads: int | None = None,
    precision: Literal["auto", "float32", "bfloat16"] = "auto",
    engine: Literal["auto", "torch", "openvino"] = "auto",
    unicode_errors: UnicodeErrors = "strict",
) -> Model | WordVectors:
    """Load a saved model, a model of another program, or word vectors. No code in it is executed.

    Args:
        source: The folder of a saved model; a fastText classifier (`.bin`, `.ftz`); a folder of
            sentence-transformers, a cross-encoder too, or transformers, with or without a head for
            classification, tagging or questions; a name on the Hugging Face hub; or a file of word vectors.
        device: Where a network computes; left out, an accelerator if there is one.
        threads: The number of threads.
        precision: The arithmetic of an encoder of another program; `"auto"` is bfloat16 where the hardware
            supports it.
        engine: What runs an encoder of texts: `"openvino"`, which starts in a second and is faster on a CPU,
            where it is installed and knows the encoder; `"torch"`; or `"auto"`, the first that can.
        unicode_errors: How to treat words in a file of word vectors that are not UTF-8: `"strict"`,
            `"ignore"` or `"replace"`.

    Raises:
        ModelError: nothing there can be loaded, or it is incomplete.
        VectorsError: a file of word vectors is broken.
        MissingExtraError: an extra is needed that is not installed.
    """
    identified = identify(source)
    return LOADERS[identified.kind](identified, Options(device, threads, precision, engine, unicode_errors))


def _saved_model(source: Source, options: Options) -> Model:
    open_stage = partial(load, device=options.device, threads=options.threads)
    saved = read_model(source.path, options.device, open_stage)
    return Model.of_engine(*saved, device=options.device, threads=options.threads)


def _word_vectors(source: Source, options: Options) -> WordVectors:
    return WordVectors.load(source.path, unicode_errors=options.unicode_errors)


def _fasttext_classifier(source: Source, options: Options) -> Model:
    """A classifier of fastText. Words are separated by white space, as in fastText."""
    from ..engines.shallow_engine import ShallowEngine
    from ..shallow._fasttext_file import classifier_from

    settings, labels, words, weights = classifier_from(source.path)
    multi_label = settings["loss"] == "ova"
    tables = {
        "text": {"segmenter": "whitespace"},
        "shallow": {"kind": "fasttext", **settings},
        "task": {"kind": "classification", "multi_label": multi_label},
    }
    engine = ShallowEngine(Recipe(tables, source.path.stem))
    engine.shallow.set_weights(words, weights)
    engine.task.set_labels(labels, multi_label=multi_label)
    return _external_model(engine, source, options)


def _encoder(source: Source, options: Options) -> Model:
    if source.kind in ("sentence_encoder", "encoder") and options.may_be_fast:
        from ..interop.fast_encoder import fast_encoder

        if (fast := fast_encoder(source.path, source.name, options.precision)) is not None:
            return _external_model(fast, source, options)
    if options.engine == "openvino":
        require("openvino", "fast", f"{source.name}: engine = 'openvino'")
        raise ModelError(f"{source.name}: OpenVINO runs encoders of the BERT and RoBERTa kinds on a CPU here")
    require("torch", "train", f"{source.name}: an encoder")
    open_engine: Callable[..., Engine]
    if source.kind == "fine_tuned":
        from ..interop.fine_tuned import FineTuned as open_engine
    elif source.kind == "cross_encoder":
        from ..interop.cross_encoder import CrossEncoder as open_engine
    else:
        from ..interop.sentence_encoder import SentenceEngine

        open_engine = SentenceEngine.open
    engine = open_engine(source.path, source.name, device=options.device, precision=options.precision)
    return _external_model(engine, source, options)


def _external_model(engine: Engine, source: Source, options: Options) -> Model:
    report = {"name": engine.recipe.name, "source": source.name, "warnings": list(engine.notes)}
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
    "cross_encoder": _encoder,
    "sentence_encoder": _encoder,
    "fine_tuned": _encoder,
    "encoder": _encoder,
    "elmo": _elmo,
}
