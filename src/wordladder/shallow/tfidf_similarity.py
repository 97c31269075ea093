"""Cosines of the tf-idf vectors of two texts, and a linear regression: the baseline for similarity."""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .tfidf_cosine import Pairs, TfidfCosine

__all__ = ["TfidfSimilarity"]


class TfidfSimilarity(TfidfCosine):
    """How similar two texts are by their words, by their character n-grams and in length, and the score that
    follows from these three.

    Args:
        ngrams: Longest word n-gram that is compared.
        characters: Longest character n-gram inside a word that is compared.
        lowercase: Whether words are lower-cased.
        sublinear: Whether a word's count is replaced by 1 + log(count).
    """

    serves = "similarity"

    def fit(
        self, texts: Pairs, targets: NDArray[Any], *, weights: Any = None, seed: int = 1, **_: Any
    ) -> Self:
        """Fit the regression.

        Args:
            texts: Pairs of texts.
            targets: Their scores in the first column, `(rows, 3)`; where all are the same, what is predicted
                is the mean of the cosines.
            weights: Not used.
            seed: Not used.
        """
        self.terms.learn([text for pair in texts for text in pair], 1, None)
        scores = targets[:, 0]
        if np.ptp(scores) == 0:
            self.coefficients = np.array([[0.5], [0.5], [0.0], [0.0]], np.float32)
            self.intercepts = np.zeros(1, np.float32)
            return self
        features = np.column_stack([self.features(texts), np.ones(len(texts), np.float32)])
        solution = np.linalg.lstsq(features, scores, rcond=None)[0].astype(np.float32)
        self.coefficients, self.intercepts = solution[:-1, None], solution[-1:]
        return self
