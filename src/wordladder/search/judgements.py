"""Queries, and which documents are relevant to them: TREC, BEIR, SMART and SQuAD files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args

from ..data.file_format import decode_lines
from ..data.questions.answers import get_text
from ..errors import DataError, check_choice
from ..text.file_content import decode, raw_lines, read_bytes, read_head
from .collection_files import read_topics
from .documents import Columns, format_of, read_file, read_squad

Numbering = Literal["ids", "order"]
Queries = dict[str, str]  # texts by id
Judgements = dict[str, dict[str, int]]  # the grades of documents by the id of the query

_INTEGER = re.compile(r"[-+]?\d+")


def read_queries(path: str | Path, *, numbering: str = "ids") -> Queries:
    """The queries of a file by their ids.

    Lines `id<TAB>text`, another table with columns such as id and query, JSON lines as in BEIR (`_id`,
    `text`), a SMART file, TREC topics (their titles), or a SQuAD document, whose questions are the queries.

    Args:
        path: The file, plain or compressed.
        numbering: `ids`: queries are called by their ids; `order`: by their numbers in the order of the file,
            from 1, as the judgements of Cranfield do.

    Raises:
        DataError: the file cannot be read, a query is empty, or an id comes twice; names it.
        SettingError: the numbering is unknown.
    """
    check_choice("numbering", numbering, get_args(Numbering))
    queries: Queries = {}
    for number, (name, text) in enumerate(_queries(Path(path)), start=1):
        name = str(number) if numbering == "order" else name
        if name in queries:
            raise DataError(f"{path}: the id {name!r} comes twice.")
        if not text.strip():
            raise DataError(f"{path}: the query {name!r} is empty.")
        queries[name] = text.strip()
    return queries


def _queries(path: Path) -> Iterator[tuple[str, str]]:
    if re.search(rb"(?i)^\s*<top>", read_head(path, 1 << 10)):
        yield from read_topics(decode(read_bytes(path), str(path)), str(path)).items()
        return
    if (questions := _questions(path)) is not None:
        yield from ((name, text) for name, text, _ in questions)
        return
    format = format_of(path).replace("text", "tsv")
    for query in read_file(path, path.name, format, Columns(must_have_id=True)):
        yield query.id, query.text


def _questions(path: Path) -> list[tuple[str, str, str]] | None:
    """The id, the question, and the id of its paragraph, of all questions of a SQuAD document that have an
    answer; None: the file has something else.
    """
    paragraphs = read_squad(path) if format_of(path) == "json" else None
    if paragraphs is None:
        return None
    found = []
    for document, questions in paragraphs:
        for entry in questions:
            name, text = (get_text(entry, key, f"{path}, {document.id}") for key in ("id", "question"))
            if isinstance(entry, dict) and entry.get("is_impossible") is not True:
                found.append((name, text, document.id))
    return found


def read_judgements(path: str | Path, *, lowest_is_best: bool = False) -> Judgements:
    """Which documents are relevant to each query, and how much: grades, 0 for what is not relevant.

    TREC's four columns `query 0 document grade`, three columns `query document grade` (Cranfield; BEIR, with
    a header), or a SQuAD document: the paragraph that a question is about has the grade 1.

    Args:
        path: The file, plain or compressed.
        lowest_is_best: Whether 1 is the best grade, as in Cranfield: a grade becomes the highest one in the
            file, plus 1, minus itself. Grades below 1 become 0 in any case.

    Raises:
        DataError: a line has other columns, a grade is no whole number, or a pair is judged twice; names the
            line.
    """
    path = Path(path)
    if (questions := _questions(path)) is not None:
        return {name: {document: 1} for name, _, document in questions}
    found: Judgements = {}
    width = 0
    for number, line in enumerate(decode_lines(raw_lines(path), str(path)), start=1):
        cells = line.rstrip().split("\t") if "\t" in line else line.split()
        if not line.strip():
            continue
        is_header = not width and cells[-1][:1].isalpha()
        width = width or len(cells)
        if is_header:
            continue
        where = f"{path}, line {number}"
        if len(cells) != width or width not in (3, 4):
            expected = "`query document grade` or `query 0 document grade`"
            raise DataError(f"{where}: {expected} is expected, found {line.strip()[:60]!r}")
        query, document, grade = cells[0], cells[-2], cells[-1]
        if not _INTEGER.fullmatch(grade):
            raise DataError(f"{where}: a grade is a whole number, not {grade!r}")
        if document in found.setdefault(query, {}):
            raise DataError(f"{where}: the document {document} is judged twice for the query {query}.")
        found[query][document] = int(grade)
    best = max((grade for grades in found.values() for grade in grades.values()), default=0)
    for grades in found.values():
        for one, given in grades.items():
            grades[one] = 0 if given < 1 else best + 1 - given if lowest_is_best else given
    return found
