"""What passes between processes comes out as it went in."""

import numpy as np
import pytest

from wordladder.data.examples import Examples
from wordladder.ladder.job_files import (
    nested_order,
    read_examples,
    read_json,
    write_array,
    write_examples,
    write_json,
)


@pytest.mark.parametrize(
    "examples",
    [
        Examples((["a\nb", "世界 🙂\r\u2028", "\ud800"],), ["x", "y", "x"], "data.csv", np.array([2, 3, 7])),
        Examples((["a", "b"], ["c", "d"]), [("x", "y"), ()]),
        Examples(([],), []),
    ],
)
def test_examples_survive(tmp_path, examples):
    write_examples(tmp_path / "deep" / "e.json", examples)
    found = read_examples(tmp_path / "deep" / "e.json")
    assert found.segments == examples.segments
    assert found.labels == examples.labels
    assert found.source == examples.source
    assert (found.lines is None) == (examples.lines is None)
    if examples.lines is not None:
        np.testing.assert_array_equal(found.lines, examples.lines)
        assert found.lines.dtype == np.int64


def test_json_and_arrays_survive_and_leave_nothing_else(tmp_path):
    write_json(tmp_path / "a.json", {"世": [1, None]})
    write_array(tmp_path / "b.npy", np.arange(3))
    write_array(tmp_path / "b.npy", np.arange(4))
    assert read_json(tmp_path / "a.json") == {"世": [1, None]}
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), np.arange(4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "b.npy"]


def test_the_parts_of_a_label_curve_are_nested_and_show_every_label():
    random = np.random.default_rng(0)
    labels = [str(n) for n in random.integers(0, 20, 400)] + ["rare"]
    examples = Examples(([str(n) for n in range(401)],), labels)
    order = nested_order(examples)
    assert sorted(order) == list(range(401))
    assert {labels[row] for row in order[:21]} == set(labels)
    assert list(order) == list(nested_order(examples))
    assert list(order) != list(nested_order(examples, seed=2))
    several = Examples((["a", "b", "c"],), [("x",), ("x", "y"), ()])
    first = nested_order(several)[:2]
    assert {label for row in first for label in several.labels[row]} == {"x", "y"}
