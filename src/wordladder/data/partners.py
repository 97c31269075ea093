"""What similarity reads, pairs of texts with a score, from files that have no scores: triplets, lists of
positives and negatives, pairs that belong together, single texts.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from .column_names import normalize
from .columns import Column, Texts, are_numbers
from .examples import Examples
from .plurals import counted
from .raw_table import RawTable, is_missing, parse_json_cells, scalar, shorten
from .split_columns import SplitColumns
from .tables import read_table

_ANCHORS = ("anchor", "query", "question", "sentence", "text", "sent0")
_NEAR = ("positive", "positives", "pos", "positive_passages", "sent1")
_FAR = ("negative", "negatives", "neg", "negative_passages", "hard_negative", "hard_neg")
STRANGERS = 9  # pairs that do not belong together, for each that does, where there are no others
_PAIR = ("text_a", "text_b", "score")
_NAMELESS = ("query", "positive", "negative")


def read_scored_pairs(
    path: str | Path,
    *,
    text: Texts = None,
    label: Column | None = None,
    labelled: bool | None = True,
    format: str | None = None,
    split_columns: SplitColumns | None = None,
    skip_incomplete: bool = False,
) -> Examples:
    """Read a table of pairs of texts with scores, or of what becomes such.

    Where scores are needed (`labelled`), a row of a text, its positives and perhaps negatives becomes a pair
    for each of them, with the score 1 or 0, which are one group; two texts without a score have the score 1;
    and a single text is paired with itself, as in SimCSE (Gao et al. 2021).

    Args and errors are those of `read_table`.
    """
    layout: dict[str, Any] = {"text": text, "label": label, "format": format, "split_columns": split_columns}
    layout |= {"skip_incomplete": skip_incomplete, "numbers": True}
    if not labelled:
        return read_table(path, labelled=labelled, **layout)
    tables: list[RawTable] = []

    def spread(table: RawTable) -> RawTable:
        tables.extend((table, spread_partners(table) if text is None else table))
        return tables[-1]

    examples = read_table(path, labelled=None, spread=spread, **layout)
    if tables[0] is not tables[1] and examples.groups is examples.times is None:
        examples = replace(examples, groups=examples.texts)
    if examples.labels is not None:
        return examples
    segments, note = examples.segments, "There are no scores: the texts of a pair belong together."
    if len(segments) == 1:
        segments, note = segments * 2, "There is one text a row: each is paired with itself."
    return replace(examples, segments=segments, labels=[1.0] * len(examples), notes=(*examples.notes, note))


def spread_partners(table: RawTable) -> RawTable:
    """A table with a column of positives as rows of two texts with the score 1, or 0 for the negatives:
    `text_a`, `text_b` and `score`, then the other columns. Tables without positives are returned as they are.

    A table without a header, of two or three columns of texts, has a query, a positive and perhaps a negative
    in each row. Columns may be numbered, such as `negative_1` and `negative_2`; a cell holds a text or a list
    of texts.

    Raises:
        DataError: no column holds the texts that the positives belong to, or a cell is no text.
    """
    if (
        table.names is None
        and table.width in (2, 3)
        and not any(are_numbers(table.column(column)) for column in range(table.width))
    ):
        table = replace(table, names=list(_NAMELESS[: table.width]))
    names = [normalize(name) for name in table.names or ()]
    bases = [name.rstrip("0123456789_") if name not in (*_ANCHORS, *_NEAR) else name for name in names]
    near, far = ([column for column, base in enumerate(bases) if base in usual] for usual in (_NEAR, _FAR))
    anchor = next((names.index(name) for name in _ANCHORS if name in names), None)
    if not near or (anchor is None and not far):
        return table
    if anchor is None:
        raise DataError(
            f"{table.source}: column {table.column_name(near[0])} holds texts that belong to another, but no "
            f"column is called {', '.join(_ANCHORS[:-1])} or {_ANCHORS[-1]}"
        )
    firsts = table.texts(anchor)
    scored = [(column, 1.0) for column in near] + [(column, 0.0) for column in far]
    partners = [(_texts(table, column), score) for column, score in scored]
    found = [
        (row, text, score) for row in range(table.rows) for cells, score in partners for text in cells[row]
    ]
    rows = [row for row, _, _ in found]
    others = [column for column in range(table.width) if column not in (anchor, *near, *far)]
    spread = table.take(rows, f"{counted(table.rows, 'row')} of texts and partners: {len(rows):,} pairs.")
    pair: list[Callable[[], list[object]]] = [
        lambda: [firsts[row] for row in rows],
        lambda: [text for _, text, _ in found],
        lambda: [score for _, _, score in found],
    ]
    return replace(
        spread,
        width=len(_PAIR) + len(others),
        names=[*_PAIR, *(table.names[column] for column in others if table.names)],
        column=lambda index: (
            pair[index]() if index < len(_PAIR) else spread.column(others[index - len(_PAIR)])
        ),
    )


def _texts(table: RawTable, column: int) -> list[list[str]]:
    """The texts in each cell of a column; in lists, objects may stand for texts, as `{"text": …}`."""
    rows = []
    for row, cell in enumerate(parse_json_cells(table.column(column))):
        cells = cell if isinstance(cell, list) else [] if is_missing(cell) else [cell]
        texts = [scalar(one.get("text") if isinstance(one, dict) else one) for one in cells]
        if None in texts:
            raise table.cell_error(row, column, f"no text, but {shorten(cell)}")
        rows.append([text for text in texts if text is not None])
    return rows


def are_self_paired(examples: Examples) -> bool:
    """Whether every text is its own partner."""
    return len(examples.segments) == 2 and examples.segments[0] == examples.segments[1]


def with_strangers(examples: Examples) -> Examples:
    """Pairs that all belong together, and pairs of each first text with partners of other rows, whose score
    is 0: else there is nothing to compare. All other examples are returned as they are.

    Raises:
        DataError: every text is its own partner.
    """
    labels = examples.labels or ("",)
    if len(examples.segments) != 2 or set(labels) != {1.0}:
        return examples
    first, second = examples.segments
    if are_self_paired(examples):
        raise DataError(
            f"{examples.source}: each text is its own partner, so there is nothing to score; give pairs "
            "with scores"
        )
    right = set(zip(first, second, strict=True))
    drawn = np.random.default_rng(1).integers(len(examples), size=(len(examples), STRANGERS)).tolist()
    strangers = [
        (row, second[other])
        for row, others in enumerate(drawn)
        for other in dict.fromkeys(others)
        if (first[row], second[other]) not in right and first[row] != second[other]
    ]
    pairs = examples.take([*range(len(examples)), *(row for row, _ in strangers)])
    seconds = [*second, *(text for _, text in strangers)]
    return replace(
        pairs,
        segments=(pairs.texts, seconds),
        labels=[*labels, *[0.0] * len(strangers)],
        groups=pairs.groups or pairs.texts,
    )
