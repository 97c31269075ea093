"""The task of a model that only encodes, and what all encoders of texts share; nothing here needs PyTorch."""

from collections.abc import Sequence
from typing import Any, NoReturn

from ..errors import ModelError
from ..text.listed import Piece

MEAN_NOTE = "{}: no modules.json says how texts get vectors; the mean of the vectors of all pieces is used"


class NoTask:
    """A task without labels: whatever needs labels raises a ModelError.

    Args:
        name: The name of the model, for messages.
        trains: Whether it is a transformer, which other networks can be trained on.
    """

    segments = 1
    labels_are = "names"
    metric = ""

    def __init__(self, name: str, trains: bool) -> None:
        self.name, self.trains = name, trains
        self.labels: list[str] = []

    def refuse(self, *_: object) -> NoReturn:
        """Raise a ModelError."""
        hint = ', and a recipe with it as the source of a "transformer" embedder can be trained'
        raise ModelError(
            f"{self.name}: this encoder has no head for a task, so it cannot predict; it can encode"
            + hint * self.trains
        )

    check = outcomes = predictions = probabilities = answers = refuse


def replace_surrogates(text: str) -> str:
    """The text without half surrogate pairs, which no tokenizer reads."""
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def pieces_of(tokenizer: Any, texts: Sequence[str]) -> list[list[Piece]]:
    """The pieces of texts, before they are truncated to what the model reads."""
    found = []
    for text, encoding in zip(texts, tokenizer.encode_batch([replace_surrogates(text) for text in texts])):
        rows = zip(encoding.tokens, encoding.offsets, encoding.ids, encoding.special_tokens_mask)
        found.append(
            [
                Piece(name if special else text[start:end], start, end, number, bool(special))
                for name, (start, end), number, special in rows
            ]
        )
    return found
