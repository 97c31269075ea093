"""Terms weighted by tf-idf and ridge regression on them: the baseline for numbers."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..extras import require
from ..text.words import TextSettings
from ._linear import Linear
from ._text_classifier import Training
from .tfidf import Choice, Tfidf

if TYPE_CHECKING:
    from ..kernels.terms import Bags

__all__ = ["Ridge"]


class Ridge(Tfidf):
    """Words, word n-grams and character n-grams, weighted by tf-idf, and ridge regression on them.

    Settings that are left out are decided on the dev set: the default, unless another value has a loss that
    is lower by more than its standard error.

    Args:
        ngrams: Longest word n-gram that is a feature; left out, 2 or 3.
        characters: Longest character n-gram inside a word that is a feature, 0 for none; left out, 5 or
            none, and none where the texts have more than ten million characters.
        min_documents: Features that occur in fewer texts are left out.
        max_features: Features at most, the most frequent first; left out, all.
        lowercase: Whether words are lower-cased.
        sublinear: Whether a word's count is replaced by 1 + log(count).
        regularisation: Inverse strength of the L2 penalty, 1 / `alpha` of scikit-learn; left out, 0.1, 1 or
            10.
    """

    serves = "regression"
    strengths: ClassVar = {"tfidf": (1.0, 0.1, 10.0)}

    def __init__(
        self,
        text: TextSettings,
        *,
        ngrams: int | None = None,
        characters: int | None = None,
        min_documents: int = 2,
        max_features: int | None = None,
        lowercase: bool = True,
        sublinear: bool = True,
        regularisation: float | None = None,
    ) -> None:
        settings: dict[str, Any] = {"ngrams": ngrams, "characters": characters, "lowercase": lowercase}
        settings |= {"min_documents": min_documents, "max_features": max_features, "sublinear": sublinear}
        super().__init__(text, **settings, regularisation=regularisation, weighting="tfidf")

    def fit_linear(self, bags: "Bags", terms: int, choice: Choice, training: Training) -> Linear:
        """Ridge regression on the bags."""
        sparse = require("scipy.sparse", "train", "ridge regression")
        linear_model = require("sklearn.linear_model", "train", "ridge regression")
        matrix = sparse.csr_matrix((bags.values, bags.ids, bags.begins), (len(training.targets), terms))
        ridge = linear_model.Ridge(alpha=1 / choice.regularisation, solver="sparse_cg")
        ridge.fit(matrix, training.targets, training.weights)
        return Linear(ridge.coef_[:, None].astype(np.float32), np.array([ridge.intercept_], np.float32))
