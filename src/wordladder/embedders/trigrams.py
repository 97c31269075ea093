"""The trigram embedder: a word's vector is the sum of learned vectors of its letter trigrams, so that related
words share most of theirs.

It knows nothing of the letters' order beyond three; `characters` reads a word as a whole.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..errors import RecipeError
from ..layers.devices import tensors
from ..layers.sequence import Sequence, VariationalDropout
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens
from ._training_text import TrainingText
from ._trigram_words import Prepared, TrigramWords, letter_trigrams

__all__ = ["Trigrams"]


class Trigrams(nn.Module):
    """The sum of a word's letter trigrams, as in the word hashing of DSSM (Huang et al. 2013, section 3.2).

    Each trigram has a learned vector, which is a column of the paper's first weight matrix: with the pooling
    `"sum"`, a text gets the product of that matrix and its trigram counts.

    Args:
        dim: Length of a trigram's vector.
        lowercase: Whether words are read in lower case.
        min_count: Trigrams rarer than this in the training texts, and those never seen, are left out.
        max_vocabulary: Trigrams in the table, the most frequent ones.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.

    Raises:
        RecipeError: `dim` or `max_vocabulary` is below 1.
    """

    summary_dim = 0
    causal = True

    def __init__(
        self,
        *,
        dim: int = 300,
        lowercase: bool = True,
        min_count: int = 2,
        max_vocabulary: int = 100_000,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for name, number in {"dim": dim, "max_vocabulary": max_vocabulary}.items():
            if number < 1:
                raise RecipeError(f"[[embedders]]: {name} = {number}: it must be at least 1")
        self.dim, self.lowercase = dim, lowercase
        self.min_count, self.max_vocabulary = min_count, max_vocabulary
        self.dropout = VariationalDropout(dropout)
        self._set_vocabulary(Vocabulary([]))

    def initialise(self, text: TrainingText) -> None:
        """Find the trigrams of the training texts."""
        parts = (part for word in text.tokens.surfaces(self.lowercase) for part in letter_trigrams(word))
        self._set_vocabulary(Vocabulary.count(parts, self.min_count, self.max_vocabulary))

    def _set_vocabulary(self, vocabulary: Vocabulary) -> None:
        """Draw a vector for each trigram."""
        self.vocabulary = vocabulary
        weight = torch.randn(len(vocabulary), self.dim) * self.dim**-0.5
        self.table = nn.Embedding.from_pretrained(weight, freeze=False, sparse=True)

    @property
    def reader(self) -> TrigramWords:
        """What reads texts."""
        return TrigramWords(self.vocabulary, self.lowercase)

    def keep(self, folder: Path) -> None:
        """Write the trigrams; their vectors are among the weights."""
        self.reader.keep(folder)

    def restore(self, folder: Path) -> None:
        """Read the trigrams and allocate their vectors."""
        self._set_vocabulary(Vocabulary.load(folder / "trigrams.txt"))

    def prepare(self, tokens: Tokens) -> Prepared:
        """The known trigrams of each different form of the batch, and where it is."""
        return tensors(self.reader.read(tokens))

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding and words without a known trigram are the zero vector."""
        bags = prepared.trigrams, self.table.weight, prepared.begins
        forms = nn.functional.embedding_bag(*bags, mode="sum", sparse=True)
        vectors = nn.functional.embedding(prepared.places, torch.cat([forms.new_zeros(1, self.dim), forms]))
        return Sequence(self.dropout(vectors), prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The shares of trigrams that are unknown, and of words without a known one."""
        known = [self.vocabulary.ids(letter_trigrams(word)) >= 0 for word in tokens.surfaces(self.lowercase)]
        return {
            "unknown_trigrams": 1 - float(np.concatenate(known).mean()) if known else 0.0,
            "unknown_words": sum(not one.any() for one in known) / max(1, len(known)),
            "trigrams": len(self.vocabulary),
        }
