"""Tagging by several models, each for some of the texts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples, Span
from ..tasks.tagging import Tagging


class RoutedTagging(Tagging):
    """Tagging in which each text has the answer of its own model; the scores are `RoutedScores`."""

    def _of_each(self, scores: Any, ask: Callable[[Any], Sequence[Any]]) -> list[Any]:
        found: list[Any] = [None] * len(scores)
        for part in scores.parts:
            for row, answer, counts in zip(part.rows.tolist(), ask(part), part.answered):
                if counts:
                    found[row] = answer
        return found

    def sure(self, scores: Any) -> NDArray[np.float64]:
        """The probability that all tags of a text are right, `(texts,)`."""
        return np.array(self._of_each(scores, lambda part: part.task.sure(part.scores).tolist()))

    def predictions(self, scores: Any) -> list[list[Span]]:
        """The spans of each text."""
        return self._of_each(scores, lambda part: part.task.predictions(part.scores))

    def answers(self, scores: Any, top: int = 1) -> list[dict[str, Any]]:
        """For each text its entities, or its words and their tags."""
        return self._of_each(scores, lambda part: part.task.answers(part.scores, top))

    def outcomes(self, scores: Any, examples: Examples) -> NDArray[np.int64]:
        """What `primary` needs of each row."""
        rows = self._of_each(
            scores, lambda part: list(part.task.outcomes(part.scores, examples.take(part.rows)))
        )
        return np.array(rows, np.int64).reshape(len(rows), -1)

    def _tagged_words(self, scores: Any, gold: list[tuple[Span, ...]]) -> list[list[Span]]:
        return self._of_each(
            scores, lambda part: part.task._tagged_words(part.scores, [gold[row] for row in part.rows])
        )
