"""The answer to a question, read in the passages that were found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, check_at_least
from .passages import Hit


@dataclass(frozen=True)
class FoundAnswer:
    """A part of a document that answers a question.

    Attributes:
        text: The answer.
        score: Its probability among all spans of the passages that were read; of a model that knows questions
            without an answer, its probability in its own passage.
        id: The document.
        start: Where it starts in the document's text, in characters.
        end: Where it ends.
        hit: The number of the hit it was read in, from 0.
        fields: The document's fields.
    """

    text: str
    score: float
    id: str
    start: int
    end: int
    hit: int
    fields: dict[str, Any] = field(default_factory=dict)


def answer(reader: Any, question: str, hits: Sequence[Hit], *, top: int = 10) -> FoundAnswer | None:
    """The best answer in the passages; None if the reader finds none in any of them.

    Spans of different passages are compared by their unnormalised scores, of which the probabilities over
    all passages are made (Clark and Gardner 2018, section 3.3). A reader that may say that a passage has no
    answer needs no comparison: what it says of each passage is a probability already.

    Args:
        reader: A model of span_qa.
        question: The question.
        hits: The passages, the best first.
        top: How many of them are read.

    Raises:
        ModelError: the reader is another kind of model.
        SettingError: `top` is below 1.
    """
    check_at_least(1, top=top)
    task = getattr(getattr(reader, "recipe_", None), "task", None)
    if task != "span_qa":
        raise ModelError(f"a reader answers questions: a model of span_qa is needed, not {task or reader!r}")
    hits = hits[:top]
    if not hits:
        return None
    scores = reader.scores([(question, hit.text) for hit in hits])
    found = [one["answer"] for one in reader.task_.answers(scores)]
    values = np.array([one["score"] if one["text"] else 0.0 for one in found])
    if not reader.task_.no_answer:
        values *= _passage_weights(scores)
    best = int(values.argmax())
    one, hit = found[best], hits[best]
    if not one["text"]:
        return None
    start, end = hit.start + one["start"], hit.start + one["end"]
    return FoundAnswer(one["text"], float(values[best]), hit.id, start, end, best, hit.fields)


def _passage_weights(scores: Any) -> NDArray[np.float64]:
    """What the probability of a span in each passage is multiplied by to be that among all passages."""
    bounds = pairwise(scores.tokens.example_offsets.tolist())
    rows = [scores.values[low:high].astype(np.float64) for low, high in bounds]
    totals = np.array([np.logaddexp.reduce(row, axis=0, initial=-np.inf) for row in rows])
    with np.errstate(invalid="ignore"):  # passages without words have no spans
        shares = np.exp(totals - np.logaddexp.reduce(totals, axis=0))
    return np.nan_to_num(shares.prod(axis=1))
