"""Similarity: how near in meaning two texts are, as the cosine of their vectors."""

from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError, SettingError, check_at_least
from ..files.json_files import read_validated, write_json
from ..metrics.labels import average_precision, best_threshold, precision_recall_f1
from ..text.words import Tokens
from ._numbers import NumberTask

__all__ = ["Similarity"]

_MOST_LEVELS = 20  # different scores that "softmax" takes for classes


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    low: float
    high: float
    slope: float
    intercept: float
    objective: str = "cosent"
    metric: str = "spearman"
    levels: list[float] = field(default_factory=list)
    threshold: float = 0.5


@dataclass(eq=False, repr=False)
class Similarity(NumberTask):
    """Score how near in meaning two texts are, by vectors that can also be searched and clustered.

    Each text is read alone, whatever the recipe is made of, and becomes one vector.

    Args:
        objective: `"cosine"`, the squared distance of the cosine from the score, as in SBERT (Reimers and
            Gurevych 2019); `"cosent"`, of any two pairs the one with the higher score is to have the higher
            cosine (Su 2022); `"ranking"`, a text is to be nearer to its partner than to all others of the
            batch (multiple negatives ranking, Henderson et al. 2017), for pairs in the upper half of the
            scores; `"triplet"`, nearer than to its own partners with lower scores, by a margin (Schroff et
            al. 2015); `"softmax"`, scores are classes, such as the three of entailment, which a layer finds
            in both vectors and their absolute difference (SBERT). Left out, `"ranking"` where all scores are
            0 or 1 and every first text has a partner, else `"cosent"`.
        metric: The primary metric: Spearman's or Pearson's correlation, or the average precision of the pairs
            in the upper half of the scores; left out, the last if all training scores are 0 or 1, else
            Spearman's.
        pooling: How word vectors become one: `"auto"` takes the embedder's own summary if it has one, else
            the mean; `"mean+max"` concatenates both.
        layers: Numbers in layers with tanh on top of the pooled vector, such as `[300, 300, 128]` (DSSM,
            Huang et al. 2013); left out, none.
        dim: Numbers in the vector of a text, by a linear layer at the end, or by whitening, which keeps that
            many; left out, as many as there are.
        postprocess: What is done to vectors after training, fitted to those of the training texts:
            `"remove-common"` removes their first singular vector (Arora et al. 2017), `"whiten"` gives them
            zero mean and unit covariance (Su et al. 2021).
        matryoshka: Lengths to which a vector may be cut: the objective is the mean over them and the whole
            (Kusupati et al. 2022).
        temperature: What cosines are divided by in `"cosent"` and `"ranking"`.
        margin: The margin of `"triplet"`, of cosines.
        negatives: Pairs with the lowest score that are mined before training, for each pair in the upper half
            of the scores: with the partners of other texts that are nearest by the untrained vectors, but
            whose cosine is below 0.95 of the own partner's (Moreira et al. 2024).
        cached_rows: Pairs whose activations are kept at once; left out, all of a batch. Fewer need less
            memory, and each text is computed twice; the gradients are the same (GradCache, Gao et al. 2021).
        dropout: Dropout of the pooled vector in training.
    """

    _: KW_ONLY
    objective: Literal["cosine", "cosent", "ranking", "triplet", "softmax"] | None = None
    metric: Literal["spearman", "pearson", "ap"] | None = None
    pooling: Literal["auto", "max", "mean", "mean+max", "sum", "last", "first"] = "auto"
    layers: list[int] | None = None
    dim: int | None = None
    postprocess: Literal["none", "remove-common", "whiten"] = "none"
    matryoshka: list[int] | None = None
    temperature: float = 0.05
    margin: float = 0.2
    negatives: int = 0
    cached_rows: int | None = None
    dropout: float = 0.0

    segments = 2
    compares = True
    towers = True
    width = 1

    def __post_init__(self) -> None:
        lists = {"layers": self.layers, "matryoshka": self.matryoshka}
        smallest = {name: min(one, default=0) for name, one in lists.items() if one is not None}
        check_at_least(1, dim=self.dim, cached_rows=self.cached_rows, **smallest)
        check_at_least(0, negatives=self.negatives)
        if self.temperature <= 0:
            raise SettingError(f"temperature is {self.temperature}; it must be above 0.")
        self.low, self.high, self.slope, self.intercept = 0.0, 1.0, 1.0, 0.0
        self.levels: list[float] = []
        self.threshold = 0.5

    def initialise(self, examples: Examples) -> None:
        """Learn the lowest and the highest score, and choose what the settings leave open.

        Raises:
            DataError: there are no scores, or the objective cannot learn from them.
        """
        gold = self.numbers(examples)
        firsts, binary = np.array(examples.texts, object), bool(np.isin(gold, (0.0, 1.0)).all())
        paired = binary and set(firsts) == set(firsts[gold == 1])
        self.objective = self.objective or ("ranking" if paired else "cosent")
        self.metric = self.metric or ("ap" if binary else "spearman")
        if not (paired and self.objective == "ranking"):
            self.check_varying(gold, examples)
        if not binary:
            self.low, self.high = float(gold.min()), float(gold.max())
        self.slope, self.intercept = self.high - self.low, self.low
        self.levels = np.unique(gold).tolist()
        if self.objective == "softmax" and len(self.levels) > _MOST_LEVELS:
            raise DataError(
                f"{examples.source}: there are {len(self.levels)} different scores; "
                f'objective = "softmax" takes them for classes, at most {_MOST_LEVELS}'
            )

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        write_json(folder / "labels.json", {name: getattr(self, name) for name in _Saved.__annotations__})

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        vars(self).update(vars(read_validated(folder / "labels.json", _Saved)))

    def targets(self, examples: Examples, tokens: Tokens | None) -> NDArray[np.float32]:
        """Of each pair the score from 0 to 1, or its class for `"softmax"`, and the numbers of its two texts,
        which texts that are the same share, `(rows, 3)`.
        """
        gold = self.gold(examples)
        softmax = self.objective == "softmax"
        scores = np.searchsorted(self.levels, gold) if softmax else (gold - self.low) / (self.high - self.low)
        numbers: dict[str, int] = {}
        texts = [numbers.setdefault(text, len(numbers)) for text in examples.flat()]
        return np.column_stack([scores, np.reshape(texts, (-1, 2))]).astype(np.float32)

    def together(self, examples: Examples) -> NDArray[np.int64] | None:
        """For each pair the number of its first text, if the objective needs a text and its own negatives in
        one batch.
        """
        if self.objective not in ("ranking", "triplet"):
            return None
        return np.unique(np.array(examples.texts, object), return_inverse=True)[1]

    def values(self, scores: NDArray) -> NDArray[np.float64]:
        """The predicted scores `(rows,)`, on the scale of the training data, from cosines `(rows, 1)`."""
        return self.slope * scores[:, 0].astype(np.float64) + self.intercept

    def fit_decoding(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Fit the line from cosines to scores, which changes no correlation, and the score above which a pair
        is taken to be in the upper half, by F1.
        """
        cosines, gold = scores[:, 0].astype(np.float64), self.gold(examples)
        if np.ptp(cosines) > 0 and (slope := float(np.polyfit(cosines, gold, 1)[0])) > 0:
            self.slope, self.intercept = slope, float(gold.mean() - slope * cosines.mean())
        self.threshold = best_threshold(self.near(gold), self.values(scores))
        return {"slope": self.slope, "intercept": self.intercept, "threshold": self.threshold}

    def near(self, gold: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which pairs are in the upper half of the scores."""
        return gold >= (self.low + self.high) / 2

    def criterion(self, metric: float, scores: NDArray, examples: Examples) -> float:
        """The primary metric."""
        return metric

    def primary(self, outcomes: NDArray[np.float64]) -> float:
        """The primary metric of (resampled) rows."""
        if self.metric == "ap":
            return average_precision(self.near(outcomes[:, 0]), outcomes[:, 1])
        return super().primary(outcomes)

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """The correlations and the mean absolute error; where there are two scores, also average precision,
        and accuracy and F1 at the threshold.
        """
        gold, values = self.outcomes(scores, examples).T
        found = super().metrics(scores, examples)
        if len(np.unique(gold)) == 2:
            near, predicted = self.near(gold), values >= self.threshold
            found["ap"] = average_precision(near, values)
            found["accuracy"] = float(np.mean(near == predicted))
            found["f1"] = precision_recall_f1(
                int(np.sum(near & predicted)), int(predicted.sum()), int(near.sum())
            )["f1"]
        return found
