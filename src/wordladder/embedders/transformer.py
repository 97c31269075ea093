"""The transformer embedder: BERT, ALBERT or any other pretrained encoder of Hugging Face, its pieces pooled
to words. It pretrains nothing, and reads examples of one text.

How pieces meet words and long texts are read in windows is the matter of `_pieces`, files that of
`_pretrained`.
"""

import re
from collections.abc import Sequence as Seq
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ModelError, RecipeError
from ..layers.dropout import VariationalDropout
from ..layers.half_precision_attention import use_fast_attention
from ..layers.padding import pad
from ..layers.scalar_mix import ScalarMix
from ..layers.sequence import Sequence
from ..layers.threads import in_parallel
from ..text.words import Tokens, tokenize
from ._features import Features, FeatureStore, encoder_mark, recalled
from ._inference import PACKABLE, Answering, Precision, answering
from ._learning_rates import encoder_rates
from ._pieces import Group, Links, Pieces, bare_tokenizer
from ._pretrained import Pretrained, keep_pretrained, open_pretrained, piece_limit, reached
from ._sentence_layout import SentenceLayout
from ._starter import STARTER, starter_encoder, text_language
from ._training_text import Material

__all__ = ["Transformer"]

_ROWS = 256  # examples whose facts are found together
OVERLAP = 64  # pieces that windows share where there is room


class Prepared(NamedTuple):
    """Windows of pieces, what makes up the words and the summaries, the words' mask `(batch, time)`, and the
    words' segments where an example has two texts.
    """

    groups: tuple[Group, ...]
    words: Links
    mask: Tensor
    summary: Links | None
    segments: Tensor | None = None


class Transformer(nn.Module):
    """Words in the context of their text, from a pretrained encoder.

    Two texts of an example are read together, the first one before the second. A word without a piece has the
    zero vector. A text that is longer than the encoder reads at once is read
    in windows, and each word is taken from the window that it stands nearest to the middle of.

    Args:
        source: A folder in Hugging Face's layout with a fast tokenizer, or a name on its hub; `"starter"`:
            the encoder of the text's language that comes with wordladder.
        layers: Whose vectors are taken: `"last"`; a layer's number, 0 for the embeddings and -2 for the last
            but one; `"last4"`, the mean of the last four; `"mix"`, a learned mix of all, embeddings included
            (Peters et al. 2018).
        pooling: What makes up a word: its `"first"` piece (Devlin et al. 2019) or the `"mean"` of its pieces.
        summary: One more vector for the whole text: `"cls"`, that of the special piece that stands for it, or
            `"mean"`, over all pieces and special ones; of a text in windows, over them all. Left out, none.
        tune: Whether training changes the encoder; if not, its own dropout is off.
        attention_dropout: Share of the attention that a tuned encoder drops while training; left out, what it
            was pretrained with. Without it, training is more than twice as fast on a processor.
        hidden_dropout: The same for what its layers hand on.
        layer_decay: Share of a layer's learning rate that the layer below it learns at, when tuned; left
            out, by depth, and 1 where layers share their weights.
        max_pieces: Pieces read at once, special ones included; left out, as many as the encoder can.
        long: Whether longer texts are read in overlapping `"windows"`, or what is behind is cut away and
            counted: `"truncate"`.
        overlap: Pieces that neighbouring windows share; left out, 64, but at most a quarter of what is read
            at once.
        dropout: Share of the vector components set to zero while training, the same ones at all words of a
            text.
        cache_gb: Most gigabytes that the features of a frozen encoder may take on the disk, so that they are
            computed only once; of larger ones none are kept.
        precision: The arithmetic of an encoder that is frozen or answers: `"auto"` takes bfloat16 where the
            processor or the accelerator computes in it, else float32. Where it is tuned, `[training]` says.
    """

    kept = ("model.",)  # weights that lie in the embedder's own folder, and nowhere else

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
        super().__init__()
        self.source, self.layers, self.pooling, self.tune = source, layers, pooling, tune
        self.summary, self.max_pieces, self.long, self.overlap = summary, max_pieces, long, overlap
        self.notes: tuple[str, ...] = ()  # what a user should know of the encoder
        self._dropouts = {"attention": attention_dropout, "hidden": hidden_dropout}
        self.layer_decay, self.dropout = layer_decay, VariationalDropout(dropout)
        self.cache_gb, self.precision = cache_gb, precision
        self._ready: tuple[Any, Answering] | None = None
        self.store: FeatureStore | None = None  # where features of a frozen encoder are read
        self.dim = self.summary_dim = 0
        self.mix: ScalarMix | None = None
        self.model: Any = None
        self._tokenizer: Any = None
        self._pieces: Any = None

    def initialise(self, material: Material) -> None:
        """Read the encoder and its tokenizer.

        Raises:
            RecipeError: the source cannot be read, it has not the layers or the piece that the recipe asks
                for, or windows are too small.
        """
        source: str | Path | None = self.source
        if source == STARTER and (source := starter_encoder(text_language(material.tokens.texts))) is None:
            raise RecipeError(
                f"{self._where}: no encoder of this text's language comes with this version; name one with "
                "--encoder, or make one with `wordladder pretrain`"
            )
        self._take(open_pretrained(str(source), material.folder, dropouts=self._dropouts))

    def keep(self, folder: Path) -> None:
        """Write the encoder and its tokenizer in Hugging Face's layout."""
        keep_pretrained(self.model, self._tokenizer, folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self._take(open_pretrained(str(folder), error=ModelError, dropouts=self._dropouts))

    def _take(self, pretrained: Pretrained) -> None:
        self.model, self._tokenizer, self.notes = pretrained
        if self.tune and self.model.config.model_type in PACKABLE:
            use_fast_attention(self.model)
        self._pieces = self._laid_out()
        used = reached(self._wanted(self._probe()))
        for parameter in self.model.parameters():
            parameter.requires_grad_(self.tune and parameter in used)
        self.train(self.training)

    @property
    def _where(self) -> str:
        return f'embedders: source = "{self.source}"'

    def _laid_out(self) -> Pieces:
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
                f"{self._where}: windows of {pieces.room} pieces beside the special ones cannot overlap by "
                f"{overlap}; overlap must be smaller, and not below 0"
            )
        if self.summary == "cls" and not pieces.has_cls:
            raise RecipeError(f'{self._where} has no piece for the whole text; summary = "mean" needs none')
        return pieces

    def _probe(self) -> tuple[Tensor, ...]:
        """The layers of a short text, from which sizes are known, and the weights that they need."""
        self.model.requires_grad_(True).eval()
        with torch.enable_grad():
            (group,) = self._pieces.lay(tokenize(["a"])).groups
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
        """A frozen encoder stays as it is when it answers."""
        super().train(mode)
        if self.model is not None and not self.tune:
            self.model.eval()
        elif mode:
            self._ready = None  # its weights are about to change
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

    @property
    def frozen(self) -> bool:
        """Whether the features of a text never change."""
        return not self.tune

    @property
    def feature_numbers(self) -> tuple[int, int]:
        """How many numbers the features of a word are, and those of a text."""
        layers = 1 if self.mix is None else len(self.mix.scalars)
        return layers * self.dim, layers * self.summary_dim

    def feature_mark(self) -> str:
        """What the features depend on beside the texts, as a short mark."""
        settings = ("layers", "pooling", "summary", "max_pieces", "long", "overlap", "precision")
        return encoder_mark(
            self.model,
            {name: getattr(self, name) for name in settings}
            | {"kind": "transformer", "tokenizer": self._pieces.tokenizer.to_str()}
            | {"limit": self._pieces.limit},
        )

    def prepare(self, tokens: Tokens) -> Prepared | Features:
        """The pieces of the texts in windows, and which of them make up each word; or what has been kept."""
        if (kept := recalled(self.store, tokens)) is not None:
            return kept
        laid = self._pieces.lay(tokens)
        numbers, mask = pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)
        return Prepared(laid.groups, laid.words, mask, laid.summary, numbers if tokens.segments > 1 else None)

    def forward(self, prepared: Prepared | Features) -> Sequence:
        """Vectors `(batch, time, dim)`; padding and words without a piece are the zero vector."""
        features = prepared if isinstance(prepared, Features) else self.features(prepared)
        summary = None if features.summary is None else self._mixed(features.summary)
        return Sequence(self.dropout(self._mixed(features.layers)), features.mask, summary, features.segments)

    def features(self, prepared: Prepared) -> Features:
        """What the encoder says: the wanted layers of each word, before they are mixed."""
        mask, layers = prepared.mask, self.feature_numbers[0] // self.dim
        flat = torch.zeros(0, layers * self.dim, device=mask.device)
        if prepared.groups:
            flat = torch.cat([torch.cat(states, dim=1) for states in self._all_states(prepared.groups)])
        words = _gathered(flat, prepared.words, mask.numel()).view(*mask.shape, layers, self.dim)
        summary = None
        if prepared.summary is not None:
            summary = _gathered(flat, prepared.summary, len(mask)).view(len(mask), layers, self.dim)
        return Features(words, mask, summary, prepared.segments)

    def _all_states(self, groups: Seq[Group]) -> list[list[Tensor]]:
        """The layers that are wanted, of each group, a row a piece; on a processor that answers, a core has a
        group of its own.
        """
        learns = self.tune and torch.is_grad_enabled()
        jobs = [partial(self._states, group, learns) for group in groups]
        if learns or self.model.training or len(groups) == 1 or groups[0].ids.device.type != "cpu":
            return [job() for job in jobs]
        self._answers()  # once for all
        return in_parallel(jobs)

    def _states(self, group: Group, learns: bool) -> list[Tensor]:
        with torch.set_grad_enabled(learns):
            states = self._run(group)
            return [state.reshape(-1, self.dim).float() for state in self._wanted(states)]

    def _run(self, group: Group) -> tuple[Tensor, ...]:
        """All layers `(windows, pieces, dim)`, embeddings first, or the last one where it is enough."""
        every = self.layers != "last"
        types = group.types if "token_type_ids" in self._tokenizer.model_input_names else None
        if not (self.model.training or torch.is_grad_enabled()):
            return self._answers().layers(group.ids, group.mask, types, every)
        known = {} if types is None else {"token_type_ids": types}
        output = self.model(group.ids, attention_mask=group.mask.long(), output_hidden_states=every, **known)
        return tuple(output.hidden_states) if every else (output.last_hidden_state,)

    def _answers(self) -> Answering:
        """The encoder as it answers, with the weights that it has now."""
        weights = tuple((weight.data_ptr(), weight._version) for weight in self.model.parameters())
        if self._ready is None or self._ready[0] != weights:
            pad_piece = self._tokenizer.pad_token_id or 0
            self._ready = weights, answering(self.model, precision=self.precision, pad=pad_piece)
        return self._ready[1]

    def sentence_layout(self) -> SentenceLayout | None:
        """How sentence-transformers makes the summary of a text that one window holds, where it can."""
        if self.summary is None or self.layers not in ("last", -1):
            return None
        limit = self.max_pieces or piece_limit(self.model, self._tokenizer)
        return SentenceLayout(pooling=(self.summary,), max_pieces=limit)

    def _wanted(self, states: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the setting speaks of: all layers where they are mixed, else one."""
        if isinstance(self.layers, int):
            return states[self.layers : self.layers + 1 or None]
        return (torch.stack(states[-4:]).mean(dim=0),) if self.layers == "last4" else states

    def _mixed(self, layers: Tensor) -> Tensor:
        """`(…, layers, dim)` to `(…, dim)`."""
        layers = layers.float()
        return layers[..., 0, :] if self.mix is None else self.mix(layers.unbind(dim=-2))

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that no piece meets, and of texts and words that were cut away."""
        bare = cut = texts = 0
        for first in range(0, len(tokens), _ROWS):
            some = tokens.take(np.arange(first, min(first + _ROWS, len(tokens))))
            laid = self._pieces.lay(some)
            bare, cut = bare + int(laid.bare.sum()), cut + int(laid.cut.sum())
            owners = np.repeat(np.arange(len(some.texts)), some.lengths)
            texts += len(np.unique(owners[laid.cut]))
        words = max(1, len(tokens.starts))
        return {
            "words_without_pieces": bare / words,
            "words_truncated": cut / words,
            "texts_truncated": texts / max(1, len(tokens.texts)),
        }


def _gathered(vectors: Tensor, links: Links, rows: int) -> Tensor:
    """`(rows, dim)`, each the sum of the shares of its vectors."""
    gathered = vectors.new_zeros(rows, vectors.shape[1])
    return gathered.index_add(0, links.rows, vectors[links.places] * links.shares[:, None])
