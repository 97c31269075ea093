"""fastText's models as word vectors: their words' vectors, composed, and the way back."""

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords, first_han
from ._subword_sums import composed
from ._table import Table, checked
from .fasttext import FastTextModel, read_model, write_model

_LINE_END = "</s>"  # the only word that fastText gives no n-grams
_LOSSES = {"ns": "negative", "hs": "hierarchical", "softmax": "softmax", "ova": "one-vs-all"}
# wordladder's name of a setting, fastText's name, and what fastText has where it is not told
_SETTINGS = (
    ("window", "ws", 5),
    ("epochs", "epoch", 5),
    ("min_count", "minCount", 1),
    ("negative", "neg", 5),
    ("sample", "t", 1e-4),
    ("word_ngrams", "wordNgrams", 1),
    ("update_rate", "lrUpdateRate", 100),
)


def read_fasttext(path: Path) -> Table:
    """The word vectors of a fastText model.

    A word that is not UTF-8 is shown with backslashes, and that is noted. A compressed model that dropped
    n-grams gives unseen words no vectors.
    """
    return table_of(read_model(path), str(path))


def table_of(model: FastTextModel, where: str) -> Table:
    """The word vectors of a model."""
    settings, size = model.settings, len(model.words)
    known: dict[str, object] = {"kind": "fasttext", "model": settings["model"], "dim": settings["dim"]}
    known |= {ours: settings[theirs] for ours, theirs, _ in _SETTINGS}
    known |= {"loss": _LOSSES[str(settings["loss"])], "words": model.tokens}
    min_n, max_n, buckets = (int(settings[name]) for name in ("minn", "maxn", "bucket"))
    parts = None
    words, notes = _shown(model.words, where)
    if buckets and max_n >= min_n >= 1:
        known |= {"min_n": min_n, "max_n": max_n, "buckets": buckets}
        if model.pruned is None:
            parts = Subwords(model.inputs[:size], model.inputs[size:], min_n, max_n, han=False)
        else:
            notes.append(f"{where} dropped n-grams: words that it does not know have no vectors.")
    supervised = settings["model"] == "supervised"
    if supervised:
        known["labels"] = len(model.labels)
    outputs = None if supervised else model.outputs
    table = Table(words, _composed(model), model.counts, known, parts, outputs, tuple(notes))
    return checked(table, lambda row: f"{where}, word {row + 1}")


def write_fasttext(stream: BinaryIO, table: Table) -> None:
    """Write a model that fastText opens and that gives the same vectors.

    Raises:
        VectorsError: fastText would compose other vectors, or cannot hold a word.
    """
    words, parts = list(table.words), table.subwords
    own = np.array(table.vectors if parts is None else parts.own, np.float32)
    if own.shape != table.vectors.shape:
        raise VectorsError(f"Own rows of shape {own.shape} do not fit vectors {table.vectors.shape}.")
    if parts is not None and parts.han and (word := first_han(words)) is not None:
        raise VectorsError(
            f"The word {word!r} has Han characters, each a subword of its own; fastText would compose "
            "other vectors. Write .safetensors, or .vec without subwords."
        )
    if _LINE_END in words:
        row = words.index(_LINE_END)
        own[row] = table.vectors[row]
    counts = np.ones(len(words), np.int64) if table.counts is None else np.asarray(table.counts, np.int64)
    total = table.settings.get("words")
    model = FastTextModel(
        settings=_settings_of(table),
        words=words,
        counts=counts,
        labels=[],
        label_counts=np.zeros(0, np.int64),
        inputs=own if parts is None else np.concatenate([own, parts.whole()]),
        outputs=np.zeros_like(own) if table.outputs is None else table.outputs,
        tokens=total if isinstance(total, int) else int(counts.sum()),
    )
    write_model(stream, model)


def _settings_of(table: Table) -> dict[str, int | float | str]:
    """fastText's settings for what is known of the training."""
    known, parts = table.settings, table.subwords
    found: dict[str, int | float | str] = {"dim": table.vectors.shape[1], "bucket": 0, "minn": 0, "maxn": 0}
    if parts is not None:
        found |= {"bucket": parts.total or len(parts.buckets), "minn": parts.min_n, "maxn": parts.max_n}
    for ours, theirs, default in _SETTINGS:
        value = known.get(ours, default)
        found[theirs] = type(default)(value) if isinstance(value, int | float) else default
    found["model"] = "cbow" if known.get("model") == "cbow" else "skipgram"
    found["loss"] = "hs" if known.get("loss") == "hierarchical" else "ns"
    return found


def _composed(model: FastTextModel) -> np.ndarray:
    settings, size = model.settings, len(model.words)
    low, high, buckets = (int(settings[name]) for name in ("minn", "maxn", "bucket"))
    own, rows = model.inputs[:size], model.inputs[size:]
    if not buckets or high < max(low, 1):
        return np.array(own)
    letters = [word.encode("utf-8", "surrogateescape") for word in model.words]
    alone = {_LINE_END.encode()}
    sizes = max(low, 1), high, buckets
    return composed(letters, own, rows, sizes, alone, lambda found: model.bucket_rows(found) - size)


def _shown(words: Sequence[str], where: str) -> tuple[list[str], list[str]]:
    """The words, bytes that are not UTF-8 written with backslashes, as in gensim, and a note on it."""
    found, changed = list(words), 0
    for row, word in enumerate(words):
        if any("\udc80" <= letter <= "\udcff" for letter in word):
            found[row] = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            changed += 1
    note = f"{where}: {changed:,} words are not UTF-8; they are shown with backslashes."
    return found, [note] if changed else []
