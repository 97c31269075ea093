"""N-grams with modified Kneser-Ney smoothing, interpolated (Chen & Goodman 1998): language models before
networks.

An n-gram is a node: its last word under the node of the words before it. The nodes of an order are numbered
by their sorted keys, `parent · words + word`: all texts are counted, or looked up, a whole order at a time.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import check_at_least
from ..files.streams import atomic_write
from ..progress import Progress, quiet

__all__ = ["KneserNey"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
_ARRAYS = ("keys", "chances", "shares")


class KneserNey:
    """The probability of each word given those before it, by n-grams of at most `order` words.

    Args:
        order: Words of the longest n-gram.
    """

    serves = "language_model"

    def __init__(self, text: Any, *, order: int = 5) -> None:
        check_at_least(1, order=order)
        self.order, self.words = order, 0
        self.keys: list[Ints] = []  # the nodes of each order, from 1 on
        self.chances: list[Floats] = []  # what each node has of its own
        self.shares: list[Floats] = []  # what its parent leaves to shorter n-grams

    def fit(self, numbers: Ints, offsets: Ints, words: int, *, progress: Progress = quiet, **_: Any) -> None:
        """Count the n-grams of texts.

        Args:
            numbers: The words of all texts by their numbers, one text after another, each with its end.
            offsets: Those of text `i` are `[i]:[i + 1]`.
            words: How many words there are.
            progress: Called with the order.
        """
        self.words = words + 1  # the last one stands before each text
        self.keys, self.chances, self.shares = [], [], []

        def learned(keys: Ints) -> Ints:
            known, nodes = np.unique(keys, return_inverse=True)
            self.keys.append(known)
            progress("counting", len(self.keys), self.order)
            return nodes

        nodes = [found for found, _ in self._nodes(numbers, offsets, learned)]
        counts = np.bincount(nodes[-1], minlength=len(self.keys[-1]))
        self._smooth(counts)
        for shorter, longer in zip(nodes[-2::-1], nodes[:0:-1]):
            # Of a shorter n-gram counts in how many ways it goes on to the left (Kneser & Ney 1995).
            suffix = np.full(int(longer.max()) + 1, -1)
            suffix[longer] = shorter
            size = len(self.keys[len(self.keys) - len(self.chances) - 1])
            self._smooth(np.bincount(suffix[suffix >= 0], minlength=size))
        self.chances.reverse()
        self.shares.reverse()

    def _nodes(self, numbers: Ints, offsets: Ints, find: Callable[[Ints], Ints]) -> list[tuple[Ints, Ints]]:
        """For each order the node of the n-gram that ends at each word, and the node of the words before it;
        -1 where there is none.

        Args:
            numbers: As for `fit`.
            offsets: As for `fit`.
            find: Gives nodes for keys.
        """
        pads = self.order - 1
        places = np.arange(len(numbers)) + pads * np.repeat(np.arange(1, len(offsets)), np.diff(offsets))
        sequence = np.full(len(numbers) + pads * (len(offsets) - 1), self.words - 1)
        sequence[places] = numbers
        starts = offsets[:-1] + pads * np.arange(len(offsets) - 1)
        depth = np.arange(len(sequence)) - np.repeat(starts, np.diff(offsets) + pads)  # within its text
        nodes, found = np.zeros(len(sequence), np.int64), list[tuple[Ints, Ints]]()
        for order in range(1, self.order + 1):
            parents = np.roll(nodes, 1) if order > 1 else nodes
            known = (depth >= order - 1) & (parents >= 0)
            nodes = np.full(len(sequence), -1)
            nodes[known] = find(parents[known] * self.words + sequence[known])
            found.append((nodes[places], parents[places]))
        return found

    def _smooth(self, counts: Ints) -> None:
        """The chances of the nodes of an order, the longest one first."""
        keys = self.keys[len(self.keys) - len(self.chances) - 1]
        parents = keys // self.words
        seen = [int(np.count_nonzero(counts == count)) for count in range(1, 5)]
        discounts = np.array([0.0, 0.75, 0.75, 0.75])
        if all(seen):  # Chen & Goodman 1998, equation 26
            share = seen[0] / (seen[0] + 2 * seen[1])
            discounts[1:] = [n + 1 - (n + 2) * share * seen[n + 1] / seen[n] for n in range(3)]
        discounts = discounts.clip(0.0, [0, 1, 2, 3])[np.minimum(counts, 3)]
        totals = np.bincount(parents, counts)
        safe = np.maximum(totals, 1)
        self.chances.append((counts - discounts) / safe[parents])
        self.shares.append(np.where(totals > 0, np.bincount(parents, discounts) / safe, 1.0))

    def log_probabilities(self, numbers: Ints, offsets: Ints) -> Floats:
        """The natural logarithm of the probability of each text, `(texts,)`.

        Args:
            numbers: As for `fit`.
            offsets: As for `fit`.
        """
        level = iter(self.keys)

        def looked_up(keys: Ints) -> Ints:
            known = next(level)
            nodes = np.searchsorted(known, keys).clip(max=len(known) - 1)
            return np.where(known[nodes] == keys, nodes, -1)

        nodes = self._nodes(numbers, offsets, looked_up)
        chance = np.full(len(numbers), 1 / (self.words - 1))
        for (node, parent), own, shares in zip(nodes, self.chances, self.shares):
            # A last share of 1 for words that nothing follows, and a last chance of 0 for unknown n-grams.
            left = np.append(shares, 1.0)[np.where((parent >= 0) & (parent < len(shares)), parent, -1)]
            chance = left * chance + np.append(own, 0.0)[node]
        return np.add.reduceat(np.log(chance), offsets[:-1])  # none is empty: each has its end

    def keep(self, folder: Path) -> None:
        """Write `ngrams.npz`."""
        arrays = {f"{name}{n}": array for name in _ARRAYS for n, array in enumerate(getattr(self, name))}
        with atomic_write(folder / "ngrams.npz") as file:
            np.savez(file, words=self.words, **arrays)

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        with np.load(folder / "ngrams.npz", allow_pickle=False) as saved:
            self.words = int(saved["words"])
            for name in _ARRAYS:
                setattr(self, name, [saved[f"{name}{n}"] for n in range(self.order)])
