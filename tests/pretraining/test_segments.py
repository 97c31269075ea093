"""Rows of pieces: which sentences, in which order, and batches as pure functions of their number."""

from bisect import bisect_right
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from wordladder.errors import DataError
from wordladder.pretraining.documents import Documents
from wordladder.pretraining.masking import Masking
from wordladder.pretraining.segments import Batches

START, END, PAD, MASK = 0, 1, 2, 3
ROOM, PIECES = 32, 256


def text(documents=30, seed=0):
    """Pieces that tell where they stand: 10 and up, one after another."""
    chance = np.random.Generator(np.random.PCG64(seed))
    counts = chance.integers(1, 12, size=documents)
    starts = np.concatenate([[0], np.cumsum(chance.integers(1, 14, size=counts.sum()))])
    bounds = np.concatenate([[0], np.cumsum(counts)])
    pieces = np.arange(10, 10 + starts[-1])
    table = np.stack([bounds[:-1], bounds[1:]], axis=1)
    return Documents(pieces, starts, table, np.ones(len(pieces) + 10, bool))


def batches(order, documents=None, share=0.0, seed=1):
    masking = Masking(MASK, np.arange(10, 20), share=share)
    return Batches(documents or text(), masking, (START, END, PAD), order, ROOM, PIECES, seed)


def rows_of(found, number):
    """The rows of a batch: their one or two segments, and the label."""
    batch = found.batch(number)
    for index, row in enumerate(batch.ids.tolist()):
        types = batch.types[index].tolist()
        size = len(row) if batch.mask is None else int(batch.mask[index].sum())
        assert set(row[size:]) <= {PAD}
        assert row[0] == START
        assert row[size - 1] == END
        inner = row[1 : size - 1]
        parted = inner.index(END) if END in inner else len(inner)
        assert types == [0] * (parted + 2) + [1] * (size - parted - 2) + [0] * (len(row) - size)
        label = None if batch.order is None else int(batch.order[index])
        yield inner[:parted], inner[parted + 1 :], label


def one_pass(found):
    found.batch(0)
    return [row for number in range(found._starts[1]) for row in rows_of(found, number)]


def document_of(documents, piece):
    bounds = documents.sentences[documents.documents]
    return int(np.searchsorted(bounds[:, 1], piece - 10, side="right"))


def test_sentence_order():
    documents = text()
    rows = one_pass(batches("sop", documents))
    seen = sorted(piece for first, second, _ in rows for piece in first + second)
    assert seen == documents.pieces.tolist(), "every piece once in a pass"
    starts = set((documents.sentences[:-1] + 10).tolist())
    for first, second, label in rows:
        whole = first + second if label < 1 else second + first
        assert whole == list(range(whole[0], whole[0] + len(whole)))
        assert document_of(documents, whole[0]) == document_of(documents, whole[-1])
        assert first[0] in starts
        assert (label == -100) == (not second)
        assert len(whole) + 3 <= ROOM + (not second)
        if second:
            assert second[0] in starts
    labels = [label for _, _, label in rows if label >= 0]
    assert 0.3 < np.mean(labels) < 0.7


def test_next_sentence():
    documents = text(200)
    rows = one_pass(batches("nsp", documents))
    for first, second, label in rows:
        if label == 0:
            assert second[0] == first[-1] + 1
        if label == 1:
            assert document_of(documents, first[0]) != document_of(documents, second[0])
            assert document_of(documents, second[0]) == document_of(documents, second[-1])
            assert second == list(range(second[0], second[0] + len(second)))
    labels = [label for _, _, label in rows if label >= 0]
    assert 0.4 < np.mean(labels) < 0.6


def test_one_segment_alone_is_packed_full():
    documents = text(5, seed=3)
    rows = one_pass(batches(None, documents))
    seen = sorted(piece for first, _, _ in rows for piece in first)
    assert seen == documents.pieces.tolist()
    for first, second, label in rows:
        assert not second
        assert label is None
        assert document_of(documents, first[0]) == document_of(documents, first[-1])
    full = sum(len(first) == ROOM - 2 for first, _, _ in rows)
    assert full >= len(documents.pieces) // ROOM - 2 * len(documents)


@pytest.mark.parametrize("order", ["sop", "nsp", None])
def test_a_batch_is_a_function_of_its_number(order):
    one, two = batches(order, share=0.15), batches(order, share=0.15)
    one.batch(0)
    later = one._starts[1] + 2
    first = one.batch(later)
    assert [one.batch(number).ids.shape for number in (1, 0)]
    for a, b in zip(first, two.batch(later)):
        assert (a is None and b is None) or torch.equal(a, b)
    assert not torch.equal(batches(order, share=0.15, seed=2).batch(0).ids, one.batch(0).ids)


def row_by_row(documents, room, chance):
    """Runs of sentences that fill a row, one after another."""
    for own, (first, last) in enumerate(documents.documents.tolist()):
        starts = documents.sentences[first : last + 1].tolist()
        at, count = 0, last - first
        draws = chance.random((count, 2)).tolist()
        while at < count:
            short, share = draws[at]
            target = int(2 + share * (room - 2)) if short < 0.1 else room
            stop = bisect_right(starts, starts[at] + target) - 1
            if stop < at + 2 <= count and starts[at + 2] - starts[at] <= room:
                stop = at + 2
            stop = max(stop, at + 1)
            yield first + at, first + stop, own
            at = stop


@pytest.mark.parametrize("room", [8, 29])
def test_runs_of_sentences_beside_a_loop(room):
    whole = text(60, seed=4)
    some = Documents(whole.pieces, whole.sentences, whole.documents[[0, 3, 4, 9, 50]], whole.words)
    for documents in (whole, some):
        found = batches("sop", documents)._chunks(room, np.random.Generator(np.random.PCG64(7)))
        expected = row_by_row(documents, room, np.random.Generator(np.random.PCG64(7)))
        assert list(zip(*(column.tolist() for column in found))) == list(expected)


@pytest.mark.parametrize("order", ["sop", "nsp", None])
def test_several_threads_at_once(order):
    """Over the ends of passes, and whatever comes first."""
    documents = text(300)
    alone, together = (batches(order, documents, share=0.15) for _ in range(2))
    alone.batch(0)
    numbers = np.random.default_rng(1).permutation(3 * alone._starts[1]).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = dict(zip(numbers, pool.map(together.batch, numbers)))
    for number in sorted(numbers):
        for a, b in zip(alone.batch(number), found[number]):
            assert (a is None and b is None) or torch.equal(a, b)


def test_a_batch_may_be_as_large_as_an_accelerator_wants():
    documents = text(12_000)
    found = Batches(documents, Masking(MASK, np.arange(10, 20)), (START, END, PAD), "sop", 128, 131_072, 1)
    batch = found.batch(0)
    assert 0.9 * 131_072 < batch.ids.numel() <= 131_072
    assert batch.places.max() < batch.ids.numel()


def test_each_pass_is_another():
    found = batches("sop", share=0.15)
    first, again = found.batch(0), found.batch(found._starts[1])
    assert first.ids.shape != again.ids.shape or not torch.equal(first.ids, again.ids)


def test_hidden_places_point_at_their_pieces():
    found = batches("sop", share=0.15)
    plain = batches("sop", share=0.0)
    batch, whole = found.batch(3), plain.batch(3)
    assert torch.equal(whole.ids.flatten()[batch.places], batch.labels)
    changed = torch.nonzero(batch.ids.flatten() != whole.ids.flatten()).flatten()
    assert set(changed.tolist()) <= set(batch.places.tolist())
    assert (batch.labels >= 10).all(), "special pieces are never hidden"


def test_little_is_padding():
    found = batches("sop", text(400))
    found.batch(0)
    filled = total = 0
    for number in range(found._starts[1]):
        batch = found.batch(number)
        total += batch.ids.numel()
        filled += batch.ids.numel() if batch.mask is None else int(batch.mask.sum())
        assert batch.ids.numel() <= PIECES
    assert filled / total > 0.9


def test_next_sentence_needs_two_documents():
    with pytest.raises(DataError, match="two documents"):
        batches("nsp", text(1))
