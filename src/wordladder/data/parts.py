"""What a file's `split` column says, and what train, dev and test should not have in common, in sentences."""

from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ..errors import DataError, SettingError
from .examples import Examples, all_names, label_names
from .splits import overlap

_SHOWN = 5


class Parts(NamedTuple):
    """The rows that are given for each part; None: they are still to be held out."""

    train: Examples
    dev: Examples | None
    test: Examples | None
    notes: tuple[str, ...] = ()


def given_parts(train: Examples, dev: Examples | None, test: Examples | None) -> Parts:
    """Obey the `split` column of the training file, if it was read.

    Args:
        train: The rows of the training file.
        dev: The rows of a file of their own for dev, taken whole.
        test: The same for the test.

    Raises:
        DataError: no row is for train.
        SettingError: a part has both rows in the column and a file of its own.
    """
    if train.parts is None:
        return Parts(train, dev, test)
    rows = {name: [row for row, part in enumerate(train.parts) if part == name] for name in Parts._fields[:3]}
    counts = ", ".join(f"{len(found):,} {name}" for name, found in rows.items() if found)
    if not rows["train"]:
        raise DataError(f"{train.source}: its column split has no rows for train, only {counts}")
    found: dict[str, Examples | None] = {"dev": dev, "test": test}
    for name, own in found.items():
        if own is not None and rows[name]:
            raise SettingError(
                f"{train.source} has {len(rows[name]):,} {name} rows in its column split, and {own.source} "
                f"is given for {name} too; leave one out (the column with --ignore-split)"
            )
        found[name] = train.take(rows[name]) if rows[name] else own
    note = f"The column split was obeyed: {counts} rows."
    return Parts(train.take(rows["train"]), found["dev"], found["test"], (note,))


def shared_texts(first: Examples, part: Examples, name: str, task: str, known: str = "training") -> list[str]:
    """A sentence if texts of a part also occur in `first`."""
    count = overlap(first, part)
    if not count:
        return []
    if task == "span_qa":
        return [
            f"{count:,} of the {len(part):,} {name} questions are about passages of the {known} questions."
        ]
    return [f"{count:,} of the {len(part):,} {name} texts also occur in the {known} texts."]


def shared_origins(train: Examples, part: Examples, name: str) -> list[str]:
    """A sentence if rows of a part are from groups of train, and one if they are not newer than train.

    Raises:
        DataError: their times are of different kinds.
    """
    told = []
    rows = f"of the {len(part):,} {name} rows"
    if train.groups is not None and part.groups is not None:
        known = set(train.groups)
        if count := sum(group in known for group in part.groups):
            told.append(f"{count:,} {rows} are from groups that training rows are from, too.")
    if train.times and part.times:
        try:
            newest = max(train.times)
            count = sum(time <= newest for time in part.times)
        except TypeError:
            raise DataError(
                f"{part.source} and {train.source} have different kinds of times, such as {part.times[0]} "
                f"and {train.times[0]}"
            ) from None
        if count:
            told.append(f"{count:,} {rows} are not newer than the newest training row ({newest}).")
    return told


def labels_scarce(train: Examples, dev: Examples | None) -> list[str]:
    """Sentences about labels that have one training example, or none in dev."""
    counts = Counter(name for label in train.labels or () for name in label_names(label))
    once = [name for name, count in counts.items() if count == 1]
    return _of_labels(once, "occurs", "occur", "once in train") + labels_lacking(train, dev, "dev")


def labels_lacking(train: Examples, part: Examples | None, name: str) -> list[str]:
    """A sentence if labels of train have no example in a part."""
    if part is None:
        return []
    lacking = all_names(train) - all_names(part)
    return _of_labels(lacking, "does not occur", "do not occur", f"in {name}")


def _of_labels(names: Collection[str], does: str, do: str, what: str) -> list[str]:
    shown = ", ".join(map(repr, sorted(names)[:_SHOWN]))
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    which = f"The label {shown} {does}" if len(names) == 1 else f"The labels {shown}{more} {do}"
    return [f"{which} {what}."] if names else []


def spread(parts: Mapping[str, Examples | None]) -> list[str]:
    """How many groups each part has, and its period, in sentences; none where neither is known."""
    known = {name: part for name, part in parts.items() if part is not None}
    groups = [f"{len(set(part.groups)):,} in {name}" for name, part in known.items() if part.groups]
    times = [
        f"{name} from {min(part.times)} to {max(part.times)}" for name, part in known.items() if part.times
    ]
    told = [f"Groups: {', '.join(groups)}; intervals draw whole groups."] if groups else []
    return told + ([f"Times: {', '.join(times)}."] if times else [])
