from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.examples import Examples
from wordladder.data.splits import hold_out, overlap
from wordladder.errors import DataError, SettingError

ROWS = st.lists(st.tuples(st.integers(0, 25).map(str), st.sampled_from("abc")), min_size=1, max_size=60)


@settings(deadline=None)
@given(ROWS, st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.integers(0, 3))
def test_every_row_once_and_no_text_on_both_sides(rows, share, seed):
    texts, labels = map(list, zip(*rows))
    examples = Examples((texts,), labels, lines=np.arange(len(rows)))
    try:
        rest, held = hold_out(examples, share, seed)
    except DataError:
        # only when every text is the last one of some label
        left = Counter(label for _, label in set(rows))
        assert len(set(texts)) < 2 or all(
            any(left[label] == 1 for text, label in set(rows) if text == one) for one in texts
        )
        return
    assert sorted([*rest.lines, *held.lines]) == list(range(len(rows)))
    assert list(rest.lines) == sorted(rest.lines)
    assert not set(rest.texts) & set(held.texts)
    assert set(rest.labels) == set(labels)
    assert len(held) >= 1


def test_each_label_gives_its_share():
    labels = ["a"] * 700 + ["b"] * 250 + ["c"] * 50
    rest, held = hold_out(Examples(([f"text {row}" for row in range(1000)],), labels))
    assert Counter(held.labels) == {"a": 70, "b": 25, "c": 5}
    assert len(rest) == 900


def test_the_answer_is_fixed():
    examples = Examples(([f"text {row}" for row in range(20)],), list("ab" * 10))
    assert hold_out(examples, 0.2, seed=1)[1].texts == FIXED
    assert hold_out(examples, 0.2, seed=2)[1].texts != FIXED
    mixed = examples.take(np.random.default_rng(0).permutation(20))
    assert sorted(hold_out(mixed, 0.2, seed=1)[1].texts) == sorted(FIXED)


FIXED = ["text 0", "text 3", "text 9", "text 14"]


def test_a_text_repeated_too_often_stays():
    examples = Examples((["same"] * 500 + [f"text {row}" for row in range(500)],))
    rest, held = hold_out(examples, 0.1)
    assert len(held) == 100
    assert "same" in rest.texts


def test_minimum_and_limits():
    examples = Examples(([f"text {row}" for row in range(10)],))
    assert len(hold_out(examples, 0.1)[1]) == 1
    assert len(hold_out(examples, 0.1, minimum=3)[1]) == 3
    assert len(hold_out(examples, 0.1, minimum=100)[1]) == 5
    with pytest.raises(SettingError, match="between 0 and 1"):
        hold_out(examples, 1.0)
    with pytest.raises(DataError, match="nothing can be held out"):
        hold_out(Examples((["a"] * 10,)))
    with pytest.raises(DataError, match="without losing a label"):
        hold_out(Examples((["a", "b"],), ["x", "y"]))


def test_many_labels_all_stay_in_the_rest():
    labels = [("a",), ("a", "b"), ("b",), ("c",), (), ()] * 3
    examples = Examples(([f"text {row}" for row in range(18)],), labels)
    rest, held = hold_out(examples, 0.4)
    assert len(held) == 7
    assert {name for row in rest.labels for name in row} == {"a", "b", "c"}


def test_pairs_are_the_same_only_as_a_whole():
    first = Examples((["a", "a"], ["b", "c"]))
    second = Examples((["a", "b", "a", "a"], ["b", "a", "b", "d"]))
    assert overlap(first, second) == 2


def grouped(sizes, labels="ab", seed=0):
    """Rows of groups of these sizes, each row with a label of chance."""
    groups = [f"author {number}" for number, size in enumerate(sizes) for _ in range(size)]
    given = np.random.default_rng(seed).choice(list(labels), len(groups)).tolist()
    return Examples(([f"text {row}" for row in range(len(groups))],), given, groups=groups)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 30), min_size=3, max_size=40), st.sampled_from([0.1, 0.2, 0.4]), st.integers(0, 3)
)
def test_a_group_is_on_one_side(sizes, share, seed):
    examples = grouped(sizes)
    try:
        rest, held = hold_out(examples, share, seed)
    except DataError:
        assert any(
            len({g for g, label in zip(examples.groups, examples.labels) if label == one}) < 2 for one in "ab"
        )
        return
    assert not set(rest.groups) & set(held.groups)
    assert sorted(rest.texts + held.texts) == sorted(examples.texts)
    mixed = examples.take(np.random.default_rng(seed).permutation(len(examples)))
    assert set(hold_out(mixed, share, seed)[1].groups) == set(held.groups)


def test_groups_keep_the_shares_of_rows_and_labels():
    examples = grouped([5] * 200, "aaab")
    wanted = {label: 0.2 * count for label, count in Counter(examples.labels).items()}
    held = hold_out(examples, 0.2)[1]
    assert abs(len(held) - 200) <= 5
    assert all(abs(Counter(held.labels)[label] - count) < 5 for label, count in wanted.items())
    assert hold_out(examples, 0.2, seed=2)[1].groups != held.groups


def test_a_group_that_is_too_large_stays():
    rest, held = hold_out(grouped([500, *[5] * 40]), 0.1)
    assert "author 0" in rest.groups
    assert 50 <= len(held) <= 90


def test_too_few_groups():
    with pytest.raises(DataError, match="the data: nothing can be held out of 30 rows with one group"):
        hold_out(grouped([30]))
    alone = Examples((list("wxyz"),), ["a", "a", "b", "b"], groups=["p", "p", "q", "q"])
    with pytest.raises(DataError, match="more rows with different groups"):
        hold_out(alone)


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=60), st.sampled_from([0.1, 0.3, 0.5]))
def test_the_newest_are_held_out_and_ties_stay_together(times, share):
    examples = Examples(([f"text {row}" for row in range(len(times))],), times=times)
    if len(set(times)) == 1:
        with pytest.raises(DataError, match="rows with one time"):
            hold_out(examples, share)
        return
    rest, held = hold_out(examples, share)
    assert max(rest.times) < min(held.times)
    assert len(rest) + len(held) == len(times)
    sizes = [sum(time >= cut for time in times) for cut in sorted(set(times))[1:]]
    wanted = min(max(share * len(times), 1), 0.5 * len(times))
    assert abs(len(held) - wanted) == min(abs(size - wanted) for size in sizes)
