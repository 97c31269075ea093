"""Answers as files write them → `Answer`s at their places in the passage, and what there is to tell."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from ...errors import DataError
from ..examples import Answer
from ..labels import scalar
from ..plurals import counted

_SHAPES = (
    '[{"text": "…", "answer_start": 0}] or {"text": ["…"], "answer_start": [0]} is expected; without '
    "answers []."
)


class Question(NamedTuple):
    """A question as its file has it.

    Attributes:
        name: Its id, or its place in the file: for messages.
        question: The question.
        passage: The text that may hold the answer.
        answers: Texts, and where each is said to start (None: not said); None: not read.
        contradicted: Whether it has answers, though it is marked as impossible.
        title: The article that its passage is from.
    """

    name: str
    question: str
    passage: str
    answers: list[tuple[str, int | None]] | None
    contradicted: bool = False
    title: str = ""


def answers_of(cell: object, where: str) -> list[tuple[str, int | None]]:
    """The answers in a cell: objects, texts, or an object of lists; an empty text is no answer.

    Raises:
        DataError: the cell holds something else; begins with `where`.
    """
    if isinstance(cell, dict):
        texts, starts = (_list_of(cell, key, where) for key in ("text", "answer_start"))
        if len(texts) != len(starts):
            raise DataError(
                f"{where}: {len(texts)} texts of answers, but {len(starts)} values of answer_start."
            )
        pairs = list(zip(texts, starts))
    elif isinstance(cell, list):
        pairs = [_pair(entry, where) for entry in cell]
    else:
        raise DataError(f"{where}: {_shown(cell)} is no list of answers: {_SHAPES}")
    answers = [(_text(text, where), _start(start, where)) for text, start in pairs]
    return [answer for answer in answers if answer[0].strip()]


def _list_of(cell: dict[str, object], key: str, where: str) -> list[object]:
    if key not in cell:
        raise DataError(f"{where}: the answers have no key {key!r}: {_SHAPES}")
    value = cell[key]
    return value if isinstance(value, list) else [value]


def _pair(entry: object, where: str) -> tuple[object, object]:
    if isinstance(entry, str):
        return entry, None
    if not isinstance(entry, dict):
        raise DataError(f"{where}: {_shown(entry)} is no answer: {_SHAPES}")
    for key in ("text", "answer_start"):
        if key not in entry:
            raise DataError(f"{where}: an answer has no key {key!r}, only {', '.join(map(repr, entry))}.")
    return entry["text"], entry["answer_start"]


def _text(value: object, where: str) -> str:
    text = scalar(value)
    if text is None:
        raise DataError(f"{where}: the text of an answer is {_shown(value)}, but it must be a text.")
    return text


def _start(value: object, where: str) -> int | None:
    if value is None or value == "" or value != value:  # only a NaN differs from itself
        return None
    text = scalar(value)
    if text is None or isinstance(value, bool) or not text.removeprefix("-").isdecimal():
        raise DataError(f"{where}: answer_start is {_shown(value)}, but it must be a whole number, from 0.")
    return int(text)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str, skipkeys=True)[:60]


def placed(questions: Sequence[Question]) -> tuple[list[tuple[Answer, ...]], list[str]]:
    """The answers of each question where they stand in the passage, and notes about those that do not.

    An answer that is not at its offset is looked for: the nearest place counts, or the first if no offset is
    said. One that stands nowhere has no start.
    """
    labels = []
    unsaid, misplaced = _Places(), _Places()
    for question in questions:
        answers = []
        for text, said in question.answers or ():
            start = _nearest(question.passage, text, said)
            answers.append(Answer(text, start))
            if start is None or start != said:
                (unsaid if said is None else misplaced).add(question.name, start)
        labels.append(tuple(answers))
    total = f"{sum(map(len, labels)):,} answers"
    notes = []
    if misplaced.count:
        notes.append(
            f"{misplaced.count:,} of {total} do not stand at their offset, the first in {misplaced.first}: "
            f"{misplaced.count - misplaced.nowhere:,} were found elsewhere in the passage, "
            f"{misplaced.nowhere:,} nowhere{misplaced.meaning}."
        )
    if unsaid.count:
        notes.append(
            f"{unsaid.count:,} of {total} have no offset, the first in {unsaid.first}: "
            f"{unsaid.count - unsaid.nowhere:,} were found in the passage, where the first place counts, "
            f"{unsaid.nowhere:,} nowhere{unsaid.meaning}."
        )
    if contradicted := [question.name for question in questions if question.contradicted]:
        notes.append(
            f"{counted(len(contradicted), 'question')} marked as impossible had answers all the same, the "
            f"first {contradicted[0]}: they count as impossible."
        )
    return labels, notes


class _Places:
    """How many answers had to be looked for, how many stand nowhere, and the question of the first."""

    def __init__(self) -> None:
        self.count, self.nowhere, self.first = 0, 0, ""

    def add(self, name: str, start: int | None) -> None:
        self.first = self.first or name
        self.count += 1
        self.nowhere += start is None

    @property
    def meaning(self) -> str:
        told = "; those count as right answers, but nothing shows a model where they are"
        return told if self.nowhere else ""


def _nearest(passage: str, text: str, said: int | None) -> int | None:
    """Where `text` stands in the passage, nearest to where it is said to."""
    if said is not None and said >= 0 and passage.startswith(text, said):
        return said
    wanted = 0 if said is None else said
    before = passage.rfind(text, 0, max(0, wanted) + len(text))
    behind = passage.find(text, max(0, wanted))
    found = [place for place in (before, behind) if place >= 0]
    return min(found, key=lambda place: abs(place - wanted)) if found else None


def repeated(ids: Sequence[str]) -> list[str]:
    """A note if ids come back."""
    counts = Counter(ids)
    again = [id_ for id_, count in counts.items() if count > 1]
    if not again:
        return []
    more = len(ids) - len(counts)
    verb = "has" if more == 1 else "have"
    return [f"{counted(more, 'question')} {verb} the id of an earlier one, such as {again[0]}."]
