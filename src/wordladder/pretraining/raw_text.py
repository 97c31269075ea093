"""Raw text as documents, paragraphs and sentences, one block after another; it knows no pieces.

A blank line ends a document, and each other line is a paragraph. In a file without any blank line, and in
JSON lines, each line is a document of its own. Sentences are found lightly, by the marks that end them.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from ..files.streams import ahead
from ..progress import Progress, quiet
from ..text.corpus_files import find_files, is_json, read_blocks

_LOOK = 64  # blocks of a file in which a blank line is looked for before its lines count as documents
_CUT = 1 << 20  # bytes after which a line is cut
_TITLES = ("mr", "mrs", "ms", "dr", "prof", "st", "mt", "gen", "col", "lt", "sgt", "capt", "rev", "hon")
_SHORT = frozenset((*_TITLES, "no", "vs", "vol", "fig", "jr", "sr", "e.g", "i.e", "cf", "al"))
_END = re.compile(
    r"(?<=[.!?…])[\"'”’)\]]*(?=\s+[\"'“‘(\[]*[^\W_a-z])"  # a mark, a blank, and no small letter
    r"|(?<=[。！？])[”’」』）]*(?![”’」』）。！？])(?=\W{0,9}\w)"  # the last of several marks
)


class Block(NamedTuple):
    """Some paragraphs, whether a document begins with each of them, and how much has been read, in bytes."""

    paragraphs: list[str]
    opens: list[bool]
    done: int


class RawText:
    """The text of files, which can be read again and again.

    Args:
        paths: Files or folders, as `corpus_files.find_files` takes them.
        field: The field of JSON lines that holds the text; left out, found by the usual names.

    Attributes:
        files: The files, in the order in which they are read.
        size: Bytes on disk.
        line_documents: Files of plain text whose every line is a document, found while reading.

    Raises:
        DataError: a file is missing, or is no text.
    """

    def __init__(self, paths: Sequence[str | Path], field: str | None = None) -> None:
        self.field = field
        self.files = find_files(paths)
        self.size = sum(file.stat().st_size for file in self.files)
        self.line_documents: set[str] = set()

    def blocks(self, stage: str, progress: Progress = quiet) -> Iterator[Block]:
        """All paragraphs, of all files; a file begins a document."""
        before = 0
        for file in self.files:
            for block in self._file(file):
                progress(stage, before + block.done, self.size)
                yield Block(block.paragraphs, block.opens, before + block.done)
            before += file.stat().st_size

    def _file(self, file: Path) -> Iterator[Block]:
        blocks = ahead(read_blocks([file], "characters", lowercase=False, field=self.field))
        lines = _whole_lines(blocks)
        head, seen = [], _Gap()
        for read in lines:
            head.append(read)
            if seen.found(read[0]) or len(head) == _LOOK:
                break
        lines_of_json = is_json(file)  # an empty text among them is no blank line
        blank = seen.gap and not lines_of_json
        if not (blank or lines_of_json):
            self.line_documents.add(str(file))
        new = True
        for part, done in chain(head, lines):
            paragraphs, opens = [], []
            for line in part:
                line = line.strip().removeprefix("\ufeff")
                if line:
                    paragraphs.append(line)
                    opens.append(new or not blank)
                new = not line
            if paragraphs:
                yield Block(paragraphs, opens, done)


class _Gap:
    """Looks for a blank line between lines that are not blank."""

    def __init__(self) -> None:
        self.text = self.blank = self.gap = False

    def found(self, lines: list[str]) -> bool:
        for line in lines:
            if line.strip():
                self.gap = self.gap or (self.text and self.blank)
                self.text, self.blank = True, False
            else:
                self.blank = True
        return self.gap


def _whole_lines(blocks: Iterator[tuple[bytes, int]]) -> Iterator[tuple[list[str], int]]:
    """The lines of the blocks, which may break a long line; only a very long one is cut."""
    rest, done = b"", 0
    for raw, done in blocks:
        *whole, rest = (rest + raw).split(b"\n")
        if len(rest) > _CUT:
            whole, rest = [*whole, rest], b""
        if whole:
            yield [line.decode("utf-8", "replace") for line in whole], done
    if rest:
        yield [rest.decode("utf-8", "replace")], done


def sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph; an initial or a common abbreviation ends none."""
    found, begin = [], 0
    for mark in _END.finditer(paragraph):
        if paragraph[mark.start() - 1] == "." and _abbreviated(paragraph, mark.start() - 1):
            continue
        found.append(paragraph[begin : mark.end()].strip())
        begin = mark.end()
    found.append(paragraph[begin:].strip())
    return [sentence for sentence in found if sentence]


def _abbreviated(text: str, dot: int) -> bool:
    """Whether the full stop at `dot` ends a shortened word rather than a sentence."""
    word = text[max(0, dot - 6) : dot].split()
    last = word[-1].lstrip("\"'“‘([").lower() if word and not text[dot - 1].isspace() else ""
    return (
        last in _SHORT
        or (len(last) == 1 and last.isalpha())
        or re.fullmatch(r"(?:\w\.)+\w", last) is not None
    )
