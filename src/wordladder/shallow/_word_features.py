"""What a feature CRF sees of a word: its form, its parts, its shape, and those of its neighbours.

An attribute is something of a word's form, computed once for each different form. A template is attributes of
the word or of its neighbours, side by side; each value that a template took in training often enough is a
feature. A word has at most one feature a template.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.character_classes import HAN
from ..text.vocabulary import Vocabulary
from ..text.words import Tokens, classes, lower
from ._word_clusters import DEPTHS, WordTree

_PLAIN = ("form", "character", "shape", "class")  # attributes of every form
_EDGES = 2  # values of an attribute beyond those of words: in front of the sentence, behind it

Part = tuple[str, int]
"""An attribute, and the distance of the word that it is of."""

_Attributes = dict[str, list[str | None]]  # of each form; None: it has none


class _Words(NamedTuple):
    """The words of sentences: the different forms, the form of each word, and where its sentence begins and
    ends.
    """

    forms: list[str]
    form_of: NDArray[np.int64]
    firsts: NDArray[np.int64]
    ends: NDArray[np.int64]


class WordFeatures:
    """The features of words.

    Args:
        window: Words on each side that are looked at.
        affixes: Characters of the longest prefix and suffix.
        min_count: Values of a template that occur less often in training are no features.
        tree: Whether the place of a word in a tree of word vectors is a feature.
    """

    def __init__(self, window: int, affixes: int, min_count: int, tree: bool = False) -> None:
        self.affixes, self.min_count = affixes, min_count
        self.branches = [f"branch{depth}" for depth in DEPTHS] if tree else []
        self.templates = _templates(window, affixes, self.branches)
        self.values = {name: Vocabulary([]) for name in (*_PLAIN, *_affixes(affixes), *self.branches)}
        self.tree = WordTree(Vocabulary([]), np.zeros(0, np.uint16))
        self.keys = [np.zeros(0, np.int64) for _ in self.templates]
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """The number of features."""
        return sum(map(len, self.keys))

    def learn(self, tokens: Tokens) -> NDArray[np.int32]:
        """Find out which features there are, and how often each occurs: `counts`, `(features,)`.

        Returns:
            The features of each word, as `of` gives them.
        """
        words = _read(tokens)
        if self.branches:
            self.tree = WordTree.for_text(Vocabulary.count(map(lower, tokens.surfaces())))
        attributes, counts = self._attributes(words.forms), np.bincount(words.form_of)
        for name, column in attributes.items():
            self.values[name] = _counted(column, counts, self.min_count)
        kept = []
        for number, keys in enumerate(self._keys(words, attributes)):
            distinct, several = np.unique(keys[keys >= 0], return_counts=True)
            often = several >= self.min_count
            self.keys[number] = distinct[often]
            kept.append(several[often])
        self.counts = np.concatenate(kept)
        return self._numbered(words, attributes)

    def of(self, tokens: Tokens) -> NDArray[np.int32]:
        """The features of each word, `(words, templates)`, −1 where it has none."""
        words = _read(tokens)
        return self._numbered(words, self._attributes(words.forms))

    def _attributes(self, forms: Sequence[str]) -> _Attributes:
        """What each attribute is of each form; None: nothing."""
        table = classes()
        small = [lower(form) for form in forms]
        found: _Attributes = {
            "form": [*small],
            "character": [form if len(form) == 1 and table[ord(form)] == HAN else None for form in forms],
            "shape": [_shape(form) for form in forms],
            "class": [_class(form) for form in forms],
        }
        for size in range(1, self.affixes + 1):
            found[f"prefix{size}"] = [form[:size] if len(form) > size else None for form in small]
            found[f"suffix{size}"] = [form[-size:] if len(form) > size else None for form in small]
        for name, depth in zip(self.branches, DEPTHS):
            found[name] = self.tree.branches(small, depth)
        return found

    def _keys(self, words: _Words, attributes: _Attributes) -> Iterator[NDArray[np.int64]]:
        """Template after template its value at each word, as a number; −1: none."""
        of_forms = {name: _ids(self.values[name], column) for name, column in attributes.items()}
        columns: dict[Part, NDArray[np.int64]] = {}
        for name, distance in {part for template in self.templates for part in template}:
            ids = of_forms[name][words.form_of]
            columns[name, distance] = _moved(ids, distance, len(self.values[name]), words)
        for template in self.templates:
            key, known = np.zeros(len(words.form_of), np.int64), np.ones(len(words.form_of), bool)
            inside = np.full(len(words.form_of), len(template) < 2)
            for name, distance in template:
                ids, size = columns[name, distance], len(self.values[name])
                key = key * (size + _EDGES) + ids
                known &= ids >= 0
                inside |= ids < size  # a run of words that are all beyond the edge is none
            yield np.where(known & inside, key, -1)

    def _numbered(self, words: _Words, attributes: _Attributes) -> NDArray[np.int32]:
        """The features of each word, from all values the known ones."""
        numbers, base = np.full((len(words.form_of), len(self.templates)), -1, np.int32), 0
        for column, (keys, known) in enumerate(zip(self._keys(words, attributes), self.keys)):
            if len(known):
                place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
                numbers[:, column] = np.where(known[place] == keys, base + place, -1)
            base += len(known)
        return numbers

    def keep(self, folder: Path) -> dict[str, NDArray]:
        """Write the values of attributes, a file each, and return the arrays to be kept beside them."""
        for name, vocabulary in self.values.items():
            Vocabulary(vocabulary.words).save(folder / f"{name}.txt")
        tree = self.tree.keep(folder) if self.branches else {}
        return tree | {"keys": np.concatenate(self.keys), "bounds": np.cumsum([0, *map(len, self.keys)])}

    def restore(self, folder: Path, arrays: dict[str, NDArray]) -> None:
        """Read what `keep` wrote."""
        self.values = {name: Vocabulary.load(folder / f"{name}.txt") for name in self.values}
        self.tree = WordTree.restored(folder, arrays)
        self.keys = np.split(arrays["keys"], arrays["bounds"][1:-1])


def _affixes(longest: int) -> list[str]:
    return [f"{kind}{size}" for kind in ("prefix", "suffix") for size in range(1, longest + 1)]


def _templates(window: int, affixes: int, branches: Sequence[str] = ()) -> list[tuple[Part, ...]]:
    """All templates: the bias; of every word in the window form and shape; of the word its class and its
    affixes; two neighbouring forms and shapes; of Han characters also runs of three; of the word and its
    neighbours the branches of a tree, and two neighbouring ones of the lowest.
    """
    around = range(-window, window + 1)
    templates: list[tuple[Part, ...]] = [()]
    templates += [((name, distance),) for distance in around for name in ("form", "shape")]
    templates += [((name, 0),) for name in ("class", *_affixes(affixes))]
    templates += [((name, distance),) for distance in around if abs(distance) < 2 for name in branches]
    near = [distance for distance in (-1, 0) if window]
    templates += [((name, d), (name, d + 1)) for d in near for name in ("form", "shape", *branches[:1])]
    for run in (2, 3):
        for first in range(-window, window - run + 2):
            if run == 3 or first not in near:
                templates.append(tuple(("character", first + step) for step in range(run)))
    return templates


def _read(tokens: Tokens) -> _Words:
    surfaces = tokens.surfaces()
    places: dict[str, int] = {}
    form_of = np.fromiter((places.setdefault(one, len(places)) for one in surfaces), np.int64, len(surfaces))
    lengths = tokens.lengths
    firsts, ends = (np.repeat(edge, lengths) for edge in (tokens.offsets[:-1], tokens.offsets[1:]))
    return _Words(list(places), form_of, firsts, ends)


def _counted(column: Sequence[str | None], counts: NDArray[np.int64], least: int) -> Vocabulary:
    """The values that occur often enough, in the order in which they first do."""
    totals: dict[str, int] = {}
    for value, count in zip(column, counts.tolist()):
        if value is not None:
            totals[value] = totals.get(value, 0) + count
    return Vocabulary([value for value, total in totals.items() if total >= least])


def _ids(values: Vocabulary, column: Sequence[str | None]) -> NDArray[np.int64]:
    """The number of each value, −1 for one not known and where there is none."""
    return values.ids(column)  # type: ignore[arg-type]


def _moved(ids: NDArray[np.int64], distance: int, size: int, words: _Words) -> NDArray[np.int64]:
    """The attribute of the word at a distance; beyond the sentence `size` in front and `size` + 1 behind."""
    place = np.arange(len(ids)) + distance
    if not distance:
        return ids
    found = ids[np.clip(place, 0, max(0, len(ids) - 1))]
    found[place < words.firsts] = size
    found[place >= words.ends] = size + 1
    return found


_RUNS = re.compile(r"(.)\1+", re.DOTALL)


def _kind(letter: str) -> str:
    if letter.isdigit():
        return "d"
    if letter.isalpha():
        return "X" if letter.isupper() else "x" if letter.islower() else "h"
    return letter


def _shape(form: str) -> str:
    """Letters as X, x or, without case, h, digits as d, runs of the same as one: Xx-d for Boeing-747."""
    return _RUNS.sub(r"\1", "".join(map(_kind, form)))


def _class(form: str) -> str:
    """How long the form is, and how many of its characters are upper-case, digits and marks: none, one, some
    or all.
    """
    size = len(form)
    parts = [sum(map(test, form)) for test in (str.isupper, str.isdigit)]
    parts.append(size - sum(map(str.isalnum, form)))
    return str(min(size, 5)) + "".join("=" if n == size else "-1+"[min(n, 2)] for n in parts)
