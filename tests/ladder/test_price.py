"""How costs are written, and what a budget allows."""

import pytest
from made_up import price

from wordladder.errors import SettingError
from wordladder.ladder.price import COSTS, Budget, cost_kind, format_megabytes, format_number, format_seconds


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.0412, "0.041"),
        (0.4, "0.4"),
        (0.999, "1"),
        (1.04, "1"),
        (4.16, "4.2"),
        (9.96, "10"),
        (41.2, "41"),
        (100, "100"),
        (412, "410"),
        (4123, "4,100"),
        (99_600, "100,000"),
        (-0.25, "-0.25"),
    ],
)
def test_two_digits_that_matter(value, written):
    assert format_number(value) == written


def test_units_change_where_a_person_would_change_them():
    assert [format_seconds(s) for s in (0.5, 18, 90, 3599, 7200)] == [
        "0.5 s",
        "18 s",
        "1.5 min",
        "60 min",
        "2 h",
    ]
    assert [format_megabytes(size) for size in (0.012, 48.2, 1320)] == ["0.012 MB", "48 MB", "1.3 GB"]


def test_phrases():
    one = price(0.41, size=48.2, memory=612, train=18.4)
    phrases = [kind.phrase(kind.of(one)) for kind in COSTS.values()]
    assert phrases == ["0.41 ms a text", "610 MB of memory", "48 MB on disk", "18 s to train"]


def test_an_unknown_cost_is_told():
    assert cost_kind("size").name == "size"
    with pytest.raises(SettingError, match="Did you mean 'latency'"):
        cost_kind("latencies")


def test_a_budget_names_what_is_over_it():
    budget = Budget(max_latency_ms=1, max_minutes=2, max_size_mb=12.345)
    assert budget.exceeded(price(1.0, size=5, train=120)) == ()
    assert budget.exceeded(price(1.1, size=5, train=300)) == ("1.1 ms a text", "5 min to train")
    assert budget.describe() == "at most 1 ms a text and 12.345 MB on disk and 2 min to train"
    assert Budget().describe() == ""
    assert budget.describe("question").startswith("at most 1 ms a question and")
    assert Budget().exceeded(price(1e9)) == ()


def test_a_limit_is_above_zero():
    with pytest.raises(SettingError, match="max_latency_ms = 0"):
        Budget(max_latency_ms=0)
    with pytest.raises(SettingError, match="max_size_mb"):
        Budget(max_size_mb=float("nan"))
