"""Cosines of the tf-idf vectors of two texts, and logistic regression on them: the baseline for pairs."""

from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from ..errors import check_at_least
from ..files.json_files import read_validated, write_json
from ..text.words import TextSettings
from ._linear import fit_linear
from ._term_bags import Terms

__all__ = ["TfidfCosine"]

_STRENGTH = 100.0  # inverse, of the penalty

Pairs = list[tuple[str, str]]


class _Saved(NamedTuple):
    """The content of `terms.json`: how many terms are words."""

    words: int


class TfidfCosine:
    """How similar two texts are by their words, by their character n-grams and in length, and a classifier
    of these three.

    Args:
        ngrams: Longest word n-gram that is compared.
        characters: Longest character n-gram inside a word that is compared.
        lowercase: Whether words are lower-cased.
        sublinear: Whether a word's count is replaced by 1 + log(count).
    """

    serves = "pairs"

    def __init__(
        self,
        text: TextSettings,
        *,
        ngrams: int = 1,
        characters: int = 5,
        lowercase: bool = True,
        sublinear: bool = True,
    ) -> None:
        check_at_least(1, ngrams=ngrams, characters=characters)
        self.terms, self.sublinear = Terms(text, ngrams, characters, lowercase), sublinear

    def fit(
        self, texts: Pairs, targets: NDArray[Any], *, weights: Any = None, seed: int = 1, **_: Any
    ) -> Self:
        """Fit the classifier.

        Args:
            texts: Pairs of texts.
            targets: Their labels `(rows,)`, or indicators `(rows, labels)`.
            weights: The weights of the pairs; None: all are equal.
            seed: Of the order in which the solver goes through the pairs.
        """
        from ..kernels.terms import Bags

        self.terms.learn([text for pair in texts for text in pair], 1, None)
        features = self.features(texts)
        rows, columns = features.shape
        ids = np.tile(np.arange(columns, dtype=np.int32), rows)
        bags = Bags(np.arange(0, features.size + 1, columns), ids, features.ravel())
        fixed: dict[str, Any] = {"bayes": False, "regularisation": _STRENGTH, "class_weights": None}
        linear = fit_linear(bags, columns, targets, **fixed, weights=weights, seed=seed)
        self.coefficients, self.intercepts = linear
        return self

    def features(self, pairs: Pairs) -> NDArray[np.float32]:
        """Of each pair the cosine of words, that of characters, their product, and the difference of lengths
        as a share, `(rows, 4)`.
        """
        bags = self.terms.bags([text for pair in pairs for text in pair])
        lengths = np.add.reduceat(np.append(bags.values, 0), bags.begins[:-1]) * (np.diff(bags.begins) > 0)
        self.terms.apply_tfidf(bags, self.sublinear)
        owner = np.repeat(np.arange(2 * len(pairs)), np.diff(bags.begins))
        keys = owner // 2 * len(self.terms.hashes) + bags.ids  # a term of a pair
        sides = [owner % 2 == side for side in (0, 1)]
        both, first, second = np.intersect1d(
            keys[sides[0]], keys[sides[1]], assume_unique=True, return_indices=True
        )
        products = bags.values[sides[0]][first] * bags.values[sides[1]][second]
        row, term = np.divmod(both, max(1, len(self.terms.hashes)))
        is_word = term < self.terms.words
        cosines = [np.bincount(row[side], products[side], len(pairs)) for side in (is_word, ~is_word)]
        one, other = lengths.reshape(-1, 2).T
        apart = np.abs(one - other) / np.maximum(1, one + other)
        return np.column_stack([*cosines, cosines[0] * cosines[1], apart]).astype(np.float32)

    def scores(self, texts: Pairs) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        return self.features(texts) @ self.coefficients + self.intercepts

    def facts(self) -> dict[str, Any]:
        """How many terms there are."""
        return {"chosen": {"features": len(self.terms.hashes)}}

    def keep(self, folder: Path) -> None:
        """Write the terms and the weights."""
        write_json(folder / "terms.json", {"words": self.terms.words})
        arrays: dict[str, Any] = {"hashes": self.terms.hashes, "idf": self.terms.idf}
        arrays |= {"coefficients": self.coefficients, "intercepts": self.intercepts}
        save_file(arrays, folder / "linear.safetensors")

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        words = read_validated(folder / "terms.json", _Saved).words
        arrays = load_file(folder / "linear.safetensors")
        self.terms.set_terms(arrays["hashes"], words, arrays["idf"])
        self.coefficients, self.intercepts = arrays["coefficients"], arrays["intercepts"]
