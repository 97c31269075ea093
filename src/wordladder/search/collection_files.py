"""The files of test collections of retrieval: SMART, as Cranfield and CACM are written, and TREC's SGML."""

import html
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..errors import DataError

_MARK = re.compile(r"\.([A-Z])(?:\s+(\S.*?))?\s*")
_TAG = re.compile(r"<[^<>]*>")
_PIECES = re.compile(r"(?i)(?=<DOC>)")
_TEXT = re.compile(r"(?is)<TEXT>(.*?)</TEXT>")
_TITLE = re.compile(r"(?is)<(TITLE|HEADLINE|HL|TI)>(.*?)</\1>")
_NAME = re.compile(r"(?is)<DOCNO>(.*?)</DOCNO>")
_TOPIC = re.compile(r"(?is)<top>(.*?)</top>")
_TOPIC_NUMBER = re.compile(r"(?i)<num>\s*(?:Number:)?\s*([^\s<]+)")
_TOPIC_TITLE = re.compile(r"(?i)<title>\s*(?:Topic:)?\s*([^<]+)")


class SmartEntry(NamedTuple):
    """A document or a query of a SMART file.

    Attributes:
        line: The line of its `.I`.
        id: What follows `.I`.
        parts: The lines below each mark, by its letter: T title, A author, B source, W text.
    """

    line: int
    id: str
    parts: dict[str, list[str]]

    def text(self, letters: str) -> str:
        """The text below some marks, one after the other."""
        return "\n".join(
            part for letter in letters if (part := "\n".join(self.parts.get(letter, ())).strip())
        )


def read_smart(lines: Iterable[str], source: str) -> Iterator[SmartEntry]:
    """The entries of a SMART file, one after another.

    Args:
        lines: Its lines.
        source: The file, for messages.

    Raises:
        DataError: an entry has no id, or a text stands outside an entry; names the line.
    """
    entry, mark = None, ""
    for number, line in enumerate(lines, start=1):
        found = _MARK.fullmatch(line)
        if found and found[1] == "I":
            if entry is not None:
                yield entry
            if not found[2]:
                raise DataError(f"{source}, line {number}: an id must follow .I")
            entry, mark = SmartEntry(number, found[2], {}), ""
        elif found and not found[2] and entry is not None:
            mark = found[1]
        elif entry is not None and mark:
            entry.parts.setdefault(mark, []).append(line)
        elif line.strip():
            expected = "a mark such as .W" if entry else "an entry, which begins with .I and an id,"
            raise DataError(f"{source}, line {number}: {expected} is expected, found {line.strip()[:40]!r}")
    if entry is not None:
        yield entry


class TrecDocument(NamedTuple):
    """A document of a TREC collection; `line` is that of its <DOC>."""

    line: int
    id: str
    title: str
    text: str


def read_trec(lines: Iterable[str], source: str) -> Iterator[TrecDocument]:
    """The documents of a TREC collection, one after another.

    Args:
        lines: Its lines.
        source: The file, for messages.

    Raises:
        DataError: a <DOC> is not closed or has no <DOCNO> or no <TEXT>, or a text stands outside one; names
            the line.
    """
    begun, parts = 0, list[str]()
    pieces = ((number, piece) for number, line in enumerate(lines, start=1) for piece in _PIECES.split(line))
    for number, piece in pieces:
        if piece[:5].upper() == "<DOC>":
            if begun:
                break
            begun, parts = number, []
        if not begun and _TAG.sub("", piece).strip():
            raise DataError(f"{source}, line {number}: a text outside <DOC>: {piece.strip()[:40]!r}")
        parts.append(piece)
        if begun and "</DOC>" in piece.upper():
            yield _trec_document("\n".join(parts), begun, source)
            begun = 0
    if begun:
        raise DataError(f"{source}, line {begun}: the <DOC> that begins here is not closed.")


def _trec_document(document: str, line: int, source: str) -> TrecDocument:
    name, texts = _NAME.search(document), _TEXT.findall(document)
    for missing, tag in ((name is None, "DOCNO"), (not texts, "TEXT")):
        if missing:
            raise DataError(f"{source}, line {line}: the <DOC> that begins here has no <{tag}>…</{tag}>.")
    title = " ".join(_plain(found[2]) for found in _TITLE.finditer(_TEXT.sub("", document)))
    return TrecDocument(line, _plain(name[1]) if name else "", title, "\n".join(map(_plain, texts)))


def _plain(markup: str) -> str:
    return html.unescape(_TAG.sub("", markup)).strip()


def read_topics(text: str, source: str) -> dict[str, str]:
    """The titles of TREC topics by their numbers, which have no zeros in front, as in judgements.

    Args:
        text: The file's text.
        source: The file, for messages.

    Raises:
        DataError: a topic has no <num> or no <title>, or two have the same number; names the line.
    """
    topics: dict[str, str] = {}
    for found in _TOPIC.finditer(text):
        number, title = _TOPIC_NUMBER.search(found[1]), _TOPIC_TITLE.search(found[1])
        place = f"{source}, line {text.count(chr(10), 0, found.start()) + 1}"
        if number is None or title is None or not title[1].strip():
            raise DataError(f"{place}: the <top> that begins here needs a <num> and a <title>.")
        name = str(int(number[1])) if number[1].isdigit() else number[1]
        if name in topics:
            raise DataError(f"{place}: the topic {name} comes twice.")
        topics[name] = " ".join(html.unescape(title[1]).split())
    return topics
