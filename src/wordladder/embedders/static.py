"""The static embedder: one vector a word form, looked up in a table.

The table starts from vectors trained on the user's text, from a file, or from random numbers, and is
frozen or tuned. What a word gets that is not in it is the matter of `_unknown`.
"""

from collections.abc import Sequence as Words
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..files.json_files import Size, read_validated, write_json
from ..formats import UnicodeErrors, read_vectors
from ..layers.dropout import VariationalDropout
from ..layers.padding import pad
from ..layers.sequence import Sequence
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens, lower
from ..word_vectors import WordVectors
from ._training_text import Material
from ._unknown_words import PADDING, SPECIAL, Policy, Unknown, halved, makes, savable, steps_of

__all__ = ["Static"]


class Prepared(NamedTuple):
    """Rows of the table `(batch, time)`, the words' mask, their segment where there are several, and vectors
    `(words, dim)` of words that are not in the table: their rows follow those of the table, and `outside` has
    the rows and columns of the batch where they stand.
    """

    ids: Tensor
    mask: Tensor
    segments: Tensor | None
    made: Tensor | None = None
    outside: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class _Facts:
    """What `static.json` holds."""

    dim: Size
    lowercase: bool | None
    made: int = 0


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
        unknown: What a word without a vector gets: `"subwords"` the vector of its n-grams, `"lowercase"` that
            of its lower-case form, `"random"` its own, always the same, `"zero"` none, `"shared"` one for all
            such words, learned if tuned. `"auto"` is the first of n-grams, lower-case form and shared that a
            given source has. Vectors for words of the training texts are tuned, others are not.
        max_vocabulary: Words kept: those of the training texts first, then the source's most frequent.
        dropout: Share of the vector components set to zero while training, the same ones at all words of a
            text.
        unicode_errors: What becomes of words of a text or word2vec binary file that are not UTF-8: `"strict"`
            refuses them, `"ignore"` leaves out their wrong bytes, `"replace"` puts U+FFFD there.

    Attributes:
        notes: Sentences on how the file was read.
    """

    summary_dim = 0
    knows_words = True

    def __init__(
        self,
        *,
        source: str = "random",
        dim: int = 100,
        tune: bool = True,
        lowercase: bool | None = None,
        min_count: int = 2,
        standardise: bool = True,
        unknown: Policy = "auto",
        max_vocabulary: int = 100_000,
        dropout: float = 0.0,
        unicode_errors: UnicodeErrors = "strict",
    ) -> None:
        super().__init__()
        self.source, self.dim, self.tune, self.lowercase = source, dim, tune, lowercase
        self.min_count, self.max_vocabulary, self.standardise = min_count, max_vocabulary, standardise
        self.unknown: Policy = unknown
        self.unicode_errors: UnicodeErrors = unicode_errors
        self.notes: tuple[str, ...] = ()
        self.dropout = VariationalDropout(dropout)
        self.vocabulary = Vocabulary([])
        self.made = 0  # the last words of the vocabulary, which had no vector
        self._unknown = Unknown()
        self.table = nn.Embedding(SPECIAL, dim, padding_idx=PADDING)

    def initialise(self, material: Material) -> None:
        """Build the vocabulary and fill the table.

        Raises:
            RecipeError: the source is `"trained"` and the recipe has no `[vectors]`, or subwords are asked
                for and it has none.
            VectorsError: the source is a file that cannot be read.
        """
        if self.source == "random":
            self.lowercase = self.lowercase is not False
            surfaces = material.tokens.surfaces(lowercase=self.lowercase)
            self.vocabulary = Vocabulary.count(
                surfaces, min_count=self.min_count, max_size=self.max_vocabulary
            )
            self._set_table(torch.randn(len(self.vocabulary) + SPECIAL, self.dim) * self.dim**-0.5)
            steps = steps_of(self.unknown, None, self.lowercase, self.source)
            self._unknown = Unknown(steps, self.vocabulary, dim=self.dim, spread=self.dim**-0.5)
            return
        vectors = self._source_vectors(material)
        if self.lowercase is None:
            self.lowercase = bool(vectors.settings.get("lowercase", False))
        self._take(vectors, material.tokens)

    def _source_vectors(self, material: Material) -> WordVectors:
        if self.source != "trained":
            table = read_vectors(material.folder / self.source, unicode_errors=self.unicode_errors)
            self.notes = table.notes
            return WordVectors.of(table)
        if material.vectors is None:
            raise RecipeError(
                'embedders: source = "trained" takes what [vectors] trains; the recipe has no such table'
            )
        return material.vectors

    def _take(self, vectors: WordVectors, tokens: Tokens) -> None:
        """Keep the training texts' words, then the source's most frequent."""
        steps = steps_of(self.unknown, vectors.subwords, bool(self.lowercase), self.source)
        seen = Vocabulary.count(tokens.surfaces(lowercase=bool(self.lowercase)), max_size=self.max_vocabulary)
        words = [word for word in seen.words if word in vectors.index]
        missing = [word for word in seen.words if word not in vectors.index]
        if steps[0] == "lowercase":
            forms = [form for word in missing if (form := lower(word)) in vectors.index]
            words += _first(forms, len(forms), set(words))
        missing = [word for word in missing if savable(word)] if makes(steps) else []
        words += _first(vectors.words, self.max_vocabulary - len(words) - len(missing), set(words))
        known = torch.from_numpy(np.array(vectors[words], dtype=np.float32))
        scale = torch.ones(())
        if self.standardise and len(known) > 1:
            scale = known.std().clamp(min=1e-6)
            known = known / scale
        self.dim = vectors.dim
        self._unknown = Unknown(
            steps,
            dim=self.dim,
            spread=float(known.std()) if len(known) > 1 else 1.0,
            subwords=halved(vectors.subwords, float(scale)) if "subwords" in steps else None,
        )
        made = self._unknown.made(missing)
        self.made = len(made)
        self.vocabulary = self._unknown.vocabulary = Vocabulary([*words, *made])
        fresh = torch.from_numpy(np.array(list(made.values()), np.float32).reshape(-1, self.dim))
        self._set_table(torch.cat([torch.zeros(SPECIAL, self.dim), known, fresh]))

    def _set_table(self, weight: Tensor) -> None:
        weight[PADDING] = 0.0
        self.table = nn.Embedding.from_pretrained(
            weight, freeze=not self.tune, padding_idx=PADDING, sparse=self.tune
        )

    def keep(self, folder: Path) -> None:
        """Write the vocabulary and what unknown words need; the table itself is among the weights."""
        self.vocabulary.save(folder / "vocabulary.txt")
        self._unknown.keep(folder)
        facts = {"dim": self.dim, "lowercase": self.lowercase, "made": self.made}
        write_json(folder / "static.json", facts)

    def restore(self, folder: Path) -> None:
        """Read the vocabulary and make room for the table."""
        facts = read_validated(folder / "static.json", _Facts)
        self.dim, self.lowercase, self.made = facts.dim, facts.lowercase, facts.made
        self.vocabulary = Vocabulary.load(folder / "vocabulary.txt")
        self._unknown = Unknown.restore(folder, self.vocabulary)
        self._set_table(torch.empty(len(self.vocabulary) + SPECIAL, self.dim))

    def prepare(self, tokens: Tokens) -> Prepared:
        """The table's rows of all words, padded to the longest example."""
        surfaces = tokens.surfaces(lowercase=bool(self.lowercase))
        ids, made = self.vocabulary.ids(surfaces) + SPECIAL, None
        missing = np.flatnonzero(ids < SPECIAL)
        if len(missing):
            ids[missing], vectors = self._unknown.find([surfaces[place] for place in missing.tolist()])
            made = None if vectors is None else torch.from_numpy(vectors)
        padded, mask = pad(torch.from_numpy(ids), tokens.example_offsets)
        segments = None
        if tokens.segments > 1:
            segments = pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)[0]
        outside = () if made is None else (padded >= self.table.num_embeddings).nonzero(as_tuple=True)
        return Prepared(padded, mask, segments, made, outside)

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        ids, size, outside = prepared.ids, self.table.num_embeddings, prepared.outside
        if prepared.made is None:
            vectors = self.table(ids)
        else:
            vectors = self.table(ids.masked_fill(ids >= size, PADDING))
            vectors[outside] = prepared.made.to(vectors.dtype)[ids[outside] - size]
        return Sequence(self.dropout(vectors), prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that have no vector of their own, and of those that got each kind of another."""
        surfaces = tokens.surfaces(lowercase=bool(self.lowercase))
        ids = self.vocabulary.ids(surfaces)
        missing = [surfaces[place] for place in np.flatnonzero(ids < 0).tolist()]
        counts = self._unknown.shares(missing)
        made = np.count_nonzero(ids >= len(self.vocabulary) - self.made)
        if made:
            counts[self._unknown.steps[0]] += int(made)
        words = max(1, len(surfaces))
        facts: dict[str, float] = {f"unknown_{step}": count / words for step, count in counts.items()}
        unknown = (len(missing) + made) / words
        return {"unknown_words": unknown, **facts, "vocabulary": len(self.vocabulary)}


def _first(words: Words[str], count: int, without: set[str]) -> list[str]:
    """The first `count` different words that are not in `without`."""
    chosen: dict[str, None] = {}
    for word in words:
        if len(chosen) >= count:
            break
        if word not in without:
            chosen[word] = None
    return list(chosen)
