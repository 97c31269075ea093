"""Encoders of texts that OpenVINO runs: BERT and RoBERTa, plain or as sentence-transformers uses them.

They need neither PyTorch nor transformers, so that the first vector is there in a second. What else there is
is left to `sentence_encoder`, which gives the same vectors.
"""

import shutil
import threading
from collections import deque
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers

from ..data.batches import length_batches
from ..data.examples import Examples
from ..embedders._encoder_sources import FILES
from ..embedders._sentence_layout import Pooled, SentenceLayout, is_sentence_folder, read_layout, write_layout
from ..engines import Engine
from ..files.json_files import read_json
from ..kernels.cores import cores
from ..recipe import Recipe
from ..text.listed import Piece
from ..text.padding import pad
from ..text.words import offsets_of
from .no_task import MEAN_NOTE, NoTask, pieces_of, replace_surrogates
from .openvino_graph import GRAPH_FILE, WEIGHTS_FILE, first_position, read_config, read_graph

_BATCH_PIECES, _BATCH_ROWS, _BLOCK_ROWS = 1024, 1024, 8192
_POOLED: tuple[Pooled, ...] = ("cls", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
Ints = NDArray[np.int64]


def fast_encoder(
    folder: Path, source: str, precision: Literal["auto", "float32", "bfloat16"]
) -> "FastEncoder | None":
    """The encoder in a folder; None if OpenVINO is not installed, or this is not for it."""
    if find_spec("openvino") is None:
        return None
    layout = read_layout(folder) if is_sentence_folder(folder) else SentenceLayout()
    if layout.reader != "Transformer" or layout.before or not set(layout.pooling) <= set(_POOLED):
        return None
    if layout.activation is not None or any(module.kind != "Normalize" for module in layout.after):
        return None
    config = read_config(folder / layout.encoder)
    try:
        return None if config is None else FastEncoder(folder, source, layout, config, precision)
    except Exception:  # noqa: BLE001, tokenizers raises plain Exceptions; the other way in says what is wrong
        return None


class FastEncoder(Engine):
    """An encoder, and how the vectors of the pieces of a text become one.

    Args:
        folder: The folder of the model.
        source: The path or name that the user gave.
        layout: How the vector of a text is computed.
        config: The settings of the encoder.
        precision: The arithmetic; `"auto"` is bfloat16 where the processor computes in it.
    """

    layout: SentenceLayout
    has_own_format = True

    def __init__(
        self,
        folder: Path,
        source: str,
        layout: SentenceLayout,
        config: dict[str, Any],
        precision: Literal["auto", "float32", "bfloat16"],
    ) -> None:
        import openvino

        self.folder, self.layout, self.precision = folder, layout, precision
        self.name = Path(source).name or source
        self.notes = [] if is_sentence_folder(folder) else [MEAN_NOTE.format(source)]
        self.task = NoTask(self.name, trains=True)
        inner = folder / layout.encoder
        table = {"kind": "transformer", "source": str(inner) if layout.encoder else source}
        table |= {"summary": layout.pooling[0]} if layout.pooling in (("mean",), ("cls",)) else {}
        self.recipe = Recipe({"embedders": [table]}, self.name, exported=True)
        self._tokenizer, self._suffix, self.limit = _tokenizer(inner, layout, config)
        self.dim, self._core = int(config["hidden_size"]), openvino.Core()
        self.graph = read_graph(inner, config)
        self._compiled: dict[int | None, list[Any]] = {}
        self._lock = threading.Lock()  # requests serve one call at a time
        self._requests()

    def _requests(self) -> list[Any]:
        """What computes a batch each; each thread computes a batch of its own. No code of Python runs in the
        threads of OpenVINO.
        """
        if self._threads not in self._compiled:
            half = "BF16" in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
            precision = {"float32": "f32", "bfloat16": "bf16", "auto": "bf16" if half else "f32"}
            threads = self._threads or cores()
            settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads}
            settings |= {"INFERENCE_PRECISION_HINT": precision[self.precision]}
            compiled = self._core.compile_model(self.graph, "CPU", settings)
            self._compiled[self._threads] = [compiled.create_infer_request() for _ in range(2 * threads)]
        return self._compiled[self._threads]

    def encode(
        self, examples: Examples, batch_rows: int | None = None, unpooled: str = ""
    ) -> NDArray[np.float32]:
        """One vector a text, `(rows, dim)`. Texts begin with `unpooled`, whose pieces are not pooled."""
        skip = len(self._piece_ids([unpooled])[0]) - bool(self._suffix) if unpooled else 0
        kinds, texts = self.layout.pooling, examples.texts
        out = np.zeros((len(texts), len(kinds), self.dim), np.float32)
        with self._lock:
            self._compute(texts, out, batch_rows or _BATCH_ROWS, skip)
        vectors = out.reshape(len(texts), len(kinds) * self.dim)
        for _ in self.layout.after:  # each is a Normalize
            vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        return vectors[:, : self.layout.truncate_dim]

    def _compute(self, texts: Sequence[str], out: NDArray[np.float32], most: int, skip: int) -> None:
        """Write the pooled vectors of texts to `out`, `(texts, vectors, dim)`."""
        free, busy = list(self._requests()), deque[tuple[Any, Ints]]()

        def receive() -> None:
            request, rows = busy.popleft()
            request.wait()
            out[rows] = request.get_output_tensor().data
            free.append(request)

        for start in range(0, len(texts), _BLOCK_ROWS):
            ids = self._piece_ids(texts[start : start + _BLOCK_ROWS])
            lengths = np.array([len(row) for row in ids])
            rows = np.flatnonzero(lengths)
            for part in length_batches(lengths[rows], max_words=_BATCH_PIECES, max_rows=most):
                batch = rows[part]
                if not free:
                    receive()
                busy.append((free.pop(), start + batch))
                busy[-1][0].start_async(self._inputs([ids[row] for row in batch.tolist()], skip))
        while busy:
            receive()

    def inputs(self, text: str) -> list[NDArray[Any]]:
        """What the graph reads of a text."""
        return self._inputs(self._piece_ids([text]))

    def _inputs(self, ids: list[Ints], skip: int = 0) -> list[NDArray[Any]]:
        """The pieces of texts, their mask, and the share of each piece in the vectors of its text."""
        padded, mask = pad(np.concatenate(ids), offsets_of(list(map(len, ids))))
        shares = np.stack([_shares(kind, mask, skip) for kind in self.layout.pooling], axis=1)
        return [padded, mask.astype(np.float32), shares]

    def _piece_ids(self, texts: Sequence[str]) -> list[Ints]:
        """The ids of each text's pieces, special ones included; long texts are truncated and counted."""
        ids = []
        for encoding in self._tokenizer.encode_batch_fast([replace_surrogates(text) for text in texts]):
            row = np.array(encoding.ids, np.int64)
            if self.limit is not None and len(row) > self.limit:
                row = np.append(row[: self.limit - self._suffix], row[len(row) - self._suffix :])
                self.texts_truncated += 1
            ids.append(row)
        return ids

    def pieces(self, texts: Sequence[str]) -> list[list[Piece]]:
        """The pieces of each text, before it is truncated."""
        return pieces_of(self._tokenizer, texts)

    def scores(self, examples: Examples) -> NDArray[np.float32]:
        """Raise a ModelError: an encoder has no scores."""
        return self.task.refuse()

    def keep(self, folder: Path, *, weights: bool = True) -> None:
        """Copy the folder that this was read from, with or without the weights."""
        inner, graph = self.folder / self.layout.encoder, self.folder / self.layout.encoder / GRAPH_FILE
        for place in (self.folder, *(one for one in self.folder.iterdir() if one.is_dir())):
            files = {path for pattern in FILES for path in place.glob(pattern)}
            files |= set(graph.parent.glob("*")) if place == graph.parent else set()
            for path in files if weights else files - {inner / WEIGHTS_FILE}:
                to = folder / path.relative_to(self.folder)
                to.parent.mkdir(exist_ok=True)
                shutil.copy2(path, to)
        if not is_sentence_folder(folder):
            write_layout(folder, self.layout, self.dim)


def _tokenizer(
    folder: Path, layout: SentenceLayout, config: dict[str, Any]
) -> tuple[Tokenizer, int, int | None]:
    """A tokenizer that neither pads nor truncates, the number of special pieces after a text, and the most
    pieces of a text.

    Raises:
        ValueError: transformers would change it, so that it is not the one of the file.
    """
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    path = folder / "tokenizer_config.json"
    settings = read_json(path, dict) if path.is_file() else {}
    own, lowercase = tokenizer.normalizer, settings.get("do_lower_case")
    if lowercase is not None and getattr(own, "lowercase", lowercase) != lowercase:
        raise ValueError("tokenizer_config.json says otherwise")
    if layout.lowercase:
        steps = [normalizers.Lowercase(), own]
        tokenizer.normalizer = normalizers.Sequence([step for step in steps if step is not None])
    limits = [config["max_position_embeddings"] - first_position(config), layout.max_pieces]
    limits += [settings["model_max_length"]] if settings.get("model_max_length", 1e9) < 1_000_000 else []
    encoding = tokenizer.encode("a")
    if any(encoding.type_ids):
        raise ValueError("a single text has a segment number other than 0")
    limit = min((limit for limit in limits if limit is not None), default=None)
    return tokenizer, encoding.special_tokens_mask[::-1].index(0), limit


def _shares(kind: Pooled, mask: NDArray[np.bool_], skip: int) -> NDArray[np.float32]:
    """The share of each piece in the vector of its text, `(texts, pieces)`, without the first `skip`."""
    lengths, places = mask.sum(axis=1, keepdims=True), np.arange(mask.shape[1])
    skipped = np.minimum(skip, lengths - 1)
    counts = mask & (places >= skipped)
    if kind == "cls":
        shares = places == skipped
    elif kind == "lasttoken":
        shares = places == lengths - 1
    elif kind == "weightedmean":
        weights = counts * (places + 1.0)
        shares = weights / weights.sum(axis=1, keepdims=True)
    else:
        power = 0.5 if kind == "mean_sqrt_len_tokens" else 1.0
        shares = counts / counts.sum(axis=1, keepdims=True) ** power
    return shares.astype(np.float32)
