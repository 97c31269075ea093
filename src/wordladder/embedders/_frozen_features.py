"""Embedders whose encoder may be frozen: then its features of all texts are computed once, before the first
epoch, and stored on disk.
"""

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data.batches import length_batches
from ..layers.devices import batches_on_device, choose_device, tensors
from ..layers.sequence import ScalarMix, Sequence, VariationalDropout
from ..progress import Progress, quiet
from ..text.padding import pad_words
from ..text.words import Tokens
from ._feature_store import Features, FeatureStore, text_keys

ROWS, WORDS = 256, 16_384  # of a batch
SPARE_BYTES = 1_000_000_000  # that stay free on the disk
BYTES = 2  # of a number in half precision
_Job = tuple[Tokens, list[bytes], NDArray[np.int64]]  # texts, their keys, and the rows to compute


class FeatureEmbedder(nn.Module):
    """What the embedders with a pretrained encoder have in common. Each has a method `prepare_texts`, which
    makes tensors of texts, `features`, which makes Features of them, and `feature_mark`.

    Args:
        source: Where the encoder comes from.
        tune: Whether training changes the encoder.
        dropout: Share of the vector components set to zero in training.
        cache_gb: Most gigabytes that the features of a frozen encoder may take on disk.

    Attributes:
        frozen: Whether the features of a text never change.
        store: Where the features of a frozen encoder are read from.
        mix: The learned mix of the layers, if there is one.
    """

    summary_dim = 0
    prepare_texts: Any
    features: Any

    def __init__(self, source: str, tune: bool, dropout: float, cache_gb: float) -> None:
        super().__init__()
        self.source, self.tune, self.frozen, self.cache_gb = source, tune, not tune, cache_gb
        self.dropout = VariationalDropout(dropout)
        self.store: FeatureStore | None = None
        self.mix: ScalarMix | None = None
        self.dim = 0

    @property
    def _where(self) -> str:
        return f'embedders: source = "{self.source}"'

    @property
    def feature_numbers(self) -> tuple[int, int]:
        """How many numbers the features of a word have, and those of a text."""
        layers = 1 if self.mix is None else len(self.mix.scalars)
        return layers * self.dim, layers * self.summary_dim

    def prepare(self, tokens: Tokens) -> Any:
        """The tensors that the encoder reads, or the features of the texts where they are stored."""
        features = None if self.store is None else self.store.read(text_keys(tokens))
        if features is None:
            return self.prepare_texts(tokens)
        return features._replace(segments=tensors(pad_words(tokens.segment_numbers, tokens)[2]))

    def forward(self, prepared: Any) -> Sequence:
        """Vectors `(batch, time, dim)`; padding and words without a piece are the zero vector."""
        features = prepared if isinstance(prepared, Features) else self.features(prepared)
        summary = None if features.summary is None else self._mix_layers(features.summary)
        vectors = self.dropout(self._mix_layers(features.layers))
        return Sequence(vectors, features.mask, summary, features.segments)

    def _mix_layers(self, layers: Tensor) -> Tensor:
        """`(…, layers, dim)` to `(…, dim)`."""
        layers = layers.float()
        return layers[..., 0, :] if self.mix is None else self.mix(layers.unbind(dim=-2))


def encoder_mark(network: nn.Module, settings: dict[str, Any]) -> str:
    """A short hash that changes with any weight or setting.

    Args:
        network: Its parameters and buffers count.
        settings: What else the features depend on, as JSON values.
    """
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=12)
    for name, weight in sorted(network.state_dict().items()):
        values = weight.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


class CacheReport(NamedTuple):
    """What was stored.

    Attributes:
        gigabytes: The size of the features of all these texts on disk.
        kept: Whether they are stored.
        seconds: The time it took now.
        earlier: The time it took before, where some were stored already.
        why: Why they are not stored, in one phrase; empty if they are.
    """

    gigabytes: float
    kept: bool
    seconds: float = 0.0
    earlier: float = 0.0
    why: str = ""


def cache_features(
    embedder: Any,
    texts: list[Tokens],
    folder: Path,
    device: str | torch.device | None = None,
    progress: Progress = quiet,
) -> CacheReport:
    """Compute the features of all texts that are not in the folder yet, and let the embedder read them there.

    Args:
        embedder: A frozen FeatureEmbedder.
        texts: The words of the texts, in one or more sets.
        folder: The folder of all features; those of each encoder have a folder of their own in it.
        device: Where to compute; left out, the best there is.
        progress: Gets the number of words that are done, and the size.
    """
    started = time.perf_counter()
    store = FeatureStore(folder / f"features-{embedder.feature_mark()}")
    size = needed = earlier = 0.0
    jobs: list[_Job] = []
    seen: set[bytes] = set()  # the sets may have texts in common
    for tokens in texts:
        keys = text_keys(tokens)
        first_rows = {key: row for row, key in reversed(list(enumerate(keys))) if key not in seen}
        seen |= first_rows.keys()
        new = sorted(row for key, row in first_rows.items() if key not in store)
        size += _bytes(embedder, tokens, list(first_rows.values()))
        needed += _bytes(embedder, tokens, new)
        earlier += store.seconds(first_rows)
        jobs.append((tokens, keys, np.array(new, np.int64)))
    if size > embedder.cache_gb * 1e9:
        return CacheReport(size / 1e9, False, why=f"that is over cache_gb = {embedder.cache_gb:g}")
    if needed > (free := shutil.disk_usage(folder).free - SPARE_BYTES):
        return CacheReport(size / 1e9, False, why=f"only {max(0, free) / 1e9:.1f} GB of the disk are free")
    report = partial(progress, f"features ({size / 1e9:.1f} GB on disk)")
    for job in jobs:
        _compute(embedder, job, store, choose_device(device), report)
    embedder.store = store
    return CacheReport(size / 1e9, True, time.perf_counter() - started, earlier)


def _bytes(embedder: Any, tokens: Tokens, rows: list[int]) -> float:
    """The size of the features of these rows."""
    words = np.diff(tokens.example_offsets)[rows].sum()
    per_word, per_text = embedder.feature_numbers
    return float(BYTES * (per_word * words + per_text * len(rows)))


def _compute(
    embedder: Any, job: _Job, store: FeatureStore, device: torch.device, report: Callable[..., None]
) -> None:
    tokens, keys, rows = job
    lengths = np.diff(tokens.example_offsets)
    total, done, started = float(lengths[rows].sum()), 0.0, time.perf_counter()
    embedder.to(device)
    before, embedder.store = embedder.training, None
    embedder.eval()
    batches = [rows[some] for some in length_batches(lengths[rows], max_words=WORDS, max_rows=ROWS)]
    inputs = batches_on_device(lambda batch: embedder.prepare(tokens.take(batch)), batches, device)
    for batch, prepared in zip(batches, inputs):
        with torch.inference_mode():
            features = embedder.features(prepared)
        store.add([keys[row] for row in batch.tolist()], lengths[batch].tolist(), features)
        done += float(lengths[batch].sum())
        report(done, total, words_per_second=done / max(time.perf_counter() - started, 1e-9))
    store.flush()
    embedder.train(before)
