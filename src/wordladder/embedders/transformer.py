"""The transformer embedder: BERT, ALBERT or any other pretrained encoder of Hugging Face, its pieces pooled
to words. `_pieces` aligns pieces with words and reads long texts in windows; `_pretrained` reads files.
"""

import re
from collections.abc import Sequence as Seq
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import ModelError, RecipeError
from ..layers.devices import tensors
from ..layers.dropout import use_byte_dropout
from ..layers.half_precision_attention import use_fast_attention
from ..layers.sequence import ScalarMix
from ..layers.threads import in_parallel
from ..text.words import Tokens, tokenize
from ._encoder_sources import STARTER, starter_encoder, text_language
from ._feature_store import Features
from ._frozen_features import FeatureEmbedder, encoder_mark
from ._inference import PACKABLE, FrozenEncoder, Precision, encoder_layers, frozen_copy
from ._pieces import CPU_GROUP, Group, Links, Pieces, Prepared, bare_tokenizer
from ._pretrained import Pretrained, contributing_parameters, open_pretrained, piece_limit, save_pretrained
from ._sentence_layout import SentenceLayout
from ._training_text import TrainingText

__all__ = ["Transformer"]

_ROWS = 256  # examples whose facts are computed together
OVERLAP = 64  # pieces that windows share where there is room

# The learning rate follows from the encoder's shape. A step of AdamW moves every weight by about the rate, so
# its effect on the output grows with the weights that act one after another: the rate is divided by their
# number in the layers, depth × width².
_BASE_RATE, _BASE_WIDTH, _BASE_DEPTH = 3e-5, 768, 12  # Devlin et al. 2019: 2e-5 to 5e-5; ALBERT: 1e-5 to 3e-5
_LOWEST, _HIGHEST = 1e-5, 5e-4
_BOTTOM = 0.5  # share of the rate at the embeddings


def encoder_rates(width: int, depth: int, *, shared: bool) -> tuple[float, float]:
    """The learning rate of the top layer, and the share of a layer's rate that the layer below it gets.

    Args:
        width: Numbers in a hidden vector.
        depth: Number of layers.
        shared: Whether layers share their weights, as ALBERT's do: then no layer is slower than another.
    """
    weights = (depth / _BASE_DEPTH) * (width / _BASE_WIDTH) ** 2
    rate = min(max(_BASE_RATE / weights, _LOWEST), _HIGHEST)
    return rate, 1.0 if shared else _BOTTOM ** (1 / depth)


class Transformer(FeatureEmbedder):
    """Words in the context of their text, from a pretrained encoder.

    The two texts of an example are read together, the first one before the second. A word without a piece has
    the zero vector. A text that is longer than the encoder can read is read in windows, and each word is
    taken from the window whose middle is nearest.

    Args:
        source: A folder in Hugging Face's layout with a fast tokenizer, or a name on its hub; `"starter"`:
            the encoder of the text's language that comes with wordladder.
        layers: Which vectors are used: `"last"`; a layer's number, 0 for the embeddings and -2 for the last
            but one; `"last4"`, the mean of the last four; `"mix"`, a learned mix of all, embeddings included
            (Peters et al. 2018).
        pooling: A word's vector: that of its `"first"` piece (Devlin et al. 2019) or the `"mean"` of its
            pieces.
        summary: One more vector for the whole text: `"cls"`, that of its special piece, or `"mean"`, over all
            pieces and special ones; of a text in windows, over them all. Left out, none.
        tune: Whether training changes the encoder; if not, its own dropout is off.
        attention_dropout: Share of the attention that a tuned encoder drops in training; left out, what it
            was pretrained with. Without it, training is more than twice as fast on a CPU.
        hidden_dropout: The same for the outputs of its layers.
        layer_decay: Share of a layer's learning rate that the layer below it gets, when tuned; left out, by
            depth, and 1 where layers share their weights.
        max_pieces: Pieces read at once, special ones included; left out, as many as the encoder can.
        long: Whether longer texts are read in overlapping `"windows"`, or truncated and counted:
            `"truncate"`.
        overlap: Pieces that neighbouring windows share; left out, 64, but at most a quarter of what is read
            at once.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.
        cache_gb: Most gigabytes that the features of a frozen encoder may take on disk, so that they are
            computed only once; larger ones are not stored.
        precision: The arithmetic of an encoder that is frozen or predicts: `"auto"` uses bfloat16 where the
            CPU or the accelerator computes in it, else float32. If it is tuned, `[training]` decides.
    """

    separate_weights = ("model.",)  # saved in the folder of the embedder only
    reads_together = True

    def __init__(
        self,
        *,
        source: str,
        layers: int | Literal["last", "last4", "mix"] = "last",
        pooling: Literal["first", "mean"] = "first",
        summary: Literal["cls", "mean"] | None = None,
        tune: bool = False,
        attention_dropout: float | None = 0.0,
        hidden_dropout: float | None = None,
        layer_decay: float | None = None,
        max_pieces: int | None = None,
        long: Literal["windows", "truncate"] = "windows",
        overlap: int | None = None,
        dropout: float = 0.0,
        cache_gb: float = 20.0,
        precision: Precision = "auto",
    ) -> None:
        super().__init__(source, tune, dropout, cache_gb)
        self.layers, self.pooling, self.summary, self.max_pieces = layers, pooling, summary, max_pieces
        self.long, self.overlap, self.layer_decay, self.precision = long, overlap, layer_decay, precision
        self.notes: tuple[str, ...] = ()  # what a user should know of the encoder
        self._dropouts = {"attention": attention_dropout, "hidden": hidden_dropout}
        self._frozen: tuple[Any, FrozenEncoder] | None = None
        self.model: Any = None
        self._tokenizer: Any = None
        self._pieces: Any = None

    def initialise(self, text: TrainingText) -> None:
        """Read the encoder and its tokenizer.

        Raises:
            RecipeError: the source cannot be read, it lacks the layers or the piece that the recipe asks for,
                or windows are too small.
        """
        source: str | Path | None = self.source
        if source == STARTER and (source := starter_encoder(text_language(text.tokens.texts))) is None:
            raise RecipeError(
                f"{self._where}: no encoder of this text's language comes with this version; name one with "
                "--encoder, or make one with `wordladder pretrain`"
            )
        self._set_encoder(open_pretrained(str(source), text.folder, dropouts=self._dropouts))

    def keep(self, folder: Path) -> None:
        """Write the encoder and its tokenizer in Hugging Face's layout."""
        save_pretrained(self.model, self._tokenizer, folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self._set_encoder(open_pretrained(str(folder), error=ModelError, dropouts=self._dropouts))

    def _set_encoder(self, pretrained: Pretrained) -> None:
        self.model, self._tokenizer, self.notes = pretrained
        if self.tune:
            use_byte_dropout(self.model)
            if self.model.config.model_type in PACKABLE:
                use_fast_attention(self.model)
        self._pieces = self._make_pieces()
        used = contributing_parameters(self._select_layers(self._probe()))
        for parameter in self.model.parameters():
            parameter.requires_grad_(self.tune and parameter in used)
        self.train(self.training)

    def _make_pieces(self) -> Pieces:
        """The tokenizer, with windows that the encoder can read."""
        limit = piece_limit(self.model, self._tokenizer)
        if self.max_pieces is not None:
            if limit is not None and self.max_pieces > limit:
                raise RecipeError(f"{self._where} reads {limit} pieces, not max_pieces = {self.max_pieces}")
            limit = self.max_pieces
        overlap = 0 if self.long == "truncate" else self.overlap
        if overlap is None:
            overlap = OVERLAP if limit is None else min(OVERLAP, limit // 4)
        pieces = Pieces(
            bare_tokenizer(self._tokenizer),
            pad=self._tokenizer.pad_token_id or 0,
            cls=self._tokenizer.cls_token_id,
            limit=limit,
            overlap=overlap,
            truncate=self.long == "truncate",
            pooling=self.pooling,
            summary=self.summary,
        )
        if overlap < 0 or (pieces.room is not None and pieces.room <= overlap):
            raise RecipeError(
                f"{self._where}: windows of {pieces.room} pieces without the special ones cannot overlap by "
                f"{overlap}; overlap must be smaller, and not below 0"
            )
        if self.summary == "cls" and pieces.cls_place is None:
            raise RecipeError(f'{self._where} has no piece for the whole text; summary = "mean" needs none')
        return pieces

    @property
    def reader(self) -> Pieces:
        """What reads texts."""
        return self._pieces

    @property
    def mask_number(self) -> int:
        """The piece that stands for any other, or for none where the encoder has no mask."""
        number = self._tokenizer.mask_token_id
        return int(self._pieces.pad if number is None else number)

    def _probe(self) -> tuple[Tensor, ...]:
        """The layers of a short text, which show the sizes, and the weights that they depend on."""
        self.model.requires_grad_(True).eval()
        with torch.enable_grad():
            (group,) = tensors(self._pieces.arrange(tokenize(["a"])).groups)
            states = self._run(group)
        self.dim = states[-1].shape[-1]
        self.summary_dim = self.dim if self.summary else 0
        least = 4 if self.layers == "last4" else 1
        if isinstance(self.layers, int):
            least = self.layers + 1 if self.layers >= 0 else -self.layers
        if least > len(states):
            raise RecipeError(
                f"{self._where} has the layers 0 (embeddings) to {len(states) - 1}, which is too few for "
                f"layers = {self.layers!r}"
            )
        if self.layers == "mix":
            self.mix = ScalarMix(len(states))
        return states

    def train(self, mode: bool = True) -> "Transformer":
        """A frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.model is not None and not self.tune:
            self.model.eval()
        elif mode:
            self._frozen = None  # its weights are about to change
        return self

    def learning_rates(self, highest: float | None) -> dict[str, float]:
        """The learning rate of each tuned weight: `highest` in the top layer, less in each layer below.

        Args:
            highest: None takes what suits the encoder's width and depth.
        """
        if not self.tune:
            return {}
        layers = self.model.config.num_hidden_layers
        shared = getattr(self.model.config, "num_hidden_groups", layers) < layers
        suited, decay = encoder_rates(self.dim, layers, shared=shared)
        highest = suited if highest is None else highest
        decay = decay if self.layer_decay is None else self.layer_decay
        depths, depth = {}, 0
        for name, parameter in self.model.named_parameters():
            if number := re.search(r"\.(\d+)\.", name):
                depth = int(number[1]) + 1
            if parameter.requires_grad:
                depths[f"model.{name}"] = depth
        top = max(depths.values(), default=0)
        return {name: highest * decay ** (top - depth) for name, depth in depths.items()}

    def feature_mark(self) -> str:
        """A short hash of what the features depend on, apart from the texts."""
        names = ("layers", "pooling", "summary", "max_pieces", "long", "overlap", "precision")
        settings = {name: getattr(self, name) for name in names}
        pieces = {"tokenizer": self._pieces.tokenizer.to_str(), "limit": self._pieces.limit}
        return encoder_mark(self.model, settings | pieces | {"kind": "transformer"})

    def prepare_texts(self, tokens: Tokens) -> Prepared:
        """The pieces of the texts in windows, and which of them make up each word."""
        most = CPU_GROUP if self.model.device.type == "cpu" else np.inf
        return tensors(self._pieces.read(tokens, most=most))

    def features(self, prepared: Prepared) -> Features:
        """The layers of each word that are needed, before they are mixed."""
        mask, layers = prepared.mask, self.feature_numbers[0] // self.dim
        flat = torch.zeros(0, layers * self.dim, device=mask.device)
        if prepared.groups:
            flat = torch.cat([torch.cat(states, dim=1) for states in self._all_states(prepared.groups)])
        words = _sum_links(flat, prepared.words, mask.numel()).view(*mask.shape, layers, self.dim)
        summary = None
        if prepared.summary is not None:
            summary = _sum_links(flat, prepared.summary, mask.shape[0]).view(-1, layers, self.dim)
        return Features(words, mask, summary, prepared.segments)

    def _all_states(self, groups: Seq[Group]) -> list[list[Tensor]]:
        """The layers that are needed, of each group, a row a piece; a frozen encoder on a CPU computes each
        group on a core of its own.
        """
        learns = self.tune and torch.is_grad_enabled()
        jobs = [partial(self._states, group, learns) for group in groups]
        if learns or self.model.training or len(groups) == 1 or groups[0].ids.device.type != "cpu":
            return [job() for job in jobs]
        self._frozen_encoder()  # before the threads start
        return in_parallel(jobs)

    def _states(self, group: Group, learns: bool) -> list[Tensor]:
        with torch.set_grad_enabled(learns):
            states = self._run(group)
            return [state.reshape(-1, self.dim).float() for state in self._select_layers(states)]

    def _run(self, group: Group) -> tuple[Tensor, ...]:
        """All layers `(windows, pieces, dim)`, embeddings first, or the last one where it is enough."""
        every = self.layers != "last"
        types = group.types if "token_type_ids" in self._tokenizer.model_input_names else None
        if not (self.model.training or torch.is_grad_enabled() or torch.jit.is_tracing()):
            return self._frozen_encoder().layers(group.ids, group.mask, types, every)
        mask = group.mask.long()
        return encoder_layers(self.model, every, types, input_ids=group.ids, attention_mask=mask)

    def _frozen_encoder(self) -> FrozenEncoder:
        """The encoder for prediction, with its current weights."""
        weights = tuple((weight.data_ptr(), weight._version) for weight in self.model.parameters())
        if self._frozen is None or self._frozen[0] != weights:
            padding = self._tokenizer.pad_token_id or 0
            self._frozen = weights, frozen_copy(self.model, precision=self.precision, padding=padding)
        return self._frozen[1]

    def sentence_layout(self) -> SentenceLayout | None:
        """How sentence-transformers makes the summary of a text that one window holds, where it can."""
        if self.summary is None or self.layers not in ("last", -1):
            return None
        limit = self.max_pieces or piece_limit(self.model, self._tokenizer)
        return SentenceLayout(pooling=(self.summary,), max_pieces=limit)

    def _select_layers(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The layers that the setting asks for: all where they are mixed, else one."""
        if isinstance(self.layers, int):
            return states[self.layers : self.layers + 1 or None]
        return (torch.stack(states[-4:]).mean(dim=0),) if self.layers == "last4" else states

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that have no piece, and of texts and words that were truncated."""
        counts = np.zeros(3)
        for first in range(0, len(tokens), _ROWS):
            batch = tokens.take(np.arange(first, min(first + _ROWS, len(tokens))))
            windows = self._pieces.arrange(batch)
            owners = np.repeat(np.arange(len(batch.texts)), batch.lengths)[windows.truncated]
            counts += windows.without_pieces.sum(), windows.truncated.sum(), len(np.unique(owners))
        words, texts = max(1, len(tokens.starts)), max(1, len(tokens.texts))
        names = ("words_without_pieces", "words_truncated", "texts_truncated")
        return dict(zip(names, (counts / (words, words, texts)).tolist()))


def _sum_links(vectors: Tensor, links: Links, rows: int) -> Tensor:
    """`(rows, dim)`, each row the weighted sum of its vectors."""
    empty, parts = vectors.new_zeros(rows, vectors.shape[1]), vectors[links.places] * links.shares[:, None]
    if torch.jit.is_tracing():  # ONNX has no sum by rows that names one twice, but this
        return empty.scatter_add(0, links.rows[:, None].expand_as(parts), parts)
    return empty.index_add(0, links.rows, parts)
