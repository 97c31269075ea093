"""How far a run is, and at which rate it learns, by steps and by the clock."""

import itertools
import json

import pytest

from wordladder.pretraining.schedule import Plans, rate_factor


def test_by_steps(tmp_path):
    plans = Plans(tmp_path / "plans.jsonl", 10, None)
    assert [plans.progress(step) for step in (0, 5, 10)] == [0.0, 0.5, 1.0]
    assert [plans.ended(step) for step in (9, 10)] == [False, True]


def test_the_factor_rises_and_falls():
    factors = [rate_factor(step / 20, (step + 1) / 20, 0.25) for step in range(20)]
    assert factors[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert all(a > b > 0 for a, b in itertools.pairwise(factors[5:]))
    assert factors[-1] == pytest.approx(1 / 15)
    assert rate_factor(0.0, 0.5, 0.0) == 1.0


def run_by_the_clock(path, pace, seconds=60.0):
    """Steps that take `pace(step)` seconds each; the rates of all, and the time at the end."""
    plans, step, clock, rates = Plans(path, None, seconds), 0, 0.0, []
    while not plans.ended(step):
        rates.append(rate_factor(plans.progress(step), plans.progress(step + 1), 0.1))
        clock += pace(step)
        step += 1
        plans.measure(step, clock)
    return rates, clock


@pytest.mark.parametrize(
    "pace", [lambda step: 0.5, lambda step: 3.0 if step < 3 else 0.2, lambda step: 0.2 if step < 100 else 0.8]
)
def test_by_the_clock(pace, tmp_path):
    rates, clock = run_by_the_clock(tmp_path / "plans.jsonl", pace)
    assert clock == pytest.approx(60, abs=3)
    assert max(rates) > 0.9
    assert rates[-1] < 0.05
    assert sum(a < b for a, b in itertools.pairwise(rates)) < 0.3 * len(rates)


def test_a_longer_run_than_one_step_fits(tmp_path):
    rates, _ = run_by_the_clock(tmp_path / "plans.jsonl", lambda step: 100.0)
    assert 1 <= len(rates) <= 3


def test_the_journal_is_followed(tmp_path):
    """A run at another pace goes by the plans of then, as far as they reach."""
    path = tmp_path / "plans.jsonl"
    first, _ = run_by_the_clock(path, lambda step: 0.5)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 1')  # written while the machine was switched off
    again, _ = run_by_the_clock(path, lambda step: 5.0)
    assert again == first
    assert all(json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1])
