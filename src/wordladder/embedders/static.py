"""The static embedder: one vector a word form, looked up in a table.

The table starts from vectors trained on the user's text, from a file, or from random numbers, and is
frozen or tuned. `_unknown_words` decides what a word gets that is not in it.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..files.json_files import Size, read_validated, write_json
from ..formats import UnicodeErrors, read_vectors
from ..layers.devices import tensors
from ..layers.saved_weights import saved_weights
from ..layers.sequence import Sequence, VariationalDropout
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens, lower
from ..vectors._words import sif_weights
from ..word_vectors import WordVectors
from ._static_words import Prepared, StaticWords
from ._training_text import TrainingText
from ._unknown_words import PADDING, SPECIAL, Policy, Unknown, compress_subwords, policy_steps, tunable_words

__all__ = ["Static"]


@dataclass(frozen=True)
class _Facts:
    """The content of `static.json`."""

    dim: Size
    lowercase: bool | None
    made: int = 0


class Static(nn.Module):
    """One vector a word form.

    Args:
        source: `"trained"` uses what `[vectors]` trains, `"random"` starts from random numbers, anything
            else is a file of word vectors, or the folder of a saved model whose first embedder is static.
        dim: Length of a vector when the source is random; otherwise the vectors decide.
        tune: Whether training changes the vectors.
        lowercase: Whether words are looked up in lower case; left out, as the vectors were trained, and yes
            for random ones.
        min_count: Words rarer than this in the training texts are unknown when the source is random.
        standardise: Whether the source's vectors are scaled to components of unit variance, from which the
            layers above learn fastest.
        weights: `"sif"` scales a word's vector by smooth inverse frequency, a / (a + p(word)) with a = 1e-3
            (Arora et al. 2017), so that means are weighted by it. p is from the counts of the source, else
            from the training texts. Vectors that are weighted already, those that come with wordladder and
            distilled ones, stay as they are. `"none"` scales none.
        unknown: What a word without a vector gets: `"subwords"` the vector of its n-grams, `"lowercase"` that
            of its lower-case form, `"random"` its own, always the same, `"zero"` none, `"shared"` one for all
            such words, learned if tuned. `"auto"` is the first of n-grams, lower-case form and shared that a
            source has. Vectors for words of the training texts are tuned, others are not.
        max_vocabulary: Words in the table: those of the training texts first, then the source's most
            frequent.
        dropout: Share of the vector components set to zero in training, the same ones for all words of a
            text.
        unicode_errors: How words that are not UTF-8 are read in a text or word2vec binary file: `"strict"`
            refuses them, `"ignore"` drops the wrong bytes, `"replace"` puts U+FFFD there.

    Attributes:
        notes: Sentences on how the file was read.
    """

    summary_dim = 0
    causal = True
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
        weights: Literal["none", "sif"] = "none",
        unknown: Policy = "auto",
        max_vocabulary: int = 100_000,
        dropout: float = 0.0,
        unicode_errors: UnicodeErrors = "strict",
    ) -> None:
        super().__init__()
        self.source, self.dim, self.tune, self.lowercase = source, dim, tune, lowercase
        self.min_count, self.max_vocabulary, self.standardise = min_count, max_vocabulary, standardise
        self.weights, self.unknown, self.unicode_errors = weights, unknown, unicode_errors
        self.notes: tuple[str, ...] = ()
        self.dropout = VariationalDropout(dropout)
        self.vocabulary = Vocabulary([])
        self.new_words = 0  # the last words of the vocabulary, which the source does not have
        self._unknown = Unknown()
        self.table = nn.Embedding(SPECIAL, dim, padding_idx=PADDING)

    def initialise(self, text: TrainingText) -> None:
        """Build the vocabulary and fill the table.

        Raises:
            RecipeError: the source is `"trained"` and the recipe has no `[vectors]`, or subwords are asked
                for and it has none.
            VectorsError: the source is a file that cannot be read.
        """
        if self.source == "random":
            self._initialise_at_random(text.tokens)
            self._weigh(text.tokens, None)
            return
        vectors = text.vectors
        if (text.folder / self.source / "recipe.toml").is_file():
            vectors = vectors_of_model(text.folder / self.source)
        elif self.source != "trained":
            table = read_vectors(text.folder / self.source, unicode_errors=self.unicode_errors)
            vectors, self.notes = WordVectors.of(table), table.notes
        if vectors is None:
            raise RecipeError(
                'embedders: source = "trained" uses what [vectors] trains; the recipe has no such table'
            )
        self._initialise_from(vectors, text.tokens)
        self._weigh(text.tokens, vectors)

    def _initialise_at_random(self, tokens: Tokens) -> None:
        self.lowercase = self.lowercase is not False
        surfaces = tokens.surfaces(lowercase=self.lowercase)
        self.vocabulary = Vocabulary.count(surfaces, min_count=self.min_count, max_size=self.max_vocabulary)
        spread = self.dim**-0.5
        self._set_table(torch.randn(len(self.vocabulary) + SPECIAL, self.dim) * spread)
        steps = policy_steps(self.unknown, None, self.lowercase, self.source)
        self._unknown = Unknown(steps, self.vocabulary, dim=self.dim, spread=spread)

    def _initialise_from(self, vectors: WordVectors, tokens: Tokens) -> None:
        """Take the training texts' words, then the source's most frequent."""
        if self.lowercase is None:
            self.lowercase = bool(vectors.settings.get("lowercase", False))
        steps = policy_steps(self.unknown, vectors.subwords, self.lowercase, self.source)
        seen = Vocabulary.count(tokens.surfaces(lowercase=self.lowercase), max_size=self.max_vocabulary)
        words = [word for word in seen.words if word in vectors.index]
        missing = [word for word in seen.words if word not in vectors.index]
        if steps[0] == "lowercase":
            words += [form for word in missing if (form := lower(word)) in vectors.index]
        missing = tunable_words(missing, steps)
        words = list(dict.fromkeys([*words, *vectors.words[: self.max_vocabulary]]))
        words = words[: self.max_vocabulary - len(missing)]
        known = torch.from_numpy(np.array(vectors[words], dtype=np.float32))
        scale = known.std().clamp(min=1e-6) if self.standardise and len(known) > 1 else torch.ones(())
        known = known / scale
        subwords = vectors.subwords if "subwords" in steps else None
        self.dim = vectors.dim
        self._unknown = Unknown(
            steps,
            dim=self.dim,
            spread=float(known.std()) if len(known) > 1 else 1.0,
            subwords=None if subwords is None else compress_subwords(subwords, float(scale)),
        )
        new = self._unknown.own_vectors(missing)
        self.new_words = len(new)
        self.vocabulary = self._unknown.vocabulary = Vocabulary([*words, *new])
        own = torch.from_numpy(np.array(list(new.values()), np.float32).reshape(-1, self.dim))
        self._set_table(torch.cat([torch.zeros(SPECIAL, self.dim), known, own]))

    def _weigh(self, tokens: Tokens, vectors: WordVectors | None) -> None:
        """Scale the words of the table by smooth inverse frequency, if the recipe says so."""
        if self.weights == "none" or (vectors is not None and vectors.settings.get("weights") == "sif"):
            return
        if vectors is not None and vectors.counts is not None:
            rows = np.array([vectors.index.get(word, -1) for word in self.vocabulary.words], np.int64)
            counts = np.where(rows >= 0, np.asarray(vectors.counts)[rows], 0)
        else:
            ids = self.vocabulary.ids(tokens.surfaces(lowercase=bool(self.lowercase)))
            counts = np.bincount(ids[ids >= 0], minlength=len(self.vocabulary))
        with torch.no_grad():
            self.table.weight[SPECIAL:] *= torch.from_numpy(sif_weights(counts)).float()[:, None]

    def _set_table(self, weight: Tensor) -> None:
        weight[PADDING] = 0.0
        self.table = nn.Embedding.from_pretrained(
            weight, freeze=not self.tune, padding_idx=PADDING, sparse=self.tune
        )

    @property
    def reader(self) -> StaticWords:
        """What reads texts."""
        return StaticWords(self.vocabulary, self._unknown, bool(self.lowercase))

    def keep(self, folder: Path) -> None:
        """Write the vocabulary and what unknown words need; the table is among the weights."""
        self.reader.keep(folder)
        write_json(folder / "static.json", asdict(_Facts(self.dim, self.lowercase, self.new_words)))

    def restore(self, folder: Path) -> None:
        """Read the vocabulary and allocate the table."""
        facts = read_validated(folder / "static.json", _Facts)
        self.dim, self.lowercase, self.new_words = facts.dim, facts.lowercase, facts.made
        self.vocabulary, self._unknown, _ = StaticWords.restore(folder, lowercase=bool(facts.lowercase))
        self._set_table(torch.empty(len(self.vocabulary) + SPECIAL, self.dim))

    def prepare(self, tokens: Tokens) -> Prepared:
        """The table's rows of all words, padded to the longest example."""
        return tensors(self.reader.read(tokens))

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        ids, size, extra = prepared.ids, self.table.num_embeddings, prepared.extra
        if extra is None:
            vectors = self.table(ids)
        else:
            outside = ids >= size
            vectors = self.table(ids.masked_fill(outside, PADDING))
            found = nn.functional.embedding((ids - size).clamp(min=0), extra.to(vectors.dtype))
            vectors = torch.where(outside[..., None], found, vectors)
        return Sequence(self.dropout(vectors), prepared.mask, None, prepared.segments)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of words that have no vector of their own, and of those that got each kind of vector."""
        surfaces = tokens.surfaces(lowercase=bool(self.lowercase))
        ids = self.vocabulary.ids(surfaces)
        missing = [surfaces[place] for place in np.flatnonzero(ids < 0).tolist()]
        counts = self._unknown.step_counts(missing)
        counts[self._unknown.steps[0]] += int(np.sum(ids >= len(self.vocabulary) - self.new_words))
        words = max(1, len(surfaces))
        facts = {f"unknown_{step}": count / words for step, count in counts.items()}
        unknown = sum(counts.values()) / words
        return {"unknown_words": unknown, **facts, "vocabulary": len(self.vocabulary)}


def vectors_of_model(folder: Path) -> WordVectors:
    """The word vectors of a saved model's first embedder.

    Raises:
        RecipeError: it has none.
    """
    own = folder / "embedders" / "0"
    if not (own / "static.json").is_file():
        raise RecipeError(f"{folder}: the first embedder of this model has no word vectors")
    table = saved_weights(folder, "embedders.0.table.")["weight"][SPECIAL:].float().numpy()
    facts = read_validated(own / "static.json", _Facts)
    vectors = WordVectors(Vocabulary.load(own / "vocabulary.txt").words, table)
    vectors.settings["lowercase"] = bool(facts.lowercase)
    return vectors
