"""Forecasts of a climb: what to expect, where rungs meet, and their place in the report."""

import json

import numpy as np
import pytest

from wordladder import forecast
from wordladder.errors import OutputError, SettingError
from wordladder.ladder.sentences import forecast_sentences

ROWS = (50, 100, 200, 400, 800)


def climbed(folder, curves, *, higher=True):
    """The folder of a climb with label curves: of each rung the losses as a function of rows."""
    rungs = []
    for name, loss in curves.items():
        random = np.random.default_rng(len(name))
        points = []
        for rows in ROWS:
            losses = loss(rows) * np.exp(0.02 * random.standard_normal(3))
            values = (1 - losses if higher else losses).tolist()
            mean = float(np.mean(values))
            points.append(
                {"rows": rows, "value": mean, "interval": [mean - 0.02, mean + 0.02], "seed_values": values}
            )
        rungs.append({"name": name, "label_curve": points})
    facts = {
        "metric": "accuracy" if higher else "perplexity",
        "margin": 0.01,
        "higher_is_better": higher,
        "rows": {"train": 800, "dev": 100, "test": 1000},
        "rungs": [*rungs, {"name": "broken", "label_curve": []}],
    }
    (folder / "climb.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


CURVES = {"simple": lambda n: 0.12 + 0.2 * n**-0.3, "strong": lambda n: 2.2 * n**-0.4}


def test_the_stronger_rung_overtakes_the_simpler_one(tmp_path):
    found = forecast(climbed(tmp_path, CURVES), [4000, 25000, 4000])
    simple, strong = found.rungs
    assert (simple.name, simple.rows, found.left_out) == ("simple", 800, ("broken",))
    assert [one.rows for one in strong.expected] == [4000, 25000]
    for rung in found.rungs:
        for one in rung.expected:
            truth = 1 - CURVES[rung.name](one.rows)
            assert one.interval[0] - 0.001 < truth < one.interval[1] + 0.001
            assert one.value == pytest.approx(truth, abs=0.03)
    (meeting,) = found.overtaking
    crossing = next(n for n in range(800, 25000) if CURVES["strong"](n) < CURVES["simple"](n))
    assert (meeting.rung, meeting.other) == ("strong", "simple")
    assert meeting.interval[0] <= crossing
    assert meeting.interval[1] is None or meeting.interval[1] >= crossing
    assert meeting.rows == pytest.approx(crossing, rel=0.6)
    told = forecast_sentences(found)
    assert told[0].startswith(f"strong overtakes simple at about {meeting.rows:,} rows (")
    assert "Without a label curve of three points: broken." in told


def test_a_rung_that_is_behind_comes_within_the_margin_or_not(tmp_path):
    curves = {"slow": lambda n: 0.05 + 2 * n**-0.4, "quick": lambda n: 0.05 + 1.6 * n**-0.4}
    found = forecast(climbed(tmp_path, curves), [50000])
    (near,) = found.good_enough
    assert (near.rung, near.other) == ("slow", "quick")
    assert near.rows is not None
    assert 0.4 * near.rows**-0.4 == pytest.approx(0.01, abs=0.01)
    (far,) = forecast(tmp_path, [1000], margin=0.001).good_enough
    assert far.rows is None
    assert any("slow" in one and "not come within 0.001 of quick before 1,000 rows" in one for one in
               forecast_sentences(forecast(tmp_path, [1000], margin=0.001)))  # fmt: skip


def test_intervals_cover_the_test_rows_unless_they_are_left_out(tmp_path):
    folder = climbed(tmp_path, CURVES)
    widths = [
        np.ptp(forecast(folder, [1000], sampling=sampling).rungs[0].expected[0].interval)
        for sampling in (True, False)
    ]
    assert widths[0] > 1.3 * widths[1]


def test_lower_is_better(tmp_path):
    curves = {"ngrams": lambda n: 150 + 600 * n**-0.3, "network": lambda n: 9000 * n**-0.5}
    found = forecast(climbed(tmp_path, curves, higher=False), [20000])
    values = {rung.name: rung.expected[0].value for rung in found.rungs}
    assert values["network"] < values["ngrams"]
    assert [one.rung for one in found.overtaking] == ["network"]


def test_what_cannot_be_forecast(tmp_path):
    with pytest.raises(OutputError, match=r"there is no climb\.json"):
        forecast(tmp_path, [1000])
    with pytest.raises(SettingError, match="no label curve with three points"):
        forecast(climbed(tmp_path, {}), [1000])
    with pytest.raises(SettingError, match=r"rows = \[0\]"):
        forecast(climbed(tmp_path, CURVES), [0])
