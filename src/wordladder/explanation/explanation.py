"""What is known of an answer: how much each word counts for it."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Method = Literal["auto", "weights", "gradients", "occlusion"]


class WordWeight(NamedTuple):
    """A word and what it counts.

    Attributes:
        text: Which text of the example it is in, 0 for the first.
        start, end: Its characters in that text.
        weight: What it adds to the score, or takes from it.
    """

    text: int
    start: int
    end: int
    weight: float


@dataclass(frozen=True)
class Explanation:
    """How much each word counts for an answer.

    Attributes:
        texts: The text, or the texts of a pair.
        target: What is explained: a label, an entity, an answer.
        score: The score of it, before probabilities are made of scores.
        base: The score without any words, where the weights sum up to the difference; None: they do not.
        method: `"weights"`, `"gradients"` or `"occlusion"`.
        words: The words.
    """

    texts: tuple[str, ...]
    target: str
    score: float
    base: float | None
    method: str
    words: tuple[WordWeight, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; each word with its text."""
        words = [
            {"word": self.texts[word.text][word.start : word.end], **word._asdict()} for word in self.words
        ]
        facts = {"target": self.target, "score": self.score, "base": self.base, "method": self.method}
        return facts | {"words": words}
