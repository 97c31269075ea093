"""The features of a feature CRF: a word's form, affixes and shape, and those of its neighbours.

An attribute is a property of a word's form, computed once for each distinct form. A template combines
attributes of the word or of its neighbours; each value of a template that is frequent enough in training is a
feature. A word has at most one feature for each template.
"""

import re
from collections import Counter
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
_EDGES = 2  # extra values of an attribute: before the start of the sentence, after its end

Part = tuple[str, int]
"""An attribute, and the distance of the word that has it."""

_Attributes = dict[str, list[str | None]]  # the value of each form; None: it has none


class _Words(NamedTuple):
    """The distinct forms of the words, the form of each word, and where its sentence begins and ends."""

    forms: list[str]
    form_of: NDArray[np.int64]
    firsts: NDArray[np.int64]
    ends: NDArray[np.int64]


class WordFeatures:
    """The features of words.

    Args:
        window: Words on each side whose attributes are used.
        affixes: Characters of the longest prefix and suffix.
        min_count: Values of a template that occur less often in training are no features.
        tree: Whether the branches of a word in a tree of word vectors are features.
    """

    def __init__(self, window: int, affixes: int, min_count: int, tree: bool = False) -> None:
        self.affixes, self.min_count = affixes, min_count
        self.branches = [f"branch{depth}" for depth in DEPTHS] if tree else []
        self.templates = _templates(window, affixes, self.branches)
        self.values = {name: Vocabulary([]) for name in (*_PLAIN, *_affix_names(affixes), *self.branches)}
        self.tree = WordTree()
        self.keys = [np.zeros(0, np.int64) for _ in self.templates]
        self.counts: NDArray[np.int64] = np.zeros(0, np.int64)

    def __len__(self) -> int:
        """The number of features."""
        return sum(map(len, self.keys))

    def learn(self, tokens: Tokens) -> NDArray[np.int32]:
        """Find the features of a text, and how often each occurs: `counts`, `(features,)`.

        Returns:
            The features of each word, as `of` gives them.
        """
        words = _words_of(tokens)
        if self.branches:
            self.tree = WordTree.for_text(Vocabulary.count(map(lower, tokens.surfaces())))
        attributes, form_counts = self._attributes(words.forms), np.bincount(words.form_of).tolist()
        for name, column in attributes.items():
            totals: Counter[str] = Counter()
            for value, count in zip(column, form_counts):
                if value is not None:
                    totals[value] += count
            frequent = [value for value, total in totals.items() if total >= self.min_count]
            self.values[name] = Vocabulary(frequent)
        kept = []
        for number, keys in enumerate(self._keys(words, attributes)):
            distinct, counts = np.unique(keys[keys >= 0], return_counts=True)
            self.keys[number] = distinct[counts >= self.min_count]
            kept.append(counts[counts >= self.min_count])
        self.counts = np.concatenate(kept)
        return self._ids(words, attributes)

    def of(self, tokens: Tokens) -> NDArray[np.int32]:
        """The features of each word, `(words, templates)`, −1 where it has none."""
        words = _words_of(tokens)
        return self._ids(words, self._attributes(words.forms))

    def _attributes(self, forms: Sequence[str]) -> _Attributes:
        """The values of all attributes of each form; None: it has none."""
        table = classes()
        small = [lower(form) for form in forms]
        attributes: _Attributes = {
            "form": [*small],
            "character": [form if len(form) == 1 and table[ord(form)] == HAN else None for form in forms],
            "shape": [_shape(form) for form in forms],
            "class": [_class(form) for form in forms],
        }
        for size in range(1, self.affixes + 1):
            attributes[f"prefix{size}"] = [form[:size] if len(form) > size else None for form in small]
            attributes[f"suffix{size}"] = [form[-size:] if len(form) > size else None for form in small]
        for name, depth in zip(self.branches, DEPTHS):
            attributes[name] = self.tree.branches(small, depth)
        return attributes

    def _keys(self, words: _Words, attributes: _Attributes) -> Iterator[NDArray[np.int64]]:
        """For each template its value at each word, as a number; −1: none."""
        size = len(words.form_of)
        columns: dict[Part, NDArray[np.int64]] = {}
        for name, column in attributes.items():
            ids = self.values[name].ids(column)[words.form_of]  # type: ignore[arg-type]
            for distance in {part[1] for template in self.templates for part in template if part[0] == name}:
                columns[name, distance] = _shift(ids, distance, len(self.values[name]), words)
        for template in self.templates:
            key, known = np.zeros(size, np.int64), np.ones(size, bool)
            inside = np.full(size, len(template) < 2)
            for part in template:
                ids, values = columns[part], len(self.values[part[0]])
                key = key * (values + _EDGES) + ids
                known &= ids >= 0
                inside |= ids < values  # several words that are all outside the sentence are no feature
            yield np.where(known & inside, key, -1)

    def _ids(self, words: _Words, attributes: _Attributes) -> NDArray[np.int32]:
        """The features of each word: the numbers of those values of templates that are features."""
        ids, base = np.full((len(words.form_of), len(self.templates)), -1, np.int32), 0
        for column, (keys, known) in enumerate(zip(self._keys(words, attributes), self.keys)):
            if len(known):
                rows = np.minimum(np.searchsorted(known, keys), len(known) - 1)
                ids[:, column] = np.where(known[rows] == keys, base + rows, -1)
            base += len(known)
        return ids

    def keep(self, folder: Path) -> dict[str, NDArray]:
        """Write the values of attributes, one file each, and return the arrays to be saved with them."""
        for name, vocabulary in self.values.items():
            Vocabulary(vocabulary.words).save(folder / f"{name}.txt")
        tree = self.tree.keep(folder) if self.branches else {}
        return tree | {"keys": np.concatenate(self.keys), "bounds": np.cumsum([0, *map(len, self.keys)])}

    def restore(self, folder: Path, arrays: dict[str, NDArray]) -> None:
        """Read what `keep` wrote."""
        self.values = {name: Vocabulary.load(folder / f"{name}.txt") for name in self.values}
        self.tree = WordTree.restore(folder, arrays)
        self.keys = np.split(arrays["keys"], arrays["bounds"][1:-1])


def _affix_names(longest: int) -> list[str]:
    return [f"{kind}{size}" for kind in ("prefix", "suffix") for size in range(1, longest + 1)]


def _templates(window: int, affixes: int, branches: Sequence[str] = ()) -> list[tuple[Part, ...]]:
    """All templates: the bias; form and shape of every word in the window; class and affixes of the word;
    forms and shapes of two neighbours; runs of two and three Han characters; the branches of the word and its
    neighbours, and the shortest branches of two neighbours.
    """
    around = range(-window, window + 1)
    templates: list[tuple[Part, ...]] = [()]
    templates += [((name, distance),) for distance in around for name in ("form", "shape")]
    templates += [((name, 0),) for name in ("class", *_affix_names(affixes))]
    templates += [((name, distance),) for distance in around if abs(distance) < 2 for name in branches]
    near = [distance for distance in (-1, 0) if window]
    templates += [((name, d), (name, d + 1)) for d in near for name in ("form", "shape", *branches[:1])]
    for run in (2, 3):
        for first in range(-window, window - run + 2):
            if run == 3 or first not in near:
                templates.append(tuple(("character", first + step) for step in range(run)))
    return templates


def _words_of(tokens: Tokens) -> _Words:
    numbers: dict[str, int] = {}
    form_of = np.array([numbers.setdefault(word, len(numbers)) for word in tokens.surfaces()], np.int64)
    firsts, ends = (np.repeat(edge, tokens.lengths) for edge in (tokens.offsets[:-1], tokens.offsets[1:]))
    return _Words(list(numbers), form_of, firsts, ends)


def _shift(ids: NDArray[np.int64], distance: int, size: int, words: _Words) -> NDArray[np.int64]:
    """The attribute of the word at a distance; outside the sentence `size` before and `size` + 1 after it."""
    if not distance:
        return ids
    place = np.arange(len(ids)) + distance
    shifted = ids[np.clip(place, 0, max(0, len(ids) - 1))]
    shifted[place < words.firsts] = size
    shifted[place >= words.ends] = size + 1
    return shifted


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
    """The length of the form, and how many of its characters are upper-case, digits and marks: none, one,
    some or all.
    """
    size = len(form)
    parts = [sum(map(test, form)) for test in (str.isupper, str.isdigit)]
    parts.append(size - sum(map(str.isalnum, form)))
    return str(min(size, 5)) + "".join("=" if n == size else "-1+"[min(n, 2)] for n in parts)
