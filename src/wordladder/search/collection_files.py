"""The files of test collections of retrieval: SMART, as Cranfield and CACM are written, and TREC's SGML."""

import html
import re
from collections.abc import Iterable, Iterator

from ..errors import DataError
from .passages import Document

_SMART_FIELDS = {"title": "T", "author": "A", "source": "B"}
_MARK = re.compile(r"\.([A-Z])(?:\s+(\S.*?))?\s*")
_TAG = re.compile(r"<[^<>]*>")
_PIECES = re.compile(r"(?i)(?=<DOC>)")
_TEXT = re.compile(r"(?is)<TEXT>(.*?)</TEXT>")
_TITLE = re.compile(r"(?is)<(TITLE|HEADLINE|HL|TI)>(.*?)</\1>")
_NAME = re.compile(r"(?is)<DOCNO>(.*?)</DOCNO>")
_TOPIC = re.compile(r"(?is)<top>(.*?)</top>")
_TOPIC_NUMBER = re.compile(r"(?i)<num>\s*(?:Number:)?\s*([^\s<]+)")
_TOPIC_TITLE = re.compile(r"(?i)<title>\s*(?:Topic:)?\s*([^<]+)")


def read_smart(lines: Iterable[str], source: str) -> Iterator[Document]:
    """The documents or queries of a SMART file, one after another: title (.T) and text (.W) are the text.

    Args:
        lines: Its lines.
        source: The file, for messages.

    Raises:
        DataError: an entry has no id, or a text stands outside an entry; names the line.
    """
    name, mark, parts = "", "", dict[str, list[str]]()
    for number, line in enumerate(lines, start=1):
        found = _MARK.fullmatch(line)
        if found and found[1] == "I":
            if name:
                yield _smart_document(name, parts)
            if not found[2]:
                raise DataError(f"{source}, line {number}: an id must follow .I")
            name, mark, parts = found[2], "", {}
        elif found and not found[2] and name:
            mark = found[1]
        elif mark:
            parts.setdefault(mark, []).append(line)
        elif line.strip():
            expected = "a mark such as .W" if name else "an entry, which begins with .I and an id,"
            raise DataError(f"{source}, line {number}: {expected} is expected, found {line.strip()[:40]!r}")
    if name:
        yield _smart_document(name, parts)


def _smart_document(name: str, parts: dict[str, list[str]]) -> Document:
    texts = {mark: "\n".join(lines).strip() for mark, lines in parts.items()}
    fields = {field: " ".join(texts.get(mark, "").split()) for field, mark in _SMART_FIELDS.items()}
    text = "\n".join(texts[mark] for mark in "TW" if texts.get(mark))
    return Document(name, text, {field: value for field, value in fields.items() if value})


def read_trec(lines: Iterable[str], source: str) -> Iterator[Document]:
    """The documents of a TREC collection, one after another: title and text are the text.

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


def _trec_document(document: str, line: int, source: str) -> Document:
    name, texts = _NAME.search(document), _TEXT.findall(document)
    for missing, tag in ((name is None, "DOCNO"), (not texts, "TEXT")):
        if missing:
            raise DataError(f"{source}, line {line}: the <DOC> that begins here has no <{tag}>…</{tag}>.")
    title = " ".join(_plain(found[2]) for found in _TITLE.finditer(_TEXT.sub("", document)))
    text = "\n".join([*([title] if title else []), *map(_plain, texts)])
    return Document(_plain(name[1]) if name else "", text, {"title": title} if title else {})


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
