"""What classifiers of texts share: settings that are left out are chosen by the losses on the dev set."""

from collections.abc import Callable
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..kernels.cores import cores
from ..progress import Progress, quiet


class DevSet(NamedTuple):
    """The texts of the dev set, and a function from their scores to the loss of each, `(rows,)`."""

    texts: list[str]
    losses: Callable[[NDArray[np.float32]], NDArray[np.float64]]


class Training(NamedTuple):
    """What a model is fitted to, and how the fit runs."""

    texts: list[str]
    targets: NDArray[np.int64]
    weights: NDArray[np.float32] | None
    dev: DevSet | None
    seed: int
    threads: int
    progress: Progress
    cache: dict[Any, Any]


class Candidate(NamedTuple):
    """A choice of settings, the attributes of the model fitted with it, and its loss on each row of dev."""

    choice: Any
    attributes: dict[str, Any]
    losses: NDArray[np.float64]


class TextClassifier:
    """Fits the default choice of settings and others; the default is used unless another is better."""

    serves = "classification"
    stage = ""  # what progress calls the fits

    def fit(
        self,
        texts: list[str],
        targets: NDArray[np.int64],
        *,
        dev: DevSet | None = None,
        weights: NDArray[np.float32] | None = None,
        seed: int = 1,
        threads: int | None = None,
        progress: Progress = quiet,
    ) -> Self:
        """Fit the model; what the settings leave open is chosen on the dev set.

        Args:
            texts: The training texts.
            targets: Their labels (rows,), or indicators (rows, labels) where a text may have several.
            dev: The dev set; None: the default choice is used.
            weights: The weights of the texts in the loss; None: all are equal.
            seed: Start of everything random.
            threads: How many threads; None: one for each core.
            progress: Called after each step.

        Raises:
            DataError: there is nothing in the texts to learn from.
        """
        training = Training(texts, targets, weights, dev, seed, threads or cores(), progress, {})
        default, rounds = self._choices(texts)
        (best,) = self._fit_choices([default], training)
        for number, changes in enumerate(rounds if dev is not None else ()):
            if self.stage:
                progress(self.stage, number, len(rounds))
            others = self._fit_choices([best.choice._replace(**change) for change in changes], training)
            lowest = min(others, key=lambda candidate: candidate.losses.mean(), default=best)
            best = lowest if is_better(lowest.losses, best.losses) else best
        if self.stage:
            progress(self.stage, len(rounds), len(rounds))
        vars(self).update(best.attributes)
        return self

    def _choices(self, texts: list[str]) -> tuple[Any, list[list[dict[str, Any]]]]:
        """The default choice, and in rounds the changes that are then tried of the best choice so far."""
        raise NotImplementedError

    def _fit_choices(self, choices: list[Any], training: Training) -> list[Candidate]:
        """Fit the model with each of the choices."""
        raise NotImplementedError


def is_better(new: NDArray[np.float64], old: NDArray[np.float64]) -> bool:
    """Whether new losses are lower than old ones by more than the standard error of the difference."""
    gain = old - new
    return bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
