"""Answers as Python code gives them → `Answer`s at their places in the passage."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import DataError
from ..examples import Answer, Examples
from ..labels import is_missing
from ..python_values import is_place, plain
from .answers import Question, answers_of, placed


def given_answers(labels: Sequence[Any], examples: Examples) -> list[tuple[Answer, ...]]:
    """The answers of each question, where they stand in its passage.

    Args:
        labels: What is given for each question: a text, a list of them, (text, start), SQuAD's dictionaries;
            nothing where there is no answer.
        examples: The questions and their passages.

    Raises:
        DataError: something else is given; names the row.
    """
    questions = []
    for row, (asked, passage, label) in enumerate(zip(*examples.segments, labels, strict=True)):
        where = examples.where(row)
        questions.append(Question(where, asked, passage, _answers(label, where)))
    found, _ = placed(questions)
    return list(found)


def _answers(row: Any, where: str) -> list[tuple[str, int | None]]:
    if is_missing(row):
        return []
    if isinstance(row, Mapping) and isinstance(plain(row.get("text")), list):
        return answers_of({key: plain(value) for key, value in row.items()}, where)
    if not isinstance(row, str | Mapping | Iterable):
        raise DataError(f"{where}: for questions, a label is an answer or a list of answers, not {row!r}")
    alone = isinstance(row, str | Mapping) or _is_pair(row)
    return answers_of([_answer(given) for given in ([row] if alone else row)], where)


def _is_pair(given: Any) -> bool:
    return (
        isinstance(given, tuple)
        and len(given) == 2
        and isinstance(given[0], str)
        and (given[1] is None or is_place(given[1]))
    )


def _answer(given: Any) -> Any:
    """An answer as files have it."""
    if isinstance(given, Mapping):
        start = {"answer_start": given.get("answer_start", given.get("start"))}
        return start | {"text": given["text"]} if "text" in given else start
    return {"text": given[0], "answer_start": given[1]} if _is_pair(given) else given
