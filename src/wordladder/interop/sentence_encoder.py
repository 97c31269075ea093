"""Encoders of sentence-transformers and of transformers as engines: one vector a text, no labels.

What a folder of sentence-transformers names is done as there; of a plain encoder the mean of all pieces'
vectors is taken.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers
from torch import Tensor
from torch.nn import functional

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._inference import FrozenEncoder, Precision, find_runs, frozen_copy
from ..embedders._pieces import bare_tokenizer
from ..embedders._pretrained import Pretrained, open_pretrained, piece_limit, save_pretrained
from ..embedders._sentence_layout import Pooled, SentenceLayout, is_sentence_folder, read_layout, write_layout
from ..errors import ModelError
from ..layers.devices import choose_device, threads
from ..layers.threads import in_parallel
from ..recipe import Recipe
from .dense_layers import Dense, Norm, keep_dense, open_dense
from .no_task import NoTask

_BATCH_PIECES, _TEXTS = 4096, 8192  # pieces computed together; texts sorted together
_MOST_ROWS = 4096
MEAN = "{}: no modules.json says how a text gets its vector; the mean of the vectors of all pieces is taken"
Ints = NDArray[np.int64]
Compute = Callable[[list[Ints]], NDArray[np.float32]]


class SentenceEngine:
    """An encoder, and how the vectors of its pieces become one.

    Args:
        pretrained: The encoder and its tokenizer.
        layout: What makes a vector of a text.
        dense: The linear layers and layer norms behind the pooling.
        source: The folder or the hub name of the encoder.
        name: What it is called in messages; left out, as the end of the source.
        device: Where it computes.
        precision: Its arithmetic.

    Attributes:
        cut: Texts so far that were longer than the encoder reads, and were cut there.
        notes: What a user should know.
        foreign: `keep` writes all that there is, as another program lays it out.
    """

    foreign = True

    def __init__(
        self,
        pretrained: Pretrained,
        layout: SentenceLayout,
        dense: Sequence[Dense | Norm] = (),
        *,
        source: str,
        name: str = "",
        device: str | None = None,
        precision: Precision = "auto",
    ) -> None:
        self.pretrained, self.layout, self.dense = pretrained, layout, tuple(dense)
        self.source, self.name = source, name or Path(source).name or source
        self.device = choose_device(device)
        self.precision, self.cut, self.notes = precision, 0, list(pretrained.notes)
        self.task: Any = NoTask(self.name)
        limits = [piece_limit(pretrained.model, pretrained.tokenizer), layout.max_pieces]
        self.limit = min((one for one in limits if one is not None), default=None)
        self._tokenizer, self._after = _tokenizer(pretrained.tokenizer, layout, self.name)
        self._answering: FrozenEncoder | None = None

    @classmethod
    def open(
        cls, folder: Path, source: str, *, device: str | None = None, precision: Precision = "auto"
    ) -> "SentenceEngine":
        """Read a folder of sentence-transformers or of transformers.

        Raises:
            ModelError: it cannot be read.
        """
        laid_out = is_sentence_folder(folder)
        layout = read_layout(folder) if laid_out else SentenceLayout()
        pretrained = open_pretrained(str(folder / layout.encoder), error=ModelError)
        dense = [open_dense(folder / place) for place in layout.dense]
        inner = str(folder / layout.encoder) if layout.encoder else source
        name = Path(source).name or source
        engine = cls(pretrained, layout, dense, source=inner, name=name, device=device, precision=precision)
        if not laid_out:
            engine.notes.append(MEAN.format(source))
        return engine

    threads = staticmethod(threads)

    @property
    def recipe(self) -> Recipe:
        """A recipe whose embedder is this encoder, frozen: to train something on top of it."""
        table: dict[str, Any] = {"kind": "transformer", "source": self.source}
        if self.layout.pooling in (("mean",), ("cls",)):
            table["summary"] = self.layout.pooling[0]
        return Recipe({"embedders": [table]}, self.name)

    def encode(self, examples: Examples, batch_rows: int | None = None) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`."""
        if self._answering is None:
            pad = self.pretrained.tokenizer.pad_token_id or 0
            self._answering = frozen_copy(
                self.pretrained.model, precision=self.precision, device=self.device, padding=pad
            )
        nothing = torch.zeros(1, self._piece_dim * len(self.layout.pooling))  # of a text without any piece
        return self._of_texts(examples.texts, self._vectors, self._finished(nothing).numpy(), batch_rows)

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        whole = self.dense[-1].weight.shape[0] if self.dense else self._piece_dim * len(self.layout.pooling)
        return min(whole, self.layout.truncate_dim or whole)

    @property
    def _piece_dim(self) -> int:
        return self.pretrained.model.config.hidden_size

    def _of_texts(
        self,
        texts: Sequence[str],
        compute: Compute,
        nothing: NDArray[np.float32],
        batch_rows: int | None = None,
    ) -> NDArray[np.float32]:
        """A row a text, in their order.

        Args:
            texts: The texts.
            compute: Makes rows from the numbers of the pieces of some texts.
            nothing: The row of a text without any piece, which only an empty one is, `(1, dim)`.
            batch_rows: Most texts computed together.
        """
        most = _MOST_ROWS if batch_rows is None else batch_rows
        blocks = (texts[first : first + _TEXTS] for first in range(0, len(texts), _TEXTS))
        parts = [self._of_block(block, compute, nothing, most) for block in blocks]
        return np.concatenate(parts) if parts else nothing[:0]

    def _of_block(
        self, texts: Sequence[str], compute: Compute, nothing: NDArray[np.float32], most: int
    ) -> NDArray[np.float32]:
        rows = self._pieces(texts)
        lengths = np.array([len(row) for row in rows])
        out = np.repeat(nothing, len(rows), axis=0)
        full = np.flatnonzero(lengths)
        if not len(full):
            return out
        # On a processor each batch has a core of its own, and there are batches for all cores.
        share = (
            -(-int(lengths.sum()) // torch.get_num_threads()) if self.device.type == "cpu" else _BATCH_PIECES
        )
        sizes = {"max_words": min(share, _BATCH_PIECES), "max_rows": most}
        batches = [full[some] for some in length_batches(lengths[full], **sizes)]
        jobs = [partial(compute, [rows[row] for row in some.tolist()]) for some in batches]
        found = in_parallel(jobs) if self.device.type == "cpu" else [job() for job in jobs]
        for some, computed in zip(batches, found):
            out[some] = computed
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
        vectors = functional.normalize(vectors, dim=1) if self.layout.normalize else vectors
        return vectors[:, : self.layout.truncate_dim]

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """An encoder has none.

        Raises:
            ModelError: always.
        """
        return self.task.refuse()

    def fusion_weights(self, examples: Examples) -> NoReturn:
        """It has none.

        Raises:
            ModelError: always.
        """
        raise ModelError(f"{self.name}: a model of another program has no [fusion]")

    def keep(self, folder: Path) -> None:
        """Write a folder that sentence-transformers opens, and this class too."""
        place = self.layout.encoder or "."
        save_pretrained(self.pretrained.model, self.pretrained.tokenizer, folder / place)
        kinds = ["Dense" if isinstance(layer, Dense) else "LayerNorm" for layer in self.dense]
        dense = tuple(f"{number}_{kind}" for number, kind in enumerate(kinds, start=2))
        for part, layer in zip(dense, self.dense):
            keep_dense(layer, folder / part)
        write_layout(folder, self.layout._replace(dense=dense), self._piece_dim)


def _tokenizer(fast: Any, layout: SentenceLayout, name: str) -> tuple[Tokenizer, int]:
    """A tokenizer that neither pads nor cuts, and how many special pieces it puts behind a text."""
    tokenizer = bare_tokenizer(fast)
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
    for first, count, length in find_runs(lengths):
        here = states[first : first + count * length].unflatten(0, (count, length))
        parts.append(torch.cat([_pooled_once(here, mode) for mode in modes], dim=1))
    return torch.cat(parts)


def _pooled_once(here: Tensor, mode: Pooled) -> Tensor:
    if mode == "cls":
        return here[:, 0]
    if mode == "lasttoken":
        return here[:, -1]
    if mode == "max":
        return here.amax(dim=1)
    if mode == "weightedmean":
        weights = torch.arange(1.0, here.shape[1] + 1, device=here.device)
        return torch.einsum("tpd,p->td", here, weights / weights.sum())
    return here.mean(dim=1) if mode == "mean" else here.sum(dim=1) / here.shape[1] ** 0.5
