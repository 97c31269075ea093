"""Answers as files and Python code write them → `Answer`s at their positions in the passage, and notes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...errors import DataError
from ..examples import Answer, Examples
from ..plurals import counted
from ..python_values import is_integer, plain
from ..raw_table import is_missing, scalar, shorten

_SHAPES = (
    '[{"text": "…", "answer_start": 0}] or {"text": ["…"], "answer_start": [0]} is expected; without '
    "answers []."
)

WrittenAnswers = list[tuple[str, int | None]]


class Question(NamedTuple):
    """A question as its file has it.

    Attributes:
        name: Its id, or its line in the file: for messages.
        question: The question.
        passage: The text that may hold the answer.
        answers: Texts, and where each should start (None: not known); None: not read.
        contradicted: Whether it has answers, though it is marked as impossible.
        title: The article that its passage is from.
    """

    name: str
    question: str
    passage: str
    answers: WrittenAnswers | None
    contradicted: bool = False
    title: str = ""


def parse_answers(cell: object, location: str) -> WrittenAnswers:
    """The answers in a cell: objects, texts, or an object of lists; an empty text is no answer.

    Raises:
        DataError: the cell holds something else; begins with the location.
    """
    entries = cell
    if isinstance(cell, dict):
        columns = [get_key(cell, key, location) for key in ("text", "answer_start")]
        texts, starts = (column if isinstance(column, list) else [column] for column in columns)
        if len(texts) != len(starts):
            raise DataError(f"{location}: {len(texts)} texts, but {len(starts)} values of answer_start.")
        entries = [{"text": text, "answer_start": start} for text, start in zip(texts, starts)]
    if not isinstance(entries, list):
        raise DataError(f"{location}: {shorten(cell)} is no list of answers: {_SHAPES}")
    entries = [{"text": one, "answer_start": None} if isinstance(one, str) else one for one in entries]
    answers = [
        (get_text(entry, "text", location), _parse_start(get_key(entry, "answer_start", location), location))
        for entry in entries
    ]
    return [answer for answer in answers if answer[0].strip()]


def get_key(value: object, key: str, location: str) -> object:
    """What an object of a file has under a key; raises a DataError with its location if it has not."""
    if not isinstance(value, dict):
        raise DataError(f"{location}: an object with the key {key!r} is expected, found {shorten(value)}.")
    if key not in value:
        keys = ", ".join(map(repr, value)) or "none"
        raise DataError(f"{location}: the key {key!r} is missing. Its keys: {keys}.")
    return value[key]


def get_text(value: object, key: str, location: str) -> str:
    """The same for a text."""
    content = get_key(value, key, location)
    text = scalar(content)
    if text is None:
        raise DataError(f"{location}: the key {key!r} must hold a text, not {shorten(content)}.")
    return text


def _parse_start(value: object, location: str) -> int | None:
    if value is None or value == "" or value != value:  # only a NaN differs from itself
        return None
    text = scalar(value)
    if text is None or isinstance(value, bool) or not text.removeprefix("-").isdecimal():
        raise DataError(f"{location}: answer_start is {shorten(value)}, but must be a whole number from 0.")
    return int(text)


def locate_answers(questions: Sequence[Question]) -> tuple[list[tuple[Answer, ...]], list[str]]:
    """The answers of each question where they are in the passage, and notes about those that are not there.

    An answer that is not at its offset is searched for: the nearest occurrence counts, or the first if no
    offset is given. One that does not occur has no start.
    """
    labels = []
    # by whether there is an offset
    searched: dict[bool, list[tuple[str, int | None]]] = {True: [], False: []}
    for question in questions:
        answers = []
        for text, offset in question.answers or ():
            start = _nearest(question.passage, text, offset)
            answers.append(Answer(text, start))
            if start is None or start != offset:
                searched[offset is not None].append((question.name, start))
        labels.append(tuple(answers))
    total = f"{sum(map(len, labels)):,} answers"
    reasons = {
        True: ("are not at their offset", "were found elsewhere in the passage"),
        False: ("have no offset", "were found in the passage, where the first occurrence counts"),
    }
    notes = []
    for has_offset, (problem, outcome) in reasons.items():
        if names_and_starts := searched[has_offset]:
            starts = [start for _, start in names_and_starts]
            nowhere = starts.count(None)
            meaning = "; those count as right answers, but nothing shows a model where they are"
            notes.append(
                f"{len(starts):,} of {total} {problem}, the first in {names_and_starts[0][0]}: "
                f"{len(starts) - nowhere:,} {outcome}, {nowhere:,} nowhere{meaning if nowhere else ''}."
            )
    if contradicted := [question.name for question in questions if question.contradicted]:
        marked = counted(len(contradicted), "question")
        notes.append(
            f"{marked} marked as impossible had answers all the same, the first {contradicted[0]}: they "
            "count as impossible."
        )
    return labels, notes


def _nearest(passage: str, text: str, offset: int | None) -> int | None:
    """Where `text` occurs in the passage, nearest to its offset."""
    if offset is not None and offset >= 0 and passage.startswith(text, offset):
        return offset
    offset = offset or 0
    before = passage.rfind(text, 0, max(0, offset) + len(text))
    after = passage.find(text, max(0, offset))
    starts = [start for start in (before, after) if start >= 0]
    return min(starts, key=lambda start: abs(start - offset)) if starts else None


def repeated_ids(ids: Sequence[str]) -> list[str]:
    """A note if ids occur again."""
    repeated = [id_ for id_, count in Counter(ids).items() if count > 1]
    if not repeated:
        return []
    questions = counted(len(ids) - len(set(ids)), "question has", "questions have")
    return [f"{questions} the id of an earlier one, such as {repeated[0]}."]


def answers_from_python(labels: Sequence[Any], examples: Examples) -> list[tuple[Answer, ...]]:
    """The answers of each question, where they are in its passage.

    Args:
        labels: What is given for each question: a text, a list of them, (text, start), SQuAD's dictionaries;
            nothing where there is no answer.
        examples: The questions and their passages.

    Raises:
        DataError: something else is given; names the row.
    """
    questions = []
    for row, (question, passage, label) in enumerate(zip(*examples.segments, labels, strict=True)):
        location = examples.location(row)
        questions.append(Question(location, question, passage, _answers_of_row(label, location)))
    return locate_answers(questions)[0]


def _answers_of_row(row: Any, location: str) -> WrittenAnswers:
    if is_missing(row):
        return []
    if isinstance(row, Mapping) and isinstance(plain(row.get("text")), list):
        return parse_answers({key: plain(value) for key, value in row.items()}, location)
    if not isinstance(row, str | Mapping | Iterable):
        raise DataError(f"{location}: for questions, a label is an answer or a list of answers, not {row!r}")
    is_one_answer = isinstance(row, str | Mapping) or _is_pair(row)
    return parse_answers([_as_in_files(answer) for answer in ([row] if is_one_answer else row)], location)


def _is_pair(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return isinstance(value[0], str) and (value[1] is None or is_integer(value[1]))


def _as_in_files(answer: Any) -> Any:
    if isinstance(answer, Mapping):
        start = {"answer_start": answer.get("answer_start", answer.get("start"))}
        return start | {"text": answer["text"]} if "text" in answer else start
    return {"text": answer[0], "answer_start": answer[1]} if _is_pair(answer) else answer
