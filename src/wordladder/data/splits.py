"""Examples → two parts that share no text, no group or no time: the same on every machine, whatever the order
of the rows.
"""

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..errors import DataError, SettingError
from .examples import Answer, Examples, Label, label_names

Halves = tuple[Examples, Examples]


class _Group(NamedTuple):
    """Rows that stay together: they have one and the same text, or are of one author, document or file."""

    rows: list[int]
    labels: Counter[str]
    stratum: Label | None


def hold_out(examples: Examples, share: float = 0.1, seed: int = 1, minimum: int = 1) -> Halves:
    """Hold out a share of the rows; returns `(rest, held_out)`, each in the order of the table.

    Rows with times give their newest, equal times together. Rows with groups give whole groups, drawn by a
    digest of seed and group, such that rows and labels come as near to their shares as the groups allow; the
    same text in two groups may then be in both parts (see `overlap`). All others are drawn by their texts: a
    text decides by itself, through a digest of seed and text, how early it is drawn: rows with the same
    text stay together, as do questions about one passage, and neither the order of the rows nor the platform
    matters. Each label gives its share (largest remainders), and none loses all its texts: every label stays
    in the rest.

    Args:
        examples: The rows; unlabelled or with many labels a row they are drawn from as one.
        share: The part of the rows to hold out, between 0 and 1.
        seed: Draws the texts.
        minimum: At least so many rows are held out, but never more than half of them.

    Raises:
        SettingError: the share is not between 0 and 1.
        DataError: there are too few different texts, groups or times.
    """
    if not 0 < share < 1:
        raise SettingError(f"The share to hold out must lie between 0 and 1, but it is {share}.")
    target = min(max(share * len(examples), minimum), max(share, 0.5) * len(examples))
    if examples.times is not None:
        return _newest(examples, examples.times, target)
    groups = _groups(examples, seed)
    if len(groups) < 2:
        key = "text" if examples.groups is None else "group"
        raise DataError(f"{examples.source}: nothing can be held out of {len(examples)} rows with one {key}.")
    draw = _draw if examples.groups is None else _draw_whole
    smallest_first = sorted(groups, key=lambda group: len(group.rows))
    held_out = _keep_every_label(groups, draw(groups, target / len(examples)))
    held_out = held_out or _keep_every_label(groups, smallest_first)[:1]
    if not held_out:
        raise DataError(
            f"{examples.source}: none of its {len(examples)} rows can be held out without losing a label. "
            f"Give more rows with different {'texts' if examples.groups is None else 'groups'}, or a file of "
            "their own for the held-out rows."
        )
    rows = sorted(row for group in held_out for row in group.rows)
    rest = np.setdiff1d(np.arange(len(examples)), rows)
    return examples.take(rest), examples.take(rows)


def _newest(examples: Examples, times: Sequence[Any], target: float) -> Halves:
    """Cut between two times, as near as possible to the target number of rows."""
    ordered = sorted(times)
    cuts = [row for row in range(1, len(ordered)) if ordered[row - 1] < ordered[row]]
    if not cuts:
        raise DataError(f"{examples.source}: nothing can be held out of {len(examples)} rows with one time.")
    first = ordered[min(cuts, key=lambda cut: abs(len(ordered) - cut - target))]
    is_newest = np.array([time >= first for time in times])
    return examples.take(np.flatnonzero(~is_newest)), examples.take(np.flatnonzero(is_newest))


def _groups(examples: Examples, seed: int) -> list[_Group]:
    """Rows by text, or by the groups they have, in the order of their digests."""
    rows_of: dict[tuple[str, ...], list[int]] = defaultdict(list)
    by_group = None if examples.groups is None else ((group,) for group in examples.groups)
    for row, text in enumerate(by_group or _texts(examples, _are_answered(examples))):
        rows_of[text].append(row)
    groups = []
    for text in sorted(rows_of, key=lambda text: _digest(seed, text)):
        labels = [] if examples.labels is None else [examples.labels[row] for row in rows_of[text]]
        counts = Counter(name for label in labels for name in label_names(label))
        stratum = min(labels) if labels and isinstance(labels[0], str) else None
        groups.append(_Group(rows_of[text], counts, stratum))
    return groups


def _are_answered(examples: Examples) -> bool:
    """Whether these are questions, some of which have an answer in their passage."""
    rows = (label for label in examples.labels or () if isinstance(label, tuple))
    return any(isinstance(part, Answer) for label in rows for part in label)


def _texts(examples: Examples, answered: bool) -> Iterable[tuple[str, ...]]:
    """The texts of each row that no other part may have: of questions the passage."""
    return zip(*(examples.segments[-1:] if answered else examples.segments), strict=True)


def _digest(seed: int, text: tuple[str, ...]) -> bytes:
    encoded = "\0".join((str(seed), *text)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(encoded, digest_size=16).digest()


def _draw(groups: Sequence[_Group], share: float) -> list[_Group]:
    """Groups, stratum by stratum, until each has given its share of rows."""
    strata: dict[Label | None, list[_Group]] = defaultdict(list)
    sizes: Counter[Label | None] = Counter()
    for group in groups:
        strata[group.stratum].append(group)
        sizes[group.stratum] += len(group.rows)
    drawn = []
    for stratum, quota in _quotas(sizes, share).items():
        rows = 0
        for group in strata[stratum]:
            # A text that is too frequent stays in the rest.
            if rows + len(group.rows) / 2 <= quota and rows < quota:
                drawn.append(group)
                rows += len(group.rows)
    return drawn


def _draw_whole(groups: Sequence[_Group], share: float) -> list[_Group]:
    """Groups, each taken if it brings rows and labels nearer to their shares.

    The distance is chi-square: the sum over labels, and all rows, of (held out − target)² / target. A group
    larger than twice what is still missing therefore stays in the rest.
    """
    target = {name: share * count for name, count in _counts(groups).items()}
    held_out: Counter[str | None] = Counter()
    drawn = []
    for group in groups:
        more = _counts([group])
        if sum((2 * (target[name] - held_out[name]) - n) * n / target[name] for name, n in more.items()) > 0:
            drawn.append(group)
            held_out.update(more)
    return drawn


def _counts(groups: Sequence[_Group]) -> Counter[str | None]:
    """How many rows there are (None), and how many of each label."""
    counts: Counter[str | None] = Counter()
    for group in groups:
        counts.update(group.labels)
        counts[None] += len(group.rows)
    return counts


def _quotas(sizes: dict[Label | None, int], share: float) -> dict[Label | None, int]:
    """Whole rows for each stratum, by largest remainders."""
    exact = {stratum: share * size for stratum, size in sizes.items()}
    quotas = {stratum: math.floor(part) for stratum, part in exact.items()}
    missing = round(sum(exact.values())) - sum(quotas.values())
    by_remainder = sorted(exact, key=lambda stratum: (quotas[stratum] - exact[stratum], str(stratum)))
    for stratum in by_remainder[:missing]:
        quotas[stratum] += 1
    return quotas


def _keep_every_label(groups: Sequence[_Group], drawn: Sequence[_Group]) -> list[_Group]:
    """The groups drawn, except those that would leave a label with no text in the rest."""
    left = Counter(label for group in groups for label in group.labels)
    texts_left = len(groups)
    held_out = []
    for group in drawn:
        if texts_left > 1 and all(left[label] > 1 for label in group.labels):
            held_out.append(group)
            left.subtract(group.labels.keys())
            texts_left -= 1
    return held_out


def overlap(first: Examples, second: Examples) -> int:
    """How many rows of `second` have a text (all segments of it; of questions the passage) that `first` has
    too.
    """
    answered = _are_answered(first) or _are_answered(second)
    known = set(_texts(first, answered))
    return sum(text in known for text in _texts(second, answered))
