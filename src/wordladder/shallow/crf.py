"""A conditional random field on features of words made by hand: the baseline of tagging, no network in it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError, SettingError
from ..progress import Progress, quiet
from ..text.words import TextSettings, Tokens
from ._word_features import WordFeatures

if TYPE_CHECKING:
    from ..layers.tag_chain import Allowed

__all__ = ["FeatureCRF"]


class FeatureCRF:
    """Sums weights of features, such as a word's form, endings, shape and neighbours, and finds the best path
    of tags.

    Source: Lafferty, McCallum & Pereira 2001; learned by AdaGrad (Duchi, Hazan & Singer 2011), sentence after
    sentence in shuffled order.

    Args:
        window: Words on each side whose form and shape are features.
        affixes: Characters of the longest prefix and suffix that are features.
        min_count: Features that occur less often in training are left out.
        tree: Whether the starter vectors of the language help: words of like meaning stand under one branch
            of a tree, and the branches of a word and of its neighbours are features.
        epochs: Times the sentences are gone through.
        learning_rate: Step at the start, from where it falls evenly to nothing.
        l2: Strength of the penalty on squared weights.
    """

    serves = "tagging"

    def __init__(
        self,
        text: TextSettings,
        *,
        window: int = 2,
        affixes: int = 4,
        min_count: int = 1,
        tree: bool = True,
        epochs: int = 10,
        learning_rate: float = 0.1,
        l2: float = 0.1,
    ) -> None:
        self.text, self.window, self.affixes, self.min_count = text, window, affixes, min_count
        self.epochs, self.learning_rate, self.l2 = epochs, learning_rate, l2
        for name, least in (("window", 0), ("affixes", 0), ("min_count", 1), ("epochs", 1), ("l2", 0)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if not 0 < learning_rate < 10:
            raise SettingError(f"learning_rate is {learning_rate}; it must be above 0, as a rule below 1.")
        self.features = WordFeatures(window, affixes, min_count, tree)
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
        """Learn from the tags of all words, `(words,)`.

        It has one thread, whatever `threads` says: the same seed gives the same weights.

        Args:
            tokens: The words of the sentences.
            tags: The right tag of each word.
            allowed: Which tags may follow which, as NumPy arrays.
            seed: Of the order of sentences.
            threads: Not used.
            progress: Told after each epoch.

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
        learned = Weights(self.weights, chain, np.zeros_like(self.weights), squares)
        penalties = (self.l2 / self.features.counts).astype(np.float32)
        sizes = np.diff(tokens.offsets)
        penalty = np.float32(self.l2 / max(1, (sizes > 0).sum()))
        random, given = np.random.default_rng(seed), (tokens.offsets[:-1].copy(), sizes, features, tags)
        progress("learning", 0, self.epochs)
        for epoch in range(self.epochs):
            rate = np.float32(self.learning_rate * (1 - epoch / self.epochs))
            order = random.permutation(len(sizes))
            loss = learn(order, *given, learned, penalties, penalty, rate)
            progress("learning", epoch + 1, self.epochs, loss=loss / len(tags))
        return self

    @property
    def chain(self) -> Any:
        """What it learned of neighbouring tags."""
        from ..kernels.crf import Chain
        from ..layers.tag_chain import TagChain

        return TagChain(Chain(self.transitions, self.starts, self.ends))

    def scores(self, tokens: Tokens) -> NDArray[np.float32]:
        """Scores of tags `(words, tags)`, the emissions of a chain of `transitions`, `starts` and `ends`."""
        from ..kernels.sparse_crf import emissions_of

        return emissions_of(self.features.of(tokens), self.weights)

    def keep(self, folder: Path) -> None:
        """Write features and weights."""
        from safetensors.numpy import save_file

        chain = {"transitions": self.transitions, "starts": self.starts, "ends": self.ends}
        arrays: dict[str, Any] = {"weights": self.weights, **chain, **self.features.keep(folder)}
        save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / "crf.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        from safetensors.numpy import load_file

        arrays = load_file(folder / "crf.safetensors")
        self.features.restore(folder, arrays)
        self.weights, self.transitions = arrays["weights"], arrays["transitions"]
        self.starts, self.ends = arrays["starts"], arrays["ends"]


def _check(tokens: Tokens, tags: NDArray, allowed: "Allowed") -> None:
    """Raise a DataError that names the first sentence whose tags are not allowed."""
    start, to, end = allowed
    offsets = tokens.offsets
    some = np.flatnonzero(np.diff(offsets))
    wrong = np.zeros(len(tags), bool)
    wrong[1:] = ~to[tags[:-1], tags[1:]]
    wrong[offsets[some]] = ~start[tags[offsets[some]]]
    wrong[offsets[some + 1] - 1] |= ~end[tags[offsets[some + 1] - 1]]
    if wrong.any():
        word = int(np.flatnonzero(wrong)[0])
        row = int(np.searchsorted(offsets, word, "right")) - 1
        raise DataError(f"text {row}, word {word - offsets[row]}: its tag is not allowed there")
