"""What of a model's scores an explanation is about."""

from typing import Any, NamedTuple

import numpy as np

from ..errors import ModelError, SettingError
from ..tasks._word_scores import WordScores
from ..text.words import Tokens


class Cell(NamedTuple):
    """A score of a word: the text of the example, where the word begins in it, and the column."""

    text: int
    start: int
    column: int


class Target(NamedTuple):
    """The sum of some scores of an example.

    Attributes:
        name: What it is called.
        column: The column of the example's scores, where words have none.
        cells: The scores of words.
    """

    name: str
    column: int = 0
    cells: tuple[Cell, ...] = ()


class Removed(NamedTuple):
    """A word that is not in a text any more: a space is in its place."""

    text: int
    start: int
    end: int

    def moved(self, cell: Cell) -> Cell:
        """The place of a cell without the word."""
        after = cell.text == self.text and cell.start >= self.end
        return cell._replace(start=cell.start - (self.end - self.start - 1)) if after else cell


def targets_of(task: Any, scores: Any, wanted: str | None) -> list[Target | None]:
    """What is explained of each row; None where there is nothing, such as a text without entities.

    Args:
        task: The task.
        scores: The scores of all rows.
        wanted: A label, or a type of entities; None: the answer.

    Raises:
        SettingError: there is no such label.
        ModelError: answers of the task cannot be explained.
    """
    if task.labels_are in ("names", "spans") and wanted is not None and wanted not in task.labels:
        raise SettingError(f"there is no label {wanted!r}; the labels are {', '.join(task.labels)}")
    if task.labels_are == "names":
        columns = scores.argmax(axis=1) if wanted is None else [task.labels.index(wanted)] * len(scores)
        return [Target(task.labels[column], int(column)) for column in columns]
    if task.labels_are == "numbers":
        return [Target("score")] * len(scores)
    if task.labels_are == "spans":
        return _entities(task, scores, wanted)
    if task.labels_are == "answers":
        return [
            _answer(answer["answer"], scores.tokens, row) for row, answer in enumerate(task.answers(scores))
        ]
    raise ModelError("explanations are for labels, scores, entities and answers to questions")


def value(scores: Any, row: int, target: Target, removed: Removed | None = None) -> float:
    """The score of a target in a row of scores; words that were removed have none."""
    if not isinstance(scores, WordScores):
        return float(scores[row, target.column])
    words, total = cell_words(scores.tokens, row, target, removed), 0.0
    for word, cell in zip(words, target.cells):
        total += 0.0 if word is None else float(scores.values[word, cell.column])
    return total


def cell_words(tokens: Tokens, row: int, target: Target, removed: Removed | None = None) -> list[int | None]:
    """The word of each cell, counted over all texts of `tokens`."""
    found: list[int | None] = []
    for cell in target.cells:
        if removed is not None:
            if cell.text == removed.text and removed.start <= cell.start < removed.end:
                found.append(None)
                continue
            cell = removed.moved(cell)
        first, last = tokens.offsets[row * tokens.segments + cell.text :][:2].tolist()
        word = first + int(np.searchsorted(tokens.ends[first:last], cell.start, side="right"))
        found.append(word if word < last else None)
    return found


def _entities(task: Any, scores: WordScores, wanted: str | None) -> list[Target | None]:
    """Of each text the entity (of a type) that is surest."""
    tags, tokens = task.predicted(scores), scores.tokens
    found: list[Target | None] = []
    for row, answer in enumerate(task.answers(scores)):
        spans = answer.get("entities", answer.get("words", ()))
        spans = [one for one in spans if wanted in (None, one["type"])]
        if not spans:
            found.append(None)
            continue
        best = max(spans, key=lambda one: one.get("confidence") or 0.0)
        words = range(*tokens.offsets[row : row + 2].tolist())
        inside = [word for word in words if best["start"] <= tokens.starts[word] < best["end"]]
        cells = (Cell(0, int(tokens.starts[word]), int(tags[word])) for word in inside)
        name = f"{tokens.texts[row][best['start'] : best['end']]} ({best['type']})"
        found.append(Target(name, cells=tuple(cells)))
    return found


def _answer(answer: dict[str, Any], tokens: Tokens, row: int) -> Target | None:
    """The first and the last word of an answer."""
    if answer["start"] is None:
        return None
    first, last = tokens.offsets[2 * row + 1 : 2 * row + 3].tolist()
    ends, starts = tokens.ends[first:last], tokens.starts[first:last]
    begin = int(starts[np.searchsorted(ends, answer["start"], side="right")])
    end = int(starts[np.searchsorted(ends, answer["end"], side="left")])
    return Target(answer["text"], cells=(Cell(1, begin, 0), Cell(1, end, 1)))
