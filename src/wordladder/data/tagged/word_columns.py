"""Columns, a word a line with a blank line between sentences → the words and tags of a file.

Lines as CoNLL-2003 has them, separated by tabs or by spaces; CoNLL-U is recognised.
"""

import io
import re
from array import array
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from ...errors import DataError, SettingError, did_you_mean
from ..columns import Column
from ..plurals import counted
from .words import TaggedWords

_DOCUMENT = "-DOCSTART-"
_NEW_DOCUMENT = re.compile(r"# ?newdoc\b")
_CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_CONLLU_ID = re.compile(r"[0-9]+([-.][0-9]+)?")
_GAP = re.compile(r"[ \t]+")
_NO_SPACE = "SpaceAfter=No"
_CACHED_LINES = 1 << 17
_JUDGED_LINES = 5000
_SKIPPED = {  # lines without a word: one, and several
    _DOCUMENT: (f"{_DOCUMENT} line was", f"{_DOCUMENT} lines were"),
    "comment": ("comment line was", "comment lines were"),
    "range": ("line of a word range, such as 1-2, was", "lines of a word range, such as 1-2, were"),
    "empty node": ("line of an empty node, such as 1.1, was", "lines of an empty node, such as 1.1, were"),
}


def _split_fields(line: str, tabs: bool) -> list[str]:
    if tabs:
        return [field.strip(" ") or field for field in line.split("\t")]
    fields = line.split(" ")
    return [field for field in _GAP.split(line) if field] if "" in fields or "\t" in line else fields


def read_columns(
    text: str, source: str, word: Column | None, tag: Column | None, labelled: bool | None, conllu: bool
) -> TaggedWords:
    """The words and tags of a file of columns.

    Args:
        text: The file's text.
        source: Its name, for messages.
        word: The column of the words, by number from 0 (in CoNLL-U also by name); None: the first, in CoNLL-U
            the form.
        tag: The column of the tags; None: the last, in CoNLL-U the universal part of speech.
        labelled: Whether tags are read; None: if there is more than one column.
        conllu: The file is CoNLL-U, even if it does not look like it.

    Raises:
        DataError: the file has no words, a line has too few columns, or a word or a tag is empty.
        SettingError: a column is not given by number, or one column is given for both.
    """
    lines = _find_layout(text, source, word, tag, labelled, conllu)
    words: list[str] = []
    tags: list[str] = []
    offsets, documents, numbers, no_space_after = [0], list[int](), array("q"), list[bool]()
    for number, line in enumerate(io.StringIO(text), start=1):
        begins = len(words) == offsets[-1]
        fields = lines.cache.get(line) or lines.read(line, number, begins)
        if fields is not None:
            if begins:
                documents.append(lines.documents)
            words.append(fields[0])
            tags.append(fields[1])
            no_space_after.append(lines.ends_range(line) or fields[2])
            numbers.append(number)
        elif lines.ended and not begins:
            offsets.append(len(words))
    if len(words) > offsets[-1]:
        offsets.append(len(words))
    if not words:
        raise DataError(f"{source} has no words.")
    word_lines = np.array(numbers, dtype=np.int64)
    notes = [f"{counted(n, *_SKIPPED[kind])} left out." for kind, n in lines.skipped.items() if n]
    if count := sum(no_space_after):
        touching = counted(count, "word touches", "words touch")
        notes.append(f"{touching} the next, as column {lines.space} says.")
    first_lines, touches = word_lines[offsets[:-1]], no_space_after if count else None
    read_tags = None if lines.tag is None else tags
    return TaggedWords(words, read_tags, offsets, first_lines, word_lines, tuple(notes), documents, touches)


@dataclass
class _LineReader:
    """Lines → words and tags. Lines repeat, so that most are in the cache after a while.

    Attributes:
        source: The file, for messages.
        tabs: Whether tabs separate the columns.
        width: How many columns there are on the first line that has a word.
        first: The number of that line.
        word: The column of the words.
        tag: The column of the tags; None: not read.
        space: The column that says whether a space follows; None: none does.
        exact: Whether each line must have the same width, because the tag is the last.
        conllu: Whether the file is CoNLL-U.
        cache: The words and tags of lines read before.
        skipped: How many lines without a word there were, by kind.
        documents: How many documents have begun.
        ended: Whether the last line without a word ended its sentence.
    """

    source: str
    tabs: bool
    width: int
    first: int
    word: int
    tag: int | None
    space: int | None
    exact: bool
    conllu: bool
    cache: dict[str, tuple[str, str, bool]] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_SKIPPED, 0))
    documents: int = 0
    ended: bool = True
    _texts: dict[str, str] = field(default_factory=dict)
    _range: str = ""  # how the line begins that ends a range of words which touches the next word

    @property
    def needed(self) -> int:
        """The columns that a line must have at least."""
        return self.width if self.exact else 1 + max(self.word, self.tag or 0)

    def ends_range(self, line: str) -> bool:
        """Whether a word ends a range, such as 1-2, that touches the next word."""
        ends = bool(self._range) and line.startswith(self._range)
        self._range = "" if ends else self._range
        return ends

    def read(self, line: str, number: int, begins: bool) -> tuple[str, str, bool] | None:
        """The word of a line, its tag ("": not read), and whether it touches the next; None: it has no word.

        Args:
            line: The line.
            number: Its number, for messages.
            begins: Whether a sentence begins here.
        """
        is_document = line.startswith(_DOCUMENT)
        self.ended = is_document or line.isspace()
        if self.ended:
            self.skipped[_DOCUMENT] += is_document
            self.documents += is_document
            return None
        bare = line.rstrip("\r\n")
        if begins and self._is_comment(bare):
            self.skipped["comment"] += 1
            self.documents += bool(_NEW_DOCUMENT.match(bare))
            return None
        fields = self._fields(bare)
        if self.conllu and not fields[0].isdigit() and _CONLLU_ID.fullmatch(fields[0]):
            _, dash, last = fields[0].partition("-")
            self.skipped["range" if dash else "empty node"] += 1
            if dash:
                self._range = f"{last}\t" if self._has_no_space_after(fields) else ""
            return None
        self._check(fields, number)
        word = fields[self.word]
        tag = "" if self.tag is None else fields[self.tag]
        word, tag = self._texts.setdefault(word, word), self._texts.setdefault(tag, tag)
        result = word, tag, self._has_no_space_after(fields)
        if len(self.cache) < _CACHED_LINES and not line.startswith("#"):
            self.cache[line] = result
        return result

    def _check(self, fields: list[str], number: int) -> None:
        if len(fields) < self.needed or (self.exact and len(fields) > self.needed):
            line = ("\t" if self.tabs else " ").join(fields)
            raise DataError(
                f"{self.source}, line {number}: {counted(len(fields), 'column')} ({line[:60]!r}), but line "
                f"{self.first} has {self.width}, separated by {'tabs' if self.tabs else 'spaces'}. "
                "Each line holds one word and its tags; a blank line ends a sentence."
            )
        empty = f"{self.source}, line {number}: the {{}} in column {{}} is empty."
        if not fields[self.word]:
            raise DataError(empty.format("word", self.word))
        if self.tag is not None and not fields[self.tag].strip():
            raise DataError(empty.format("tag", self.tag))

    def _fields(self, line: str) -> list[str]:
        """The columns of a line. Tabs at its end are none; white space at its beginning may be a word."""
        fields = _split_fields(line, self.tabs)
        while len(fields) > self.width and not fields[-1].strip():
            del fields[-1]
        if self.word == 0 and line[:1].isspace():
            usual = self.width if self.tag is None else self.needed
            if self.tabs and len(fields) > self.width and not fields[1]:
                return [line[0], *fields[2:]]
            if not self.tabs and len(fields) == usual - 1:
                return [line[0], *fields]
        return fields

    def _has_no_space_after(self, fields: list[str]) -> bool:
        """Whether the next word follows without a space, as Flair and CoNLL-U write it."""
        if self.space is None or self.space >= len(fields):
            return False
        field = fields[self.space]
        return _NO_SPACE in field.split("|") or (field == "-" and not self.conllu)

    def _is_comment(self, line: str) -> bool:
        """Whether a line at the beginning of a sentence is a comment, not the word "#"."""
        if self.conllu:
            return line.startswith("#")
        return line.startswith("# ") and ("=" in line or len(self._fields(line)) != self.width)


def _find_layout(
    text: str, source: str, word: Column | None, tag: Column | None, labelled: bool | None, conllu: bool
) -> _LineReader:
    """A reader for the layout of the file, by the first line that holds a word."""
    number, line = _first_line(text, source)
    tabs = "\t" in line.strip(" \t")
    fields = _split_fields(line, tabs)
    conllu = conllu or (tabs and len(fields) == 10 and bool(_CONLLU_ID.fullmatch(fields[0])))
    while not conllu and len(fields) > 1 and not fields[-1].strip():
        del fields[-1]
    last = len(fields) - 1
    has_spaces = last == 9 if conllu else _says_spaces(text, tabs, len(fields))
    usual = (1, 3) if conllu else (0, last - has_spaces)
    word_column = usual[0] if word is None else _column_number(word, "text", conllu)
    tag_column: int | None = usual[1] if tag is None else _column_number(tag, "label", conllu)
    if labelled is False or (labelled is None and len(fields) == 1):
        tag_column = None
    elif len(fields) == 1:
        raise DataError(
            f"{source}, line {number}: {line[:60]!r} is one column; a word and its tag are expected, "
            "separated by a space or a tab."
        )
    largest = max(word_column, tag_column or 0)
    if largest > last:
        raise DataError(f"{source} has no column number {largest}: line {number} has 0 to {last}.")
    if word_column == tag_column:
        raise SettingError(f"{source}: text and label must be different columns, but both are {tag_column}.")
    exact = tag is None and tag_column is not None
    space = last if has_spaces and last not in (word_column, tag_column) else None
    return _LineReader(source, tabs, len(fields), number, word_column, tag_column, space, exact, conllu)


def _says_spaces(text: str, tabs: bool, width: int) -> bool:
    """Whether the last of three columns or more says if a space follows: by + and -, or by SpaceAfter=No."""
    if width < 3:
        return False
    lines = (line for line in io.StringIO(text) if not (line.isspace() or line.startswith((_DOCUMENT, "#"))))
    values = {_split_fields(line.rstrip(), tabs)[-1] for line in islice(lines, _JUDGED_LINES)}
    return ("+" in values and values <= {"+", "-"}) or (_NO_SPACE in values and values <= {_NO_SPACE, "_"})


def _first_line(text: str, source: str) -> tuple[int, str]:
    """The first line with a word; one that may be a comment, or white space as a word, only if there is no
    other.
    """
    comment = None
    for number, line in enumerate(io.StringIO(text), start=1):
        if line.isspace() or line.startswith(_DOCUMENT):
            continue
        if not line.startswith(("#", " ", "\t")):
            return number, line.rstrip("\r\n")
        comment = comment or (number, line.rstrip("\r\n"))
    if comment is None:
        raise DataError(f"{source} has no words: all its lines are blank or {_DOCUMENT}.")
    return comment


def _column_number(column: Column, what: str, conllu: bool) -> int:
    if isinstance(column, str) and conllu and column.lower() in _CONLLU:
        return _CONLLU.index(column.lower())
    if not isinstance(column, bool) and str(column).isdecimal():
        return int(column)
    hint = did_you_mean(str(column), _CONLLU) if conllu else " The first is 0."
    raise SettingError(f"{what} is {column!r}, but columns of words go by number.{hint}")
