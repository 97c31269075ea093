"""Splitting the texts of an example and joining them again."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.layers.sequence import Sequence, join_segments, split_segments

DIM = 3
sizes = st.integers(1, 3).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, 4), min_size=count, max_size=count), min_size=1, max_size=4
    )
)


def joined(lengths, extra=0):
    """Random words of all segments, one after the other in each row, and each word's segment."""
    totals = torch.tensor([sum(row) for row in lengths])
    time = int(totals.max()) + extra
    mask = torch.arange(time) < totals[:, None]
    vectors = torch.randn(len(lengths), time, DIM, generator=torch.Generator().manual_seed(1))
    segments = torch.zeros(len(lengths), time, dtype=torch.long)
    for row, counts in enumerate(lengths):
        numbers = [number for number, count in enumerate(counts) for _ in range(count)]
        segments[row, : len(numbers)] = torch.tensor(numbers, dtype=torch.long)
    return Sequence(vectors * mask[..., None], mask, torch.ones(len(lengths), 2), segments)


def widths(lengths):
    """Words of the longest text of each segment."""
    return [max(counts) for counts in zip(*lengths)]


def words(sequence, row):
    return sequence.vectors[row, sequence.mask[row]]


@settings(deadline=None, max_examples=60)
@given(sizes, st.integers(0, 2))
def test_apart_cuts_each_row_where_its_segments_meet(lengths, extra):
    whole = joined(lengths, extra)
    parts = split_segments(whole, widths(lengths))
    for number, part in enumerate(parts):
        assert part.vectors.shape[1] == max(counts[number] for counts in lengths)
        assert part.lengths.tolist() == [counts[number] for counts in lengths]
        assert not part.vectors[~part.mask].any()
        for row in range(len(lengths)):
            here = whole.mask[row] & (whole.segments[row] == number)
            assert torch.equal(words(part, row), whole.vectors[row, here])


@settings(deadline=None, max_examples=60)
@given(sizes, st.integers(0, 2))
def test_together_is_the_way_back(lengths, extra):
    whole = joined(lengths, extra)
    time = max(map(sum, lengths))
    again = join_segments(split_segments(whole, widths(lengths)), time)
    for found, expected in zip(again, (whole.vectors, whole.mask, None, whole.segments)):
        assert found is None if expected is None else torch.equal(found, expected[:, :time])


def test_parts_may_be_wider_than_their_texts():
    lengths = [[2, 1], [0, 3], [1, 0]]
    whole = joined(lengths)
    wide = [
        Sequence(
            torch.nn.functional.pad(part.vectors, (0, 0, 0, extra)),
            torch.nn.functional.pad(part.mask, (0, extra)),
        )
        for part, extra in zip(split_segments(whole, widths(lengths)), (3, 1))
    ]
    again = join_segments(tuple(wide), 3)
    assert torch.equal(again.vectors, whole.vectors)
    assert torch.equal(again.segments, whole.segments)


def test_one_text_without_segments_stays_as_it_is():
    whole = joined([[3], [1]])
    (part,) = split_segments(Sequence(whole.vectors, whole.mask), [3])
    assert torch.equal(part.vectors, whole.vectors)
    again = join_segments((part,), 3)
    assert torch.equal(again.vectors, whole.vectors)
    assert not again.segments.any()


@pytest.mark.parametrize("lengths", [[[0, 0]], [[0, 0], [0, 0]]])
def test_no_words_at_all(lengths):
    again = join_segments(split_segments(joined(lengths), [0, 0]), 0)
    assert again.vectors.shape == (len(lengths), 0, DIM)
    assert again.mask.shape == (len(lengths), 0)


def test_every_word_gets_its_own_gradient():
    lengths = [[2, 1], [0, 3], [0, 0]]
    whole = joined(lengths, extra=1)
    vectors = whole.vectors.clone().requires_grad_()
    weights = torch.arange(1.0, 1 + vectors.numel()).view_as(vectors)
    again = join_segments(split_segments(whole._replace(vectors=vectors), widths(lengths)), 3)
    (again.vectors * weights[:, : again.vectors.shape[1]]).sum().backward()
    assert torch.equal(vectors.grad, weights * whole.mask[..., None])
