"""Encoders of sentence-transformers and of transformers as engines: one vector a text, no labels.

A folder of sentence-transformers is followed exactly; of a plain encoder the vectors of all pieces are
averaged.
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers
from torch import Tensor, nn
from torch.nn import functional

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._inference import FrozenEncoder, Precision, find_runs, frozen_copy
from ..embedders._pieces import bare_tokenizer
from ..embedders._pretrained import Pretrained, open_pretrained, piece_limit, save_pretrained
from ..embedders._sentence_layout import Pooled, SentenceLayout, is_sentence_folder, read_layout, write_layout
from ..engines import Engine
from ..errors import ModelError
from ..layers.devices import choose_device, threads
from ..layers.threads import in_parallel
from ..recipe import Recipe
from .dense_layers import read_layer, write_layer

_BATCH_PIECES, _BATCH_ROWS = 4096, 4096  # the most that are computed together
_BLOCK_ROWS = 8192  # texts that are sorted by length together
MEAN_NOTE = "{}: no modules.json says how texts get vectors; the mean of the vectors of all pieces is used"
Ints = NDArray[np.int64]
Compute = Callable[[list[Ints]], NDArray[np.float32]]


class NoTask:
    """The task of a model that only encodes: whatever needs labels raises a ModelError.

    Args:
        name: The name of the model, for messages.
    """

    segments = 1
    labels_are = "names"
    metric = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.labels: list[str] = []

    def refuse(self, *_: Any) -> NoReturn:
        """Raise a ModelError."""
        raise ModelError(
            f"{self.name}: this encoder has no head for a task, so it cannot predict; it can encode, and a "
            'recipe with it as the source of a "transformer" embedder can be trained'
        )

    check = outcomes = predictions = probabilities = answers = refuse


class SentenceEngine(Engine):
    """An encoder, and how the vectors of the pieces of a text become one.

    Args:
        pretrained: The encoder and its tokenizer.
        layout: How the vector of a text is computed.
        dense: The linear layers and layer norms after the pooling.
        source: The folder or the hub name of the encoder.
        name: Its name in messages; left out, the last part of the source.
        device: Where it computes.
        precision: The arithmetic.
    """

    layout: SentenceLayout
    has_own_format = True

    def __init__(
        self,
        pretrained: Pretrained,
        layout: SentenceLayout,
        dense: Sequence[nn.Sequential] = (),
        *,
        source: str,
        name: str = "",
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.pretrained, self.layout, self.precision = pretrained, layout, precision
        self.notes: list[str] = list(pretrained.notes)
        self.name = name or Path(source).name or source
        self.recipe = self._recipe(source)
        self.task = NoTask(self.name)
        self.device = choose_device(device)
        self.dense = [layer.to(self.device) for layer in dense]
        limits = [piece_limit(pretrained.model, pretrained.tokenizer), layout.max_pieces]
        self.limit = min((limit for limit in limits if limit is not None), default=None)
        self._tokenizer, self._suffix = _tokenizer(pretrained.tokenizer, layout, self.name)
        self._piece_dim = pretrained.model.config.hidden_size

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
        pretrained = open_pretrained(str(folder / layout.encoder), error=ModelError)
        dense = [read_layer(folder / path) for path in layout.dense]
        inner = str(folder / layout.encoder) if layout.encoder else source
        name = Path(source).name or source
        engine = cls(pretrained, layout, dense, source=inner, name=name, device=device, precision=precision)
        if not has_layout:
            engine.notes.append(MEAN_NOTE.format(source))
        return engine

    threads = staticmethod(threads)

    def _recipe(self, source: str) -> Recipe:
        """A recipe to train something on top of this encoder, which stays frozen."""
        table: dict[str, Any] = {"kind": "transformer", "source": source}
        if self.layout.pooling in (("mean",), ("cls",)):
            table["summary"] = self.layout.pooling[0]
        return Recipe({"embedders": [table]}, self.name)

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`."""
        no_pieces = torch.zeros(1, self._piece_dim * len(self.layout.pooling), device=self.device)
        empty = self._finish(no_pieces).cpu().numpy()
        compute = partial(self._vectors, self._encoder)  # the encoder is created outside of threads
        return self._compute_texts(examples.texts, compute, empty, batch_rows)

    @cached_property
    def _encoder(self) -> FrozenEncoder:
        model, padding = self.pretrained.model, self.pretrained.tokenizer.pad_token_id or 0
        return frozen_copy(model, precision=self.precision, device=self.device, padding=padding)

    def _compute_texts(
        self,
        texts: Sequence[str],
        compute: Compute,
        empty: NDArray[np.float32],
        batch_rows: int | None = None,
    ) -> NDArray[np.float32]:
        """One row a text, in order.

        Args:
            texts: The texts.
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
    def _vectors(self, encoder: FrozenEncoder, ids: list[Ints]) -> NDArray[np.float32]:
        lengths = np.array([len(row) for row in ids])
        vectors = _pool(encoder.states(ids), lengths, self.layout.pooling)
        return self._finish(vectors).cpu().numpy()

    def _piece_ids(self, texts: Sequence[str]) -> list[Ints]:
        """The ids of each text's pieces, special ones included; long texts are truncated and counted."""
        ids = []
        for encoding in self._tokenizer.encode_batch_fast([_replace_surrogates(text) for text in texts]):
            row = np.array(encoding.ids, np.int64)
            if self.limit is not None and len(row) > self.limit:
                row = np.append(row[: self.limit - self._suffix], row[len(row) - self._suffix :])
                self.texts_truncated += 1
            ids.append(row)
        return ids

    def _finish(self, vectors: Tensor) -> Tensor:
        """The layers and the scaling that follow the pooling."""
        for layer in self.dense:
            vectors = layer(vectors)
        vectors = functional.normalize(vectors, dim=1) if self.layout.normalize else vectors
        return vectors[:, : self.layout.truncate_dim]

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """Raise a ModelError: an encoder has no scores."""
        return self.task.refuse()

    def keep(self, folder: Path) -> None:
        """Write a folder that this class and sentence-transformers read."""
        save_pretrained(self.pretrained.model, self.pretrained.tokenizer, folder / self.layout.encoder)
        kinds = ["LayerNorm" if hasattr(layer, "norm") else "Dense" for layer in self.dense]
        dense = tuple(f"{number}_{kind}" for number, kind in enumerate(kinds, start=2))
        for name, layer in zip(dense, self.dense):
            write_layer(layer, folder / name)
        write_layout(folder, self.layout._replace(dense=dense), self._piece_dim)


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


def _replace_surrogates(text: str) -> str:
    """The text without half surrogate pairs, which no tokenizer reads."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _pool(states: Tensor, lengths: Ints, modes: Sequence[Pooled]) -> Tensor:
    """`(texts, dim)` from the vectors of all pieces, one text after another."""
    parts = []
    for first, count, length in find_runs(lengths):
        texts = states[first : first + count * length].unflatten(0, (count, length))
        parts.append(torch.cat([_POOLING[mode](texts) for mode in modes], dim=1))
    return torch.cat(parts)


def _weighted_mean(texts: Tensor) -> Tensor:
    weights = torch.arange(1.0, texts.shape[1] + 1, device=texts.device)
    return torch.einsum("tpd,p->td", texts, weights / weights.sum())


# How the vectors of the pieces of texts of one length are pooled, `(texts, pieces, dim)` to `(texts, dim)`.
_POOLING: dict[Pooled, Callable[[Tensor], Tensor]] = {
    "cls": lambda texts: texts[:, 0],
    "lasttoken": lambda texts: texts[:, -1],
    "max": lambda texts: texts.amax(dim=1),
    "mean": lambda texts: texts.mean(dim=1),
    "mean_sqrt_len_tokens": lambda texts: texts.sum(dim=1) / texts.shape[1] ** 0.5,
    "weightedmean": _weighted_mean,
}
