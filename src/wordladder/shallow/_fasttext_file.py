"""Classifiers of fastText: reading them, and writing models of the kind `fasttext` as its `.bin`."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from ..files.streams import atomic_write
from ..formats.fasttext import FastTextModel, read_model, write_model
from ..text.vocabulary import Vocabulary
from .fasttext import FastTextClassifier

_PREFIX = "__label__"


def classifier_from(path: str | Path) -> tuple[dict[str, Any], list[str], Vocabulary, dict[str, Any]]:
    """Read a classifier of fastText, `.bin` or `.ftz`.

    Returns:
        The settings of the kind, the labels, and what `FastTextClassifier.set_weights` takes.

    Raises:
        ModelError: the file holds word vectors, or the classifier uses hierarchical softmax.
        VectorsError: the file is broken.
    """
    model = read_model(path)
    theirs = model.settings
    if theirs["model"] != "supervised":
        raise ModelError(f"{path} holds word vectors, not a classifier")
    if theirs["loss"] == "hs":
        raise ModelError(f"{path}: hierarchical softmax (loss hs) is not supported")
    size = len(model.words)
    if model.pruned is None:  # in files written here, buckets unseen in training are zero
        seen = np.flatnonzero(model.inputs[size:].any(axis=1))
        used, rows = seen.astype(np.int32), model.inputs[np.append(np.arange(size), size + seen)]
    else:
        used = model.pruned[:, 0].astype(np.int32)
        rows = np.concatenate([model.inputs[:size], model.inputs[size + model.pruned[:, 1]]])
    settings = {
        "dim": theirs["dim"],
        "word_ngrams": max(1, int(theirs["wordNgrams"])),
        "buckets": max(1, int(theirs["bucket"])),
        "min_n": max(1, int(theirs["minn"])),
        "max_n": theirs["maxn"],
        "min_count": max(1, int(theirs["minCount"])),
        "epochs": theirs["epoch"],
        "loss": "ova" if theirs["loss"] == "ova" else "softmax",
        "lowercase": False,
    }
    labels = [label.removeprefix(_PREFIX) for label in model.labels]
    weights = {"used": used, "rows": rows, "outputs": model.outputs}
    return settings, labels, Vocabulary(list(model.words), model.counts), weights


def write_classifier(path: str | Path, classifier: Any, task: Any) -> None:
    """Write a `.bin` that fastText reads. It expects texts with spaces between words, lower-cased if
    `lowercase` is set.

    The temperature that calibrates probabilities goes into the rows of the labels. Word n-grams that are
    unseen in training count as zeros in fastText's mean, but not at all in ours: the predicted labels are the
    same, but fastText's probabilities are less confident for such texts.

    Raises:
        ModelError: it is not a model of this kind, or fastText cannot store a label.
        OutputError: the file cannot be written.
    """
    if not isinstance(classifier, FastTextClassifier):
        raise ModelError(f"{path}: only a model of the kind 'fasttext' can be written as fastText's .bin")
    labels = task.labels
    for label in labels:
        if not label or any(letter.isspace() for letter in label):
            raise ModelError(f"the label {label!r} is empty or has a blank in it, which fastText cannot hold")
    one, dim, words = classifier, classifier.dim, classifier.words
    epochs, max_n = one.choice
    hashed = one.word_ngrams > 1 or max_n > 0
    inputs = np.zeros((len(words) + (one.buckets if hashed else 0), dim), np.float32)
    inputs[: len(words)] = one.rows[: len(words), :dim]
    if hashed:
        inputs[len(words) + one.used] = one.rows[len(words) :, :dim]
    settings = {
        "dim": dim, "ws": 5, "epoch": epochs, "minCount": one.min_count, "neg": 5,
        "wordNgrams": one.word_ngrams, "loss": one.loss, "model": "supervised",
        "bucket": one.buckets if hashed else 0, "minn": one.min_n if max_n else 0, "maxn": max_n,
        "lrUpdateRate": 100, "t": 1e-4,
    }  # fmt: skip
    counts: NDArray[np.int64] = np.asarray(words.counts)
    names, label_counts = [_PREFIX + label for label in labels], np.ones(len(labels), np.int64)
    outputs = (one.outputs[:, :dim] / task.temperature).astype(np.float32)
    tokens = int(counts.sum())
    model = FastTextModel(settings, words.words, counts, names, label_counts, inputs, outputs, tokens)
    with atomic_write(Path(path)) as stream:
        write_model(stream, model)
