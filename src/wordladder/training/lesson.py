"""What a teacher says of training texts, and how it is learned (Hinton, Vinyals & Dean 2015)."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError, check_choice

Objective = Literal["logits", "probabilities", "vectors"]


@dataclass(frozen=True)
class Lesson:
    """What a teacher says of the training texts, and how it is learned.

    Attributes:
        scores: Its unnormalised scores of each text: `(labels,)`, or `(words, tags)` for tags of words; or
            the vectors of both texts of a pair, `(2, dim)`.
        starts: The character at which each of these words begins; None: whole texts have scores.
        objective: `"logits"`: the mean squared difference of scores (Ba & Caruana 2014; Tang et al. 2019);
            `"probabilities"`: the Kullback-Leibler divergence of softened probabilities (Hinton et al. 2015);
            `"vectors"`: one minus the cosine of the student's vector of a text with the teacher's.
        temperature: What scores are divided by before they become probabilities.
        hard: The share of the labels in the loss, from 0 to 1; the rest is the teacher's.
        dev: The vectors of the dev pairs, `(pairs, 2, dim)`: the best epoch is the nearest to them; None: it
            is chosen as without a teacher.
    """

    scores: list[NDArray[np.float32]]
    starts: list[NDArray[np.int32]] | None = None
    objective: Objective = "logits"
    temperature: float = 2.0
    hard: float = 0.1
    dev: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check_choice("objective", self.objective, get_args(Objective))
        if not 0 <= self.hard <= 1:
            raise SettingError(f"hard is {self.hard}; it must be from 0 to 1")
        if self.temperature <= 0:
            raise SettingError(f"temperature is {self.temperature}; it must be above 0")

    def facts(self) -> dict[str, Any]:
        """What tells it from others, roughly enough for scores that were computed with other threads."""
        scores = np.concatenate([row.ravel() for row in self.scores])
        moments = [f"{moment:.2g}" for moment in (scores.mean(), scores.std())]
        return {name: getattr(self, name) for name in ("objective", "temperature", "hard")} | {
            "scores": moments
        }
