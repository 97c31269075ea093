"""A file of tagged text → Examples: the one way in for entities, parts of speech and other spans.

Columns (CoNLL-2003, CoNLL-U), or rows of JSON, Parquet or CSV with the tags of words or the places of spans.
The scheme of the tags is recognised and told.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import DataError
from ..columns import Column
from ..examples import Examples, Scheme, Span
from ..file_content import decode, read_bytes, source_name
from ..file_format import check_format, suffix_of, table_of
from ..origin import Origin, check_fixed, names_given, origin_columns, origin_facts
from ..parquet import read_parquet
from ..plurals import counted
from ..raw_table import RawTable
from .joining import are_characters, join_words
from .rows import read_rows
from .schemes import SCHEME_NAMES, UNTYPED, faults_of_tags, spans_of_tags, tags_of_spans, tell_scheme
from .word_columns import TaggedWords, read_columns

TaggedFormat = Literal["columns", "conllu", "jsonl", "csv", "tsv", "parquet"]

_SUFFIXES: dict[str, TaggedFormat] = {
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".conllu": "conllu",
}


def read_tagged(
    path: str | Path,
    *,
    text: Column | None = None,
    label: Column | None = None,
    format: str | None = None,
    labelled: bool | None = True,
    origin: Origin | None = None,
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
            or the texts, found by itself when it is a usual one.
        label: The column of the tags, by number from 0, the last by default; in rows the name of the tags or
            the spans.
        format: One of columns, conllu, jsonl, csv, tsv, parquet; by default the file's name and content tell.
        labelled: Whether every row must have tags (True), they are not read (False), or they are read if
            there are any (None).
        origin: The columns that say where rows belong; of word columns only the group "document", which a
            line -DOCSTART- or "# newdoc" begins.
        skip_incomplete: Whether rows of a table without words, text, tags or spans are left out.

    Raises:
        DataError: the file cannot be read, a line has too few columns, tags and words differ in number, or a
            span is empty or lies outside of its text; names file and line.
        SettingError: the format is unknown, or one column is given for two things.
    """
    check_format(format, get_args(TaggedFormat))
    source, data = source_name(path), read_bytes(path)
    layout = (text, label, labelled, origin, skip_incomplete)
    if format == "parquet" or data.startswith(b"PAR1"):
        return _of_table(read_parquet(data, source), *layout)
    content = decode(data, source)
    format = format or _format_of(str(path), content)
    if format not in ("columns", "conllu"):
        table = table_of(content, source, format, names_given(origin, text, label))
        return _of_table(table, *layout)
    grouped = check_fixed(source, origin, "document", "its columns hold words and tags")
    words = read_columns(content, source, text, label, labelled, conllu=format == "conllu")
    if grouped and not any(words.documents):
        raise DataError(f"{source} has no documents: no line begins with -DOCSTART- or # newdoc")
    found = _of_words(words, source)
    return replace(found, groups=list(map(str, words.documents))) if grouped else found


def _format_of(path: str, content: str) -> str:
    if found := _SUFFIXES.get(suffix_of(path)):
        return found
    return "jsonl" if re.match(r'\s*(\[\s*)?\{\s*"', content) else "columns"


def _of_words(words: TaggedWords, source: str) -> Examples:
    """Examples of words and their tags."""
    bounds = list(pairwise(words.offsets))
    characters = are_characters(words.words)
    scheme: Scheme | None = None
    if words.tags is not None:
        tags = words.tags
        scheme = tell_scheme(tags[first:end] for first, end in bounds)
    texts: list[str] = []
    labels: list[tuple[Span, ...]] = []
    all_starts: list[list[int]] = []
    for first, end in bounds:
        here = words.words[first:end]
        touching = None if words.touching is None else words.touching[first:end]
        text, starts = join_words(here, characters, touching)
        texts.append(text)
        all_starts.append(starts)
        if scheme is not None:
            labels.append(
                tuple(
                    Span(starts[left], starts[right - 1] + len(here[right - 1]), type_)
                    for left, right, type_ in spans_of_tags(tags[first:end], scheme)
                    if not "".join(here[left:right]).isspace()
                )
            )
    return Examples(
        segments=(texts,),
        labels=None if scheme is None else labels,
        source=source,
        lines=words.lines,
        notes=(*_size(words), *words.notes, *(() if scheme is None else _notes_on_tags(words, tags, scheme))),
        scheme=scheme,
        words=all_starts,
    )


def _size(words: TaggedWords) -> list[str]:
    """How many sentences and words there are, and how many of those are only spacing."""
    sentences = counted(len(words.offsets) - 1, "sentence")
    notes = [f"{sentences} of {counted(len(words.words), 'word')}."]
    if blank := sum(map(str.isspace, words.words)):
        notes.append(f"{counted(blank, 'word')} of white space alone: read as spacing, without a tag.")
    return notes


def _notes_on_tags(words: TaggedWords, tags: Sequence[str], scheme: Scheme) -> list[str]:
    """What scheme was seen, and how many tags do not follow it."""
    if scheme == "words":
        return [f"Each word has a tag of its own, {counted(len(set(tags)), 'different one')}."]
    name = SCHEME_NAMES[scheme]
    notes = [f"The tags are {name}."]
    if not set(tags).isdisjoint("BIESLUMW"):
        notes.append(f"Tags without a type are of the type {UNTYPED!r}.")
    count = 0
    for sentence, (first, end) in enumerate(pairwise(words.offsets)):
        faults = faults_of_tags(tags[first:end], scheme)
        if faults and not count:
            place, phrase = faults[0]
            told = f"the first in {_line(words, sentence, first + place)}: {phrase}"
        count += len(faults)
    if count:
        verb = "does" if count == 1 else "do"
        notes.append(
            f"{counted(count, 'tag')} {verb} not follow {name}, {told}; read as conlleval reads them."
        )
    return notes


def _line(words: TaggedWords, sentence: int, word: int) -> str:
    if words.word_lines is not None:
        return f"line {words.word_lines[word]}"
    if words.lines is not None:
        return f"line {words.lines[sentence]}"
    return f"row {sentence + 1}"


def _of_table(
    table: RawTable,
    text: Column | None,
    label: Column | None,
    labelled: bool | None,
    origin: Origin | None,
    skip_incomplete: bool,
) -> Examples:
    """Examples of rows that hold words and tags, or texts and spans."""
    found, table = read_rows(table, text, label, labelled, skip_incomplete)
    belongs = origin_facts(table, origin_columns(table, origin, text, label))
    if isinstance(found, TaggedWords):
        return replace(_of_words(found, table.source), **belongs)
    return Examples(
        segments=(found.texts,),
        labels=found.spans,
        source=table.source,
        lines=table.lines,
        notes=found.notes,
        scheme=None if found.spans is None else "spans",
        **belongs,
    )


def tagged_words(rows: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] | None = None) -> Examples:
    """Examples from lists of words and of their tags, as sklearn-crfsuite and seqeval have them.

    Raises:
        DataError: a word or a tag is no text or empty, or a row has another number of tags than of words.
    """
    words = [_texts(row, number, "word") for number, row in enumerate(rows)]
    found = None if tags is None else [_texts(row, number, "tag") for number, row in enumerate(tags)]
    for number, (row, its_tags) in enumerate(zip(words, found or ())):
        if len(its_tags) != len(row):
            raise DataError(f"row {number + 1}: {len(row)} words, but {len(its_tags)} tags")
    flat = None if found is None else [tag for row in found for tag in row]
    offsets = list(accumulate(map(len, words), initial=0))
    return _of_words(TaggedWords([word for row in words for word in row], flat, offsets, None), "the data")


def _texts(row: Any, number: int, what: str) -> list[str]:
    """The words or the tags of a row; a column gives one that stands alone."""
    given = [row] if what == "tag" and isinstance(row, str) else row
    if not isinstance(given, list | tuple) or not all(isinstance(one, str) and one for one in given):
        found = repr(row)[:60]
        raise DataError(f"row {number + 1}: a list of {what}s is expected, each a text; found {found}")
    return list(given)


def tags_of_words(
    rows: Sequence[Sequence[str]], spans: Sequence[Sequence[Span]], scheme: Scheme = "bio"
) -> list[list[str]]:
    """The tags of the words that `tagged_words` was given, from spans of the texts that it made of them.

    A word that a span covers in part counts as covered; of two such spans the first has it.

    Args:
        rows: The lists of words.
        spans: The spans of each text, in order.
        scheme: `"bio"` or `"bioes"`; `"words"`: each word has the tag of the span that its beginning is in.
    """
    characters = are_characters([word for words in rows for word in words])
    found = []
    for words, here in zip(rows, spans, strict=True):
        _, starts = join_words(words, characters)
        ends = [start + len(word) for start, word in zip(starts, words)]
        if scheme == "words":
            tag_of = {start: span.type for span in here for start in range(span.start, span.end)}
            found.append([tag_of.get(start, "O") for start in starts])
            continue
        covered: list[tuple[int, int, str]] = []
        for span in here:
            first = max(bisect_right(ends, span.start), covered[-1][1] if covered else 0)
            last = bisect_left(starts, span.end)
            if last > first:
                covered.append((first, last, span.type))
        found.append(tags_of_spans(covered, len(words), scheme))
    return found
