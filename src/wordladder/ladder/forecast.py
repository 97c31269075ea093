"""What to expect of the rungs of a climb with more labels, from their label curves."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import OutputError, SettingError
from ..evaluation.learning_curves import fit_curve
from ..files.json_files import read_json
from .result import LEVEL, Climb, Expected, Forecast, Meeting, RungForecast

FEWEST_POINTS = 3
STEPS = 60  # numbers of rows between the last point and the farthest, to find where curves meet
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)
NORMAL_95 = 1.96  # half of a 95 % interval, in standard deviations
Floats = NDArray[np.float64]


def forecast(
    climb: Climb | str | Path,
    rows: Sequence[int],
    *,
    margin: float | None = None,
    sampling: bool = True,
    seed: int = 1,
) -> Forecast:
    """What to expect of each rung of a climb with more training rows.

    Learning curves of several families are averaged by how well each agrees with the label curve of the rung
    (see `evaluation.learning_curves`).

    Args:
        climb: A climb with a label curve, or its folder.
        rows: The numbers of training rows, such as `[5000, 25000]`.
        margin: How much worse than the best still counts as good; if not given, as in the climb.
        sampling: Whether the intervals also cover which test rows there happen to be, and not only what
            training makes of more rows.
        seed: Of the random draws.

    Raises:
        SettingError: `rows` has a number that is not positive, or the climb has no label curve.
        OutputError: There is no climb in the folder.
    """
    facts = climb.to_json() if isinstance(climb, Climb) else read_climb(climb)
    check_rows(rows)
    margin = facts["margin"] if margin is None else margin
    known = {one["name"]: one for one in facts["rungs"] if len(one["label_curve"]) >= FEWEST_POINTS}
    if not known:
        raise SettingError(
            "the climb has no label curve with three points (--forecast makes one; it needs about a hundred "
            "training rows, more with many labels)"
        )
    asked, last = np.unique(rows), max(one["label_curve"][-1]["rows"] for one in known.values())
    path = np.unique(np.geomspace(last, max(last + 1, asked[-1]), STEPS).astype(int))
    sign = 1 if facts["higher_is_better"] else -1
    drawn: dict[str, Floats] = {}
    rungs = []
    for number, (name, rung) in enumerate(known.items()):
        points = rung["label_curve"]
        fewest = 0.5 / facts["rows"]["test"]  # the loss of a rung without a mistake
        values = [point["seed_values"] or [point["value"]] for point in points]
        losses = [[max(_loss(value, sign), fewest) for value in of_seeds] for of_seeds in values]
        curve = fit_curve([point["rows"] for point in points], losses, seed=seed + number)
        drawn[name] = sign * _value(curve.losses(path, seed=seed + number), sign)
        at = curve.losses(asked, seed=seed + number, of_a_run=True)
        if sampling:
            relative = np.ptp(points[-1]["interval"]) / (2 * NORMAL_95) / np.mean(losses[-1])
            at *= np.exp(relative * np.random.default_rng(seed).standard_normal((len(at), 1)))
        low, middle, high = np.quantile(_value(at, sign), (ENDS[0], 0.5, ENDS[1]), axis=0).tolist()
        expected = (Expected(*one) for one in zip(asked.tolist(), middle, zip(low, high)))
        rungs.append(RungForecast(name, points[-1]["rows"], points[-1]["value"], tuple(expected)))
    return Forecast(
        metric=facts["metric"],
        margin=margin,
        rungs=tuple(rungs),
        overtaking=_overtaking(drawn, path),
        good_enough=_good_enough(drawn, path, margin),
        left_out=tuple(one["name"] for one in facts["rungs"] if one["name"] not in known),
    )


def check_rows(rows: Sequence[int]) -> None:
    """Raise a SettingError where these are no numbers of training rows."""
    if not rows or min(rows) < 1:
        raise SettingError(f"rows = {list(rows)}: these are numbers of training rows, such as 5000")


def read_climb(folder: str | Path) -> dict[str, Any]:
    """The content of a `climb.json`.

    Raises:
        OutputError: There is none in the folder.
    """
    path = Path(folder) / "climb.json"
    if not path.is_file():
        raise OutputError(f"{folder}: there is no climb.json; is this the output of a climb that has ended?")
    return read_json(path, dict, OutputError)


def _loss(value: float, sign: int) -> float:
    """How far a metric is from its best value, which is 1, or 0 where lower is better."""
    return 1 - value if sign > 0 else value


def _value(losses: Floats, sign: int) -> Floats:
    return 1 - losses if sign > 0 else losses


def _overtaking(drawn: Mapping[str, Floats], path: NDArray[np.int64]) -> tuple[Meeting, ...]:
    """Which rung overtakes which."""
    found = []
    for one, other in combinations(drawn, 2):
        gap = drawn[one] - drawn[other]
        behind, ahead = (one, other) if np.median(gap[:, 0]) < 0 else (other, one)
        meeting = _meeting(behind, ahead, drawn[behind] - drawn[ahead], path)
        found += [meeting] if meeting.rows is not None else []
    return tuple(sorted(found, key=lambda one: one.rows or 0))


def _good_enough(drawn: Mapping[str, Floats], path: NDArray[np.int64], margin: float) -> tuple[Meeting, ...]:
    """When each rung is within the margin of the one that is expected to be best in the end."""
    best = max(drawn, key=lambda name: float(np.median(drawn[name][:, -1])))
    gaps = {name: values - drawn[best] + margin for name, values in drawn.items() if name != best}
    return tuple(_meeting(name, best, gap, path) for name, gap in gaps.items() if np.median(gap[:, 0]) < 0)


def _meeting(rung: str, other: str, gap: Floats, path: NDArray[np.int64]) -> Meeting:
    """Where the gap `(draws, rows)` is first above zero."""
    above = gap >= 0
    firsts = np.sort(np.where(above.any(axis=1), path[above.argmax(axis=1)], np.inf))
    places = (np.array([ENDS[0], 0.5, ENDS[1]]) * (len(firsts) - 1)).astype(int)
    low, middle, high = (int(one) if np.isfinite(one) else None for one in firsts[places])
    return Meeting(rung, other, middle, (low, high))
