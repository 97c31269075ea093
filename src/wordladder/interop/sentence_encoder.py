"""Encoders of sentence-transformers and of transformers as engines: one vector a text, no labels.

A folder of sentence-transformers is followed exactly, and each text is read as if it were alone: there,
convolutions also read the padding of a batch. Of a plain encoder the vectors of all pieces are averaged.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers
from torch import Tensor

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._inference import Precision, find_runs, frozen_copy
from ..embedders._pieces import bare_tokenizer
from ..embedders._pretrained import Pretrained, open_pretrained, piece_limit, save_pretrained
from ..embedders._sentence_layout import (
    Module,
    Pooled,
    SentenceLayout,
    is_sentence_folder,
    read_layout,
    write_layout,
)
from ..embedders._sentence_modules import VECTOR, Part, read_part, write_part, write_parts
from ..engines import Engine
from ..errors import ModelError
from ..layers.devices import choose_device, threads
from ..layers.threads import in_parallel
from ..recipe import Recipe
from ..text.listed import Piece
from .no_task import MEAN_NOTE, NoTask, pieces_of, replace_surrogates

_BATCH_PIECES, _BATCH_ROWS = 4096, 4096  # the most that are computed together
_BLOCK_ROWS = 8192  # texts that are sorted by length together
Ints = NDArray[np.int64]
Compute = Callable[[list[Ints]], NDArray[np.float32]]


class SentenceEngine(Engine):
    """An encoder, and how the vectors of the pieces of a text become one.

    Args:
        reader: A transformer and its tokenizer, or another module that reads texts.
        layout: How the vector of a text is computed.
        parts: The modules of the layout that change the vectors of pieces, and those that change that of a
            text.
        source: The folder or the hub name of the encoder.
        name: Its name in messages; left out, the last part of the source.
        device: Where it computes.
        precision: The arithmetic.
    """

    layout: SentenceLayout
    has_own_format = True

    def __init__(
        self,
        reader: Pretrained | Part,
        layout: SentenceLayout,
        parts: tuple[Sequence[Part], Sequence[Part]] = ((), ()),
        *,
        source: str,
        name: str = "",
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.reader, self.layout, self.precision = reader, layout, precision
        self.name = name or Path(source).name or source
        self.recipe = self._recipe(source)
        self.task: Any = NoTask(self.name, trains=isinstance(reader, Pretrained))
        self.device = choose_device(device)
        self.before, self.after = parts
        for part in (*self.before, *self.after):
            part.layer.to(self.device)
        if isinstance(reader, Part):
            self.notes: list[str] = []
            self.limit, self._suffix, self._ids = reader.layer.limit, 0, reader.layer.ids
            self._piece_dim = reader.layer.dim
            return
        self.notes = list(reader.notes)
        limits = [piece_limit(reader.model, reader.tokenizer), layout.max_pieces]
        self.limit = min((limit for limit in limits if limit is not None), default=None)
        self._tokenizer, self._suffix = _tokenizer(reader.tokenizer, layout, self.name)
        self._ids, self._piece_dim = self._tokenizer.encode_batch_fast, reader.model.config.hidden_size

    @classmethod
    def open(
        cls, folder: Path, source: str, *, device: str | None = None, precision: Precision = "auto"
    ) -> "SentenceEngine":
        """Read a folder of sentence-transformers or of transformers.

        Raises:
            ModelError: it cannot be read.
        """
        has_layout = is_sentence_folder(folder)
        layout = read_layout(folder) if has_layout else SentenceLayout()
        reader: Pretrained | Part
        if layout.reader == "Transformer":
            reader = open_pretrained(str(folder / layout.encoder), error=ModelError)
        else:
            reader = read_part(Module(layout.reader, layout.encoder), folder)
        inner = str(folder / layout.encoder) if layout.encoder else source
        name, parts = Path(source).name or source, read_parts(folder, layout)
        engine = cls(reader, layout, parts, source=inner, name=name, device=device, precision=precision)
        if not has_layout:
            engine.notes.append(MEAN_NOTE.format(source))
        return engine

    threads = staticmethod(threads)

    def _recipe(self, source: str) -> Recipe:
        """A recipe to train something on top of this encoder, which stays frozen."""
        if isinstance(self.reader, Part):
            return Recipe({"embedders": [{"kind": "static", "source": source}]}, self.name)
        table: dict[str, Any] = {"kind": "transformer", "source": source}
        if self.layout.pooling in (("mean",), ("cls",)):
            table["summary"] = self.layout.pooling[0]
        return Recipe({"embedders": [table]}, self.name)

    def encode(
        self, examples: Examples, batch_rows: int | None = None, unpooled: str = ""
    ) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`. Texts begin with `unpooled`, whose pieces are not pooled."""
        skip = 0
        if unpooled and not isinstance(self.reader, Part):
            skip = len(self._piece_ids([unpooled])[0]) - bool(self._suffix)
        empty = self._finish(self._no_pieces()).cpu().numpy()
        # The encoder is created outside of threads.
        compute = partial(self._vectors, self._encoder, skip=skip)
        return self._compute_texts(examples.texts, compute, empty, batch_rows)

    def _no_pieces(self) -> Tensor:
        """What a text without pieces has for a pooled vector, `(1, dim)`."""
        states = torch.zeros(1, self._piece_dim, device=self.device)
        states = self._pool(states, [np.zeros(1, np.int64)]) if self.layout.pooling else states
        return torch.zeros_like(states)

    @cached_property
    def _encoder(self) -> Any:
        """What gives the vectors of the pieces of texts, or those of the texts."""
        if isinstance(self.reader, Part):
            return self.reader.layer.to(self.device)
        padding = self.reader.tokenizer.pad_token_id or 0
        return frozen_copy(self.reader.model, precision=self.precision, device=self.device, padding=padding)

    def _compute_texts(
        self,
        texts: Sequence[Any],
        compute: Compute,
        empty: NDArray[np.float32],
        batch_rows: int | None = None,
    ) -> NDArray[np.float32]:
        """One row a text, in order.

        Args:
            texts: The texts, or what else `_piece_ids` reads.
            compute: Computes the rows of some texts from the ids of their pieces.
            empty: The row of a text that has no pieces, not even special ones, `(1, dim)`.
            batch_rows: The most texts computed together.
        """
        max_rows = _BATCH_ROWS if batch_rows is None else batch_rows
        out = np.repeat(empty, len(texts), axis=0)
        for start in range(0, len(texts), _BLOCK_ROWS):
            ids = self._piece_ids(texts[start : start + _BLOCK_ROWS])
            lengths = np.array([len(row) for row in ids])
            rows = np.flatnonzero(lengths)
            max_pieces = _BATCH_PIECES
            if self.device.type == "cpu":  # one core computes each batch, and all cores have some
                per_core = -(-int(lengths.sum()) // torch.get_num_threads())
                max_pieces = min(max_pieces, max(1, per_core))
            parts = length_batches(lengths[rows], max_words=max_pieces, max_rows=max_rows)
            batches = [rows[part] for part in parts]
            jobs = [partial(compute, [ids[row] for row in batch.tolist()]) for batch in batches]
            for batch, result in zip(batches, in_parallel(jobs, self.device.type)):
                out[start + batch] = result
        return out

    @torch.inference_mode()
    def _vectors(self, encoder: Any, ids: list[Ints], skip: int) -> NDArray[np.float32]:
        states = encoder.states(ids)
        return self._finish(self._pool(states, ids, skip) if self.layout.pooling else states).cpu().numpy()

    def _pool(self, states: Tensor, ids: list[Ints], skip: int = 0) -> Tensor:
        """`(texts, dim)` from the vectors of all pieces, one text after another, without the first `skip`."""
        found, numbers = [], torch.from_numpy(np.concatenate(ids))
        for first, count, length in find_runs(np.array([len(row) for row in ids])):
            run, total = slice(first, first + count * length), None
            texts = states[run].unflatten(0, (count, length))
            for part in self.before:
                if part.kind == "WordWeights":
                    weights = part.layer(numbers[run].view(count, length).to(self.device))
                    texts, total = texts * weights, weights.sum(dim=1).clamp(min=1e-9)
                else:
                    texts = part.layer(texts)
            texts = texts[:, min(skip, texts.shape[1] - 1) :]
            pooled = [_POOLING[mode](texts, total, skip) for mode in self.layout.pooling]
            found.append(torch.cat(pooled, dim=1))
        return torch.cat(found)

    def _piece_ids(self, texts: Sequence[Any]) -> list[Ints]:
        """The ids of each text's pieces, special ones included; long texts are truncated and counted."""
        ids = []
        for encoding in self._ids([replace_surrogates(text) for text in texts]):
            row = np.array(getattr(encoding, "ids", encoding), np.int64)
            self.texts_truncated += bool(getattr(encoding, "overflowing", ()))
            if self.limit is not None and len(row) > self.limit:
                row = np.append(row[: self.limit - self._suffix], row[len(row) - self._suffix :])
                self.texts_truncated += 1
            ids.append(row)
        return ids

    def _finish(self, vectors: Tensor) -> Tensor:
        """What the modules after the pooling make of it."""
        for part in self.after:
            vectors = part.layer(vectors)
        return vectors[:, : self.layout.truncate_dim]

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        """The pieces of each text, before it is truncated."""
        return super().pieces(texts) if isinstance(self.reader, Part) else pieces_of(self._tokenizer, texts)

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """Raise a ModelError: an encoder has no scores."""
        return self.task.refuse()

    def keep(self, folder: Path) -> None:
        """Write a folder that this class and sentence-transformers read."""
        if isinstance(self.reader, Part):
            write_part(self.reader, folder / self.layout.encoder)
        else:
            save_pretrained(self.reader.model, self.reader.tokenizer, folder / self.layout.encoder)
        after = 1 + len(self.before) + bool(self.layout.pooling)
        layout = self.layout._replace(
            before=write_parts(self.before, folder, 1), after=write_parts(self.after, folder, after)
        )
        write_layout(folder, layout, self._no_pieces().shape[1] // max(1, len(layout.pooling)))


def read_parts(folder: Path, layout: SentenceLayout) -> tuple[list[Part], list[Part]]:
    """The modules of a layout that change the vectors of pieces, and those that change that of a text.

    Raises:
        ModelError: one cannot be read.
    """
    scores = () if layout.activation is None else ("scores",)
    before = [read_part(module, folder, "token_embeddings") for module in layout.before]
    return before, [read_part(module, folder, VECTOR, *scores) for module in layout.after]


def _tokenizer(fast: Any, layout: SentenceLayout, name: str) -> tuple[Tokenizer, int]:
    """A tokenizer that neither pads nor truncates, and the number of special pieces after a text."""
    tokenizer = bare_tokenizer(fast)
    if layout.lowercase:
        steps: list[Any] = [normalizers.Lowercase(), tokenizer.normalizer]
        tokenizer.normalizer = normalizers.Sequence([step for step in steps if step is not None])
    encoding = tokenizer.encode("a")
    if any(encoding.type_ids):
        raise ModelError(
            f"{name}: its tokenizer gives a single text a segment number other than 0, which is not supported"
        )
    return tokenizer, encoding.special_tokens_mask[::-1].index(0)


def _weighted_mean(texts: Tensor, total: Tensor | None, skip: int) -> Tensor:
    weights = torch.arange(1.0 + skip, texts.shape[1] + skip + 1, device=texts.device)
    return torch.einsum("tpd,p->td", texts, weights) / (weights.sum() if total is None else total)


# How the vectors of the pieces of texts of one length are pooled, `(texts, pieces, dim)` to `(texts, dim)`.
# Where pieces have weights, their vectors are weighted, and `total` has the sums of the weights `(texts, 1)`;
# `skip` pieces before them are left out.
_POOLING: dict[Pooled, Callable[[Tensor, Tensor | None, int], Tensor]] = {
    "cls": lambda texts, total, skip: texts[:, 0],
    "lasttoken": lambda texts, total, skip: texts[:, -1],
    "max": lambda texts, total, skip: texts.amax(dim=1),
    "mean": lambda texts, total, skip: texts.sum(dim=1) / (texts.shape[1] if total is None else total),
    "mean_sqrt_len_tokens": lambda texts, total, skip: (
        texts.sum(dim=1) / (texts.shape[1] if total is None else total) ** 0.5
    ),
    "weightedmean": _weighted_mean,
}
