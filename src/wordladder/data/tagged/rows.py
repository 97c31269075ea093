"""Rows of a table that hold words and their tags, or texts and their spans → Examples."""

from dataclasses import replace

from ...errors import DataError
from ..columns import ColumnFinder, missing_column
from ..examples import Examples
from ..raw_table import RawTable, drop_incomplete, is_missing, parse_json_cells
from ..split_columns import RowLayout, read_split_columns
from .marked_spans import read_spans
from .words import examples_of_words, words_of_lists

_WORDS = ("tokens", "words", "token", "word")
_TAGS = ("ner_tags", "tags", "labels", "label", "ner", "entities", "upos", "pos_tags", "pos")
_TEXTS = ("text", "sentence", "content", "input", "query", "文本")
_SPANS = ("entities", "spans", "label", "labels", "annotations", "ner")


def read_rows(table: RawTable, layout: RowLayout) -> Examples:
    """The words and tags of a table whose texts are lists of words, else its texts and spans.

    Args:
        table: The table.
        layout: Where they are: the arguments of `read_tagged`.

    Raises:
        DataError: a column is not there, or a row cannot be used; names the line.
        SettingError: one column is given for both.
    """
    text, label, labelled, split_columns, skip_incomplete = layout
    finder = ColumnFinder(table)
    text_column = finder.find(text, (*_WORDS, *_TEXTS), "words or the text")
    if text_column is None:
        raise missing_column(table, "words or the text", "text")
    of_words = any(isinstance(cell, list) for cell in parse_json_cells(table.column(text_column)))
    usual, what = (_TAGS, "tags of the words") if of_words else (_SPANS, "spans of the text")
    label_column = finder.find_label(label, usual, what, labelled)
    if skip_incomplete:
        table = drop_incomplete(table, (text_column,), label_column)
    table = replace(table, notes=(*table.notes, *finder.notes))
    labels = None if label_column is None else parse_json_cells(table.column(label_column))
    for row, cell in enumerate(labels or ()):
        if is_missing(cell):
            raise DataError(f"{table.location(row)}: the tags or spans are missing; write [] for none.")
    splits = read_split_columns(table, split_columns, text, label)
    if of_words:
        rows = parse_json_cells(table.column(text_column))
        words = words_of_lists(rows, labels, table.location)
        words = words._replace(lines=table.lines, notes=table.notes)
        return replace(examples_of_words(words, table.source), **splits)
    texts = table.texts(text_column)
    if labels is None:
        return Examples((texts,), None, table.source, table.lines, table.notes, **splits)
    spans, notes = read_spans(table, texts, labels)
    return Examples((texts,), spans, table.source, table.lines, (*table.notes, *notes), "spans", **splits)
