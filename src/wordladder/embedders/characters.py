"""The character embedder: a word's vector from its spelling, learned with the task. It knows no words, so
none is out of vocabulary.
"""

import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.devices import tensors
from ..layers.recurrence import new_cell, run_layer
from ..layers.sequence import Sequence
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens
from ._spelled_words import CASINGS, PADDING, UNKNOWN, Prepared, SpelledWords, Spelling
from ._training_text import TrainingText

__all__ = ["Characters"]

FILTERS, WIDTHS, HIDDEN = 30, (3,), 25


class Characters(nn.Module):
    """A word's vector from its characters.

    `"cnn"`: convolutions over vectors of characters with max pooling (Ma & Hovy 2016, section 2.1). Every
    character of a word is the middle of one window; beyond the word's ends are zeros. `"lstm"`: an LSTM reads
    the word in each direction, and the two last hidden vectors are concatenated (Lample et al. 2016, section
    4.1).

    Args:
        form: `"cnn"`, which is faster, or `"lstm"`.
        dim: Length of a character's vector.
        filters: Convolutions of each width, of a `"cnn"`.
        widths: Characters in a window, of a `"cnn"`; left out, `[3]`.
        hidden: Numbers in the hidden vector of each direction, of an `"lstm"`.
        lowercase: Whether characters are read in lower case.
        casing: Whether the class of a word's casing has a learned vector too, of 8 numbers: lower case,
            Initial, UPPER, mIxed, digits, mostly digits, with a digit, other (Reimers & Gurevych 2017).
        min_count: Characters rarer than this in the training texts, and those never seen, share one vector.
        max_characters: Characters read of a word; of a longer one the first and the last, half of them each.
        dropout: Share of the numbers of characters' vectors set to zero in training, the same ones for all
            occurrences of a word in a batch.

    Raises:
        RecipeError: a number is too small, or `dropout` is not a share.
    """

    summary_dim = 0
    causal = True

    def __init__(
        self,
        *,
        form: Literal["cnn", "lstm"] = "cnn",
        dim: int = 30,
        filters: int = FILTERS,
        widths: list[int] | None = None,
        hidden: int = HIDDEN,
        lowercase: bool = False,
        casing: bool = False,
        min_count: int = 2,
        max_characters: int = 32,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        changed = {"filters": filters != FILTERS, "widths": widths is not None, "hidden": hidden != HIDDEN}
        widths = list(WIDTHS) if widths is None else widths
        numbers = {"dim": dim, "filters": filters, "hidden": hidden, "max_characters": max_characters}
        for name, number in numbers.items():
            if number < 1:
                raise RecipeError(f"[[embedders]]: {name} = {number}: it must be at least 1")
        if not widths or min(widths) < 1:
            raise RecipeError(
                f"[[embedders]]: widths = {widths}: one or more numbers of at least 1, such as [3]"
            )
        if not 0.0 <= dropout < 1.0:
            raise RecipeError(f"[[embedders]]: dropout = {dropout}: it is a share, at least 0 and below 1")
        for name, other in (("filters", "cnn"), ("widths", "cnn"), ("hidden", "lstm")):
            if changed[name] and form != other:
                warnings.warn(f"{name} belongs to form = {other!r}; here it does nothing", stacklevel=2)
        self.form, self.lowercase, self.min_count = form, lowercase, min_count
        self.max_characters = max_characters
        self.dropout = nn.Dropout(dropout)
        self.table = nn.Embedding(0, dim)
        self.convolutions: Any = nn.ModuleList(
            _convolution(dim, width, filters) for width in widths if form == "cnn"
        )
        self.cells = nn.ModuleList(new_cell("lstm", dim, hidden) for _ in range(2 if form == "lstm" else 0))
        one_hot = torch.eye(1 + len(CASINGS))[:, 1:].contiguous()  # after the zero vector of padding
        self.casings = nn.Embedding.from_pretrained(one_hot, freeze=False, padding_idx=0) if casing else None
        self._read_dim = len(widths) * filters if form == "cnn" else 2 * hidden
        self.dim = self._read_dim + (len(CASINGS) if casing else 0)
        self._set_spelling(Spelling(Vocabulary([]), max_characters, lowercase))

    def initialise(self, text: TrainingText) -> None:
        """Find the characters of the training texts."""
        surfaces = text.tokens.surfaces()
        self._set_spelling(Spelling.count(surfaces, self.min_count, self.max_characters, self.lowercase))

    def _set_spelling(self, spelling: Spelling) -> None:
        """Draw a vector for each character, as Ma & Hovy do; the shared one is zero at first."""
        self._spelling = spelling
        dim = self.table.embedding_dim
        weight = torch.empty(len(spelling), dim).uniform_(-((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        weight[[PADDING, UNKNOWN]] = 0.0
        self.table = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=PADDING)

    @property
    def reader(self) -> SpelledWords:
        """What reads texts."""
        return SpelledWords(self._spelling, self.casings is not None)

    def keep(self, folder: Path) -> None:
        """Write the characters; their vectors are among the weights."""
        self.reader.keep(folder)

    def restore(self, folder: Path) -> None:
        """Read the characters and allocate their vectors."""
        known = Vocabulary.load(folder / "characters.txt")
        self._set_spelling(Spelling(known, self.max_characters, self.lowercase))

    def prepare(self, tokens: Tokens) -> Prepared:
        """The spelling of each different form of the batch, and where it is."""
        return tensors(self.reader.read(tokens))

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        padding = self.table.weight.new_zeros(1, self._read_dim)
        vectors = torch.cat([padding, *(self._read(characters) for characters in prepared.forms)])
        if self.casings is not None:
            vectors = torch.cat([vectors, self.casings(prepared.casings)], dim=1)
        words = nn.functional.embedding(prepared.places, vectors)
        return Sequence(words, prepared.mask, None, prepared.segments)

    def _read(self, characters: Tensor) -> Tensor:
        """Word forms `(forms, longest)` to vectors `(forms, numbers)`."""
        vectors, mask = self.dropout(self.table(characters)), characters != PADDING
        if self.form == "cnn":
            return torch.cat([_max_of(layer, vectors, mask) for layer in self.convolutions], dim=1)
        forwards, backwards = run_layer(list(self.cells), vectors, mask).chunk(2, dim=2)
        rows = torch.arange(mask.shape[0], device=mask.device)
        return torch.cat([forwards[rows, mask.sum(dim=1) - 1], backwards[:, 0]], dim=1)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of characters that are unknown, and of words too long to be read whole."""
        surfaces = tokens.surfaces()
        numbers, _ = self._spelling.spell(surfaces)
        cut = sum(len(surface) > self.max_characters for surface in surfaces)
        return {
            "unknown_characters": float(np.mean(numbers == UNKNOWN)) if len(numbers) else 0.0,
            "cut_words": cut / max(1, len(surfaces)),
            "characters": len(self._spelling.vocabulary),
        }


def _convolution(dim: int, width: int, filters: int) -> nn.Linear:
    """A convolution as a matrix product over a window's concatenated vectors, initialised as in Ma & Hovy
    (2016).
    """
    layer = nn.Linear(width * dim, filters)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _max_of(layer: nn.Linear, vectors: Tensor, mask: Tensor) -> Tensor:
    """The maximum of a convolution, `(forms, filters)`, over `(forms, longest, dim)`, without padding."""
    longest, width = vectors.shape[1], layer.in_features // vectors.shape[2]
    before = (width - 1) // 2
    padded = nn.functional.pad(vectors, (0, 0, before, width - 1 - before))
    windows = torch.cat([padded[:, step : step + longest] for step in range(width)], dim=2)
    return layer(windows).masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
