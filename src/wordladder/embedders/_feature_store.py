"""Features of texts on disk: what a frozen encoder gives for them, computed once and read in every epoch.

A text's features depend on the encoder alone, so their key is the text and its words, in a folder with the
encoder's mark; any model with the same encoder finds them there.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError, VectorsError
from ..files.streams import atomic_write
from ..formats.safetensors import read_header, tensor, write_tensors
from ..text.words import Tokens

PART_BYTES = 256_000_000  # collected in memory before they are written
PART_SECONDS = 60.0
STALE_SECONDS = 3600.0  # after which an unfinished file is deleted
LARGEST = float(np.finfo(np.float16).max)


class Features(NamedTuple):
    """What an encoder gives for a batch, before anything that is learned on top of it.

    Attributes:
        layers: `(batch, time, layers, dim)`, zero where the mask is False.
        mask: `(batch, time)` bool.
        summary: `(batch, layers, dim)`, or None.
        segments: `(batch, time)`, the segment of each word, where an example has several texts.
    """

    layers: Tensor
    mask: Tensor
    summary: Tensor | None = None
    segments: Tensor | None = None


class _Part(NamedTuple):
    """One file of features: the words of text `t` are `words[offsets[t]:offsets[t + 1]]`."""

    keys: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    words: NDArray[np.float16]
    summaries: NDArray[np.float16] | None
    seconds: float


class FeatureStore:
    """The features of texts in the files of a folder, memory-mapped, in half precision.

    A file is written whole or not at all, and never changed: several programs may fill one folder, and what
    an interrupted one has written stays. A broken file is deleted, and its texts are computed again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._texts: dict[bytes, tuple[_Part, int]] = {}
        self._pending: list[tuple[bytes, NDArray[np.float16], NDArray[np.float16] | None]] = []
        self._bytes, self._since = 0, time.monotonic()
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.glob("*.part"):
            with suppress(OSError):  # another program has just finished it
                if time.time() - path.stat().st_mtime > STALE_SECONDS:
                    path.unlink()
        for path in sorted(folder.glob("part-*.safetensors")):
            self._open(path)

    def __contains__(self, key: bytes) -> bool:
        return key in self._texts

    def _open(self, path: Path) -> None:
        try:
            part = _read_part(path)
            self._texts |= {key.tobytes(): (part, row) for row, key in enumerate(part.keys)}
        except (VectorsError, KeyError, ValueError):
            with suppress(OSError):
                path.unlink()
        except (DataError, OSError):  # another program has just deleted it
            pass

    def add(self, keys: Iterable[bytes], lengths: Iterable[int], features: Features) -> None:
        """Add the features of some texts; they can be read after the next `flush`."""
        layers = _to_half(features.layers)
        summaries = None if features.summary is None else _to_half(features.summary)
        for row, (key, length) in enumerate(zip(keys, lengths)):
            words = layers[row, :length].copy()
            self._pending.append((key, words, None if summaries is None else summaries[row].copy()))
            self._bytes += words.nbytes
        if self._bytes > PART_BYTES or time.monotonic() - self._since > PART_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is pending to a new file."""
        pending, self._pending, self._bytes = self._pending, [], 0
        seconds, self._since = time.monotonic() - self._since, time.monotonic()
        if not pending:
            return
        keys, words, summaries = zip(*pending)
        spare = np.zeros((1, *words[0].shape[1:]), np.float16)  # as a file has no empty tensor
        tensors = {
            "keys": np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2),
            "offsets": np.cumsum([0, *map(len, words)]).astype(np.int64),
            "words": np.concatenate([*words, spare]),
        }
        if summaries[0] is not None:
            tensors["summaries"] = np.stack(summaries)
        path = self.folder / f"part-{uuid4().hex}.safetensors"
        with atomic_write(path) as file:
            write_tensors(file, tensors, {"seconds": json.dumps(seconds)})
        self._open(path)

    def seconds(self, keys: Iterable[bytes]) -> float:
        """The time it took to compute the features of those of the texts that are in the store."""
        total = 0.0
        for part, row in (self._texts[key] for key in keys if key in self._texts):
            words = part.offsets[row + 1] - part.offsets[row]
            total += part.seconds * float(words) / max(1.0, float(part.offsets[-1]))
        return total

    def read(self, keys: list[bytes]) -> Features | None:
        """The features of a batch of texts; None if one of them is missing."""
        if not keys or any(key not in self._texts for key in keys):
            return None
        texts = [self._texts[key] for key in keys]
        words = [part.words[part.offsets[row] : part.offsets[row + 1]] for part, row in texts]
        lengths = np.array([len(one) for one in words])
        layers = np.zeros((len(keys), max(1, int(lengths.max())), *words[0].shape[1:]), np.float16)
        for row, one in enumerate(words):
            layers[row, : len(one)] = one
        mask = np.arange(layers.shape[1]) < lengths[:, None]
        summaries = [part.summaries[row] for part, row in texts if part.summaries is not None]
        summary = torch.from_numpy(np.stack(summaries)) if summaries else None
        return Features(torch.from_numpy(layers), torch.from_numpy(mask), summary)


def _read_part(path: Path) -> _Part:
    header, base, size = read_header(path)
    named = {name: tensor(path, name, header[name], base, size) for name in header if name != "__metadata__"}
    seconds = json.loads(header["__metadata__"]["seconds"])  # type: ignore[arg-type]
    keys, offsets, words = np.array(named["keys"]), np.array(named["offsets"]), named["words"]
    if len(offsets) != len(keys) + 1 or offsets[-1] > len(words):
        raise ValueError("offsets")
    return _Part(keys, offsets, words, named.get("summaries"), seconds)


def _to_half(vectors: Tensor) -> NDArray[np.float16]:
    """In half precision; values that are too large become the largest one."""
    return vectors.float().clamp(-LARGEST, LARGEST).half().cpu().numpy()


def text_keys(tokens: Tokens) -> list[bytes]:
    """A key of 16 bytes for each example: its texts, and where their words are."""
    keys = []
    step, offsets = tokens.segments, tokens.offsets
    for first in range(0, len(tokens.texts), step):
        digest = hashlib.blake2b(digest_size=16)
        for text in range(first, first + step):
            here = slice(offsets[text], offsets[text + 1])
            raw = tokens.texts[text].encode("utf-8", "surrogatepass")
            digest.update(len(raw).to_bytes(8, "little") + raw)
            digest.update(tokens.starts[here].tobytes() + tokens.ends[here].tobytes())
        keys.append(digest.digest())
    return keys
