"""Features that training does not change: computed once, kept on disk, read back in every epoch.

A text's features depend on the encoder alone, so they are kept under the text and its words, in a folder that
carries the encoder's mark; any model with the same encoder finds them there. `training.features` fills the
folder; this file knows neither batches nor devices.
"""

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import DataError, VectorsError
from ..files.streams import atomic_write
from ..formats.safetensors import read_header, tensor, write_tensors
from ..layers.padding import pad
from ..text.words import Tokens

PART_BYTES = 256_000_000  # kept in memory before they are written
PART_SECONDS = 60.0
STALE_SECONDS = 3600.0  # after which an unfinished file belongs to nobody
LARGEST = float(np.finfo(np.float16).max)


class Features(NamedTuple):
    """What an encoder says of a batch, before anything that is learned on top of it.

    Attributes:
        layers: `(batch, time, layers, dim)`, zero where the mask is False.
        mask: `(batch, time)` bool.
        summary: `(batch, layers, dim)`, or None.
        segments: `(batch, time)`, the segment of each word, where an example has several.
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
    an interrupted one has written stays. A broken file is removed, and its texts are computed again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts: list[_Part] = []
        self._places: dict[bytes, tuple[int, int]] = {}
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
        return key in self._places

    def _open(self, path: Path) -> None:
        try:
            part = _read(path)
        except (VectorsError, KeyError, ValueError):
            with suppress(OSError):
                path.unlink()
            return
        except (DataError, OSError):  # another program has just removed it
            return
        for row, key in enumerate(part.keys):
            self._places[key.tobytes()] = (len(self._parts), row)
        self._parts.append(part)

    def add(self, keys: Iterable[bytes], lengths: Iterable[int], features: Features) -> None:
        """Keep the features of some texts; they are there to be read after the next `flush`."""
        layers = _halved(features.layers)
        summaries = None if features.summary is None else _halved(features.summary)
        for row, (key, length) in enumerate(zip(keys, lengths)):
            words = layers[row, :length].copy()
            summary = None if summaries is None else summaries[row].copy()
            self._pending.append((key, words, summary))
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
        offsets = np.cumsum([0, *(len(one) for one in words)]).astype(np.int64)
        spare = np.zeros((1, *words[0].shape[1:]), np.float16)  # a file has no tensor without numbers
        tensors = {
            "keys": np.frombuffer(b"".join(keys), np.uint64).reshape(-1, 2),
            "offsets": offsets,
            "words": np.concatenate([*words, spare]),
        }
        if summaries[0] is not None:
            tensors["summaries"] = np.stack(summaries)
        path = self.folder / f"part-{uuid4().hex}.safetensors"
        with atomic_write(path) as file:
            write_tensors(file, tensors, {"seconds": json.dumps(seconds)})
        self._open(path)

    def seconds(self, keys: Iterable[bytes]) -> float:
        """How long it took to compute the features of these texts."""
        total = 0.0
        for number, row in (self._places[key] for key in keys):
            part = self._parts[number]
            words = part.offsets[row + 1] - part.offsets[row]
            total += part.seconds * float(words) / max(1.0, float(part.offsets[-1]))
        return total

    def read(self, keys: list[bytes]) -> Features | None:
        """The features of a batch of texts; None if one of them is not there."""
        found = [self._places.get(key) for key in keys]
        if not found or any(place is None for place in found):
            return None
        texts = [(self._parts[place[0]], place[1]) for place in found if place is not None]
        spans = [(part.offsets[row], part.offsets[row + 1]) for part, row in texts]
        lengths = np.array([end - begin for begin, end in spans])
        first = texts[0][0]
        layers = np.zeros((len(keys), max(1, int(lengths.max())), *first.words.shape[1:]), np.float16)
        for row, ((part, _), (begin, end)) in enumerate(zip(texts, spans)):
            layers[row, : end - begin] = part.words[begin:end]
        mask = np.arange(layers.shape[1]) < lengths[:, None]
        summary = None
        if first.summaries is not None:
            summary = torch.from_numpy(np.stack([part.summaries[row] for part, row in texts]))  # type: ignore[index]
        return Features(torch.from_numpy(layers), torch.from_numpy(mask), summary)


def _read(path: Path) -> _Part:
    header, base, size = read_header(path)
    named = {name: tensor(path, name, header[name], base, size) for name in header if name != "__metadata__"}
    seconds = json.loads(header["__metadata__"]["seconds"])  # type: ignore[arg-type]
    arrays = (np.array(named["keys"]), np.array(named["offsets"]), named["words"], named.get("summaries"))
    if len(arrays[1]) != len(arrays[0]) + 1 or arrays[1][-1] > len(arrays[2]):
        raise ValueError("offsets")
    return _Part(*arrays, seconds)


def _halved(vectors: Tensor) -> NDArray[np.float16]:
    """In half precision; what is too large for it becomes the largest number that it has."""
    return vectors.float().clamp(-LARGEST, LARGEST).half().cpu().numpy()


def recalled(store: FeatureStore | None, tokens: Tokens) -> Features | None:
    """The features of these texts where all of them are in the store."""
    found = None if store is None else store.read(text_keys(tokens))
    if found is None or tokens.segments == 1:
        return found
    return found._replace(segments=pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)[0])


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


def encoder_mark(network: nn.Module, settings: dict[str, Any]) -> str:
    """A short mark that any other weight or setting changes.

    Args:
        network: Whose parameters and buffers count.
        settings: What else the features depend on, as JSON values.
    """
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=12)
    for name, weight in sorted(network.state_dict().items()):
        values = weight.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
