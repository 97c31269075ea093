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
from typing import Any, Literal, NamedTuple, get_args

from ..data.column_names import TEXTS, normalize
from ..data.columns import resolve_column
from ..data.file_format import check_format, decode_lines, format_of_suffix, read_raw
from ..data.json_records import read_json, read_json_lines
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
    readers: dict[str, Callable[[Path, str, Columns], Iterator[Document]]] = {
        "text": _read_text, "smart": _read_smart, "trec": _read_trec, "squad": _read_squad,
        "json": _read_json, "jsonl": _read_json_lines,
    }  # fmt: skip
    if format in readers:
        yield from readers[format](file, name, columns)
    else:
        given = header_names(None, columns.text, columns.id, columns.fields)
        table = read_raw(file, format, given)
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


def _read_text(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    with ByteReader(file) as reader:
        data = reader.read_all()
    if b"\0" in data[: 1 << 13] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(
            f"{file} is no text: it has bytes that are zero. Say which files to read (only, --only)."
        )
    yield Document(name, decode(data, str(file)))


def _read_smart(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    for entry in read_smart(decode_lines(raw_lines(file), str(file)), str(file)):
        found = (("title", "T"), ("author", "A"), ("source", "B"))
        fields = {field: " ".join(entry.text(letter).split()) for field, letter in found}
        yield Document(entry.id, entry.text("TW"), {key: value for key, value in fields.items() if value})


def _read_trec(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    for _, number, title, text in read_trec(decode_lines(raw_lines(file), str(file)), str(file)):
        yield Document(number, f"{title}\n{text}" if title else text, {"title": title} if title else {})


def _read_squad(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    articles = read_squad(file)
    if articles is None:
        raise DataError(f"{file} is no SQuAD document: it has no list under the key 'data'.")
    yield from (document for document, _ in squad_documents(articles, str(file)))


def read_squad(file: Path) -> list[object] | None:
    """The articles of a SQuAD document; None: the file has something else. Errors as for `find_articles`."""
    return find_articles(decode(read_bytes(file), str(file)), str(file))


def squad_documents(articles: list[object], source: str) -> Iterator[tuple[Document, list[object]]]:
    """The paragraphs of a SQuAD document, each with the questions that are asked about it."""
    count: Counter[str] = Counter()
    for title, text, questions, _ in read_paragraphs(articles, source):
        count[title] += 1
        yield Document(f"{title}#{count[title]}", text, {"title": title}), questions


def _read_json(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    content = decode(read_bytes(file), str(file))
    articles = find_articles(content, str(file))
    if articles is None:
        yield from _read_rows(read_json(content, str(file)), name, columns)
    else:
        yield from (document for document, _ in squad_documents(articles, str(file)))


def _read_json_lines(file: Path, name: str, columns: Columns) -> Iterator[Document]:
    lines = read_json_lines(decode_lines(raw_lines(file), str(file)), str(file))
    yield from _documents(lines, str(file), name, columns)


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
    role = _roles(tuple(names), columns)
    as_written = {role.id, *role.text}
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


class _Roles(NamedTuple):
    """Which columns of a table are the id and the text; no text: it could not be found."""

    id: str | None
    text: tuple[str, ...]


@lru_cache(1024)
def _roles(names: tuple[str, ...], columns: Columns) -> _Roles:
    usual = {normalize(name): name for name in reversed(names)}

    def first(known: Sequence[str]) -> str | None:
        return next((usual[name] for name in known if name in usual), None)

    key = columns.id if columns.id is not None else first(_IDS)
    if columns.text:
        return _Roles(key, columns.text)
    title, body = first(_TITLES), first(_BODIES)
    if body is None and set(names) - {key, title}:
        return _Roles(key, ())  # what the others hold could be the text
    return _Roles(key, tuple(name for name in (title, body) if name is not None))


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
        role = _roles(tuple(record), columns)
        must_have_id = must_have_id or role.id is not None
        if role.id is None and must_have_id:
            raise DataError(f"{where}: there is no id. Usual names of its column: {', '.join(_IDS)}.")
        if role.id is None:
            key = f"{name}:{number}"
        elif not (key := (scalar(cell := record.get(role.id)) or "").strip()):
            raise DataError(f"{where}: {role.id!r} has no id, but {shorten(cell)}")
        used = {role.id, *role.text} - {usual for usual in record if normalize(usual) in _TITLES}
        fields = _fields({one: cell for one, cell in record.items() if one not in used})
        seen |= fields.keys()
        if wanted is not None:
            fields = {one: fields[one] for one in wanted if one in fields}
        yield Document(key, _text(record, role.text, where), fields)
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
