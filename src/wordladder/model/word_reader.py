"""Computes the vector of each word of a text with any encoder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.batches import length_batches
from ..embedders._training_text import TrainingText
from ..errors import ModelError
from ..formats import UnicodeErrors
from ..interop.sources import identify
from ..layers.devices import batches_on_device, choose_device, device_of
from ..recipe import build
from ..text.words import TextSettings, Tokens, tokenize
from .model import Model

BATCH_WORDS, BATCH_ROWS = 4096, 256  # the most in a batch, padding included

Layers = int | Literal["last", "last4"]


@dataclass(frozen=True)
class WordReader:
    """Computes the vector of each word of a text.

    Attributes:
        network: The network with the method `prepare`, in evaluation mode.
        embed: Turns a prepared batch into its Sequence.
        settings: How texts are split into words.
        name: The kind and the name of the source.
    """

    network: Any
    embed: Any
    settings: TextSettings
    name: str

    @classmethod
    def open(
        cls,
        source: str | Path,
        *,
        layers: Layers | None = None,
        settings: TextSettings | None = None,
        device: str | None = None,
        unicode_errors: UnicodeErrors = "strict",
    ) -> "WordReader":
        """Open an encoder.

        Args:
            source: A saved model, whose vectors are the input of its head; the folder of an ELMo; a file of
                word vectors; the folder of a transformer, or its name on the Hugging Face hub.
            layers: The layer of a transformer or an ELMo, as in their embedders; left out, the last.
            settings: How texts become words; left out, as in the saved model.
            device: Where it computes; left out, an accelerator if there is one.
            unicode_errors: How to treat words in a file of word vectors that are not UTF-8.

        Raises:
            ModelError: there is no encoder, or a saved model has no vectors of words.
            RecipeError: the encoder cannot be read, or has no such layer.
        """
        kind, path, _ = identify(source)
        if kind == "model":
            if layers is not None:
                raise ModelError(
                    f"{source}: the layers of a saved model are set in its recipe; do not choose any"
                )
            model = Model.load(source, device=device)
            if (network := model.engine_.network) is None:
                raise ModelError(f"{source}: a shallow model has no vectors of words")
            return cls(network.eval(), network.encode, settings or model.recipe_.text, f"model {source}")
        table: dict[str, Any] = {"kind": "transformer", "source": str(source)}
        if path.is_file():
            if layers is not None:
                raise ModelError(f"{source}: word vectors have no layers; do not choose any")
            table |= {"kind": "static", "tune": False, "standardise": False, "unicode_errors": unicode_errors}
        elif kind == "elmo":
            if layers == "last4":
                raise ModelError(f"{source}: an ELMo does not have four layers; choose one by its number")
            table |= {"kind": "elmo", "layers": -1 if layers in (None, "last") else layers}
        else:
            table |= {"pooling": "mean", "overlap": 16} | ({} if layers is None else {"layers": layers})
        embedder = build("embedders", table)
        settings = settings or TextSettings()
        embedder.initialise(TrainingText(tokenize([], settings)))
        embedder.to(choose_device(device)).eval()
        return cls(embedder, embedder, settings, f"{table['kind']} {source}")

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The words of texts."""
        return tokenize(texts, self.settings)

    def vectors(self, tokens: Tokens) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """For each batch the indices of its words in `tokens`, and their vectors, float32 `(words, dim)`."""
        device = device_of(self.network)
        batches = length_batches(tokens.lengths, max_words=BATCH_WORDS, max_rows=BATCH_ROWS)
        inputs = batches_on_device(lambda rows: self.network.prepare(tokens.take(rows)), batches, device)
        for rows, prepared in zip(batches, inputs):
            with torch.inference_mode():
                sequence = self.embed(prepared)
                words = sequence.vectors[sequence.mask].float().cpu().numpy()
            numbers = [np.arange(tokens.offsets[row], tokens.offsets[row + 1]) for row in rows.tolist()]
            yield np.concatenate(numbers), words
