"""Encoders of sentence-transformers and of transformers as engines: one vector a text, no labels.

What a folder of sentence-transformers names is done as there; of a plain encoder the mean of all pieces'
vectors is taken.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers
from torch import Tensor
from torch.nn import functional

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._inference import Answering, Precision, answering, runs
from ..embedders._pretrained import Pretrained, keep_pretrained, open_pretrained, piece_limit
from ..embedders._sentence_layout import Pooled, SentenceLayout, is_sentence_folder, read_layout, write_layout
from ..errors import ModelError
from ..layers.workers import in_parallel
from ..recipe import Recipe
from ..training.devices import threads
from .dense import Dense, keep_dense, open_dense
from .no_task import NoTask

__all__ = ["SentenceEngine"]

_BATCH_PIECES, _TEXTS = 4096, 8192  # pieces computed together; texts sorted together
_MOST_ROWS = 4096
Ints = NDArray[np.int64]


class SentenceEngine:
    """An encoder, and how the vectors of its pieces become one.

    Args:
        pretrained: The encoder and its tokenizer.
        layout: What makes a vector of a text.
        dense: The linear layers behind the pooling.
        name: What it is called in messages.
        device: Where it computes.
        precision: Its arithmetic.

    Attributes:
        cut: Texts so far that were longer than the encoder reads, and were cut there.
        notes: What a user should know.
    """

    def __init__(
        self,
        pretrained: Pretrained,
        layout: SentenceLayout,
        dense: Sequence[Dense] = (),
        *,
        name: str,
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.pretrained, self.layout, self.dense, self.name = pretrained, layout, tuple(dense), name
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        self.precision, self.cut, self.notes = precision, 0, list[str]()
        self.task = NoTask(name)
        limits = [piece_limit(pretrained.model, pretrained.tokenizer), layout.max_pieces]
        self.limit = min((one for one in limits if one is not None), default=None)
        self._tokenizer, self._after = _tokenizer(pretrained.tokenizer, layout, name)
        self._answering: Answering | None = None

    @classmethod
    def open(
        cls, folder: Path, source: str, *, device: str | None = None, precision: Precision = "auto"
    ) -> "SentenceEngine":
        """Read a folder of sentence-transformers or of transformers.

        Raises:
            ModelError: it cannot be read.
        """
        plain = not is_sentence_folder(folder)
        layout = SentenceLayout() if plain else read_layout(folder)
        pretrained = open_pretrained(str(folder / layout.encoder), error=ModelError)
        dense = [open_dense(folder / place) for place in layout.dense]
        name = Path(source).name or str(source)
        engine = cls(pretrained, layout, dense, name=name, device=device, precision=precision)
        engine.source = str(folder / layout.encoder) if layout.encoder else source
        if plain:
            engine.notes.append(
                f"{source}: no modules.json says how a text gets its vector; "
                "the mean of the vectors of all pieces is taken"
            )
        return engine

    source = ""
    threads = staticmethod(threads)

    @property
    def recipe(self) -> Recipe:
        """A recipe whose embedder is this encoder, frozen: to train something on top of it."""
        table: dict[str, Any] = {"kind": "transformer", "source": self.source or self.name}
        if self.layout.pooling in (("mean",), ("cls",)):
            table["summary"] = self.layout.pooling[0]
        return Recipe({"embedders": [table]}, self.name)

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`."""
        if self._answering is None:
            pad = self.pretrained.tokenizer.pad_token_id or 0
            self._answering = answering(
                self.pretrained.model, precision=self.precision, device=torch.device(self.device), pad=pad
            )
        parts = [
            self._encode(
                examples.texts[first : first + _TEXTS], _MOST_ROWS if batch_rows is None else batch_rows
            )
            for first in range(0, len(examples), _TEXTS)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        if self.dense:
            return self.dense[-1].weight.shape[0]
        return self._piece_dim * len(self.layout.pooling)

    @property
    def _piece_dim(self) -> int:
        return self.pretrained.model.config.hidden_size

    def _encode(self, texts: Sequence[str], batch_rows: int) -> NDArray[np.float32]:
        rows = self._pieces(texts)
        lengths = np.array([len(row) for row in rows])
        out = np.empty((len(rows), self.dim), np.float32)
        if not lengths.all():  # without special pieces, an empty text has none: its pooled vector is zero
            nothing = torch.zeros(1, self._piece_dim * len(self.layout.pooling))
            out[lengths == 0] = self._finished(nothing).numpy()
        full = np.flatnonzero(lengths)
        if not len(full):
            return out
        # On a processor each batch has a core of its own, and there are batches for all cores.
        share = -(-int(lengths.sum()) // torch.get_num_threads()) if self.device == "cpu" else _BATCH_PIECES
        sizes = {"max_words": min(share, _BATCH_PIECES), "max_rows": batch_rows}
        batches = [full[some] for some in length_batches(lengths[full], **sizes)]
        jobs = [partial(self._vectors, [rows[row] for row in some.tolist()]) for some in batches]
        found = in_parallel(jobs) if self.device == "cpu" else [job() for job in jobs]
        for some, vectors in zip(batches, found):
            out[some] = vectors
        return out

    @torch.inference_mode()
    def _vectors(self, rows: list[Ints]) -> NDArray[np.float32]:
        assert self._answering is not None
        states = self._answering.states(rows)
        lengths = np.array([len(row) for row in rows])
        return self._finished(_pooled(states, lengths, self.layout.pooling)).cpu().numpy()

    def _pieces(self, texts: Sequence[str]) -> list[Ints]:
        """The numbers of each text's pieces, special ones included; what is too long is cut, and counted."""
        found, rows = self._tokenizer.encode_batch_fast([_readable(text) for text in texts]), []
        for encoding in found:
            row = np.array(encoding.ids, np.int64)
            if self.limit is not None and len(row) > self.limit:
                row = np.append(row[: self.limit - self._after], row[len(row) - self._after :])
                self.cut += 1
            rows.append(row)
        return rows

    def _finished(self, vectors: Tensor) -> Tensor:
        for layer in self.dense:
            vectors = layer(vectors)
        return functional.normalize(vectors, dim=1) if self.layout.normalize else vectors

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """An encoder has none.

        Raises:
            ModelError: always.
        """
        self.task.refuse()

    fusion_weights = scores

    def keep(self, folder: Path) -> None:
        """Write a folder that sentence-transformers opens, and this class too."""
        place = self.layout.encoder or "."
        keep_pretrained(self.pretrained.model, self.pretrained.tokenizer, folder / place)
        dense = tuple(f"{number}_Dense" for number in range(2, 2 + len(self.dense)))
        for part, layer in zip(dense, self.dense):
            keep_dense(layer, folder / part)
        write_layout(folder, self.layout._replace(dense=dense), self._piece_dim)


def _tokenizer(fast: Any, layout: SentenceLayout, name: str) -> tuple[Tokenizer, int]:
    """A tokenizer that neither pads nor cuts, and how many special pieces it puts behind a text."""
    tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if layout.lowercase:
        first: Any = normalizers.Lowercase()
        whole = [first] if tokenizer.normalizer is None else [first, tokenizer.normalizer]
        tokenizer.normalizer = normalizers.Sequence(whole)
    frame = tokenizer.encode("a")
    if any(frame.type_ids):
        raise ModelError(
            f"{name}: its tokenizer numbers the segments of a single text, which is not read here"
        )
    return tokenizer, len(frame.ids) - 1 - int(np.flatnonzero(np.array(frame.special_tokens_mask) == 0)[-1])


def _readable(text: str) -> str:
    """The text, with half surrogate pairs replaced, which no tokenizer reads."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pooled(states: Tensor, lengths: Ints, modes: Sequence[Pooled]) -> Tensor:
    """`(texts, dim)` from the vectors of all pieces, one text behind another."""
    parts = []
    for first, count, length in runs(lengths):
        here = states[first : first + count * length].unflatten(0, (count, length))
        parts.append(torch.cat([_pooled_once(here, mode) for mode in modes], dim=1))
    return torch.cat(parts)


def _pooled_once(here: Tensor, mode: Pooled) -> Tensor:
    if mode == "cls":
        return here[:, 0]
    if mode == "max":
        return here.amax(dim=1)
    return here.mean(dim=1) if mode == "mean" else here.sum(dim=1) / here.shape[1] ** 0.5
