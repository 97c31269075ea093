import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.batches import length_batches
from wordladder.errors import SettingError

LENGTHS = st.lists(st.integers(0, 50), max_size=200)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 120), st.integers(1, 9), st.none() | st.integers(0, 2**40), st.integers(0, 3))
def test_every_row_once_and_no_batch_too_large(lengths, max_words, max_rows, seed, epoch):
    lengths = np.array(lengths, dtype=np.int32)
    batches = length_batches(lengths, max_words=max_words, max_rows=max_rows, seed=seed, epoch=epoch)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert 1 <= len(batch) <= max_rows
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= max_words
    again = length_batches(lengths, max_words=max_words, max_rows=max_rows, seed=seed, epoch=epoch)
    assert all(map(np.array_equal, batches, again))


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 120), st.integers(1, 9))
def test_sorted_batches_are_the_greedy_ones(lengths, max_words, max_rows):
    expected = [[]]
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        batch = expected[-1]
        if batch and (len(batch) == max_rows or (len(batch) + 1) * lengths[row] > max_words):
            expected.append([row])
        else:
            batch.append(row)
    batches = length_batches(np.array(lengths, dtype=np.int64), max_words=max_words, max_rows=max_rows)
    assert [batch.tolist() for batch in batches] == [batch for batch in expected if batch]


def test_epochs_and_seeds_differ_and_little_is_padding():
    lengths = np.random.default_rng(0).integers(5, 400, size=5000)

    def deal(seed, epoch):
        return length_batches(lengths, max_words=10_000, max_rows=32, seed=seed, epoch=epoch)

    batches = deal(1, 0)
    assert not np.array_equal(np.concatenate(batches), np.concatenate(deal(1, 1)))
    assert not np.array_equal(np.concatenate(batches), np.concatenate(deal(2, 0)))
    padded = sum(len(batch) * lengths[batch].max() for batch in batches)
    assert lengths.sum() / padded > 0.9
    means = np.array([lengths[batch].mean() for batch in batches])
    assert abs(np.corrcoef(means[1:], means[:-1])[0, 1]) < 0.3  # in no order of length


def test_the_order_is_fixed():
    batches = length_batches(np.arange(10), max_words=20, max_rows=4, seed=1, epoch=2)
    assert [batch.tolist() for batch in batches] == FIXED


FIXED = [[8, 7], [4, 5, 6], [0, 1, 2, 3], [9]]


@pytest.mark.parametrize("wrong", [{"max_words": 0}, {"max_rows": 0}, {"seed": -1}, {"seed": 1, "epoch": -1}])
def test_settings_out_of_range(wrong):
    with pytest.raises(SettingError):
        length_batches(np.arange(3), **{"max_words": 10, "max_rows": 2, **wrong})
