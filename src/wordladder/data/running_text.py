"""Raw text as examples: a line is a text, and a long line several; or lines that belong together are one."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..errors import SettingError
from ..text.sentences import sentence_spans
from .columns import Texts
from .examples import Examples
from .plurals import counted
from .split_columns import SplitColumns
from .tables import read_texts

RUNNING = "running"
_LONGEST, _LONGEST_RUNNING = 2_000, 10_000  # characters of a text


def read_running_text(
    path: str | Path,
    *,
    text: Texts = None,
    format: str | None = None,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read raw text, one text a line, or a column of a table. Blank lines are left out, long ones are cut at
    the ends of sentences.

    In the format `running`, lines go on from each other, as in a book: as many as fit into a text of 10,000
    characters are one, with their line ends, blank lines too.

    Args:
        path: The file; plain or compressed; "-" is standard input.
        text: As for `read_table`.
        format: As for `read_table`; or `running`.
        split_columns: A line has no group and no time.
        skip_incomplete: Blank lines are left out in any case.

    Raises:
        DataError: the file cannot be read, or a column is not there.
        SettingError: groups or times are asked for.
    """
    if split_columns is not None and (split_columns.group or split_columns.time) is not None:
        raise SettingError("raw text has no columns: --group and --time are for tables")
    texts, lines, cut = list[str](), list[int](), 0
    longest = _LONGEST_RUNNING if format == RUNNING else _LONGEST
    found = enumerate(read_texts(path, text=text, format=None if format == RUNNING else format), start=1)
    for number, line in _joined(found, longest) if format == RUNNING else found:
        parts = _parts(line, longest) if len(line) > longest else [line]
        cut += len(parts) > 1
        for part in parts:
            if part.strip():
                texts.append(part)
                lines.append(number)
    notes = (
        (f"{counted(cut, 'line')} of more than {longest:,} characters cut at ends of sentences.",)
        if cut
        else ()
    )
    return Examples((texts,), None, str(path), np.array(lines, np.int64), notes)


def _joined(lines: Iterable[tuple[int, str]], longest: int) -> Iterator[tuple[int, str]]:
    """Lines that follow each other as one text, as long as they fit, with the number of the first."""
    first, size, together = 1, 0, list[str]()
    for number, line in lines:
        if together and size + len(line) > longest:
            yield first, "".join(together)
            first, size, together = number, 0, []
        together.append(line + "\n")
        size += len(line) + 1
    yield first, "".join(together)


def _parts(line: str, longest: int) -> list[str]:
    """Whole sentences together, up to the longest length; a sentence that is longer is cut itself."""
    cuts, end = [0], 0
    for _, last in sentence_spans(line):
        while last - cuts[-1] > longest:
            cuts.append(end if end > cuts[-1] else cuts[-1] + longest)
        end = last
    return [line[first:last] for first, last in pairwise([*cuts, len(line)])]
