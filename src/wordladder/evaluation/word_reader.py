"""A reader of words: a vector for each word of a text, from any encoder that there is.

What is done with the vectors stands elsewhere.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from ..data.batches import length_batches
from ..embedders._training_text import Material
from ..engines.network_engine import NetworkEngine
from ..errors import ModelError
from ..files.folders import RECIPE_FILE, find_model, is_saved_model
from ..formats import UnicodeErrors
from ..layers.devices import chosen, device_of, on_device
from ..recipe import Recipe, build
from ..text.words import TextSettings, Tokens, tokenize

WORDS, ROWS = 4096, 256  # of a batch, padding included

Layers = int | Literal["last", "last4"]


@dataclass(frozen=True)
class WordReader:
    """Gives each word of a text a vector.

    Attributes:
        network: What `prepare` and `embed` come from, in evaluation mode.
        embed: From what `prepare` has made of a batch to its Sequence.
        settings: How texts become words.
        name: What it is, in words.
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
        """Open what gives words vectors.

        Args:
            source: A saved model, whose vectors are those that reach its task; the folder of an ELMo; a file
                of word vectors; the folder of a transformer, or its name on the Hugging Face hub.
            layers: Which layer of a transformer or an ELMo, as their embedders take it; left out, the last.
            settings: How texts become words; left out, as the saved model has it.
            device: Where it computes; left out, the best there is.
            unicode_errors: What becomes of words in a file of word vectors that are not UTF-8.

        Raises:
            ModelError: there is none of these, or a saved model has no vectors of words.
            RecipeError: the encoder cannot be read, or has no such layer.
        """
        path = Path(source)
        if is_saved_model(path):
            if layers is not None:
                raise ModelError(f"{source}: the layers of a saved model are those of its recipe; give none")
            return cls._saved(path, settings, device)
        table: dict[str, Any] = {"kind": "transformer", "source": str(source)}
        table |= {"pooling": "mean", "overlap": 16}
        if any(path.glob("*options.json")):  # those of published models have long names
            if layers == "last4":
                raise ModelError(f"{source}: an ELMo has no four last layers; give the number of one")
            table = {"kind": "elmo", "source": str(source), "layers": -1}
        if path.is_file():
            if layers is not None:
                raise ModelError(f"{source}: word vectors have no layers; give none")
            table = {"kind": "static", "source": str(source), "tune": False, "standardise": False}
            table["unicode_errors"] = unicode_errors
        elif layers is not None:
            table["layers"] = -1 if layers == "last" and table["kind"] == "elmo" else layers
        embedder = build("embedders", table)
        settings = settings or TextSettings()
        embedder.initialise(Material(tokenize([], settings)))
        embedder.to(chosen(device)).eval()
        return cls(embedder, embedder, settings, f"{table['kind']} {source}")

    @classmethod
    def _saved(cls, path: Path, settings: TextSettings | None, device: str | None) -> "WordReader":
        place = find_model(path)
        try:
            recipe = Recipe.read(place / RECIPE_FILE)
            if recipe.table("shallow"):
                raise ModelError(f"{path}: a shallow model has no vectors of words")
            engine = NetworkEngine(recipe, device)
            engine.restore(place)
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise ModelError(f"{path}: the saved model is incomplete or damaged: {error}") from error
        network = engine.network.eval()
        settings = settings or recipe.text
        return cls(network, network.encode, settings, f"model {path}")

    def tokens(self, texts: Sequence[str]) -> Tokens:
        """The words of texts."""
        return tokenize(texts, self.settings)

    def vectors(self, tokens: Tokens) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        """Batch by batch: the numbers of its words among all words of `tokens`, and their vectors
        `(words, dim)` float32.
        """
        device = device_of(self.network)
        batches = length_batches(tokens.lengths, max_words=WORDS, max_rows=ROWS)
        inputs = on_device(lambda rows: self.network.prepare(tokens.take(rows)), batches, device)
        for rows, prepared in zip(batches, inputs):
            with torch.inference_mode():
                sequence = self.embed(prepared)
                words = sequence.vectors[sequence.mask].float().cpu().numpy()
            numbers = [np.arange(tokens.offsets[row], tokens.offsets[row + 1]) for row in rows.tolist()]
            yield np.concatenate(numbers), words
