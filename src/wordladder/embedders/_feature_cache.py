"""Frozen features: a pass over all texts before the first epoch, so that no epoch computes them again."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ..data.batches import length_batches
from ..layers.devices import chosen, on_device
from ..progress import Progress, quiet
from ..text.words import Tokens
from ._features import FeatureStore, text_keys

ROWS, WORDS = 256, 16_384  # of a batch
SPARE_BYTES = 1_000_000_000  # that are left free on the disk
BYTES = 2  # of a number in half precision


class Remembered(NamedTuple):
    """What came of it.

    Attributes:
        gigabytes: What the features of all these texts take on the disk.
        kept: Whether they lie there now.
        seconds: The time spent on it now.
        earlier: The time spent on it before, where some were there already.
        why: Why they are not kept, in one phrase; empty if they are.
    """

    gigabytes: float
    kept: bool
    seconds: float = 0.0
    earlier: float = 0.0
    why: str = ""


def remember(
    embedder: Any,
    texts: list[Tokens],
    folder: Path,
    device: str | torch.device | None = None,
    progress: Progress = quiet,
) -> Remembered:
    """Compute the features of all texts that are not in the folder, and let the embedder read them from it.

    Args:
        embedder: One that is frozen: `feature_mark`, `feature_numbers`, `features`, `cache_gb` and `store`.
        texts: The words of the texts, in one or more sets.
        folder: Where features lie, those of each encoder in a folder of its own.
        device: Where to compute; the best there is if not given.
        progress: Told how many words are done, and the size.
    """
    started = time.perf_counter()
    store = FeatureStore(folder / f"features-{embedder.feature_mark()}")
    size = needed = earlier = 0.0
    lots: list[_Lot] = []
    seen: set[bytes] = set()  # a text of one set may stand in another
    for tokens in texts:
        keys = text_keys(tokens)
        rows = _first_rows(keys, seen)
        new = np.array([row for row in rows.tolist() if keys[row] not in store], np.int64)
        size += _bytes(embedder, tokens, rows)
        needed += _bytes(embedder, tokens, new)
        earlier += store.seconds(keys[row] for row in rows.tolist() if keys[row] in store)
        lots.append(_Lot(tokens, keys, new))
    if size > embedder.cache_gb * 1e9:
        return Remembered(size / 1e9, False, why=f"that is over cache_gb = {embedder.cache_gb:g}")
    if needed > (free := shutil.disk_usage(folder).free - SPARE_BYTES):
        return Remembered(size / 1e9, False, why=f"only {max(0, free) / 1e9:.1f} GB of the disk are free")
    place = chosen(device)
    for lot in lots:
        _fill(embedder, lot, store, place, _told(progress, size))
    embedder.store = store
    return Remembered(size / 1e9, True, time.perf_counter() - started, earlier)


class _Lot(NamedTuple):
    """A set of texts, the key of each, and the rows that are to be computed."""

    tokens: Tokens
    keys: list[bytes]
    rows: np.ndarray


def _first_rows(keys: list[bytes], seen: set[bytes]) -> np.ndarray:
    """The first row of each text that has not been seen; they are seen from now on."""
    first: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        if key not in seen:
            first.setdefault(key, row)
    seen.update(first)
    return np.fromiter(first.values(), np.int64, len(first))


def _bytes(embedder: Any, tokens: Tokens, rows: np.ndarray) -> float:
    """What the features of these rows take."""
    words = np.diff(tokens.example_offsets)[rows].sum()
    per_word, per_text = embedder.feature_numbers
    return float(BYTES * (per_word * words + per_text * len(rows)))


def _told(progress: Progress, size: float) -> Callable[[float, float, float], None]:
    def tell(done: float, total: float, seconds: float) -> None:
        rate = done / max(seconds, 1e-9)
        progress(f"features ({size / 1e9:.1f} GB on disk)", done, total, words_per_second=rate)

    return tell


def _fill(
    embedder: Any,
    lot: _Lot,
    store: FeatureStore,
    device: torch.device,
    tell: Callable[[float, float, float], None],
) -> None:
    tokens, rows = lot.tokens, lot.rows
    lengths = np.diff(tokens.example_offsets)
    total, done, started = float(lengths[rows].sum()), 0.0, time.perf_counter()
    embedder.to(device)
    before, embedder.store = embedder.training, None
    embedder.eval()
    batches = [rows[some] for some in length_batches(lengths[rows], max_words=WORDS, max_rows=ROWS)]
    inputs = on_device(lambda some: embedder.prepare(tokens.take(some)), batches, device)
    for batch, prepared in zip(batches, inputs):
        with torch.inference_mode():
            features = embedder.features(prepared)
        store.add([lot.keys[row] for row in batch.tolist()], lengths[batch].tolist(), features)
        done += float(lengths[batch].sum())
        tell(done, total, time.perf_counter() - started)
    store.flush()
    embedder.train(before)
