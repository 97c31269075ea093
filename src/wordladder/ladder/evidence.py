"""What lies behind the figure of a rung: its labels, what it confuses, whether it knows how sure it may be,
and the texts on which it differs from another.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data.examples import Examples
from .climb_folder import ClimbFolder
from .result import Climb, Rung
from .run import ANSWERS

MATRIX_LABELS = 12  # with more labels only the most frequent confusions are shown
CONFUSIONS = 12
BINS, BIN_ROWS = 10, 20
TEXTS, CHARACTERS = 12, 300


@dataclass(frozen=True)
class Bin:
    """Answers that a rung is about equally sure of.

    Attributes:
        rows: How many.
        sure: How sure it is on average.
        right: The share that is right.
    """

    rows: int
    sure: float
    right: float


@dataclass(frozen=True)
class Disagreement:
    """A test row that one rung answers right, and another wrong.

    Attributes:
        text: Its text, shortened; of several texts all.
        gold: The right answer; empty if it is not a label.
        answers: The answer of each rung, by name; empty likewise.
        right: The rung that is right.
    """

    text: str
    gold: str
    answers: Mapping[str, str]
    right: str


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What lies behind the figure of a rung, on the test rows and with its first seed.

    Attributes:
        rung: The recommended rung, or the best.
        other: The rung it is compared with: the best, or the next best; None if there is no other.
        labels: Precision, recall, F1 and support of each label, of both.
        confusions: How often a text of one label gets another, the most frequent first.
        calibration: Its answers from the least to the most sure.
        only: How many rows each of the two alone answers right, by name.
        disagreements: Some of these rows, in turn.
    """

    rung: str
    other: str | None
    labels: Mapping[str, Mapping[str, Mapping[str, float]]]
    confusions: Sequence[tuple[str, str, int]] = ()
    calibration: Sequence[Bin] = ()
    only: Mapping[str, int]
    disagreements: Sequence[Disagreement] = ()


def find_evidence(climb: Climb, test: Examples, folder: ClimbFolder) -> Evidence | None:
    """What the kept answers of a climb show; None if none are kept.

    Args:
        climb: The climb.
        test: Its test rows.
        folder: Its folder.
    """
    pair = _pair(climb, folder)
    if not pair:
        return None
    known = {rung.name: _answers(folder, rung) for rung in pair}
    results = {rung.name: folder.result(folder.run(rung.name, rung.seeds[0])) for rung in pair}
    labels = {name: result.labels for name, result in results.items() if result and result.labels}
    name, *others = known
    other = others[0] if others else None
    only, rows = {}, []
    if other is not None:
        right = [known[one]["test_right"] for one in (name, other)]
        apart = [np.flatnonzero(right[0] & ~right[1]), np.flatnonzero(right[1] & ~right[0])]
        only = {name: len(apart[0]), other: len(apart[1])}
        rows = [row for both in zip(*_padded(apart)) for row in both if row is not None][:TEXTS]
    names = {one: _label_names(arrays) for one, arrays in known.items()}
    disagreements = [
        Disagreement(
            " ‖ ".join(" ".join(segment[row].split())[:CHARACTERS] for segment in test.segments),
            names[name][row][0] if names[name] else "",
            {one: names[one][row][1] if names[one] else "" for one in known},
            name if known[name]["test_right"][row] else str(other),
        )
        for row in rows
    ]
    wrong = Counter(pair for pair in names[name] if pair[0] != pair[1])
    return Evidence(
        rung=name,
        other=other,
        labels=labels,
        confusions=tuple((*pair, count) for pair, count in wrong.most_common()),
        calibration=calibration(known[name]["test_sure"], known[name]["test_right"]),
        only=only,
        disagreements=tuple(disagreements),
    )


def calibration(sure: Any, right: Any) -> tuple[Bin, ...]:
    """The answers in bins of equally many rows, from the least to the most sure.

    Args:
        sure: How sure each is, `(rows,)`.
        right: Which are right, `(rows,)`.
    """
    bins = min(BINS, len(sure) // BIN_ROWS)
    if bins < 2:
        return ()
    parts = np.array_split(np.argsort(sure, kind="stable"), bins)
    return tuple(Bin(len(rows), float(sure[rows].mean()), float(right[rows].mean())) for rows in parts)


def _pair(climb: Climb, folder: ClimbFolder) -> list[Rung]:
    """The rung to look into, and the one to compare it with."""
    sign = 1 if climb.rule.higher_is_better else -1
    kept = [rung for rung in climb.rungs if rung.measured and _path(folder, rung).is_file()]
    kept.sort(key=lambda rung: -sign * (rung.dev_value or 0.0))
    order = [climb.recommended, climb.best, *(rung.name for rung in kept)]
    names = [name for name in dict.fromkeys(order) if name in {rung.name for rung in kept}]
    return [climb.rung(name) for name in names[:2]]


def _path(folder: ClimbFolder, rung: Rung) -> Path:
    return folder.run(rung.name, rung.seeds[0]) / ANSWERS


def _answers(folder: ClimbFolder, rung: Rung) -> dict[str, Any]:
    with np.load(_path(folder, rung), allow_pickle=False) as arrays:
        return dict(arrays)


def _padded(rows: Sequence[Any]) -> list[list[int | None]]:
    most = max(len(one) for one in rows)
    return [[*one.tolist(), *[None] * (most - len(one))] for one in rows]


def _label_names(arrays: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The right label of each test row and that of the answer; none if the answers are not single labels."""
    outcomes, labels = arrays["test_outcomes"], arrays["labels"].tolist()
    if not labels or outcomes.shape[1:] != (2,):
        return []
    return [(labels[gold], labels[answer]) for gold, answer in outcomes.tolist()]
