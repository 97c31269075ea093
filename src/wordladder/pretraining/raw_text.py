"""Raw text as documents, paragraphs and sentences, one block after another.

A blank line ends a document, and each other line is a paragraph. In a file without any blank line, and in
JSON lines, each line is a document of its own.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice, tee
from pathlib import Path

from ..files.streams import prefetch
from ..progress import Progress, quiet
from ..text.corpus_files import find_files, is_json, read_blocks

_BLOCKS = 64  # of a file that are searched for a blank line before its lines count as documents
_CUT = 1 << 20  # bytes after which a line is cut


Block = list[tuple[str, bool]]  # some paragraphs, and whether a document begins with each of them


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
            for block, done in self._file(file):
                progress(stage, before + done, self.size)
                yield block
            before += file.stat().st_size

    def _file(self, file: Path) -> Iterator[tuple[Block, int]]:
        """The paragraphs of a file, each block with how many of its bytes have been read."""
        raw = prefetch(read_blocks([file], "characters", lowercase=False, field=self.field))
        lines, ahead = tee(_whole_lines(raw))
        json_lines = is_json(file)  # an empty text among them is no blank line
        first_lines = (line for part, _ in islice(ahead, _BLOCKS) for line in part)
        by_blank_lines = not json_lines and _has_gap(first_lines)
        del ahead, first_lines  # they would keep all the text in memory
        if not (by_blank_lines or json_lines):
            self.line_documents.add(str(file))
        new = True
        for part, done in lines:
            block: Block = []
            for line in part:
                line = line.strip().removeprefix("\ufeff")
                if line:
                    block.append((line, new or not by_blank_lines))
                new = not line
            if block:
                yield block, done


def _has_gap(lines: Iterable[str]) -> bool:
    """Whether a blank line lies between lines that are not blank."""
    runs = (has_text for has_text, _ in groupby(bool(line.strip()) for line in lines) if has_text)
    return len(list(islice(runs, 2))) == 2


def _whole_lines(blocks: Iterable[tuple[bytes, int]]) -> Iterator[tuple[list[str], int]]:
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
