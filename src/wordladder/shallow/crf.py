"""A conditional random field on hand-made features of words: the baseline of tagging, without a network."""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ..errors import DataError, SettingError, check_at_least
from ..progress import Progress, quiet
from ..text.words import TextSettings, Tokens
from ._word_features import WordFeatures

if TYPE_CHECKING:
    from ..layers.tag_chain import Allowed

__all__ = ["FeatureCRF"]


@dataclass(eq=False, repr=False)
class FeatureCRF:
    """Sums weights of features, such as a word's form, affixes, shape and neighbours, and finds the best path
    of tags.

    Source: Lafferty, McCallum & Pereira 2001; trained by AdaGrad (Duchi, Hazan & Singer 2011) on one sentence
    at a time in shuffled order.

    Args:
        window: Words on each side whose form and shape are features.
        affixes: Characters of the longest prefix and suffix that are features.
        min_count: Features that occur less often in training are left out.
        tree: Whether the starter vectors of the language are used: they are clustered into a tree, and the
            branches of a word and of its neighbours are features.
        epochs: Passes over the sentences.
        learning_rate: Initial learning rate; it falls linearly to zero.
        l2: Strength of the penalty on squared weights.
    """

    text: TextSettings
    _: KW_ONLY
    window: int = 2
    affixes: int = 4
    min_count: int = 1
    tree: bool = True
    epochs: int = 10
    learning_rate: float = 0.1
    l2: float = 0.1

    serves = "tagging"

    def __post_init__(self) -> None:
        check_at_least(0, window=self.window, affixes=self.affixes, l2=self.l2)
        check_at_least(1, min_count=self.min_count, epochs=self.epochs)
        if not 0 < self.learning_rate < 10:
            raise SettingError(
                f"learning_rate is {self.learning_rate}; it must be above 0, as a rule below 1."
            )
        self.features = WordFeatures(self.window, self.affixes, self.min_count, self.tree)
        self.weights: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.transitions: NDArray[np.float32] = np.zeros((0, 0), np.float32)  # [from, to], −∞: forbidden
        self.starts: NDArray[np.float32] = np.zeros(0, np.float32)
        self.ends: NDArray[np.float32] = np.zeros(0, np.float32)

    def fit(
        self,
        tokens: Tokens,
        tags: NDArray[np.int64],
        allowed: "Allowed",
        *,
        seed: int = 1,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> "FeatureCRF":
        """Train on the tags of all words, `(words,)`.

        It uses one thread, whatever `threads` says: the same seed gives the same weights.

        Args:
            tokens: The words of the sentences.
            tags: The gold tag of each word.
            allowed: Which tags may follow which, as NumPy arrays.
            seed: Of the order of sentences.
            threads: Not used.
            progress: Called after each epoch.

        Raises:
            DataError: there is no word, or a sentence has tags that are not allowed.
        """
        from ..kernels.crf import Chain
        from ..kernels.sparse_crf import Weights, learn
        from ..layers.tag_chain import unweighted

        if not len(tags):
            raise DataError("there is no word in the texts, and so nothing to learn tags from")
        _check(tokens, tags, allowed)
        progress("finding features", 0, 1)
        features = self.features.learn(tokens)
        chain = unweighted(allowed)
        self.transitions, self.starts, self.ends = chain
        self.weights = np.zeros((len(self.features), len(allowed.start)), np.float32)
        squares = Chain(*(np.zeros_like(part) for part in chain))
        weights = Weights(self.weights, chain, np.zeros_like(self.weights), squares)
        penalties = (self.l2 / self.features.counts).astype(np.float32)
        sizes = np.diff(tokens.offsets)
        penalty = np.float32(self.l2 / max(1, (sizes > 0).sum()))
        random, data = np.random.default_rng(seed), (tokens.offsets[:-1].copy(), sizes, features, tags)
        progress("learning", 0, self.epochs)
        for epoch in range(self.epochs):
            rate = np.float32(self.learning_rate * (1 - epoch / self.epochs))
            order = random.permutation(len(sizes))
            loss = learn(order, *data, weights, penalties, penalty, rate)
            progress("learning", epoch + 1, self.epochs, loss=loss / len(tags))
        return self

    @property
    def chain(self) -> Any:
        """The scores of neighbouring tags."""
        from ..kernels.crf import Chain
        from ..layers.tag_chain import TagChain

        return TagChain(Chain(self.transitions, self.starts, self.ends))

    def scores(self, tokens: Tokens) -> NDArray[np.float32]:
        """Scores of tags `(words, tags)`, the emissions of a chain of `transitions`, `starts` and `ends`."""
        from ..kernels.sparse_crf import emissions_of

        return emissions_of(self.features.of(tokens), self.weights)

    def contributions(
        self, tokens: Tokens, cells: Iterable[tuple[int, int]]
    ) -> tuple[NDArray[np.float64], float]:
        """What each word adds to the sum of some scores, a feature in equal parts to the words that it is of.

        Args:
            tokens: The words of one sentence.
            cells: Words and tags, whose scores are summed up.

        Returns:
            What they add, `(words,)`, and what no word adds: the bias, and the edges of the sentence.
        """
        features, size = self.features.of(tokens), len(tokens.starts)
        added, base = np.zeros(size), 0.0
        for word, tag in cells:
            for template, feature in zip(self.features.templates, features[word].tolist()):
                if feature < 0:
                    continue
                weight = float(self.weights[feature, tag])
                inside = [word + d for _, d in template if 0 <= word + d < size]
                for other in inside:
                    added[other] += weight / len(inside)
                base += 0.0 if inside else weight
        return added, base

    def keep(self, folder: Path) -> None:
        """Write features and weights."""
        chain = {"transitions": self.transitions, "starts": self.starts, "ends": self.ends}
        arrays = {"weights": self.weights, **chain, **self.features.keep(folder)}
        save_file(arrays, folder / "crf.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        arrays = load_file(folder / "crf.safetensors")
        self.features.restore(folder, arrays)
        for name in ("weights", "transitions", "starts", "ends"):
            setattr(self, name, arrays[name])


def _check(tokens: Tokens, tags: NDArray, allowed: "Allowed") -> None:
    """Raise a DataError that names the first sentence whose tags are not allowed."""
    start, to, end = allowed
    offsets = tokens.offsets
    nonempty = np.flatnonzero(np.diff(offsets))
    firsts, lasts = offsets[nonempty], offsets[nonempty + 1] - 1
    wrong = np.zeros(len(tags), bool)
    wrong[1:] = ~to[tags[:-1], tags[1:]]
    wrong[firsts] = ~start[tags[firsts]]
    wrong[lasts] |= ~end[tags[lasts]]
    if wrong.any():
        word = int(np.argmax(wrong))
        row = int(np.searchsorted(offsets, word, "right")) - 1
        raise DataError(f"text {row}, word {word - offsets[row]}: its tag is not allowed there")
