"""Classification: one label for each text, or several. Probabilities are calibrated on the dev set by one
temperature.
"""

from collections import Counter
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples
from ..errors import DataError, ModelError, SettingError, did_you_mean
from ..files.json_files import Positive, read_validated, write_json
from ..metrics import labels as metrics
from ..text.words import Tokens
from ._decoding import (
    best_thresholds,
    confidence,
    fit_temperature,
    least_probability,
    log_losses,
    sigmoid,
    softmax,
)

__all__ = ["Classification"]


@dataclass(frozen=True)
class _Saved:
    """The content of `labels.json`."""

    labels: list[str]
    multi_label: bool
    temperature: Positive
    thresholds: list[float]
    class_weights: list[float] | None
    least: float = 0.0


@dataclass(eq=False, repr=False)
class Classification:
    """Sort texts into classes.

    Args:
        multi_label: Whether a text may have several labels, or none; left out, as in the data.
        metric: The primary metric: `"accuracy"` (of the whole set of labels, if several); `"macro_f1"`, the
            unweighted mean of the labels' F1; or `"f1"`, that of the second of two labels, which is predicted
            from the probability on that is best on dev. Left out, accuracy for one label a text and macro-F1
            for several.
        pooling: How word vectors become one: `"auto"` takes the embedder's own summary if it has one, else
            the maximum; `"mean+max"` concatenates both.
        hidden: Units of a hidden layer in the head; 0 for none.
        dropout: Dropout of the pooled vector in training.
        class_weights: `"balanced"` weighs each class by the inverse of its frequency.
        label_smoothing: Share of the target that is spread evenly over all classes.
        calibrate: Whether a temperature is fitted on the dev set, so that probabilities are calibrated.
        guarantee: The share of texts, such as 0.9, whose set of labels is to contain the right one: with it
            answers have such a set, of one label where the model is sure, of several or none where it is not
            (split conformal prediction on dev; Sadinle, Lei & Wasserman 2019). For one label a text.
    """

    _: KW_ONLY
    multi_label: bool | None = None
    metric: Literal["accuracy", "macro_f1", "f1"] | None = None
    pooling: Literal["auto", "max", "mean", "mean+max", "last", "first"] = "auto"
    hidden: int = 0
    dropout: float = 0.2
    class_weights: Literal["balanced"] | None = None
    label_smoothing: float = 0.0
    calibrate: bool = True
    guarantee: float | None = None

    segments = 1
    per_word = False
    labels_are = "names"
    higher_is_better = True

    def __post_init__(self) -> None:
        if self.guarantee is not None and not 0 < self.guarantee < 1:
            raise SettingError(f"guarantee is {self.guarantee}; it must be between 0 and 1")
        self._settings = (self.multi_label, self.metric)
        self.multi_label, self.metric = bool(self.multi_label), self.metric or "accuracy"
        self.labels: list[str] = []
        self.temperature, self.least = 1.0, 0.0  # the least probability of a label in a set
        self.thresholds: NDArray[np.float64] = np.zeros(0)
        self.weights: NDArray[np.float32] | None = None  # of the labels in training

    # Life of a component

    def initialise(self, examples: Examples) -> None:
        """Learn the labels from training examples.

        Raises:
            DataError: the examples have no labels, or only one class.
        """
        if examples.labels is None:
            raise DataError(f"{examples.source}: training needs labels, and there are none")
        several = bool(examples.labels) and isinstance(examples.labels[0], tuple)
        if several and self._settings[0] is False:
            raise DataError(f"{examples.source}: multi_label = false, but the rows have lists of labels")
        multi_label = several or bool(self._settings[0])
        counts = Counter(label for row in self._label_rows(examples) for label in row)
        self.set_labels(sorted(counts), multi_label=multi_label)
        if (len(counts) < 2 and not multi_label) or not counts:
            only = f" ({next(iter(counts))!r})" if counts else ""
            raise DataError(
                f"{examples.source}: the labels are all the same{only}; at least two classes are needed"
            )
        if self.guarantee is not None and multi_label:
            raise DataError(f"{examples.source}: guarantee is for one label a row; these have several")
        if self.metric == "f1" and (multi_label or len(counts) != 2):
            raise DataError(
                f'{examples.source}: metric = "f1" is for one of two labels a row; these have {len(counts)}'
            )
        if self.class_weights == "balanced":
            frequency = np.array([counts[label] for label in self.labels])
            self.weights = (len(examples) / (len(frequency) * frequency)).astype(np.float32)

    def set_labels(self, labels: list[str], *, multi_label: bool) -> None:
        """Use these labels, in the order of the scores."""
        self.multi_label, self.labels = multi_label, labels
        self._index = {label: i for i, label in enumerate(labels)}
        self.metric = self._settings[1] or ("macro_f1" if multi_label else "accuracy")
        self.thresholds = np.full(len(labels), 0.5)

    def keep(self, folder: Path) -> None:
        """Write `labels.json`."""
        weights = None if self.weights is None else self.weights.tolist()
        thresholds = self.thresholds.tolist()
        saved = _Saved(self.labels, bool(self.multi_label), self.temperature, thresholds, weights, self.least)
        write_json(folder / "labels.json", vars(saved))

    def restore(self, folder: Path) -> None:
        """Read `labels.json`."""
        path = folder / "labels.json"
        saved = read_validated(path, _Saved)
        if len(saved.thresholds) != len(saved.labels):
            raise ModelError(f"{path}: the saved model is damaged: thresholds do not fit labels")
        self.set_labels(saved.labels, multi_label=saved.multi_label)
        self.temperature, self.thresholds = saved.temperature, np.asarray(saved.thresholds)
        self.least = saved.least
        self.weights = np.array(saved.class_weights, np.float32) if saved.class_weights else None

    # Labels

    def _label_rows(self, examples: Examples) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for row, label in enumerate(examples.labels or ()):
            names = (label,) if isinstance(label, str | float) else label
            if not all(isinstance(name, str) for name in names):
                raise DataError(
                    f"{examples.location(row)}: one label for the text is expected, not {label!r}"
                )
            rows.append(names)  # type: ignore[arg-type]
        return rows

    def check(self, examples: Examples) -> None:
        """Raise a DataError that names the first row with a label that training did not see."""
        for row, labels in enumerate(self._label_rows(examples)):
            for label in labels:
                if label not in self._index:
                    raise DataError(
                        f"{examples.location(row)}: the label {label!r} does not occur in the training data."
                        + did_you_mean(label, self.labels[:20])
                    )
            if len(labels) != 1 and not self.multi_label:
                raise DataError(f"{examples.location(row)}: one label is expected, not {len(labels)}")

    def gold(self, examples: Examples) -> NDArray[np.int64]:
        """The gold labels: indices `(rows,)`, or indicators `(rows, labels)` for several labels a text."""
        self.check(examples)
        rows = self._label_rows(examples)
        if not self.multi_label:
            return np.fromiter((self._index[row[0]] for row in rows), np.int64, len(rows))
        indicators = np.zeros((len(rows), len(self.labels)), np.int64)
        for i, row in enumerate(rows):
            indicators[i, [self._index[label] for label in row]] = 1
        return indicators

    @property
    def width(self) -> int:
        """Scores for each text."""
        return len(self.labels)

    def targets(self, examples: Examples, tokens: Tokens) -> NDArray[np.int64]:
        """What a loss compares with: `gold`."""
        return self.gold(examples)

    def facts(self, examples: Examples, tokens: Tokens) -> dict[str, float]:
        """Nothing: no labels are lost."""
        return {}

    # From scores to answers and metrics; scores are NumPy arrays (rows, labels)

    def fit_decoding(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Fit temperature and thresholds on the dev set; returns the calibration error before and after."""
        gold, before = self.gold(examples), self._calibration_error(scores, examples)
        if self.calibrate and len(gold):
            self.temperature = fit_temperature(scores, gold, multi_label=bool(self.multi_label))
        if self.multi_label:
            self.thresholds = best_thresholds(self.probabilities(scores), gold)
        elif self.metric == "f1":
            self.thresholds[1] = metrics.best_threshold(gold == 1, self.probabilities(scores)[:, 1])
        if self.guarantee is not None:
            chances = self.probabilities(scores)[np.arange(len(gold)), gold]
            self.least = least_probability(chances, self.guarantee)
        after = self._calibration_error(scores, examples)
        errors = {"calibration_error_before": before, "calibration_error_after": after}
        return {"temperature": self.temperature, **errors}

    def losses(self, scores: NDArray, examples: Examples) -> NDArray[np.float64]:
        """The negative log-probability of each gold label, at the best temperature. It distinguishes models
        that have the same accuracy on a small dev set, and does not penalise overconfidence.
        """
        gold, several = self.gold(examples), bool(self.multi_label)
        temperature = fit_temperature(scores, gold, multi_label=several)
        return log_losses(scores, gold, temperature, multi_label=several)

    def criterion(self, metric: float, scores: NDArray, examples: Examples) -> float:
        """What the best epoch is chosen by; higher is better."""
        return -float(self.losses(scores, examples).mean())

    def probabilities(self, scores: NDArray) -> NDArray[np.float64]:
        """Calibrated probabilities `(rows, labels)`; they sum to one if each text has one label."""
        scaled = scores.astype(np.float64) / self.temperature
        return sigmoid(scaled) if self.multi_label else softmax(scaled)

    def decisions(self, scores: NDArray) -> NDArray[np.float64]:
        """Scores that can be compared with those of other models: the log-probability of each label, shifted
        so that the largest one is predicted; of several labels a text the log-odds, those from 0 on are.
        """
        probabilities = self.probabilities(scores).clip(1e-12, 1 - 1e-12)
        shifts = np.log(self.thresholds) - np.log1p(-self.thresholds)
        if self.multi_label:
            return np.log(probabilities) - np.log1p(-probabilities) - shifts
        shifts = shifts * ([0, 1] if self.metric == "f1" else 0)
        return np.log(probabilities) - shifts

    def sure(self, scores: NDArray) -> NDArray[np.float64]:
        """How sure the answer to each row is, a probability `(rows,)`."""
        return confidence(self.decisions(scores), several=self.multi_label)

    def predicted(self, scores: NDArray) -> NDArray[np.int64]:
        """Indices of labels `(rows,)`, or indicators `(rows, labels)` for several labels a text."""
        if self.multi_label:
            return (self.probabilities(scores) >= self.thresholds).astype(np.int64)
        if self.metric == "f1":
            return (self.probabilities(scores)[:, 1] >= self.thresholds[1]).astype(np.int64)
        return scores.argmax(axis=1)

    def predictions(self, scores: NDArray) -> list[Any]:
        """The labels: a str a text, or a tuple of them."""
        predicted = self.predicted(scores)
        if self.multi_label:
            return [tuple(self.labels[i] for i in np.flatnonzero(row)) for row in predicted]
        return [self.labels[i] for i in predicted]

    def sets(self, scores: NDArray) -> NDArray[np.bool_]:
        """Which labels the set of each text has, `(rows, labels)`, with a `guarantee`."""
        return self.probabilities(scores) >= self.least

    def answers(self, scores: NDArray, top: int = 1) -> list[dict[str, Any]]:
        """For each text its label (or list of labels) and the probabilities of all labels, the most probable
        first; with a `guarantee` also its set of labels. `top` is not used.
        """
        answers = []
        for label, row in zip(self.predictions(scores), self.probabilities(scores)):
            ranked = {self.labels[i]: float(row[i]) for i in np.argsort(-row, kind="stable")}
            answers.append({"label": list(label) if self.multi_label else label, "probabilities": ranked})
            if self.guarantee is not None:
                answers[-1]["set"] = [name for name, chance in ranked.items() if chance >= self.least]
        return answers

    def outcomes(self, scores: NDArray, examples: Examples) -> NDArray[np.int64]:
        """What `primary` needs of each row: gold and predicted label `(rows, 2)`, or both indicators
        `(rows, 2 labels)`.
        """
        gold, predicted = self.gold(examples), self.predicted(scores)
        return np.hstack([gold, predicted]) if self.multi_label else np.column_stack([gold, predicted])

    def right(self, outcomes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which rows have exactly their labels, `(rows,)`."""
        gold, predicted = np.hsplit(outcomes, 2)
        return (gold == predicted).all(axis=1)

    def primary(self, outcomes: NDArray[np.int64]) -> float:
        """The primary metric of (resampled) rows."""
        gold, predicted = np.hsplit(outcomes, 2)
        if not self.multi_label:
            gold, predicted = gold[:, 0], predicted[:, 0]
        if self.metric == "macro_f1":
            return metrics.macro_f1(gold, predicted, len(self.labels))
        if self.metric == "f1":
            return metrics.micro_f1(gold, predicted)
        return metrics.accuracy(gold, predicted)

    def metrics(self, scores: NDArray, examples: Examples) -> dict[str, Any]:
        """Accuracy, macro-F1, F1 of the second of two labels, calibration error, and precision, recall and F1
        of every label; with a `guarantee` the share of sets with the right label, and their mean size.
        """
        gold, predicted = self.gold(examples), self.predicted(scores)
        found: dict[str, Any] = {
            "accuracy": metrics.accuracy(gold, predicted),
            "macro_f1": metrics.macro_f1(gold, predicted, len(self.labels)),
        }
        if self.multi_label:
            found["micro_f1"] = metrics.micro_f1(gold, predicted)
        elif len(self.labels) == 2:
            found["f1"] = metrics.micro_f1(gold, predicted)
        if not self.multi_label:
            gold, predicted = (np.eye(len(self.labels), dtype=np.int64)[a] for a in (gold, predicted))
        found["calibration_error"] = self._calibration_error(scores, examples)
        if self.guarantee is not None:
            sets = self.sets(scores)
            found["coverage"] = float(sets[np.arange(len(sets)), self.gold(examples)].mean())
            found["labels_a_set"] = float(sets.sum(axis=1).mean())
        found["labels"] = dict(zip(self.labels, metrics.per_label(gold, predicted)))
        return found

    def _calibration_error(self, scores: NDArray, examples: Examples) -> float:
        gold, p = self.gold(examples), self.probabilities(scores)
        if self.multi_label:
            return metrics.calibration_error(np.maximum(p, 1 - p).ravel(), ((p >= 0.5) == gold).ravel())
        return metrics.calibration_error(p.max(axis=1), p.argmax(axis=1) == gold)
