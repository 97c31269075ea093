"""Raw text as examples: a line is a text, and a long line several."""

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

_LONGEST = 2000  # characters of a text


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

    Args:
        path: The file; plain or compressed; "-" is standard input.
        text: As for `read_table`.
        format: As for `read_table`.
        split_columns: A line has no group and no time.
        skip_incomplete: Blank lines are left out in any case.

    Raises:
        DataError: the file cannot be read, or a column is not there.
        SettingError: groups or times are asked for.
    """
    if split_columns is not None and (split_columns.group or split_columns.time) is not None:
        raise SettingError("raw text has no columns: --group and --time are for tables")
    texts, lines, cut = list[str](), list[int](), 0
    for number, line in enumerate(read_texts(path, text=text, format=format), start=1):
        parts = _parts(line) if len(line) > _LONGEST else [line]
        cut += len(parts) > 1
        for part in parts:
            if part.strip():
                texts.append(part)
                lines.append(number)
    notes = (
        (f"{counted(cut, 'line')} of more than {_LONGEST:,} characters cut at ends of sentences.",)
        if cut
        else ()
    )
    return Examples((texts,), None, str(path), np.array(lines, np.int64), notes)


def _parts(line: str) -> list[str]:
    """Whole sentences together, up to the longest length; a sentence that is longer is cut itself."""
    cuts, end = [0], 0
    for _, last in sentence_spans(line):
        while last - cuts[-1] > _LONGEST:
            cuts.append(end if end > cuts[-1] else cuts[-1] + _LONGEST)
        end = last
    return [line[first:last] for first, last in pairwise([*cuts, len(line)])]
