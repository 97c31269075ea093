"""What train, dev and test should not have in common, and what they lack, in sentences."""

from collections import Counter
from collections.abc import Collection, Mapping

from ..errors import DataError
from .examples import Examples, all_names, label_names
from .splits import overlap

_SHOWN = 5


def shared_texts(first: Examples, part: Examples, name: str, task: str, known: str = "training") -> list[str]:
    """A sentence if texts of a part also occur in `first`."""
    if task in ("pairs", "similarity"):
        return _shared_pairs(first, part, name, known)
    count = overlap(first, part)
    if not count:
        return []
    rows = f"{count:,} of the {len(part):,} {name}"
    if task == "span_qa":
        return [f"{rows} questions are about passages of the {known} questions."]
    return [f"{rows} texts also occur in the {known} texts."]


def _shared_pairs(first: Examples, part: Examples, name: str, known: str) -> list[str]:
    """A sentence on pairs of a part that `first` has too, in any order, and on single texts."""
    texts, pairs = set(first.flat()), set(map(frozenset, zip(*first.segments, strict=True)))
    rows = [frozenset(pair) for pair in zip(*part.segments, strict=True)]
    whole = sum(pair in pairs for pair in rows)
    single = sum(not texts.isdisjoint(pair) for pair in rows) - whole
    if not whole + single:
        return []
    of = f"Of the {len(part):,} {name} pairs, {whole:,} also occur in the {known} pairs"
    return [f"{of}, and {single:,} more have a text of one."]


def shared_groups_and_times(train: Examples, part: Examples, name: str) -> list[str]:
    """A sentence if rows of a part are from groups of train, and one if they are not newer than train.

    Raises:
        DataError: their times are of different kinds.
    """
    sentences = []
    rows = f"of the {len(part):,} {name} rows"
    if train.groups is not None and part.groups is not None:
        known = set(train.groups)
        if count := sum(group in known for group in part.groups):
            sentences.append(f"{count:,} {rows} are from groups that training rows are from, too.")
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
            sentences.append(f"{count:,} {rows} are not newer than the newest training row ({newest}).")
    return sentences


def rare_labels(train: Examples, dev: Examples | None) -> list[str]:
    """Sentences about labels that have one training example, or none in dev."""
    counts = Counter(name for label in train.labels or () for name in label_names(label))
    once = [name for name, count in counts.items() if count == 1]
    return _about_labels(once, "occurs", "occur", "once in train") + missing_labels(train, dev, "dev")


def missing_labels(train: Examples, part: Examples | None, name: str) -> list[str]:
    """A sentence if labels of train have no example in a part."""
    missing = () if part is None else all_names(train) - all_names(part)
    return _about_labels(missing, "does not occur", "do not occur", f"in {name}")


def _about_labels(names: Collection[str], verb: str, plural_verb: str, where: str) -> list[str]:
    if not names:
        return []
    if len(names) == 1:
        return [f"The label {min(names)!r} {verb} {where}."]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return [f"The labels {', '.join(map(repr, sorted(names)[:_SHOWN]))}{more} {plural_verb} {where}."]


def describe_groups_and_times(parts: Mapping[str, Examples | None]) -> list[str]:
    """How many groups each part has, and its period, in sentences; none where neither is known."""
    known, train = [(name, part) for name, part in parts.items() if part is not None], parts.get("train")
    groups = [f"{len(set(part.groups)):,} in {name}" for name, part in known if part.groups]
    groups = [] if train is not None and not train.groups else groups  # only scoring needs them
    times = [f"{name} from {min(part.times)} to {max(part.times)}" for name, part in known if part.times]
    sentences = [f"Groups: {', '.join(groups)}; intervals draw whole groups."] if groups else []
    return sentences + ([f"Times: {', '.join(times)}."] if times else [])
