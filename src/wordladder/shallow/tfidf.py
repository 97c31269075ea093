"""Bigram tf-idf with logistic regression: the honest baseline. Words are wordladder's own, so Chinese works
as it is.
"""

import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..extras import require
from ..progress import Progress, quiet
from ..text import TextSettings, tokenize

__all__ = ["Tfidf"]


class Tfidf:
    """Word n-grams weighted by tf-idf, and a linear model on them.

    Args:
        ngrams: Longest run of words that is one feature.
        min_documents: Features found in fewer texts are left out.
        max_features: Features kept, the most frequent first; left out, all.
        lowercase: Whether words are lower-cased.
        sublinear: Whether a word's count is replaced by 1 + log(count).
        regularisation: Inverse strength of the L2 penalty, scikit-learn's `C`.
        class_weights: `"balanced"` weighs each class by the inverse of its frequency.
    """

    serves = "classification"

    def __init__(
        self,
        text: TextSettings,
        *,
        ngrams: int = 2,
        min_documents: int = 2,
        max_features: int | None = None,
        lowercase: bool = True,
        sublinear: bool = True,
        regularisation: float = 10.0,
        class_weights: Literal["balanced"] | None = None,
    ) -> None:
        self.text, self.ngrams, self.lowercase, self.sublinear = text, ngrams, lowercase, sublinear
        self.min_documents, self.max_features = min_documents, max_features
        self.regularisation, self.class_weights = regularisation, class_weights
        self.vectorizer: Any = None
        self.coefficients: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self.intercepts: NDArray[np.float32] = np.zeros(0, np.float32)

    def _words(self, texts: list[str]) -> list[list[str]]:
        tokens = tokenize(texts, self.text)
        surfaces, bounds = tokens.surfaces(lowercase=self.lowercase), tokens.offsets.tolist()
        return [surfaces[start:end] for start, end in pairwise(bounds)]

    def _new_vectorizer(self, **settings: Any) -> Any:
        text = require("sklearn.feature_extraction.text", "train", "tf-idf")
        return text.TfidfVectorizer(
            tokenizer=_itself,
            token_pattern=None,
            lowercase=False,
            ngram_range=(1, self.ngrams),
            sublinear_tf=self.sublinear,
            dtype=np.float32,
            **settings,
        )

    def fit(
        self,
        texts: list[str],
        targets: NDArray[np.int64],
        *,
        seed: int = 1,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> "Tfidf":
        """Count the n-grams and fit the linear model, one against the rest for rows of several labels.

        The solvers have one thread, whatever `threads` says.

        Raises:
            DataError: no n-gram occurs in `min_documents` texts.
        """
        progress("counting n-grams", 0, 2)
        self.vectorizer = self._new_vectorizer(min_df=self.min_documents, max_features=self.max_features)
        try:
            features = self.vectorizer.fit_transform(self._words(texts))
        except ValueError as error:
            raise DataError(f"tf-idf found no features in {len(texts)} texts: {error}") from None
        progress("fitting the linear model", 1, 2)
        decisions = [targets] if targets.ndim == 1 else list(targets.T)
        fitted = [self._linear(features, decision, seed) for decision in decisions]
        self.coefficients = np.vstack([c for c, _ in fitted]).astype(np.float32)
        self.intercepts = np.concatenate([i for _, i in fitted]).astype(np.float32)
        progress("fitting the linear model", 2, 2)
        return self

    def _linear(self, features: Any, decision: NDArray[np.int64], seed: int) -> tuple[NDArray, NDArray]:
        """One logistic regression: a row of coefficients a class, or one for a yes-or-no decision."""
        linear_model = require("sklearn.linear_model", "train", "tf-idf")
        if len(np.unique(decision)) < 2:
            return np.zeros((1, features.shape[1])), np.array([20.0 if decision.any() else -20.0])
        # On sparse text, liblinear's dual is the fastest for a yes-or-no decision, saga for many classes at
        # once; saga's last digits do not matter to the answers, so it may stop before they have settled.
        binary = decision.max() == 1
        solver = (
            {"solver": "liblinear", "dual": True}
            if binary
            else {"solver": "saga", "tol": 1e-3, "max_iter": 30}
        )
        model = linear_model.LogisticRegression(
            C=self.regularisation, class_weight=self.class_weights, random_state=seed, **solver
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The max_iter was reached")
            model.fit(features, decision)
        return model.coef_, model.intercept_

    def scores(self, texts: list[str]) -> NDArray[np.float32]:
        """Unnormalised scores `(rows, labels)`."""
        features = self.vectorizer.transform(self._words(texts))
        scores = np.asarray(features @ self.coefficients.T) + self.intercepts
        return scores

    def keep(self, folder: Path) -> None:
        """Write the n-grams and the weights."""
        from safetensors.numpy import save_file

        terms = self.vectorizer.get_feature_names_out()
        (folder / "ngrams.txt").write_text("\n".join(terms), encoding="utf-8", newline="\n")
        arrays = {
            "idf": self.vectorizer.idf_.astype(np.float32),
            "coefficients": self.coefficients,
            "intercepts": self.intercepts,
        }
        save_file(
            {name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / "linear.safetensors"
        )

    def restore(self, folder: Path) -> None:
        """Read what `keep` wrote."""
        from safetensors.numpy import load_file

        arrays = load_file(folder / "linear.safetensors")
        terms = (folder / "ngrams.txt").read_text(encoding="utf-8").split("\n")
        self.vectorizer = self._new_vectorizer(vocabulary={term: i for i, term in enumerate(terms)})
        self.vectorizer.idf_ = arrays["idf"]
        self.coefficients, self.intercepts = arrays["coefficients"], arrays["intercepts"]


def _itself(words: list[str]) -> list[str]:
    """The texts come to the vectorizer as words already."""
    return words
