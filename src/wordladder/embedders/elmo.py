"""The ELMo embedder: words in the context of their text, from a bidirectional language model over characters.

It reads models that are published or pretrained by us; `pretraining` trains them from raw text.
"""

from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from ..errors import ModelError, RecipeError
from ..layers.devices import tensors
from ..layers.sequence import ScalarMix
from ..text.padding import pad_words
from ..text.words import Tokens
from ._elmo_files import open_elmo, save_elmo
from ._elmo_network import BiLM, PackedTexts, count_truncated, pack_texts, part_lengths, unpack_layer
from ._feature_store import Features
from ._frozen_features import FeatureEmbedder, encoder_mark
from ._training_text import TrainingText

__all__ = ["Elmo"]


class Prepared(NamedTuple):
    """Texts as the network reads them, the words' mask `(batch, time)`, the places of the words in it,
    counted over all rows one after another, `(words,)`, and their segment where there are several.
    """

    texts: PackedTexts
    mask: Tensor
    places: Tensor
    segments: Tensor | None = None


class Elmo(FeatureEmbedder):
    """Words in the context of their text, from the layers of a bidirectional language model (Peters et al.
    2018).

    A text is read whole, between begin and end marks, whatever sentences it has; each text, and each segment
    of an example, on its own. A text that is longer than the model's window is read in as few parts as
    possible, of about equal length, each between begin and end marks: the other parts are no context. Layer 0
    is the character network's vector, twice; a layer above has the forward vector and the backward vector.

    Args:
        source: A folder with `options.json` and the weights: a published model's `*.hdf5`, or the
            `model.safetensors` of our own pretraining.
        layers: Which vectors are used: `"mix"`, a learned mix of all layers; or a layer's number, 0 for the
            words without context and -1 for the last.
        tune: Whether training changes the language model; the weights of the mix are learned in any case.
        window: Words read at once; left out, as many as the model was trained on, or the whole text if its
            options do not say.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.
        cache_gb: Most gigabytes that the features of a frozen model may take on disk, so that they are
            computed only once; larger ones are not stored.
    """

    separate_weights = ("network.",)  # saved in the folder of the embedder only

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
        super().__init__(source, tune, dropout, cache_gb)
        if window is not None and window < 1:
            raise RecipeError(f"embedders: window is {window}; it must be at least 1, or left out")
        self.layers, self.window = layers, window
        self.network: Any = None

    def initialise(self, text: TrainingText) -> None:
        """Read the language model.

        Raises:
            RecipeError: the source cannot be read, or it lacks the layer that the recipe asks for.
        """
        self._set_network(open_elmo(text.folder / self.source, self._where, RecipeError))

    def keep(self, folder: Path) -> None:
        """Write the language model, whatever its layout was, as `options.json` and `model.safetensors`."""
        save_elmo(self.network, folder)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        self._set_network(open_elmo(folder, self._where, ModelError))

    def _set_network(self, network: BiLM) -> None:
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

    @property
    def _window(self) -> int | None:
        return self.window or self.network.options.window

    def feature_mark(self) -> str:
        """A short hash of what the features depend on, apart from the texts."""
        settings = {"kind": "elmo", "layers": self.layers, "window": self.window}
        return encoder_mark(self.network, settings | {"options": self.network.options.as_json()})

    def prepare_texts(self, tokens: Tokens) -> Prepared:
        """The spelling of the words, in the order in which the network reads them."""
        lengths = part_lengths(tokens.lengths, self._window)
        texts = pack_texts(tokens.surfaces(), lengths, self.network.options)
        _, mask, segments = tensors(pad_words(tokens.segment_numbers, tokens))
        return Prepared(texts, mask, mask.flatten().nonzero()[:, 0], segments)

    def features(self, prepared: Prepared) -> Features:
        """The layers of each word that are needed, before they are mixed."""
        with torch.set_grad_enabled(self.tune and torch.is_grad_enabled()):
            states = self.network(prepared.texts, self._reach)
            states = states if self.layers == "mix" else states[-1:]
            words = torch.stack([unpack_layer(prepared.texts, state) for state in states], dim=1)
        empty = words.new_zeros(prepared.mask.numel(), *words.shape[1:])
        layers = empty.index_copy(0, prepared.places, words).view(*prepared.mask.shape, *words.shape[1:])
        return Features(layers, prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words of which only the first bytes are read, and of texts that are read in parts."""
        lengths, window = tokens.lengths, self._window
        words, texts = max(1, len(tokens.starts)), max(1, len(lengths))
        return {
            "words_cut_short": count_truncated(tokens.surfaces(), self.network.options.longest) / words,
            "texts_in_parts": 0.0 if window is None else int((lengths > window).sum()) / texts,
        }
