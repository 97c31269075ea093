"""The character embedder: a vector for a word from its spelling, learned with the task. It knows no words, so
none is unknown to it.
"""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import RecipeError
from ..layers.padding import pad
from ..layers.recurrence import run_layer
from ..layers.sequence import Sequence
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens
from ._spelling import CASINGS, PADDING, UNKNOWN, Spelling, Spelt, casing
from ._training_text import Material

__all__ = ["Characters"]

FILTERS, WIDTHS, HIDDEN = 30, (3,), 25
_STEPS = (2, 4, 6, 9, 14)  # forms of up to so many characters are laid side by side,
_LEAST = 64  # unless they are fewer than this


class Prepared(NamedTuple):
    """Each different word form of a batch once, and where it stands.

    Attributes:
        forms: Numbers of characters, `(forms, longest)` each: the shortest forms first, so that little is
            padding.
        casings: Each form's casing, from 1, after a 0 for padding, `(1 + forms,)`; None where it is not asked
            for.
        places: The number of each word's form, from 1, `(batch, time)`; 0 is padding.
        mask: `(batch, time)`.
        segments: The words' segment where there are several, `(batch, time)`.
    """

    forms: tuple[Tensor, ...]
    casings: Tensor | None
    places: Tensor
    mask: Tensor
    segments: Tensor | None


class Characters(nn.Module):
    """A word's vector from its characters.

    `"cnn"`: convolutions over vectors of characters, each at its strongest place (Ma & Hovy 2016, section
    2.1). Every character of a word is the middle of one window; beyond the word's ends are zeros. `"lstm"`:
    an LSTM reads the word from either end, and the two last hidden vectors stand side by side (Lample et al.
    2016, section 4.1).

    Args:
        form: `"cnn"`, which is faster, or `"lstm"`.
        dim: Length of a character's vector.
        filters: Convolutions of each width, of a `"cnn"`.
        widths: Characters in a window, of a `"cnn"`; left out, `[3]`.
        hidden: Numbers in the hidden vector of each direction, of an `"lstm"`.
        lowercase: Whether characters are read in lower case.
        casing: Whether the class of a word's casing has a learned vector too, of 8 numbers: lower case,
            Initial, UPPER, mIxed, digits, mostly digits, with a digit, other (Reimers & Gurevych 2017).
        min_count: Characters rarer than this in the training texts share one vector, and with them those
            never seen.
        max_characters: Characters read of a word; of a longer one the first and the last, half of them each.
        dropout: Share of the numbers of characters' vectors set to zero while training, the same ones
            wherever a word stands in a batch.

    Raises:
        RecipeError: a number is too small, or `dropout` is not a share.
    """

    summary_dim = 0

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
        chosen = list(WIDTHS) if widths is None else widths
        _check(dim=dim, filters=filters, widths=chosen, hidden=hidden, max_characters=max_characters)
        if not 0.0 <= dropout < 1.0:
            raise RecipeError(f"[[embedders]]: dropout = {dropout}: it is a share, at least 0 and below 1")
        _tell_idle(form, filters=filters != FILTERS, widths=widths is not None, hidden=hidden != HIDDEN)
        self.form, self.lowercase, self.min_count = form, lowercase, min_count
        self.max_characters = max_characters
        self.dropout = nn.Dropout(dropout)
        self.table = nn.Embedding(0, dim)
        wide = len(chosen) * filters if form == "cnn" else 2 * hidden
        self.convolutions: Any = nn.ModuleList(
            _convolution(dim, width, filters) for width in chosen if form == "cnn"
        )
        self.cells = nn.ModuleList(_cell(dim, hidden) for _ in range(2 if form == "lstm" else 0))
        self.casings = _casings() if casing else None
        self._read_dim = wide
        self.dim = wide + (len(CASINGS) if casing else 0)
        self._take(Spelling(Vocabulary([]), max_characters, lowercase))

    def initialise(self, material: Material) -> None:
        """Find the characters of the training texts."""
        surfaces = material.tokens.surfaces()
        self._take(Spelling.count(surfaces, self.min_count, self.max_characters, self.lowercase))

    def _take(self, spelling: Spelling) -> None:
        """Draw a vector a character, as Ma & Hovy do; the shared one is zero until it learns."""
        self._spelling = spelling
        dim = self.table.embedding_dim
        weight = torch.empty(len(spelling), dim).uniform_(-((3 / dim) ** 0.5), (3 / dim) ** 0.5)
        weight[[PADDING, UNKNOWN]] = 0.0
        self.table = nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=PADDING)

    def keep(self, folder: Path) -> None:
        """Write the characters; their vectors are among the weights."""
        self._spelling.vocabulary.save(folder / "characters.txt")

    def restore(self, folder: Path) -> None:
        """Read the characters and make room for their vectors."""
        known = Vocabulary.load(folder / "characters.txt")
        self._take(Spelling(known, self.max_characters, self.lowercase))

    def prepare(self, tokens: Tokens) -> Prepared:
        """Each different form of the batch, spelt, and where it stands."""
        surfaces = tokens.surfaces(lowercase=self.lowercase and self.casings is None)
        forms = sorted(dict.fromkeys(surfaces), key=len)
        numbers = dict(zip(forms, range(1, len(forms) + 1)))
        places = np.fromiter(map(numbers.__getitem__, surfaces), np.int64, len(surfaces))
        padded, mask = pad(torch.from_numpy(places), tokens.example_offsets)
        segments = casings = None
        if tokens.segments > 1:
            segments = pad(torch.from_numpy(tokens.segment_numbers), tokens.example_offsets)[0]
        if self.casings is not None:
            casings = torch.tensor([0, *(1 + casing(form) for form in forms)])
        return Prepared(_groups(self._spelling.spell(forms)), casings, padded, mask, segments)

    def forward(self, prepared: Prepared) -> Sequence:
        """Vectors `(batch, time, dim)`; padding is the zero vector."""
        nothing = self.table.weight.new_zeros(1, self._read_dim)
        vectors = torch.cat([nothing, *(self._read(characters) for characters in prepared.forms)])
        if self.casings is not None:
            vectors = torch.cat([vectors, self.casings(prepared.casings)], dim=1)
        words = nn.functional.embedding(prepared.places, vectors)
        return Sequence(words, prepared.mask, None, prepared.segments)

    def _read(self, characters: Tensor) -> Tensor:
        """Word forms `(forms, longest)` to vectors `(forms, numbers)`."""
        spelt, mask = self.dropout(self.table(characters)), characters != PADDING
        if self.form == "cnn":
            return torch.cat([_strongest(spelt, mask, layer) for layer in self.convolutions], dim=1)
        states = run_layer(list(self.cells), spelt, mask)
        onwards, backwards = states.chunk(2, dim=2)
        rows = torch.arange(len(mask), device=mask.device)
        return torch.cat([onwards[rows, mask.sum(dim=1) - 1], backwards[:, 0]], dim=1)

    def facts(self, tokens: Tokens) -> dict[str, float]:
        """The share of characters that are unknown, and of words too long to be read whole."""
        surfaces = tokens.surfaces()
        numbers = self._spelling.spell(surfaces).numbers
        cut = sum(len(surface) > self.max_characters for surface in surfaces)
        return {
            "unknown_characters": float(np.mean(numbers == UNKNOWN)) if len(numbers) else 0.0,
            "cut_words": cut / max(1, len(surfaces)),
            "characters": len(self._spelling.vocabulary),
        }


def _check(widths: list[int], **numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise RecipeError(f"[[embedders]]: {name} = {number}: it must be at least 1")
    if not widths or min(widths) < 1:
        raise RecipeError(f"[[embedders]]: widths = {widths}: one or more numbers of at least 1, such as [3]")


def _tell_idle(form: str, **given: bool) -> None:
    """Warn of settings of the other form."""
    for name, other in (("filters", "cnn"), ("widths", "cnn"), ("hidden", "lstm")):
        if given[name] and form != other:
            warnings.warn(f"{name} belongs to form = {other!r}; here it does nothing", stacklevel=3)


def _convolution(dim: int, width: int, filters: int) -> nn.Linear:
    """A convolution as a product, with first weights as in Ma & Hovy (2016): a window's vectors lie side by
    side.
    """
    made = nn.Linear(width * dim, filters)
    nn.init.xavier_uniform_(made.weight)
    nn.init.zeros_(made.bias)
    return made


def _cell(dim: int, hidden: int) -> nn.LSTM:
    """One direction, with first weights as those of `encoders/recurrent.py`."""
    made = nn.LSTM(dim, hidden, batch_first=True)
    first = {"weight_ih_l0": nn.init.xavier_uniform_, "weight_hh_l0": nn.init.orthogonal_}
    for name, parameter in made.named_parameters():
        for block in parameter.detach().split(hidden):
            first.get(name, nn.init.zeros_)(block)
        if name == "bias_ih_l0":
            parameter.detach()[hidden : 2 * hidden] = 1.0  # the forget gate
    return made


def _casings() -> nn.Embedding:
    """A vector a class, at first one number a class, after the zero vector of padding."""
    size = len(CASINGS)
    weight = torch.cat([torch.zeros(1, size), torch.eye(size)])
    return nn.Embedding.from_pretrained(weight, freeze=False, padding_idx=0)


def _groups(spelt: Spelt) -> tuple[Tensor, ...]:
    """Rectangles of forms of about the same length; the shortest forms come first."""
    lengths = np.diff(spelt.offsets)
    bounds = [0]
    for bound in np.searchsorted(lengths, _STEPS, side="right").tolist():
        if min(bound - bounds[-1], len(lengths) - bound) >= _LEAST:
            bounds.append(bound)
    bounds += [len(lengths)] if len(lengths) else []
    numbers = torch.from_numpy(spelt.numbers)
    return tuple(pad(*_part(numbers, spelt.offsets, *span))[0] for span in pairwise(bounds))


def _part(numbers: Tensor, offsets: np.ndarray, first: int, last: int) -> tuple[Tensor, np.ndarray]:
    """The characters of the forms `first` to `last`, and where they start and end among them."""
    own = offsets[first : last + 1]
    return numbers[own[0] : own[-1]], own - own[0]


def _strongest(spelt: Tensor, mask: Tensor, layer: nn.Linear) -> Tensor:
    """What a convolution finds at its strongest place, `(forms, filters)`, in `(forms, longest, dim)`.

    A place is a character of the form; padding is none, however strong a window there would be.
    """
    longest, width = spelt.shape[1], layer.in_features // spelt.shape[2]
    before = (width - 1) // 2
    padded = nn.functional.pad(spelt, (0, 0, before, width - 1 - before))
    windows = torch.cat([padded[:, step : step + longest] for step in range(width)], dim=2)
    return layer(windows).masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
