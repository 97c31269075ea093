"""Rows of a table that hold words and their tags, or texts and their spans → the parts of tagged examples."""

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import DataError, SettingError
from ..cells import complete, text_of, unpacked
from ..columns import Column, find_column, listed
from ..examples import Span
from ..labels import is_missing
from ..raw_table import RawTable
from .marked_spans import marked_spans
from .word_columns import TaggedWords

_WORDS = ("tokens", "words", "token", "word")
_TAGS = ("ner_tags", "tags", "labels", "label", "ner", "entities", "upos", "pos_tags", "pos")
_TEXTS = ("text", "sentence", "content", "input", "query", "文本")
_SPANS = ("entities", "spans", "label", "labels", "annotations", "ner")


class MarkedTexts(NamedTuple):
    """Texts and the spans of each; None: not read."""

    texts: list[str]
    spans: list[tuple[Span, ...]] | None
    notes: tuple[str, ...]


def read_rows(
    table: RawTable,
    text: Column | None,
    label: Column | None,
    labelled: bool | None,
    skip_incomplete: bool = False,
) -> tuple[TaggedWords | MarkedTexts, RawTable]:
    """The words and tags of a table whose texts are lists of words, else its texts and spans; and the table
    of the rows that were read.

    Args:
        table: The table.
        text: The column of the words or the texts; None: found by its name.
        label: The column of the tags or the spans; None: found by its name.
        labelled: Whether there must be tags (True), they are not read (False), or are read if there are
            any (None).
        skip_incomplete: Whether rows that lack something are left out.

    Raises:
        DataError: a column is not there, or a row cannot be used; names the line.
        SettingError: one column is given for both.
    """
    text_column, text_note = find_column(table, text, (*_WORDS, *_TEXTS))
    if text_column is None:
        raise DataError(
            f"{table.source}: which column holds the words or the text? Name it (text, --text). "
            f"{listed(table)}"
        )
    texts = unpacked(table.column(text_column))
    of_words = any(isinstance(cell, list) for cell in texts)
    label_column, label_note = None, None
    if labelled is not False:
        label_column, label_note = find_column(table, label, _TAGS if of_words else _SPANS, (text_column,))
    if label_column == text_column:
        raise SettingError(
            f"{table.source}: text and label must be different columns, but both are {text!r}."
        )
    if label_column is None and labelled:
        what = "tags of the words" if of_words else "spans of the text"
        raise DataError(
            f"{table.source}: which column holds the {what}? Name it (label, --label). {listed(table)}"
        )
    if label_column is not None and not labelled and all(map(is_missing, table.column(label_column))):
        label_column = None
    if skip_incomplete:
        table = complete(table, (text_column,), label_column)
        texts = unpacked(table.column(text_column))
    cells = None if label_column is None else unpacked(table.column(label_column))
    notes = tuple(note for note in (text_note, label_note) if note is not None)
    if cells is not None:
        _check_all_there(table, cells)
    if of_words:
        return _words(table, texts, cells, notes), table
    sentences = [text_of(table, row, text_column, cell) for row, cell in enumerate(texts)]
    if cells is None:
        return MarkedTexts(sentences, None, table.notes + notes), table
    spans, told = marked_spans(table, sentences, cells)
    return MarkedTexts(sentences, spans, (*table.notes, *notes, *told)), table


def _check_all_there(table: RawTable, cells: Sequence[object]) -> None:
    for row, cell in enumerate(cells):
        if is_missing(cell):
            raise DataError(
                f"{table.where(row)}: the tags or spans are missing. Every row needs them; [] says "
                "that there are none."
            )


def _words(
    table: RawTable, rows: Sequence[object], cells: Sequence[object] | None, notes: tuple[str, ...]
) -> TaggedWords:
    """Lists of words and lists of tags, one after the other."""
    words: list[str] = []
    tags: list[str] = []
    offsets = [0]
    known: dict[str, str] = {}
    for row, cell in enumerate(rows):
        here = _strings(table, row, cell, "word")
        words += [known.setdefault(word, word) for word in here]
        offsets.append(len(words))
        if cells is not None:
            its_tags = _strings(table, row, cells[row], "tag")
            if len(its_tags) != len(here):
                raise DataError(
                    f"{table.where(row)}: {len(here)} words, but {len(its_tags)} tags. Each word needs one."
                )
            tags += [known.setdefault(tag, tag) for tag in its_tags]
    return TaggedWords(
        words, None if cells is None else tags, offsets, table.lines, notes=table.notes + notes
    )


def _strings(table: RawTable, row: int, cell: object, what: str) -> list[str]:
    """A cell that must hold a list of words or of tags, none of them empty."""
    if not isinstance(cell, list):
        raise DataError(f"{table.where(row)}: a list of {what}s is expected, found {str(cell)[:60]!r}")
    for place, entry in enumerate(cell):
        if isinstance(entry, str) and entry:
            continue
        advice = ""
        if what == "tag" and isinstance(entry, int):
            advice = " A number does not tell its tag: write the names, such as B-PER."
        found = "an empty text" if entry == "" else repr(entry)
        raise DataError(f"{table.where(row)}: {what} {place} is {found}, but it must be a text.{advice}")
    return cell
