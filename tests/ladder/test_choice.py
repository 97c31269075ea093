"""The rule: who is best, who is recommended, and how many rows it would take to know."""

from dataclasses import replace

import numpy as np
import pytest
from made_up import made_up_climb, price, rule, rung

from wordladder.ladder.choice import MANY_ROWS, answers, best_rung, choose, pareto_front, rows_needed
from wordladder.ladder.price import COSTS
from wordladder.ladder.result import Rung

LATENCY = COSTS["latency"]
BEST = rung("best", 0.92, 5.0, (0, 0, 0))


def test_the_best_is_chosen_on_dev_not_on_test():
    on_dev, on_test = rung("a", 0.92, 5.0, test=0.90), rung("b", 0.91, 1.0, test=0.95)
    assert best_rung([on_test, on_dev], rule()) is on_dev
    assert best_rung([on_test, on_dev], replace(rule(), higher_is_better=False)) is on_test


def test_of_equally_good_ones_the_cheapest_is_best():
    assert best_rung([rung("dear", 0.9, 5.0), rung("cheap", 0.9, 1.0)], rule()).name == "cheap"


def test_a_broken_rung_is_never_chosen():
    broken = rung("broken", 0.99, 0.1, (0, 0, 0), error="it broke")
    found = choose([broken, Rung(name="untrained", recipe="", error="it broke"), BEST], rule())
    assert (found.best, found.recommended) == ("best", "best")


def test_the_cheapest_good_one_is_recommended():
    rungs = [
        rung("poor", 0.85, 0.1, (-0.07, -0.09, -0.05)),
        rung("good", 0.917, 1.0, (-0.003, -0.008, 0.002)),
        rung("also-good", 0.918, 2.0, (-0.002, -0.007, 0.003)),
        BEST,
    ]
    assert choose(rungs, rule()).recommended == "good"
    assert choose(rungs, rule()).undecided is None


def test_another_cost_recommends_another_rung():
    rungs = [
        rung("quick", 0.917, 1.0, (-0.003, -0.008, 0.002), price=price(1.0, size=500)),
        rung("small", 0.918, 2.0, (-0.002, -0.007, 0.003), price=price(2.0, size=5)),
        BEST,
    ]
    assert choose(rungs, rule()).recommended == "quick"
    assert choose(rungs, rule(cost="size")).recommended == "small"


def test_the_low_end_has_to_lie_above_the_margin():
    at = rung("at", 0.917, 1.0, (-0.003, -0.01, 0.002))
    above = rung("above", 0.917, 1.0, (-0.003, -0.0099, 0.002))
    assert choose([at, BEST], rule()).recommended == "best"
    assert choose([above, BEST], rule()).recommended == "above"
    assert choose([above, BEST], rule(margin=0.005)).recommended == "best"


def test_the_best_is_good_even_with_no_margin():
    assert choose([BEST], rule(margin=0.0)).recommended == "best"


def test_the_budget_leaves_rungs_out():
    good = rung("good", 0.917, 1.0, (-0.003, -0.008, 0.002))
    rungs = [good, rung("dear", 0.92, 5.0, (0, 0, 0), over_budget=("5 ms a text",))]
    found = choose(rungs, rule(max_latency_ms=2))
    assert (found.best, found.recommended, found.best_within_budget) == ("dear", "good", "good")


def test_nothing_good_within_the_budget():
    poor = rung("poor", 0.85, 1.0, (-0.07, -0.09, -0.05))
    worse = rung("worse", 0.80, 0.5, (-0.12, -0.14, -0.10))
    dear = rung("dear", 0.92, 5.0, (0, 0, 0), over_budget=("5 ms a text",))
    found = choose([worse, poor, dear], rule(max_latency_ms=2))
    assert (found.best, found.recommended, found.best_within_budget) == ("dear", None, "poor")


def test_nothing_within_the_budget_and_nothing_at_all():
    dear = rung("dear", 0.92, 5.0, (0, 0, 0), over_budget=("5 ms a text",))
    found = choose([dear], rule(max_latency_ms=2))
    assert (found.best, found.recommended, found.best_within_budget) == ("dear", None, None)
    assert choose([], rule()).best is None


def test_a_rung_that_the_rows_cannot_judge_is_named_with_the_rows_needed():
    rungs = [
        rung("far", 0.88, 0.1, (-0.02, -0.06, 0.02)),
        rung("near", 0.915, 1.0, (-0.005, -0.02, 0.01)),
        rung("worse", 0.80, 0.05, (-0.12, -0.14, -0.10)),
        BEST,
    ]
    found = choose(rungs, rule(rows=1000))
    assert (found.recommended, found.undecided) == ("best", "near")
    assert found.rows_needed == 9000  # the arm of 0.015 has to shrink to 0.005: a third, nine times the rows


@pytest.mark.parametrize(
    ("gap", "expected"),
    [
        ((-0.005, -0.009, 0.0), None),  # good enough
        ((-0.05, -0.07, -0.02), None),  # not good enough
        ((-0.005, -0.02, 0.01), 9000),
        ((-0.02, -0.05, 0.01), 9000),  # the other way: the arm of 0.03 has to shrink to 0.01
        ((-0.0101, -0.05, 0.03), MANY_ROWS),
        ((-0.01, -0.05, 0.03), MANY_ROWS),
        ((-0.0, -0.0101, 0.01), 1100),
    ],
)
def test_rows_needed(gap, expected):
    assert rows_needed(rung("a", 0.9, 1.0, gap), 0.01, 1000) == expected


def test_with_the_rows_needed_the_interval_does_tell():
    """The square-root rule against intervals that narrow as it says."""
    random = np.random.default_rng(0)
    for _ in range(300):
        value, arm = random.uniform(-0.05, 0.05), random.uniform(0.001, 0.1)
        rows = int(random.integers(10, 100_000))
        needed = rows_needed(rung("a", 0.9, 1.0, (value, value - arm, value + arm)), 0.01, rows)
        if needed is None or needed == MANY_ROWS:
            continue
        narrower = arm * (rows / needed) ** 0.5
        assert needed > rows
        assert value - narrower >= -0.01 - 1e-9 or value + narrower <= -0.01 + 1e-9


def test_the_front_has_no_rung_that_another_beats():
    random = np.random.default_rng(3)
    rungs = [rung(str(n), round(random.random(), 1), round(random.random(), 1) + 0.1) for n in range(30)]

    def beaten(one):
        return any(
            (o.value >= one.value and o.cost(LATENCY) < one.cost(LATENCY))
            or (o.value > one.value and o.cost(LATENCY) <= one.cost(LATENCY))
            for o in rungs
        )

    front = pareto_front(rungs, LATENCY)
    points = {(r.value, r.cost(LATENCY)) for r in front}
    assert points == {(r.value, r.cost(LATENCY)) for r in rungs if not beaten(r)}
    assert [r.cost(LATENCY) for r in front] == sorted(r.cost(LATENCY) for r in front)


def test_the_front_where_lower_is_better():
    rungs = [rung("a", 3.0, 1.0), rung("b", 2.0, 2.0), rung("c", 2.5, 3.0)]
    assert [r.name for r in pareto_front(rungs, LATENCY, higher_is_better=False)] == ["a", "b"]


def test_three_answers(tmp_path):
    accuracies = {"fast": (0.80, 0.3), "middle": (0.905, 1.2), "slow": (0.906, 20)}
    climb = made_up_climb(tmp_path, accuracies, rows=2000, chosen_by=rule(rows=2000, margin=0.03))
    assert {title: one.name for title, one in answers(climb).items()} == {
        "Cheapest good rung": "middle",
        "Best rung": "slow",
        "Best under 1 ms a text": "fast",
    }
    assert answers(climb, latency_ms=2)["Best under 2 ms a text"].name == "middle"
    assert answers(climb, latency_ms=0.1)["Best under 0.1 ms a text"] is None
