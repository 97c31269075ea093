"""A file of questions with their passages and answers → Examples: the one way in for questions.

SQuAD's JSON documents, or a row a question in JSON lines, CSV, TSV or Parquet.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import DataError, SettingError
from ...text.file_content import STANDARD_INPUT, decode, read_bytes, source_name
from ..columns import Column, ColumnFinder, Texts, flatten, missing_column
from ..examples import Examples
from ..file_format import check_format, read_raw
from ..json_records import read_json
from ..raw_table import ABSENT, RawTable, drop_incomplete, is_missing, parse_json_cells, scalar
from ..split_columns import RowLayout, SplitColumns, check_document_columns, header_names, read_split_columns
from .answers import Question, WrittenAnswers, locate_answers, parse_answers, repeated_ids
from .squad import find_articles, read_articles

QuestionFormat = Literal["squad", "jsonl", "csv", "tsv", "parquet"]

_QUESTIONS = ("question", "query", "question_text", "问题")
_PASSAGES = ("context", "passage", "paragraph", "document", "text", "文章")
_ANSWERS = ("answers", "answer", "answer_text", "答案")
_STARTS = ("answer_start", "start", "answer_offset")
_IDS = ("id", "qid", "question_id", "query_id")


def read_questions(
    path: str | Path,
    *,
    text: Texts = None,
    label: Column | None = None,
    format: str | None = None,
    labelled: bool | None = True,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read questions, the passages that answer them, and the answers; plain or compressed.

    The first segment holds the questions, the second the passages. The label of a row is all its answers,
    none if the passage has no answer. An answer that is not at its offset is searched for in the passage; a
    note says how many were.

    Args:
        path: The file; "-" is standard input. A SQuAD document (1.1 or 2.0; also CMRC 2018 and DRCD), or a
            table with a row a question.
        text: The columns of the question and of the passage, by name or by number from 0, also as one text
            with a comma between; found by their names if those are usual ones, such as question and
            context.
        label: The column of the answers: `{"text": [...], "answer_start": [...]}`, a list of
            `{"text", "answer_start"}`, or one text, whose offset is in a column answer_start if there is one.
        format: One of squad, jsonl, csv, tsv, parquet; by default by the file's name and content.
        labelled: Whether every question must have answers (True), they are not read (False), or they are read
            if they are there (None).
        split_columns: The columns that say how rows are split; of a SQuAD document only the group "title".
        skip_incomplete: Whether rows of a table without a question, a passage or answers are left out; an
            empty list or cell says that there is no answer.

    Raises:
        DataError: the file cannot be read, or a key or a column is missing; names the file and the question.
        SettingError: the format is unknown, or columns are given for a SQuAD document.
    """
    check_format(format, get_args(QuestionFormat))
    if isinstance(text, str) and "," in text:
        text = [part.strip() for part in text.split(",")]
    source, names = source_name(path), header_names(split_columns, text, label)
    layout = text, label, labelled, split_columns, skip_incomplete
    if format in ("csv", "tsv", "parquet"):
        return _read_rows(read_raw(path, format, names), layout)
    data = read_bytes(path)
    if not data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        if format is not None or str(path) == STANDARD_INPUT:
            raise DataError(f"{source} is not JSON, though a SQuAD document or JSON lines are expected.")
        return _read_rows(read_raw(path, None, names), layout)
    content = decode(data, source)
    articles = None if format == "jsonl" else find_articles(content, source)
    if articles is None:
        if format == "squad":
            raise DataError(f"{source} is no SQuAD document: it has no list under the key 'data'.")
        return _read_rows(read_json(content, source), layout)
    if text is not None or label is not None:
        raise SettingError(f"{source} is a SQuAD document, whose keys are fixed: leave text and label out.")
    grouped = check_document_columns(source, split_columns, "title", "its questions have no columns")
    questions = read_articles(articles, source, labelled)
    if not questions:
        raise DataError(f"{source} has no questions.")
    groups = [question.title for question in questions] if grouped else None
    return _examples(questions, [question.name for question in questions], source, groups=groups)


def _examples(
    questions: Sequence[Question], ids: list[str] | None, source: str, notes: Iterable[str] = (), **more: Any
) -> Examples:
    segments = [one.question for one in questions], [one.passage for one in questions]
    answers, location_notes = locate_answers(questions)
    labels = None if questions[0].answers is None else answers
    notes = (*notes, *location_notes, *repeated_ids(ids or ()))
    return Examples(segments, labels, source, notes=notes, ids=ids, **more)


def _read_rows(table: RawTable, layout: RowLayout) -> Examples:
    """Examples of a table that has a row a question."""
    text, label, labelled, split_columns, skip_incomplete = layout
    finder = ColumnFinder(table)
    columns = _find_texts(finder, text)
    answer_column = finder.find_label(label, _ANSWERS, "answers", labelled)
    start_column, id_column = finder.find(None, _STARTS), finder.find(None, _IDS)
    if skip_incomplete:
        required = answer_column if labelled else None
        table = drop_incomplete(table, columns, required, blank_labels=True)
    ids = None if id_column is None else _read_ids(table, id_column)
    answers: Sequence[WrittenAnswers | None] = [None] * table.rows
    if answer_column is not None:
        answers = _read_answers(table, answer_column, start_column, ids)
    names = ids or list(map(table.row_name, range(table.rows)))
    questions = [Question(*row) for row in zip(names, *map(table.texts, columns), answers)]
    splits = read_split_columns(table, split_columns, text, label)
    notes = (*table.notes, *finder.notes)
    return _examples(questions, ids, table.source, notes, lines=table.lines, **splits)


def _find_texts(finder: ColumnFinder, text: Texts) -> list[int]:
    """The columns of the questions and of the passages."""
    given = [None, None] if text is None else flatten(text)
    if len(given) != 2:
        raise SettingError(
            f"{finder.table.source}: questions have two texts, the question and its passage, but {text!r} is "
            "given. Name both columns, such as question,context."
        )
    columns = []
    for column, usual, what in zip(given, (_QUESTIONS, _PASSAGES), ("question", "passage")):
        index = finder.find(column, usual)
        if index is None:
            raise missing_column(finder.table, what, "text", "both")
        columns.append(index)
    return columns


def _read_ids(table: RawTable, column: int) -> list[str]:
    ids = [None if is_missing(cell) else scalar(cell) for cell in table.column(column)]
    if None in ids:
        raise DataError(f"{table.location(ids.index(None))}: the question's id is missing.")
    return [str(name) for name in ids]


def _read_answers(
    table: RawTable, column: int, start_column: int | None, ids: Sequence[str] | None
) -> list[WrittenAnswers]:
    """The answers of each row as they are written."""
    starts = [None] * table.rows if start_column is None else table.column(start_column)
    answers = []
    for row, (cell, start) in enumerate(zip(parse_json_cells(table.column(column)), starts)):
        location = table.location(row) if ids is None else f"{table.source}, {ids[row]}"
        if cell is ABSENT:
            raise DataError(f"{location}: the answers are missing. Write [] for no answer.")
        if is_missing(cell):
            cell = []
        elif not isinstance(cell, list | dict):
            cell = [{"text": cell, "answer_start": None if start is ABSENT else start}]
        answers.append(parse_answers(cell, location))
    return answers
