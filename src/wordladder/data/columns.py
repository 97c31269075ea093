"""Which columns of a table hold the texts and the labels.

Those given; else those with the usual names; else, in a table without a header, those that look it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import DataError, SettingError, nearest
from .column_names import LABELS, PAIRS, TEXTS, normal
from .raw_table import RawTable

Column = str | int


@dataclass(frozen=True)
class Columns:
    """The chosen columns, by index; `notes` tells of choices that could have been others."""

    texts: tuple[int, ...]
    label: int | None
    notes: tuple[str, ...] = ()


def flat(*columns: Column | Sequence[Column] | None) -> list[Column]:
    """All columns that a user has given."""
    found: list[Column] = []
    for column in columns:
        if column is not None:
            found += [column] if isinstance(column, (str, int)) else list(column)
    return found


def choose_columns(
    table: RawTable,
    text: Column | Sequence[Column] | None,
    label: Column | None,
    labelled: bool | None,
    taken: Sequence[int] = (),
) -> Columns:
    """Find the columns of texts and labels.

    Args:
        table: The table.
        text: The column of the texts, or one for each segment; None: find it.
        label: The column of the labels; None: find it.
        labelled: Whether labels are needed (True), not wanted (False), or taken if they are there (None).
        taken: Columns that hold something else and are not found.

    Raises:
        DataError: a column that is given is not there, or none could be found.
        SettingError: one column is given for both.
    """
    texts = tuple(resolve_column(table, column) for column in flat(text))
    place = None if label is None or labelled is False else resolve_column(table, label)
    if place in texts or len(set(texts)) < len(texts):
        raise SettingError(
            f"{table.source}: text and label must be different columns, but {label!r} is given twice."
        )
    choose = _by_look if table.names is None else _by_name
    columns = choose(table, texts, place, labelled, taken)
    if not columns.texts:
        raise DataError(
            f"{table.source}: which column holds the text? Name it (text, --text). {listed(table)}"
        )
    if columns.label is None and labelled:
        raise DataError(
            f"{table.source}: which column holds the label? Name it (label, --label). {listed(table)}"
        )
    return columns


def listed(table: RawTable) -> str:
    """A sentence on the columns of a table."""
    if table.names is None:
        return f"It has no header and {table.width} columns, which go by number, from 0."
    return f"Its columns: {', '.join(table.names)}."


def resolve_column(table: RawTable, column: Column) -> int:
    """The index of a column that the user has given by name or number.

    Raises:
        DataError: the table has no such column.
    """
    names = table.names or []
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        close = [index for index, name in enumerate(names) if normal(name) == normal(column)]
        if close:
            return close[0]
    if isinstance(column, int) or column.isdigit():
        if 0 <= int(column) < table.width:
            return int(column)
        raise DataError(f"{table.source} has no column number {column}: the first is 0. {listed(table)}")
    raise DataError(f"{table.source} has no column {column!r}.{nearest(column, names)} {listed(table)}")


def find_column(
    table: RawTable, given: Column | None, usual: Sequence[str], taken: Sequence[int | None] = ()
) -> tuple[int | None, str | None]:
    """The index of a column, the one given or the first that has a usual name; None: there is none.

    Args:
        table: The table.
        given: The user's choice.
        usual: Usual names, the likeliest first.
        taken: Columns that hold something else.

    Returns:
        The index, and a note if others have usual names too.

    Raises:
        DataError: the column that is given is not there.
    """
    if given is not None:
        return resolve_column(table, given), None
    found = _usual(table, usual, taken)
    if not found:
        return None, None
    first, *others = map(table.name, found)
    return found[0], f"Column {first} is read; {', '.join(others)} could be meant too." if others else None


def _usual(table: RawTable, usual: Sequence[str], taken: Sequence[int | None]) -> list[int]:
    """The columns that have usual names, the likeliest first."""
    names = [normal(name) for name in table.names or ()]
    return [names.index(name) for name in usual if name in names and names.index(name) not in taken]


def _by_name(
    table: RawTable, texts: tuple[int, ...], label: int | None, labelled: bool | None, taken: Sequence[int]
) -> Columns:
    names = [normal(name) for name in table.names or []]
    notes = []

    def find(usual: Sequence[str], own: Sequence[int | None], what: str) -> int | None:
        found = _usual(table, usual, (*own, *taken))
        if len(found) > 1:
            first, *others = map(table.name, found)
            notes.append(f"The {what} is column {first}; {', '.join(others)} could be meant too.")
        return found[0] if found else None

    if not texts:
        pairs = [pair for pair in PAIRS if set(pair) <= set(names)]
        single = None if pairs else find(TEXTS, (label,), "text")
        texts = tuple(map(names.index, pairs[0])) if pairs else () if single is None else (single,)
    if label is None and labelled is not False:
        label = find(LABELS, texts, "label")
    rest = [index for index in range(table.width) if index not in (*texts, label, *taken)]
    if not texts and len(rest) == 1 and (label is not None or table.width == 1):
        texts = (rest[0],)
    elif labelled and label is None and len(rest) == 1 and texts:
        label = rest[0]
    return Columns(texts, label, tuple(notes))


def _by_look(
    table: RawTable, texts: tuple[int, ...], label: int | None, labelled: bool | None, taken: Sequence[int]
) -> Columns:
    """In a table without a header the label is what repeats itself most, a text is what is not a number."""
    rest = [index for index in range(table.width) if index not in (*texts, label, *taken)]
    cells = {index: table.column(index) for index in rest}
    if label is None and rest and (texts or len(rest) > 1):
        likely = min(rest, key=lambda index: (len(set(cells[index])), _length(cells[index])))
        # All different, they are labels only in a table of few rows.
        if len(set(cells[likely])) <= max(table.rows / 2, 20 if labelled else 2):
            label = likely
            rest.remove(label)
    if not texts:
        words = [index for index in rest if not _numbers(cells[index])] or rest
        texts = tuple(words) if len(words) <= 2 else ()
    if labelled is False:
        label = None
    told = f"There is no header: text from column {' and '.join(map(str, texts))}"
    told += "." if label is None else f", label from column {label}, counted from 0."
    return Columns(texts, label, (told,) if table.width > 1 else ())


def _length(cells: list[object]) -> float:
    return sum(len(str(cell)) for cell in cells) / max(1, len(cells))


def _numbers(cells: list[object]) -> bool:
    """Whether a column holds numbers, such as identifiers."""
    return all(str(cell).replace(".", "", 1).lstrip("-").isdigit() for cell in cells[:1000])
