"""What passes between processes comes out as it went in."""

import numpy as np
import pytest

from wordladder.data.examples import Examples
from wordladder.files.json_files import read_json, write_json
from wordladder.ladder.run import nested_order, read_examples, write_examples


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


def test_json_survives_and_leaves_nothing_else(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"世": [0]})
    write_json(tmp_path / "new" / "a.json", {"世": [1, None]})
    assert read_json(tmp_path / "new" / "a.json", dict) == {"世": [1, None]}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


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
