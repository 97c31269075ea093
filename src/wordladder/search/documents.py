"""Files and folders → documents, one after another: text, tables, JSON lines, and test collections."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from ..data.column_names import TEXTS, normalize
from ..data.columns import resolve_column
from ..data.file_format import check_format, decode_lines, format_of_suffix, read_raw
from ..data.json_records import read_json_lines
from ..data.questions.squad import find_articles, read_paragraphs
from ..data.raw_table import RawTable, is_missing, scalar, shorten
from ..data.split_columns import header_names
from ..errors import DataError, did_you_mean
from ..files.streams import ByteReader
from ..text.corpus_files import find_files
from ..text.file_content import decode, raw_lines, read_bytes, read_head, suffix_of
from .collection_files import read_smart, read_trec
from .passages import Document

DocumentFormat = Literal[
    "text", "lines", "jsonl", "csv", "tsv", "parquet", "fasttext", "smart", "trec", "squad"
]

_IDS = (
    *("id", "_id", "docid", "doc_id", "docno", "pid", "passage_id", "document_id"),
    *("qid", "query_id", "question_id"),
)
_TITLES = ("title", "headline", "标题")
_BODIES = (*(name for name in TEXTS if name not in _TITLES), "contents", "context")
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})")
_TRUTH = re.compile(r"(?i)true|false")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?")


@dataclass(frozen=True)
class Columns:
    """What the columns of a table, or the keys of JSON lines, are for. See `read_documents`.

    Attributes:
        text: The columns of the text.
        id: The column of the id.
        fields: The columns of the fields.
        must_have_id: Whether a row without a column of ids is an error.
    """

    text: tuple[str, ...] | None = None
    id: str | None = None
    fields: tuple[str, ...] | None = None
    must_have_id: bool = False


def read_documents(
    paths: str | Path | Iterable[str | Path],
    *,
    format: str | None = None,
    text: Sequence[str] | None = None,
    id: str | None = None,
    fields: Sequence[str] | None = None,
    only: Sequence[str] | None = None,
) -> Iterator[Document]:
    """Read documents from files and folders, plain or compressed, one after another.

    A text file is one document, whose id is its path in the folder that was given. A row of a table or a line
    of JSON is one document; its title and its text together are the text. So it is with SMART, TREC's <DOC>
    and the paragraphs of a SQuAD document, whose ids are `title#1`, `title#2`, …. The title and what else is
    known of a document are its fields; a column `metadata` that holds an object becomes several of them.

    Args:
        paths: Files and folders, which are read with all that is in them, by name.
        format: One of text, lines (a document a line), jsonl, csv, tsv, parquet, fasttext, smart, trec,
            squad; if not given, by each file's name and content.
        text: The columns of the text, which are joined; by default those with a usual name, such as title and
            text.
        id: The column of the id; by default the one with a usual name, such as id or _id, else the file and
            the line are the id.
        fields: The columns that are kept as fields; by default all others.
        only: Patterns such as *.md: of a folder, only files whose names fit one of them.

    Raises:
        DataError: a file cannot be read; names the line.
        SettingError: the format is unknown.
    """
    check_format(format, get_args(DocumentFormat))
    columns = Columns(None if text is None else tuple(text), id, None if fields is None else tuple(fields))
    return _read_paths([paths] if isinstance(paths, str | Path) else paths, format, columns, only)


def _read_paths(
    paths: Iterable[str | Path], format: str | None, columns: Columns, only: Sequence[str] | None
) -> Iterator[Document]:
    first: dict[str, Path] = {}
    for path in map(Path, paths):
        files = find_files(path, tables=True)
        if path.is_dir() and only:
            files = [file for file in files if any(map(file.relative_to(path).match, only))]
            if not files:
                raise DataError(f"{path}: no file in this folder fits {' or '.join(only)}.")
        for file in files:
            name = file.relative_to(path) if path.is_dir() else file
            for document in read_file(file, name.as_posix(), format or format_of(file), columns):
                if (other := first.setdefault(document.id, file)) != file:
                    raise DataError(f"{file}: the id {document.id!r} comes twice; {other} has it too.")
                yield document


def read_file(file: Path, name: str, format: str, columns: Columns) -> Iterator[Document]:
    """The documents of one file.

    Args:
        file: The file.
        name: What ids begin with where the file has none.
        format: Its format, or `json`: a SQuAD document, an array, or JSON lines.
        columns: What its columns are for.

    Raises:
        DataError: it cannot be read; names the line.
    """
    source, lines = str(file), decode_lines(raw_lines(file), str(file))
    paragraphs = read_squad(file) if format in ("squad", "json") else None
    if paragraphs is not None:
        yield from (document for document, _ in paragraphs)
    elif format == "squad":
        raise DataError(f"{file} is no SQuAD document: it has no list under the key 'data'.")
    elif format == "text":
        yield Document(name, _read_text(file))
    elif format in ("smart", "trec"):
        yield from (read_smart if format == "smart" else read_trec)(lines, source)
    elif format == "jsonl":
        yield from _documents(read_json_lines(lines, source), source, name, columns)
    else:
        given = header_names(None, columns.text, columns.id, columns.fields)
        table = read_raw(file, "jsonl" if format == "json" else format, given)
        yield from _read_rows(table, name, columns, all_strings=format in ("csv", "tsv"))


def format_of(file: Path) -> str:
    """The format of a file by its name or, if that says nothing, by its beginning; what has no mark of
    another format is `text`.
    """
    if suffix_of(file) == ".json":
        return "json"
    if format := format_of_suffix(str(file)):
        return format
    head = read_head(file, 1 << 10).removeprefix(b"\xef\xbb\xbf").lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if re.match(rb"\.I[ \t]+\S", head):
        return "smart"
    return "trec" if head[:5].upper() == b"<DOC>" else "text"


def _read_text(file: Path) -> str:
    with ByteReader(file) as reader:
        data = reader.read_all()
    if b"\0" in data[: 1 << 13] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{file} is no text: it has bytes that are zero. Say which files to read (only, --only)."
        )
    return decode(data, str(file))


def read_squad(file: Path) -> list[tuple[Document, list[object]]] | None:
    """The paragraphs of a SQuAD document, each with the questions that are asked about it; None: the file has
    something else. Errors as for `find_articles` and `read_paragraphs`.
    """
    articles = find_articles(decode(read_bytes(file), str(file)), str(file))
    if articles is None:
        return None
    found, count = list[tuple[Document, list[object]]](), Counter[str]()
    for title, text, questions, _ in read_paragraphs(articles, str(file)):
        count[title] += 1
        found.append((Document(f"{title}#{count[title]}", text, {"title": title}), questions))
    return found


def _read_rows(
    table: RawTable, name: str, columns: Columns, *, all_strings: bool = False
) -> Iterator[Document]:
    """The documents of a table; columns without names are called by their numbers."""
    names = table.names or list(map(str, range(table.width)))
    text, key = columns.text, columns.id
    if table.names is None and text is None and key is None and table.width <= 2:
        key, text = (None, ("0",)) if table.width == 1 else ("0", ("1",))
    text = text and tuple(names[resolve_column(table, one)] for one in text)
    key = None if key is None else names[resolve_column(table, key)]
    columns = replace(columns, text=text, id=key)
    key, text = _roles(tuple(names), columns)
    as_written = {key, *text}
    cells = [
        _typed(table.column(number)) if all_strings and one not in as_written else table.column(number)
        for number, one in enumerate(names)
    ]
    numbers = range(1, table.rows + 1) if table.lines is None else table.lines.tolist()
    records = ((number, dict(zip(names, values))) for number, values in zip(numbers, zip(*cells)))
    yield from _documents(records, table.source, name, columns, "row" if table.lines is None else "line")


def _typed(cells: list[Any]) -> list[Any]:
    """The cells of a column of texts as numbers or truth values, if that is what all of them are."""
    filled = [cell for cell in cells if not is_missing(cell)]
    kinds: list[tuple[re.Pattern, Callable[[str], Any]]] = [
        (_INTEGER, int), (_NUMBER, float), (_TRUTH, lambda cell: cell.lower() == "true")
    ]  # fmt: skip
    for pattern, convert in kinds:
        if filled and all(map(pattern.fullmatch, filled)):
            return [None if is_missing(cell) else convert(cell) for cell in cells]
    return cells


@lru_cache(1024)
def _roles(names: tuple[str, ...], columns: Columns) -> tuple[str | None, tuple[str, ...]]:
    """Which columns of a table are the id and the text; no text: it could not be found."""
    usual = {normalize(name): name for name in reversed(names)}

    def first(known: Sequence[str]) -> str | None:
        return next((usual[name] for name in known if name in usual), None)

    key = columns.id if columns.id is not None else first(_IDS)
    if columns.text:
        return key, columns.text
    title, body = first(_TITLES), first(_BODIES)
    if body is None and set(names) - {key, title}:
        return key, ()  # what the others hold could be the text
    return key, tuple(name for name in (title, body) if name is not None)


def _documents(
    records: Iterable[tuple[int, Mapping[str, object]]],
    source: str,
    name: str,
    columns: Columns,
    unit: str = "line",
) -> Iterator[Document]:
    """The documents of rows, each with the number of its line."""
    wanted, seen, must_have_id = columns.fields, set[str](), columns.must_have_id
    for number, record in records:
        where = f"{source}, {unit} {number}"
        of_id, of_text = _roles(tuple(record), columns)
        must_have_id = must_have_id or of_id is not None
        if of_id is None and must_have_id:
            raise DataError(f"{where}: there is no id. Usual names of its column: {', '.join(_IDS)}.")
        if of_id is None:
            key = f"{name}:{number}"
        elif not (key := (scalar(cell := record.get(of_id)) or "").strip()):
            raise DataError(f"{where}: {of_id!r} has no id, but {shorten(cell)}")
        used = {of_id, *of_text} - {usual for usual in record if normalize(usual) in _TITLES}
        fields = _fields({one: cell for one, cell in record.items() if one not in used})
        seen |= fields.keys()
        if wanted is not None:
            fields = {one: fields[one] for one in wanted if one in fields}
        yield Document(key, _text(record, of_text, where), fields)
    if wanted and (unknown := [one for one in wanted if one not in seen]):
        raise DataError(f"{source}: no row has the field {unknown[0]!r}.{did_you_mean(unknown[0], seen)}")


def _text(record: Mapping[str, object], names: tuple[str, ...], where: str) -> str:
    if not names:
        raise DataError(f"{where}: which of {', '.join(record)} holds the text? Name it (text, --text).")
    parts = []
    for name in names:
        cell = record.get(name)
        if isinstance(cell, str) or not is_missing(cell):
            if (part := scalar(cell)) is None:
                raise DataError(f"{where}: {name!r} has no text, but {shorten(cell)}")
            parts.append(part)
    if not parts:
        raise DataError(f"{where}: there is no text in {' or '.join(map(repr, names))}.")
    return "\n".join(part for part in parts if part)


def _fields(cells: Mapping[str, object]) -> dict[str, Any]:
    """Cells as fields; those that are missing are left out, and an object `metadata` becomes several."""
    inner = cells.get("metadata")
    if isinstance(inner, dict):
        cells = inner | {name: cell for name, cell in cells.items() if name != "metadata"}
    return {str(name): _field(cell) for name, cell in cells.items() if not is_missing(cell)}


def _field(cell: object) -> Any:
    """A value that a field can hold; an object is its JSON."""
    if isinstance(cell, str | bool | int | float):
        return cell
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return float(cell)
    if isinstance(cell, list | tuple) and all(isinstance(one, str | bool | int | float) for one in cell):
        return list(cell)
    return json.dumps(cell, ensure_ascii=False, default=str)
