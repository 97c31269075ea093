"""Which columns of a table hold the texts and the labels.

Those that the user names; else those with the usual names; else, in a table without a header, those that look
like it.
"""

from collections.abc import Iterable, Sequence

from ..errors import DataError, SettingError, nearest
from .column_names import LABELS, PAIRS, TEXTS, normalize
from .raw_table import RawTable, is_missing

Column = str | int
Texts = Column | Sequence[Column] | None
Choice = tuple[tuple[int, ...], int | None]  # columns of texts, and the column of labels


def flatten(*columns: Texts) -> list[Column]:
    """All columns that the user has named, of several arguments."""
    lists = ([column] if isinstance(column, str | int) else column or () for column in columns)
    return [column for columns_of_one in lists for column in columns_of_one]


def resolve_column(table: RawTable, column: Column) -> int:
    """The index of a column that the user has given by name or number.

    Raises:
        DataError: the table has no such column.
    """
    names = table.names or []
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        alike = [index for index, name in enumerate(names) if normalize(name) == normalize(column)]
        if alike:
            return alike[0]
    if isinstance(column, int) or column.isdigit():
        if 0 <= int(column) < table.width:
            return int(column)
        raise DataError(f"{table.source} has no column number {column}: the first is 0. {_describe(table)}")
    raise DataError(f"{table.source} has no column {column!r}.{nearest(column, names)} {_describe(table)}")


def _describe(table: RawTable) -> str:
    if table.names is None:
        return f"It has no header and {table.width} columns, which go by number, from 0."
    return f"Its columns: {', '.join(table.names)}."


def missing_column(table: RawTable, what: str, option: str, which: str = "it") -> DataError:
    """The error that no column could be found: what it would hold, and the option that names it."""
    return DataError(
        f"{table.source}: which column holds the {what}? Name {which} ({option}, --{option}). "
        f"{_describe(table)}"
    )


class ColumnFinder:
    """Finds the columns of one table, each for one purpose.

    Args:
        table: The table.
        reserved: Columns that have another purpose: they are not found by their names.

    Attributes:
        notes: Choices that could have been others.
        used: The columns found so far.
    """

    def __init__(self, table: RawTable, reserved: Iterable[int] = ()) -> None:
        self.table = table
        self.names = [normalize(name) for name in table.names or ()]
        self.notes: list[str] = []
        self.used: list[int] = []
        self._reserved = tuple(reserved)

    def resolve(self, column: Column) -> int:
        """The index of a column that the user has given.

        Raises:
            DataError: the table has no such column.
            SettingError: the column is used already.
        """
        index = resolve_column(self.table, column)
        if index in self.used:
            raise SettingError(
                f"{self.table.source}: texts and labels must be different columns, but {column!r} is given "
                "twice."
            )
        self.used.append(index)
        return index

    def find(self, column: Column | None, usual: Sequence[str], what: str = "") -> int | None:
        """The index of a column: the one that the user has given, or the first that has a usual name.

        Args:
            column: The user's choice; None: by name.
            usual: Usual names, the likeliest first.
            what: What the column holds, for the note if others have usual names too; by default no note.

        Returns:
            The index; None: there is no such column.

        Raises:
            DataError: the column that is given does not exist.
            SettingError: it is used already.
        """
        if column is not None:
            return self.resolve(column)
        free = self.free()
        indices = [self.names.index(name) for name in usual if name in self.names]
        indices = [index for index in indices if index in free]
        if not indices:
            return None
        if what and len(indices) > 1:
            first, *others = map(self.table.column_name, indices)
            self.notes.append(f"Column {first} holds the {what}; {', '.join(others)} could be meant too.")
        self.used.append(indices[0])
        return indices[0]

    def find_label(
        self, column: Column | None, usual: Sequence[str], what: str, labelled: bool | None
    ) -> int | None:
        """The same for labels, which must be there (True), are not read (False), or may be missing (None)."""
        if labelled is False:
            return None
        index = self.find(column, usual, what)
        if index is None and labelled:
            raise missing_column(self.table, what, "label")
        return self.drop_empty(index, labelled)

    def drop_empty(self, label: int | None, labelled: bool | None) -> int | None:
        """The column of the labels; None where they may be missing and none of the rows has one."""
        if label is None or (not labelled and all(map(is_missing, self.table.column(label)))):
            return None
        return label

    def free(self) -> list[int]:
        """The columns that have no purpose yet."""
        return [index for index in range(self.table.width) if index not in (*self.used, *self._reserved)]


def choose_columns(
    finder: ColumnFinder,
    text: Texts,
    label: Column | None,
    labelled: bool | None,
    usual: Sequence[str] = LABELS,
) -> Choice:
    """Find the columns of texts and labels.

    Args:
        finder: Finds columns in the table, and gets notes about choices that could have been others.
        text: The column of the texts, or one for each segment; None: find it.
        label: The column of the labels; None: find it.
        labelled: Whether labels are needed (True), not wanted (False), or taken if they are there (None).
        usual: Usual names of the column of labels, the likeliest first.

    Returns:
        The columns of the texts, and that of the labels or None.

    Raises:
        DataError: a column that is given is not there, or none could be found.
        SettingError: one column is given for both.
    """
    if isinstance(text, str) and "," in text and text not in (finder.table.names or ()):
        text = text.split(",")
    texts = tuple(map(finder.resolve, flatten(text)))
    label_column = None if label is None or labelled is False else finder.resolve(label)
    if finder.table.names is None:
        texts, label_column = _choose_by_content(finder, (texts, label_column), labelled)
    else:
        texts, label_column = _choose_by_name(finder, (texts, label_column), labelled, usual)
    if not texts:
        raise missing_column(finder.table, "text", "text")
    if label_column is None and labelled:
        raise missing_column(finder.table, "label", "label")
    return texts, label_column


def _choose_by_name(
    finder: ColumnFinder, given: Choice, labelled: bool | None, usual: Sequence[str]
) -> Choice:
    texts, label = given
    if not texts:
        pair = next((pair for pair in PAIRS if set(pair) <= set(finder.names)), None)
        if pair is not None:
            texts = tuple(map(finder.names.index, pair))
            finder.used += texts
        elif (index := finder.find(None, TEXTS, "text")) is not None:
            texts = (index,)
    if label is None and labelled is not False:
        label = finder.find(None, usual, "label")
    free = finder.free()
    if not texts and len(free) == 1 and (label is not None or finder.table.width == 1):
        texts = (free[0],)
    elif labelled and label is None and len(free) == 1 and texts:
        label = free[0]
    return texts, label


def _choose_by_content(finder: ColumnFinder, given: Choice, labelled: bool | None) -> Choice:
    """In a table without a header the label is what repeats itself most, a text is what is not a number."""
    texts, label = given
    free = finder.free()
    cells = {index: finder.table.column(index) for index in free}
    if label is None and free and (texts or len(free) > 1):
        likely = min(free, key=lambda index: (len(set(cells[index])), sum(map(len, map(str, cells[index])))))
        # All different, they are labels only in a table of few rows.
        if len(set(cells[likely])) <= max(finder.table.rows / 2, 20 if labelled else 2):
            label = likely
            free.remove(label)
    if not texts:
        words = [index for index in free if not are_numbers(cells[index])] or free
        texts = tuple(words) if len(words) <= 2 else ()
    if labelled is False:
        label = None
    if finder.table.width > 1:
        note = f"There is no header: text from column {' and '.join(map(str, texts))}"
        note += "." if label is None else f", label from column {label}, counted from 0."
        finder.notes.append(note)
    return texts, label


def are_numbers(cells: list[object]) -> bool:
    """Whether a column holds numbers, such as identifiers."""
    return all(str(cell).replace(".", "", 1).lstrip("-").isdigit() for cell in cells[:1000])
