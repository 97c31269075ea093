"""fastText models as word vectors: the vectors of their words, composed from subwords, and the way back."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import VectorsError
from ..text.subwords import Subwords, concatenate, first_han
from ._table import Table, check_table
from .fasttext import FastTextModel, read_model, write_model

_LINE_END = "</s>"  # the only word that has no n-grams in fastText
_LOSSES = {"ns": "negative", "hs": "hierarchical", "softmax": "softmax", "ova": "one-vs-all"}
# wordladder's name of a setting, fastText's name, and fastText's default
_SETTINGS = (
    ("window", "ws", 5),
    ("epochs", "epoch", 5),
    ("min_count", "minCount", 1),
    ("negative", "neg", 5),
    ("sample", "t", 1e-4),
    ("word_ngrams", "wordNgrams", 1),
    ("update_rate", "lrUpdateRate", 100),
)
_BLOCK_WORDS = 1 << 15  # composed at a time: they have many n-grams


def read_fasttext(path: Path) -> Table:
    """Read the word vectors of a fastText model.

    A word that is not UTF-8 is shown with backslashes, and a note says so. A compressed model whose n-grams
    were pruned gives no vectors to out-of-vocabulary words.
    """
    model = read_model(path)
    settings, size = model.settings, len(model.words)
    table_settings: dict[str, object] = {
        "kind": "fasttext",
        "model": settings["model"],
        "dim": settings["dim"],
        **{ours: settings[theirs] for ours, theirs, _ in _SETTINGS},
        "loss": _LOSSES[str(settings["loss"])],
        "words": model.tokens,
    }
    min_n, max_n, buckets = (int(settings[name]) for name in ("minn", "maxn", "bucket"))
    own, subwords = model.inputs[:size], None
    encoded = [word.encode("utf-8", "surrogateescape") for word in model.words]
    # bytes that are not UTF-8 are written with backslashes, as in gensim
    words = [word.decode("utf-8", "backslashreplace") for word in encoded]
    changed = sum(1 for word, before in zip(words, model.words) if word != before)
    note = f"{path}: {changed:,} words are not UTF-8; they are shown with backslashes."
    notes = [note] if changed else []
    if buckets and max_n >= min_n >= 1:
        table_settings |= {"min_n": min_n, "max_n": max_n, "buckets": buckets}
        if model.pruned is None:
            subwords = Subwords(own, model.inputs[size:], min_n, max_n, han=False)
        else:
            notes.append(f"{path}: the model dropped n-grams: out-of-vocabulary words have no vectors.")
    sizes = max(min_n, 1), max_n, buckets
    if buckets and max_n >= sizes[0]:
        vectors = compose_vectors(encoded, own, model.inputs, sizes, _LINE_END.encode(), model.bucket_rows)
    else:
        vectors = np.array(own)
    outputs = None if settings["model"] == "supervised" else model.outputs
    if outputs is None:
        table_settings["labels"] = len(model.labels)
    table = Table(words, vectors, model.counts, table_settings, subwords, outputs, tuple(notes))
    return check_table(table, lambda row: f"{path}, word {row + 1}")


def compose_vectors(
    words: Sequence[bytes],
    own: np.ndarray,
    rows: np.ndarray,
    sizes: tuple[int, int, int],
    without_ngrams: bytes | None = None,
    row_of_bucket: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """The mean of each word's own row and the rows of its n-grams: (words, dim) float32.

    Args:
        words: The words in UTF-8.
        own: Their own rows (words, dim).
        rows: The rows of the n-grams.
        sizes: Characters of the shortest and of the longest n-gram, and the number of buckets.
        without_ngrams: A word that has no n-grams.
        row_of_bucket: Maps buckets to `rows`, negative for none; left out, bucket `i` has row `i`.
    """

    from ..kernels.subwords import ngrams, word_means

    vectors = np.empty(own.shape, np.float32)
    for start in range(0, len(words), _BLOCK_WORDS):
        block = words[start : start + _BLOCK_WORDS]
        offsets, buckets = ngrams(*concatenate(block), *sizes, np.zeros(0, np.uint8))
        parts = buckets.astype(np.int64)
        if row_of_bucket is not None:
            parts = row_of_bucket(parts)
        if without_ngrams in block:
            number = block.index(without_ngrams)
            parts[offsets[number] : offsets[number + 1]] = -1
        end = start + len(block)
        vectors[start:end] = word_means(own[start:end], rows, offsets, parts)
    return vectors


def write_fasttext(stream: BinaryIO, table: Table) -> None:
    """Write a model that fastText opens and that gives the same vectors.

    Raises:
        VectorsError: fastText would compose other vectors, or cannot hold a word.
    """
    words, subwords = list(table.words), table.subwords
    own = np.array(table.vectors if subwords is None else subwords.own, np.float32)
    if own.shape != table.vectors.shape:
        raise VectorsError(f"Own rows of shape {own.shape} do not fit vectors {table.vectors.shape}.")
    if subwords is not None and subwords.han and (word := first_han(words)) is not None:
        raise VectorsError(
            f"The word {word!r} has Han characters, each a subword of its own; fastText would compose "
            "other vectors. Write .safetensors, or .vec without subwords."
        )
    if _LINE_END in words:
        row = words.index(_LINE_END)
        own[row] = table.vectors[row]
    counts = np.ones(len(words), np.int64) if table.counts is None else np.asarray(table.counts, np.int64)
    tokens = table.settings.get("words")
    tokens = tokens if isinstance(tokens, int) else int(counts.sum())
    inputs = own if subwords is None else np.concatenate([own, subwords.whole()])
    outputs = np.zeros_like(own) if table.outputs is None else table.outputs
    settings, no_counts = _fasttext_settings(table), np.zeros(0, np.int64)
    write_model(stream, FastTextModel(settings, words, counts, [], no_counts, inputs, outputs, tokens))


def _fasttext_settings(table: Table) -> dict[str, int | float | str]:
    """fastText's settings from what is known of the training."""
    ours, subwords = table.settings, table.subwords
    settings: dict[str, int | float | str] = {"dim": table.vectors.shape[1]}
    settings |= dict.fromkeys(("bucket", "minn", "maxn"), 0)
    if subwords is not None:
        buckets = subwords.total or len(subwords.buckets)
        settings |= {"bucket": buckets, "minn": subwords.min_n, "maxn": subwords.max_n}
    for name, their_name, default in _SETTINGS:
        value = ours.get(name, default)
        settings[their_name] = type(default)(value) if isinstance(value, int | float) else default
    settings["model"] = "cbow" if ours.get("model") == "cbow" else "skipgram"
    settings["loss"] = "hs" if ours.get("loss") == "hierarchical" else "ns"
    return settings
