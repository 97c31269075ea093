"""A file of questions with their passages and answers → Examples: the one way in for questions.

SQuAD's JSON documents, or a row a question in JSON lines, CSV, TSV or Parquet.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from ...errors import DataError, SettingError
from ..cells import complete, text_of, unpacked
from ..columns import Column, find_column, listed
from ..examples import Examples
from ..file_content import STANDARD_INPUT, decode, read_bytes, source_name
from ..file_format import check_format, read_raw
from ..json_records import encodable, read_json
from ..labels import is_missing, scalar
from ..origin import Origin, check_fixed, names_given, origin_columns, origin_facts
from ..raw_table import ABSENT, RawTable
from .answers import Question, answers_of, placed, repeated
from .squad import read_articles

QuestionFormat = Literal["squad", "jsonl", "csv", "tsv", "parquet"]

_QUESTIONS = ("question", "query", "question_text", "问题")
_PASSAGES = ("context", "passage", "paragraph", "document", "text", "文章")
_ANSWERS = ("answers", "answer", "answer_text", "答案")
_STARTS = ("answer_start", "start", "answer_offset")
_IDS = ("id", "qid", "question_id", "query_id")


def read_questions(
    path: str | Path,
    *,
    text: Column | Sequence[Column] | None = None,
    label: Column | None = None,
    format: str | None = None,
    labelled: bool | None = True,
    origin: Origin | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read questions, the passages that answer them, and the answers; plain or compressed.

    The first segment holds the questions, the second the passages. The label of a row is all its answers,
    none if the passage has no answer. An answer that is not at its offset is looked for in the passage; how
    many were is told.

    Args:
        path: The file; "-" is standard input. A SQuAD document (1.1 or 2.0; also CMRC 2018 and DRCD), or a
            table with a row a question.
        text: The columns of the question and of the passage, by name or by number from 0, also as one text
            with a comma between; found by themselves when they have usual names, such as question and
            context.
        label: The column of the answers: `{"text": [...], "answer_start": [...]}`, a list of
            `{"text", "answer_start"}`, or one text, whose offset is in a column answer_start if there is one.
        format: One of squad, jsonl, csv, tsv, parquet; by default the file's name and content tell.
        labelled: Whether every question must have answers (True), they are not read (False), or they are read
            if they are there (None).
        origin: The columns that say where rows belong; of a SQuAD document only the group "title".
        skip_incomplete: Whether rows of a table without a question, a passage or answers are left out; an
            empty list or cell says that there is no answer.

    Raises:
        DataError: the file cannot be read, or a key or a column is missing; names the file and the question.
        SettingError: the format is unknown, or columns are given for a SQuAD document.
    """
    check_format(format, get_args(QuestionFormat))
    if isinstance(text, str) and "," in text:
        text = [part.strip() for part in text.split(",")]
    source, wanted = source_name(path), names_given(origin, text, label)
    layout = (text, label, labelled, origin, skip_incomplete)
    if format in ("csv", "tsv", "parquet"):
        return _of_table(read_raw(path, format, wanted), *layout)
    data = read_bytes(path)
    if data.startswith(b"PAR1") or not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        if format is not None or str(path) == STANDARD_INPUT:
            raise DataError(f"{source} is not JSON, though a SQuAD document or JSON lines are expected.")
        return _of_table(read_raw(path, None, wanted), *layout)
    content = decode(data, source)
    articles = _articles(content, source, format)
    if articles is None:
        return _of_table(read_json(content, source), *layout)
    if text is not None or label is not None:
        raise SettingError(f"{source} is a SQuAD document, whose keys are fixed: leave text and label out.")
    grouped = check_fixed(source, origin, "title", "its questions have no columns")
    return _examples(read_articles(articles, source, labelled), source, grouped)


def _articles(content: str, source: str, format: str | None) -> list[object] | None:
    """What a SQuAD document has under "data"; None: the file has a row a question."""
    if format == "jsonl":
        return None
    start = len(content) - len(content.lstrip())
    try:
        value, end = json.JSONDecoder().raw_decode(content, start)
    except json.JSONDecodeError as error:
        found = content[error.pos :].partition("\n")[0][:40] or "the file's end"
        raise DataError(f"{source}, line {error.lineno}: invalid JSON: {error.msg}, at: {found}") from None
    except RecursionError:
        raise DataError(f"{source}: the document is nested too deeply.") from None
    articles = value.get("data") if isinstance(value, dict) else value
    document = isinstance(articles, list) and (
        isinstance(value, dict) or any(isinstance(one, dict) and "paragraphs" in one for one in articles)
    )
    if not document and format == "squad":
        raise DataError(f"{source} is no SQuAD document: it has no list under the key 'data'.")
    if document and content[end:].strip():
        line = content.count("\n", 0, end) + 1
        raise DataError(f"{source}, line {line}: more follows behind the end of the document.")
    if document and "\\u" in content and not encodable(value):
        raise DataError(f"{source}: half a surrogate pair (such as \\ud83d alone) is no character.")
    return articles if document else None


def _examples(questions: Sequence[Question], source: str, grouped: bool) -> Examples:
    """Examples of the questions of a document."""
    if not questions:
        raise DataError(f"{source} has no questions.")
    ids = [question.name for question in questions]
    labels, notes = placed(questions)
    return Examples(
        segments=(
            [question.question for question in questions],
            [question.passage for question in questions],
        ),
        labels=None if questions[0].answers is None else labels,
        source=source,
        notes=(*notes, *repeated(ids)),
        ids=ids,
        groups=[question.title for question in questions] if grouped else None,
    )


def _of_table(
    table: RawTable,
    text: Column | Sequence[Column] | None,
    label: Column | None,
    labelled: bool | None,
    origin: Origin | None,
    skip_incomplete: bool,
) -> Examples:
    """Examples of a table that has a row a question."""
    question, passage = _two_texts(table, text)
    if skip_incomplete:
        answered = find_column(table, label, _ANSWERS, (question, passage))[0] if labelled else None
        table = complete(table, (question, passage), answered, lambda cell: cell is ABSENT)
    id_column, _ = find_column(table, None, _IDS, (question, passage))
    ids = None if id_column is None else _ids(table, id_column)
    answers, notes = None, tuple[str, ...]()
    if labelled is not False:
        answers, notes = _answers(table, label, labelled, (question, passage), ids)
    questions, passages = (
        [text_of(table, row, column, cell) for row, cell in enumerate(table.column(column))]
        for column in (question, passage)
    )
    names = ids or list(map(table.place, range(table.rows)))
    found = [
        Question(name, asked, read, None if answers is None else answers[row])
        for row, (name, asked, read) in enumerate(zip(names, questions, passages))
    ]
    labels, told = placed(found)
    return Examples(
        segments=(questions, passages),
        labels=None if answers is None else labels,
        source=table.source,
        lines=table.lines,
        notes=(*table.notes, *notes, *told, *repeated(ids or ())),
        ids=ids,
        **origin_facts(table, origin_columns(table, origin, text, label)),
    )


def _two_texts(table: RawTable, text: Column | Sequence[Column] | None) -> tuple[int, int]:
    given = (None, None) if text is None else (text,) if isinstance(text, str | int) else tuple(text)
    if len(given) != 2:
        raise SettingError(
            f"{table.source}: questions have two texts, the question and its passage, but {text!r} is given. "
            "Name both columns, such as question,context."
        )
    question, _ = find_column(table, given[0], _QUESTIONS)
    passage, _ = find_column(table, given[1], _PASSAGES, (question,))
    for column, what in ((question, "question"), (passage, "passage")):
        if column is None:
            raise DataError(
                f"{table.source}: which column holds the {what}? Name both (text, --text). {listed(table)}"
            )
    if question == passage:
        raise SettingError(f"{table.source}: question and passage must be different columns.")
    return question, passage  # type: ignore[return-value]  # neither is None


def _ids(table: RawTable, column: int) -> list[str]:
    ids = []
    for row, cell in enumerate(table.column(column)):
        name = None if is_missing(cell) else scalar(cell)
        if name is None:
            raise DataError(f"{table.where(row)}: the question's id is missing.")
        ids.append(name)
    return ids


def _answers(
    table: RawTable,
    label: Column | None,
    labelled: bool | None,
    taken: tuple[int, int],
    ids: Sequence[str] | None,
) -> tuple[list[list[tuple[str, int | None]]] | None, tuple[str, ...]]:
    """The answers of each row as they are written; None: there are none and need not be."""
    column, note = find_column(table, label, _ANSWERS, taken)
    if column in taken:
        raise SettingError(
            f"{table.source}: text and label must be different columns, but {label!r} is given twice."
        )
    if column is None:
        if labelled:
            raise DataError(
                f"{table.source}: which column holds the answers? Name it (label, --label). {listed(table)}"
            )
        return None, ()
    cells = unpacked(table.column(column))
    if not labelled and all(map(is_missing, cells)):
        return None, ()
    place, _ = find_column(table, None, _STARTS, (*taken, column))
    starts = [None] * table.rows if place is None else table.column(place)
    found = []
    for row, (cell, start) in enumerate(zip(cells, starts)):
        where = table.where(row) if ids is None else f"{table.source}, {ids[row]}"
        if cell is ABSENT:
            raise DataError(
                f"{where}: the answers are missing. A question without an answer has an empty list."
            )
        if is_missing(cell):
            cell = []
        elif not isinstance(cell, list | dict):
            cell = [{"text": cell, "answer_start": None if start is ABSENT else start}]
        found.append(answers_of(cell, where))
    return found, () if note is None else (note,)
