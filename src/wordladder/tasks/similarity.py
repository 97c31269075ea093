"""Similarity: how near in meaning two texts are, as the cosine of their vectors."""

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import SettingError, check_at_least
from ..files.json_files import read_validated, write_json
from ..text.words import Tokens
from ._numbers import NumberTask

__all__ = ["Similarity"]


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    low: float
    high: float
    slope: float
    intercept: float


@dataclass(eq=False, repr=False)
class Similarity(NumberTask):
    """Score how near in meaning two texts are, by vectors that can also be searched and clustered.

    Each text is read alone, whatever the recipe is made of, and becomes one vector.

    Args:
        objective: `"cosine"`, the squared distance of the cosine from the score, as in SBERT (Reimers and
            Gurevych 2019); `"cosent"`, of any two pairs the one with the higher score is to have the higher
            cosine (Su 2022); or `"ranking"`, a text is to be nearer to its partner than to all other
            partners of the batch (multiple negatives ranking, Henderson et al. 2017), for pairs in the upper
            half of the scores.
        metric: The primary metric: Spearman's or Pearson's correlation.
        pooling: How word vectors become one: `"auto"` takes the embedder's own summary if it has one, else
            the mean; `"mean+max"` concatenates both.
        dim: Numbers in the vector of a text, by a linear layer, or by whitening, which keeps that many; left
            out, as many as are pooled.
        postprocess: What is done to vectors after training, fitted to those of the training texts:
            `"remove-common"` removes their first singular vector (Arora et al. 2017), `"whiten"` gives them
            zero mean and unit covariance (Su et al. 2021).
        matryoshka: Lengths to which a vector may be cut: the objective is the mean over them and the whole
            (Kusupati et al. 2022).
        temperature: What cosines are divided by in `"cosent"` and `"ranking"`.
        cached_rows: Pairs whose activations are kept at once; left out, all of a batch. Fewer need less
            memory, and each text is computed twice; the gradients are the same (GradCache, Gao et al. 2021).
        dropout: Dropout of the pooled vector in training.
    """

    _: KW_ONLY
    objective: Literal["cosine", "cosent", "ranking"] = "cosine"
    metric: Literal["spearman", "pearson"] = "spearman"
    pooling: Literal["auto", "max", "mean", "mean+max", "last", "first"] = "auto"
    dim: int | None = None
    postprocess: Literal["none", "remove-common", "whiten"] = "none"
    matryoshka: list[int] | None = None
    temperature: float = 0.05
    cached_rows: int | None = None
    dropout: float = 0.0

    segments = 2
    compares = True
    towers = True
    width = 1

    def __post_init__(self) -> None:
        shortest = None if self.matryoshka is None else min(self.matryoshka, default=0)
        check_at_least(1, dim=self.dim, cached_rows=self.cached_rows, matryoshka=shortest)
        if self.temperature <= 0:
            raise SettingError(f"temperature is {self.temperature}; it must be above 0.")
        self.low, self.high, self.slope, self.intercept = 0.0, 1.0, 1.0, 0.0

    def initialise(self, examples: Examples) -> None:
        """Learn the lowest and the highest score.

        Raises:
            DataError: there are no scores, or all are the same.
        """
        gold = self.varying_numbers(examples)
        self.low, self.high = float(gold.min()), float(gold.max())
        self.slope, self.intercept = self.high - self.low, self.low

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        saved = _Saved(self.low, self.high, self.slope, self.intercept)
        write_json(folder / "labels.json", vars(saved))

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        vars(self).update(vars(read_validated(folder / "labels.json", _Saved)))

    def targets(self, examples: Examples, tokens: Tokens | None) -> NDArray[np.float32]:
        """The scores from 0 to 1."""
        return ((self.gold(examples) - self.low) / (self.high - self.low)).astype(np.float32)

    def values(self, scores: NDArray) -> NDArray[np.float64]:
        """The predicted scores `(rows,)`, on the scale of the training data, from cosines `(rows, 1)`."""
        return self.slope * scores[:, 0].astype(np.float64) + self.intercept

    def fit_decoding(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Fit the line from cosines to scores, which changes no correlation."""
        cosines, gold = scores[:, 0].astype(np.float64), self.gold(examples)
        if np.ptp(cosines) > 0 and (slope := float(np.polyfit(cosines, gold, 1)[0])) > 0:
            self.slope, self.intercept = slope, float(gold.mean() - slope * cosines.mean())
        return {"slope": self.slope, "intercept": self.intercept}

    def criterion(self, metric: float, scores: NDArray, examples: Examples) -> float:
        """The primary metric."""
        return metric
