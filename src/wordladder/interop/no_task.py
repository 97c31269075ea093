"""The place of the task in a model that has none: it only encodes."""

from typing import Any, NoReturn

from ..errors import ModelError


class NoTask:
    """No labels, no head; whatever is asked of it is refused in plain words.

    Args:
        name: The model's name, for messages.
    """

    segments = 1
    labels_are = "names"
    metric = ""

    def __init__(self, name: str) -> None:
        self.name = name
        self.labels: list[str] = []

    def refuse(self, *_: Any) -> NoReturn:
        """Raise a ModelError."""
        raise ModelError(
            f"{self.name}: this encoder has no head for a task, so it predicts nothing; encode gives "
            'vectors, and a recipe with it as the source of a "transformer" embedder can be trained'
        )

    check = outcomes = predictions = probabilities = answers = refuse
