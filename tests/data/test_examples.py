import numpy as np
import pytest

from wordladder.data.examples import Examples
from wordladder.errors import DataError


def test_take_keeps_rows_together():
    examples = Examples((["a", "b", "c"], ["x", "y", "z"]), ["1", "2", "3"], "f.csv", np.array([2, 3, 5]))
    taken = examples.take(np.array([2, 0]))
    assert taken.segments == (["c", "a"], ["z", "x"])
    assert taken.labels == ["3", "1"]
    assert taken.lines.tolist() == [5, 2]
    assert taken.location(0) == "f.csv, line 5"
    assert len(taken) == 2
    assert len(examples.take([])) == 0


def test_flat_goes_row_by_row():
    assert Examples((["a", "b"], ["x", "y"])).flat() == ["a", "x", "b", "y"]
    assert Examples((["a", "b"],)).flat() == ["a", "b"]
    assert Examples((["a"],)).location(0) == "the data, row 1"


def test_uneven_columns_are_refused():
    with pytest.raises(DataError, match="2 texts, but 1 labels"):
        Examples((["a", "b"],), ["1"])
    with pytest.raises(DataError, match="second segment"):
        Examples((["a", "b"], ["c"]))
    with pytest.raises(DataError, match="at least one list"):
        Examples(())
