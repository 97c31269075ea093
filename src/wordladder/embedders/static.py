"""The static embedder: one vector a word form, looked up in a table.

The table starts from vectors trained on the user's text, from a file, or from random numbers, and is
frozen or tuned. Subword composition for unknown words is not done here.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.dropout import VariationalDropout
from ..layers.padding import pad
from ..sequence import Sequence
from ..text import Tokens
from ..vocab import Vocabulary
from ..word_vectors import WordVectors
from ._material import Material

__all__ = ["Static"]

PADDING, UNKNOWN, SPECIAL = 0, 1, 2


class Prepared(NamedTuple):
    """Rows of the table `(batch, time)`, the words' mask, and their segment where there are several."""

    ids: Tensor
    mask: Tensor
    segments: Tensor | None


class Static(nn.Module):
    """One vector a word form.

    Args:
        source: `"trained"` takes what `[vectors]` trains, `"random"` starts from random numbers, anything
            else is a file of word vectors.
        dim: Length of a vector when the source is random; otherwise the vectors decide.
        tune: Whether training changes the vectors.
        lowercase: Whether words are looked up in lower case; left out, as the vectors were trained, and yes
            for random ones.
        min_count: Words rarer than this in the training texts are unknown when the source is random.
        standardise: Whether given vectors are scaled to components of unit variance, which layers above
            learn from fastest.
        max_vocabulary: Words kept: those of the training texts first, then the source's most frequent.
        dropout: Share of the vector components set to zero while training, the same ones at all words of a
            text.
    """

    summary_dim = 0

    def __init__(
        self,
        *,
        source: str = "random",
        dim: int = 100,
        tune: bool = True,
        lowercase: bool | None = None,
        min_count: int = 2,
        standardise: bool = True,
        max_vocabulary: int = 100_000,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.source, self.dim, self.tune, self.lowercase = source, dim, tune, lowercase
        self.min_count, self.max_vocabulary, self.standardise = min_count, max_vocabulary, standardise
        self.dropout = VariationalDropout(dropout)
        self.vocabulary = Vocabulary([])
        self.table = nn.Embedding(SPECIAL, dim, padding_idx=PADDING)

    def initialise(self, material: Material) -> None:
        """Build the vocabulary and fill the table.

        Raises:
            RecipeError: the source is `"trained"` and the recipe has no `[vectors]`.
            VectorsError: the source is a file that cannot be read.
        """
        if self.source == "random":
            self.lowercase = self.lowercase is not False
            surfaces = material.tokens.surfaces(lowercase=self.lowercase)
            self.vocabulary = Vocabulary.count(
                surfaces, min_count=self.min_count, max_size=self.max_vocabulary
            )
            self._set_table(torch.randn(len(self.vocabulary) + SPECIAL, self.dim) * self.dim**-0.5)
            return
        vectors = self._source_vectors(material)
        if self.lowercase is None:
            self.lowercase = bool((vectors.settings or {}).get("lowercase", False))
        self._take(vectors, material.tokens)

    def _source_vectors(self, material: Material) -> WordVectors:
        if self.source != "trained":
            return WordVectors.load(material.folder / self.source)
        if material.vectors is None:
            raise RecipeError(
                'embedders: source = "trained" takes what [vectors] trains; the recipe has no such table'
            )
        return material.vectors

    def _take(self, vectors: WordVectors, tokens: Tokens) -> None:
        """Keep the training texts' words that have a vector, then the source's most frequent."""
        seen = Vocabulary.count(tokens.surfaces(lowercase=bool(self.lowercase)), max_size=self.max_vocabulary)
        words = [word for word in seen.words if word in vectors.index]
        words += [w for w in _first(vectors.words, self.max_vocabulary - len(words), set(words))]
        self.vocabulary = Vocabulary(words)
        rows = np.fromiter((vectors.index[word] for word in words), np.int64, len(words))
        known = torch.from_numpy(np.asarray(vectors.vectors[rows], dtype=np.float32))
        if self.standardise and len(known) > 1:
            known = known / known.std().clamp(min=1e-6)
        self.dim = vectors.dim
        self._set_table(torch.cat([torch.zeros(SPECIAL, self.dim), known]))

    def _set_table(self, weight: Tensor) -> None:
        weight[PADDING] = 0.0
        self.table = nn.Embedding.from_pretrained(
            weight, freeze=not self.tune, padding_idx=PADDING, sparse=self.tune
        )

    def keep(self, folder: Path) -> None:
        """Write the vocabulary; the table itself is among the weights."""
        self.vocabulary.save(folder / "vocabulary.txt")
        facts = json.dumps({"dim": self.dim, "lowercase": self.lowercase})
        (folder / "static.json").write_text(facts, encoding="utf-8")

    def restore(self, folder: Path) -> None:
        """Read the vocabulary and make room for the table."""
        facts = json.loads((folder / "static.json").read_text(encoding="utf-8"))
        self.dim, self.lowercase = facts["dim"], facts["lowercase"]
        self.vocabulary = Vocabulary.load(folder / "vocabulary.txt")
        self._set_table(torch.empty(len(self.vocabulary) + SPECIAL, self.dim))

    def prepare(self, tokens: Tokens) -> Prepared:
        """The table's rows of all words, padded to the longest example."""
        surfaces = tokens.surfaces(lowercase=bool(self.lowercase))
        ids = torch.from_numpy(self.vocabulary.ids(surfaces, missing=UNKNOWN - SPECIAL) + SPECIAL)
        padded, mask = pad(ids, tokens.example_offsets)
        if tokens.segments == 1:
            return Prepared(padded, mask, None)
        return Prepared(
            padded, mask, pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)[0]
        )

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        return Sequence(self.dropout(self.table(prepared.ids)), prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that have no vector of their own."""
        surfaces = tokens.surfaces(lowercase=bool(self.lowercase))
        unknown = np.count_nonzero(self.vocabulary.ids(surfaces, missing=-1) < 0)
        return {"unknown_words": float(unknown) / max(1, len(surfaces)), "vocabulary": len(self.vocabulary)}


def _first(words: list[str], count: int, without: set[str]) -> list[str]:
    """The first `count` words that are not in `without`."""
    chosen: list[str] = []
    for word in words:
        if len(chosen) >= count:
            break
        if word not in without:
            chosen.append(word)
    return chosen
