"""A file of tagged text → Examples: the one way in for entities, parts of speech and other spans.

Columns (CoNLL-2003, CoNLL-U), or rows of JSON, Parquet or CSV with tags of words or positions of spans.
The scheme of the tags is recognised and reported in a note.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args

from ...errors import DataError
from ...text.file_content import decode, read_bytes, source_name, suffix_of
from ..columns import Column
from ..examples import Examples
from ..file_format import check_format, format_of_suffix, parse_table, read_parquet
from ..split_columns import SplitColumns, check_document_columns, header_names
from .rows import read_rows
from .word_columns import read_columns
from .words import examples_of_words

TaggedFormat = Literal["columns", "conllu", "jsonl", "csv", "tsv", "parquet"]


def read_tagged(
    path: str | Path,
    *,
    text: Column | None = None,
    label: Column | None = None,
    format: str | None = None,
    labelled: bool | None = True,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read a file of tagged text; plain or compressed. One row a sentence, its spans by characters.

    Columns hold a word and its tag a line, with a blank line between sentences; the text is put together from
    the words, with spaces between them but not between Chinese ones. Rows of JSON, Parquet or CSV hold the
    words and their tags as lists, or a text and its spans: `{"start", "end", "type"}`, `[start, end, type]`,
    or CLUENER's `{type: {surface: [[start, last]]}}`.

    Args:
        path: The file; "-" is standard input.
        text: The column of the words, by number from 0, the first by default; in rows the name of the words
            or the texts, found by its name if that is a usual one.
        label: The column of the tags, by number from 0, the last by default; in rows the name of the tags or
            the spans.
        format: One of columns, conllu, jsonl, csv, tsv, parquet; by default by the file's name and content.
        labelled: Whether every row must have tags (True), they are not read (False), or they are read if
            there are any (None).
        split_columns: The columns that say how rows are split; of word columns only the group "document",
            which a line -DOCSTART- or "# newdoc" begins.
        skip_incomplete: Whether rows of a table without words, text, tags or spans are left out.

    Raises:
        DataError: the file cannot be read, a line has too few columns, tags and words differ in number, or a
            span is empty or lies outside of its text; names file and line.
        SettingError: the format is unknown, or one column is given for two things.
    """
    check_format(format, get_args(TaggedFormat))
    source, data = source_name(path), read_bytes(path)
    layout = text, label, labelled, split_columns, skip_incomplete
    if format == "parquet" or data.startswith(b"PAR1"):
        return read_rows(read_parquet(data, source), layout)
    content = decode(data, source)
    format = format or _find_format(str(path), content)
    if format not in ("columns", "conllu"):
        names = header_names(split_columns, text, label)
        return read_rows(parse_table(content, source, format, names), layout)
    grouped = check_document_columns(source, split_columns, "document", "its columns hold words and tags")
    words = read_columns(content, source, text, label, labelled, conllu=format == "conllu")
    if grouped and not any(words.documents):
        raise DataError(f"{source} has no documents: no line begins with -DOCSTART- or # newdoc")
    examples = examples_of_words(words, source)
    return replace(examples, groups=list(map(str, words.documents))) if grouped else examples


def _find_format(path: str, content: str) -> str:
    format = "conllu" if suffix_of(path) == ".conllu" else format_of_suffix(path)
    if format in ("conllu", "jsonl", "csv", "parquet"):
        return format
    return "jsonl" if re.match(r'\s*(\[\s*)?\{\s*"', content) else "columns"
