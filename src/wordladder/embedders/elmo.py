"""The ELMo embedder: words in the context of their text, from a two-way language model over characters.

It reads models that are published or pretrained by us, and trains none: that is done from raw text by
`pretraining`. The network is in `_elmo_network`, files are the matter of `_elmo_files`.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ModelError, RecipeError
from ..layers.dropout import VariationalDropout
from ..layers.padding import pad
from ..layers.scalar_mix import ScalarMix
from ..layers.sequence import Sequence
from ..text.words import Tokens
from ._elmo_characters import cut_short
from ._elmo_files import keep_elmo, open_elmo
from ._elmo_network import BiLM, Laid, laid, part_lengths
from ._features import Features, FeatureStore, encoder_mark, recalled
from ._training_text import Material

__all__ = ["Elmo"]


class Prepared(NamedTuple):
    """Texts as the network reads them, the words' mask `(batch, time)`, the places of the words in it,
    counted over all rows one after another, `(words,)`, and their segment where there are several.
    """

    laid: Laid
    mask: Tensor
    places: Tensor
    segments: Tensor | None = None


class Elmo(nn.Module):
    """Words in the context of their text, from the layers of a two-way language model (Peters et al. 2018).

    A text is read whole, between a beginning and an end, whatever sentences it has; every text anew, and each
    segment of an example on its own. One that is longer than the model's window is read in as few parts as
    possible, of about equal length, each between a beginning and an end: what is in another part is no
    context. Layer 0 is the character network's vector, twice; a layer above has the vector from the start of
    the text beside that from its end.

    Args:
        source: A folder with `options.json` and the weights: a published model's `*.hdf5`, or the
            `model.safetensors` of our own pretraining.
        layers: Whose vectors are taken: `"mix"`, a learned mix of all; or a layer's number, 0 for the words
            without context and -1 for the last.
        tune: Whether training changes the language model; the weights of the mix are learned anyway.
        window: Words read at once; left out, as many as the model was trained on, or, where its options do
            not tell, the whole text.
        dropout: Share of the vector components set to zero while training, the same ones at all words of a
            text.
        cache_gb: Most gigabytes that the features of a frozen model may take on the disk, so that they are
            computed only once; of larger ones none are kept.
    """

    summary_dim = 0
    kept = ("network.",)  # weights that lie in the embedder's own folder, and nowhere else

    def __init__(
        self,
        *,
        source: str,
        layers: int | Literal["mix"] = "mix",
        tune: bool = False,
        window: int | None = None,
        dropout: float = 0.0,
        cache_gb: float = 20.0,
    ) -> None:
        super().__init__()
        if window is not None and window < 1:
            raise RecipeError(f"embedders: window is {window}; it must be at least 1, or left out")
        self.source, self.layers, self.tune, self.window = source, layers, tune, window
        self.dropout, self.cache_gb = VariationalDropout(dropout), cache_gb
        self.store: FeatureStore | None = None  # where features of a frozen model are read
        self.dim = 0
        self.mix: ScalarMix | None = None
        self.network: Any = None

    def initialise(self, material: Material) -> None:
        """Read the language model.

        Raises:
            RecipeError: the source cannot be read, or it has not the layer that the recipe asks for.
        """
        self._take(open_elmo(material.folder / self.source, self._where, RecipeError))

    def keep(self, folder: Path) -> None:
        """Write the language model, whatever its layout was, as `options.json` and `model.safetensors`."""
        keep_elmo(self.network, folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self._take(open_elmo(folder, self._where, ModelError))

    @property
    def _where(self) -> str:
        return f'embedders: source = "{self.source}"'

    def _take(self, network: BiLM) -> None:
        self.network, top = network, network.options.layers
        self.dim = 2 * network.options.dim
        if self.layers == "mix":
            self.mix = ScalarMix(top + 1)
        elif not -top - 1 <= self.layers <= top:
            raise RecipeError(
                f"{self._where} has the layers 0 (words without context) to {top}, and not "
                f"layers = {self.layers}"
            )
        above = (*network.forward_cells[self._reach :], *network.backward_cells[self._reach :])
        unused = {parameter for cell in above for parameter in cell.parameters()}
        for parameter in network.parameters():
            parameter.requires_grad_(self.tune and parameter not in unused)

    @property
    def _reach(self) -> int:
        """The highest layer that is needed."""
        top = self.network.options.layers
        return top if self.layers == "mix" else self.layers % (top + 1)

    def _parts(self, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        return part_lengths(lengths, self.window or self.network.options.window)

    @property
    def frozen(self) -> bool:
        """Whether the features of a text never change."""
        return not self.tune

    @property
    def feature_numbers(self) -> tuple[int, int]:
        """How many numbers the features of a word are, and those of a text."""
        return self.dim * (1 if self.mix is None else len(self.mix.scalars)), 0

    def feature_mark(self) -> str:
        """What the features depend on beside the texts, as a short mark."""
        settings = {"kind": "elmo", "layers": self.layers, "window": self.window}
        return encoder_mark(self.network, settings | {"options": self.network.options.as_json()})

    def prepare(self, tokens: Tokens) -> Prepared | Features:
        """The spelling of the words, in the order in which the network reads them; or what has been kept."""
        if (kept := recalled(self.store, tokens)) is not None:
            return kept
        options = self.network.options
        read = laid(tokens.surfaces(), self._parts(tokens.lengths), options.longest, options.widest)
        numbers, mask = pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)
        places = mask.flatten().nonzero()[:, 0]
        return Prepared(read, mask, places, numbers if tokens.segments > 1 else None)

    def features(self, prepared: Prepared) -> Features:
        """What the language model says: the wanted layers of each word, before they are mixed."""
        with torch.set_grad_enabled(self.tune and torch.is_grad_enabled()):
            states = self.network(prepared.laid, self._reach)
            wanted = states if self.layers == "mix" else states[-1:]
            words = torch.stack([self.network.sided(prepared.laid, state) for state in wanted], dim=1)
        empty = words.new_zeros(prepared.mask.numel(), *words.shape[1:])
        layers = empty.index_copy(0, prepared.places, words).view(*prepared.mask.shape, *words.shape[1:])
        return Features(layers, prepared.mask, None, prepared.segments)

    def forward(self, prepared: Prepared | Features) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        features = prepared if isinstance(prepared, Features) else self.features(prepared)
        layers = features.layers.float().unbind(dim=2)
        vectors = layers[0] if self.mix is None else self.mix(layers)
        return Sequence(self.dropout(vectors), features.mask, None, features.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words of which only the first bytes are read, and of texts that are read in parts."""
        lengths = tokens.lengths
        words, texts = max(1, len(tokens.starts)), max(1, len(lengths))
        window = self.window or self.network.options.window
        return {
            "words_cut_short": cut_short(tokens.surfaces(), self.network.options.longest) / words,
            "texts_in_parts": 0.0 if window is None else int((lengths > window).sum()) / texts,
        }
