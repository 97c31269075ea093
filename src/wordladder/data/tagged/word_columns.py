"""Columns, a word a line with a blank line between sentences → the words and tags of a file.

Lines as CoNLL-2003 has them, separated by tabs or by spaces; CoNLL-U is recognised.
"""

import io
import re
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from ...errors import DataError, SettingError, did_you_mean
from ..columns import Column
from ..plurals import counted

_DOCUMENT = "-DOCSTART-"
_NEW_DOCUMENT = re.compile(r"# ?newdoc\b")
_CONLLU = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
_CONLLU_ID = re.compile(r"[0-9]+([-.][0-9]+)?")
_GAP = re.compile(r"[ \t]+")
_NO_SPACE = "SpaceAfter=No"
_KNOWN_LINES = 1 << 17
_JUDGED_LINES = 5000


class TaggedWords(NamedTuple):
    """The words of a file, sentence after sentence.

    Attributes:
        words: All words, none empty; equal ones are one object.
        tags: A tag a word; None: not read.
        offsets: The words of sentence `s` are `[s]:[s + 1]`: sentences + 1 numbers.
        lines: The line on which each sentence begins; None: the file has no lines.
        word_lines: The line of each word; None: that of its sentence.
        notes: What was left out.
        touching: Whether the next word follows each without a space; None: not said.
        documents: The number of the document of each sentence, from 1; 0 before the first, and where the file
            tells of none.
    """

    words: list[str]
    tags: list[str] | None
    offsets: list[int]
    lines: np.ndarray | None
    word_lines: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    documents: Sequence[int] = ()
    touching: Sequence[bool] | None = None


class _Layout(NamedTuple):
    """Where the columns of a file are: `width` of them on `line`, which is the first that has a word."""

    tabs: bool
    width: int
    line: int
    word: int
    tag: int | None
    space: int | None  # the column that says whether a space follows
    exact: bool  # whether each line must have the same width, for the tag is the last
    conllu: bool

    @property
    def needed(self) -> int:
        """The columns that a line must have at least."""
        return self.width if self.exact else 1 + max(self.word, self.tag or 0)

    def fields(self, line: str) -> list[str]:
        """The columns of a line. Tabs at its end are none; white space at its beginning may be a word."""
        fields = _fields(line, self.tabs)
        while len(fields) > self.width and not fields[-1].strip():
            del fields[-1]
        if self.word == 0 and line[:1].isspace():
            usual = self.width if self.tag is None else self.needed
            if self.tabs and len(fields) > self.width and not fields[1]:
                return [line[0], *fields[2:]]
            if not self.tabs and len(fields) == usual - 1:
                return [line[0], *fields]
        return fields

    def touches(self, fields: list[str]) -> bool:
        """Whether the next word follows without a space, as Flair and CoNLL-U write it."""
        if self.space is None or self.space >= len(fields):
            return False
        said = fields[self.space]
        return _NO_SPACE in said.split("|") or (said == "-" and not self.conllu)

    def is_comment(self, line: str) -> bool:
        """Whether a line at the beginning of a sentence is a comment, not the word "#"."""
        if self.conllu:
            return line.startswith("#")
        return line.startswith("# ") and ("=" in line or len(self.fields(line)) != self.width)


def _fields(line: str, tabs: bool) -> list[str]:
    if tabs:
        return [field.strip(" ") or field for field in line.split("\t")]
    fields = line.split(" ")
    return [field for field in _GAP.split(line) if field] if "" in fields or "\t" in line else fields


def read_columns(
    text: str,
    source: str,
    word: Column | None = None,
    tag: Column | None = None,
    labelled: bool | None = True,
    conllu: bool = False,
) -> TaggedWords:
    """The words and tags of a file of columns.

    Args:
        text: The file's text.
        source: Its name, for messages.
        word: The column of the words, by number from 0 (in CoNLL-U also by name); None: the first, in CoNLL-U
            the form.
        tag: The column of the tags; None: the last, in CoNLL-U the universal part of speech.
        labelled: Whether tags are read; None: if there is more than one column.
        conllu: The file is CoNLL-U, also if it does not look it.

    Raises:
        DataError: the file has no words, a line has too few columns, or a word or a tag is empty.
        SettingError: a column is not given by number, or one column is given for both.
    """
    layout = _layout_of(text, source, word, tag, labelled, conllu)
    lines = _Lines(layout, source)
    words: list[str] = []
    tags: list[str] = []
    offsets, documents, numbers, touching = [0], list[int](), array("q"), list[bool]()
    for number, line in enumerate(io.StringIO(text), start=1):
        found = lines.known.get(line) or lines.read(line, number, len(words) == offsets[-1])
        if found is not None:
            if len(words) == offsets[-1]:
                documents.append(lines.documents)
            words.append(found[0])
            tags.append(found[1])
            touching.append(lines.ends_range(line) or found[2])
            numbers.append(number)
        elif lines.ended and len(words) > offsets[-1]:
            offsets.append(len(words))
    if len(words) > offsets[-1]:
        offsets.append(len(words))
    if not words:
        raise DataError(f"{source} has no words.")
    word_lines = np.array(numbers, dtype=np.int64)
    first_lines = word_lines[np.array(offsets[:-1], dtype=np.int64)]
    its_tags = None if layout.tag is None else tags
    notes = _notes(lines.left_out)
    said = touching if any(touching) else None
    if said is not None:
        verb = "touches" if sum(said) == 1 else "touch"
        notes += (f"{counted(sum(said), 'word')} {verb} the next, as column {layout.space} says.",)
    return TaggedWords(words, its_tags, offsets, first_lines, word_lines, notes, documents, said)


class _Lines:
    """Lines → words and tags. Lines come back, so that most are known after a while and read once.

    `ended` says whether the last line that held no word ended its sentence; `left_out` counts the others, and
    `documents` those that begin a document.
    """

    def __init__(self, layout: _Layout, source: str) -> None:
        self.layout, self.source = layout, source
        self.known: dict[str, tuple[str, str, bool]] = {}
        self.left_out: Counter[str] = Counter()
        self.ended = True
        self.documents = 0
        self._texts: dict[str, str] = {}
        self._range = ""  # how the line begins that ends a range of words which touches the next word

    def ends_range(self, line: str) -> bool:
        """Whether a word ends a range, such as 1-2, that touches the next word."""
        ends = bool(self._range) and line.startswith(self._range)
        self._range = "" if ends else self._range
        return ends

    def read(self, line: str, number: int, begins: bool) -> tuple[str, str, bool] | None:
        """The word of a line, its tag ("": not read), and whether it touches the next; None: it holds none.

        Args:
            line: The line.
            number: Its number, for messages.
            begins: Whether a sentence begins here.
        """
        layout = self.layout
        document = line.startswith(_DOCUMENT)
        self.ended = document or line.isspace()
        if self.ended:
            self.left_out[_DOCUMENT] += document
            self.documents += document
            return None
        bare = line.rstrip("\r\n")
        if begins and layout.is_comment(bare):
            self.left_out["comment"] += 1
            self.documents += bool(_NEW_DOCUMENT.match(bare))
            return None
        fields = layout.fields(bare)
        if layout.conllu and not fields[0].isdigit() and _CONLLU_ID.fullmatch(fields[0]):
            _, dash, last = fields[0].partition("-")
            self.left_out["range" if dash else "empty node"] += 1
            if dash:
                self._range = f"{last}\t" if layout.touches(fields) else ""
            return None
        word, tag = (self._texts.setdefault(part, part) for part in self._parts(fields, number))
        found = word, tag, layout.touches(fields)
        if len(self.known) < _KNOWN_LINES and not line.startswith("#"):
            self.known[line] = found
        return found

    def _parts(self, fields: list[str], number: int) -> tuple[str, str]:
        layout, needed = self.layout, self.layout.needed
        if len(fields) < needed or (layout.exact and len(fields) > needed):
            line = ("\t" if layout.tabs else " ").join(fields)
            raise DataError(
                f"{self.source}, line {number}: {counted(len(fields), 'column')} ({line[:60]!r}), but line "
                f"{layout.line} has {layout.width}, separated by {'tabs' if layout.tabs else 'spaces'}. "
                "Each line holds one word and its tags; a blank line ends a sentence."
            )
        word, tag = fields[layout.word], "" if layout.tag is None else fields[layout.tag]
        for column, part, what in ((layout.word, word, "word"), (layout.tag, tag, "tag")):
            if column is not None and not (part if what == "word" else part.strip()):
                raise DataError(f"{self.source}, line {number}: the {what} in column {column} is empty.")
        return word, tag


def _layout_of(
    text: str, source: str, word: Column | None, tag: Column | None, labelled: bool | None, conllu: bool
) -> _Layout:
    """The layout, by the first line that holds a word."""
    number, line = _first_line(text, source)
    tabs = "\t" in line.strip(" \t")
    fields = _fields(line, tabs)
    conllu = conllu or (tabs and len(fields) == 10 and bool(_CONLLU_ID.fullmatch(fields[0])))
    while not conllu and len(fields) > 1 and not fields[-1].strip():
        del fields[-1]
    last = len(fields) - 1
    spaced = last == 9 if conllu else _tells_spaces(text, tabs, len(fields))
    usual = (1, 3) if conllu else (0, last - spaced)
    word_place = usual[0] if word is None else _place(word, "text", conllu)
    tag_place: int | None = usual[1] if tag is None else _place(tag, "label", conllu)
    if labelled is False or (labelled is None and len(fields) == 1):
        tag_place = None
    elif len(fields) == 1:
        raise DataError(
            f"{source}, line {number}: {line[:60]!r} is one column; a word and its tag are expected, "
            "separated by a space or a tab."
        )
    for place in (word_place, tag_place):
        if place is not None and place >= len(fields):
            raise DataError(
                f"{source} has no column number {place}: the first is 0, and line {number} has {len(fields)}."
            )
    if word_place == tag_place:
        raise SettingError(
            f"{source}: text and label must be different columns, but both are column {tag_place}."
        )
    exact = tag is None and tag_place is not None
    space = last if spaced and last not in (word_place, tag_place) else None
    return _Layout(tabs, len(fields), number, word_place, tag_place, space, exact, conllu)


def _tells_spaces(text: str, tabs: bool, width: int) -> bool:
    """Whether the last of three columns or more says if a space follows: by + and -, or by SpaceAfter=No."""
    if width < 3:
        return False
    lines = (line for line in io.StringIO(text) if not (line.isspace() or line.startswith((_DOCUMENT, "#"))))
    said = {_fields(line.rstrip(), tabs)[-1] for line in islice(lines, _JUDGED_LINES)}
    return ("+" in said and said <= {"+", "-"}) or (_NO_SPACE in said and said <= {_NO_SPACE, "_"})


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


def _place(column: Column, what: str, conllu: bool) -> int:
    if isinstance(column, str) and conllu and column.lower() in _CONLLU:
        return _CONLLU.index(column.lower())
    if isinstance(column, str) and column.isdecimal():
        return int(column)
    if isinstance(column, int) and not isinstance(column, bool) and column >= 0:
        return column
    hint = did_you_mean(str(column), _CONLLU) if conllu else " The first is 0."
    raise SettingError(f"{what} is {column!r}, but columns of words go by number.{hint}")


def _notes(left_out: Counter[str]) -> tuple[str, ...]:
    kinds = {
        _DOCUMENT: f"{_DOCUMENT} line",
        "comment": "comment line",
        "range": "line of a word range, such as 1-2,",
        "empty node": "line of an empty node, such as 1.1,",
    }
    notes = []
    for kind, name in kinds.items():
        if number := left_out[kind]:
            many = name.replace("line", "lines", 1)
            notes.append(f"{counted(number, name, many)} {'was' if number == 1 else 'were'} left out.")
    return tuple(notes)
