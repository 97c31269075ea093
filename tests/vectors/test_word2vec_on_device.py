"""Word2Vec on an accelerator, tried on the processor: its step has a twin in NumPy, its draws are counted."""

import sys

import numpy as np
import pytest
import torch
from test_word2vec import KINDS, small

from wordladder.errors import MissingExtraError, SettingError
from wordladder.kernels.sampling import alias_table
from wordladder.progress import quiet
from wordladder.text.corpus import read_corpus
from wordladder.vectors import _on_device
from wordladder.vectors._hogwild import Run, sampling_tables
from wordladder.vectors._on_device import Batch, BatchSampler

PROCESSOR = torch.device("cpu")
WINDOW = 3


@pytest.fixture(scope="module")
def corpus():
    """Lines that each speak of one kind of thing only."""
    chance = np.random.default_rng(0)
    lines = [" ".join(chance.choice(KINDS[row % 3], 12)) for row in range(1500)]
    with read_corpus(texts=lines, min_count=1) as corpus:
        yield corpus


def trained(corpus, seed=1, start=None, progress=quiet, **settings):
    """Vectors trained by what an accelerator computes."""
    return small(**settings)._train(corpus, start, Run(None, seed, progress), PROCESSOR)


def drawn_by_hand(words=7, seed=3):
    """Two blocks of eight of few words, with two line ends and an empty place."""
    chance = np.random.default_rng(seed)
    shape = (2, WINDOW + 8 + WINDOW)
    lines = np.cumsum(chance.random(shape) < 0.15, axis=1)
    lines[1, -4:] = -1
    spans = chance.integers(1, WINDOW + 1, (2, 8))
    spans[1, -1:] = 0
    drawn = (chance.integers(0, words, shape), lines, spans, chance.integers(0, words, (2, 5)))
    return Batch(*(torch.tensor(one, dtype=torch.int32) for one in drawn))


def pairs_of(batch):
    """(block, place of the neighbour, place of the word in its block) of each pair, by a plain loop."""
    for block, spans in enumerate(batch.spans.tolist()):
        for place, span in enumerate(spans):
            at = WINDOW + place
            for other in range(at - span, at + span + 1):
                if other != at and batch.lines[block, at] == batch.lines[block, other]:
                    yield block, other, place


def twin(tables, batch, rate, negative, frequent):
    """The step over all pairs in double precision: (loss, pairs) of the first block."""
    moves, pairs = np.zeros((2, *tables[0].shape)), np.zeros((2, len(tables[0])))
    sides = np.zeros_like(pairs)  # the same of the first block
    facts = np.zeros(2)
    words, negatives = batch.words.numpy(), batch.negatives.numpy()
    for block, other, place in pairs_of(batch):
        source, word = words[block, other], words[block, WINDOW + place]
        targets = [(word, 1, 1.0)]
        targets += [(one, 0, negative / len(negatives[block])) for one in negatives[block] if one != word]
        for target, label, weight in targets:
            vectors = tables[0][source], tables[1][target]
            likelihood = 1 / (1 + np.exp(-vectors[0] @ vectors[1]))
            for side, row in enumerate((source, target)):
                moves[side][row] += rate * weight * (label - likelihood) * vectors[1 - side]
                pairs[side][row] += weight
                sides[side][row] += weight * (block == 0)
            facts[0] -= weight * np.log(likelihood if label else 1 - likelihood) * (block == 0)
        facts[1] += block == 0
    means = [np.average(table, axis=0, weights=side) for table, side in zip(tables, sides)]
    squares = [np.average((table**2).sum(1), weights=side) for table, side in zip(tables, sides)]
    for side, table in enumerate(tables):
        mean = means[1 - side]
        length, rest = mean @ mean, squares[1 - side] - mean @ mean
        for row, move in enumerate(moves[side]):
            if row in frequent:
                along = (move @ mean) / length * mean
                steep = rate * pairs[side][row] * np.array([length / 5, rest / 5 / np.sqrt(len(mean))])
                move = along / max(1, steep[0]) + (move - along) / max(1, steep[1])
            table[row] += move
    return facts


@pytest.mark.parametrize("rate", [0.02, 0.3, 3.0])
@pytest.mark.parametrize("frequent", [[], [0, 2, 5], [6, 5, 4, 3, 2, 1, 0]])
def test_a_step_is_that_of_a_plain_loop(rate, frequent):
    batch, chance = drawn_by_hand(seed=len(frequent)), np.random.default_rng(1)
    tables = [chance.normal(size=(7, 6)) for _ in range(2)]
    there = [torch.tensor(table, dtype=torch.float32) for table in tables]
    rows = torch.tensor(frequent, dtype=torch.int64)
    found = _on_device.step(_on_device.Tables(*there, rows), batch, torch.tensor(rate), 4)
    expected = twin(tables, batch, rate, 4, frequent)
    for table, learned in zip(tables, there):
        np.testing.assert_allclose(learned.numpy(), table, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_weights_are_the_pairs_and_their_negatives():
    batch = drawn_by_hand(words=1000)
    batch = batch._replace(negatives=batch.negatives + 1000)  # none is a word of the text
    weights = _on_device.pair_weights(batch, 4, torch.tensor(0.5))
    assert [tuple(one) for one in weights[:, :, :8].nonzero().tolist()] == sorted(pairs_of(batch))
    assert set(weights[:, :, :8].flatten().tolist()) == {0, 0.5}
    torch.testing.assert_close(weights[:, :, 8:].sum(2), 4 * weights[:, :, :8].sum(2))


def test_a_random_word_that_is_the_target_is_left_out():
    batch = drawn_by_hand(words=3)
    weights = _on_device.pair_weights(batch, 4, torch.tensor(1.0))
    expected = np.zeros((2, WINDOW + 8 + WINDOW, 5))
    for block, other, place in pairs_of(batch):
        expected[block, other] += (batch.negatives[block] != batch.words[block, WINDOW + place]).numpy() * 0.8
    np.testing.assert_allclose(weights[:, :, 8:].numpy(), expected, atol=1e-6)
    assert (expected.sum(2) < 4 * weights[:, :, :8].sum(2).numpy()).any()


@pytest.fixture
def blocks():
    counts = np.array([500, 300, 200, 100, 50, 10])
    return BatchSampler(sampling_tables(counts, 0), WINDOW, 5, 4, PROCESSOR)


def test_each_kept_word_is_once_in_the_middle_with_its_neighbours(blocks):
    ids = torch.tensor(np.random.default_rng(0).integers(-1, 6, 1000), dtype=torch.int32)
    drawn = blocks.draw(ids, 1)
    kept, lines = ids[ids >= 0], (ids < 0).cumsum(0)[ids >= 0]
    order = [drawn.words, drawn.lines, drawn.spans]
    words, of_line, spans = (one.transpose(0, 1).flatten(0, 1) for one in order)
    middle = slice(WINDOW, WINDOW + _on_device.BLOCK_SIZE)
    assert words[:, middle].flatten()[: len(kept)].equal(kept)
    assert of_line[:, middle].flatten()[: len(kept)].equal(lines.int())
    assert not spans.flatten()[len(kept) :].any()
    assert (of_line[:, middle].flatten()[len(kept) :] == -1).all()
    assert set(spans.flatten()[: len(kept)].tolist()) == {1, 2, 3}
    assert (words[1:, :WINDOW] == words[:-1, middle][:, -WINDOW:]).all()
    assert (words[:-1, -WINDOW:] == words[1:, middle][:, :WINDOW]).all()
    assert (of_line[0, :WINDOW] == -1).all()


def test_no_pair_crosses_a_line_end(blocks):
    ids = torch.tensor([*([0, 1, -1] * 100), *([2, 3, 4, -1] * 100)], dtype=torch.int32)
    drawn = blocks.draw(ids, 1)
    met = set()
    for number in range(len(drawn.words)):
        batch = Batch(*(one[number] for one in drawn))
        words = batch.words.tolist()
        met |= {
            (words[block][other], words[block][WINDOW + place]) for block, other, place in pairs_of(batch)
        }
        pairs = _on_device.pair_weights(batch, 5, torch.tensor(1.0))[:, :, : _on_device.BLOCK_SIZE].nonzero()
        assert [tuple(one) for one in pairs.tolist()] == sorted(pairs_of(batch))
    assert met == {(0, 1), (1, 0), (2, 3), (3, 2), (3, 4), (4, 3), (2, 4), (4, 2)}


def test_an_empty_chunk_has_a_batch_of_nothing(blocks):
    drawn = blocks.draw(torch.tensor([-1, -1], dtype=torch.int32), 1)
    assert len(drawn.words) == 1
    assert not _on_device.pair_weights(Batch(*(one[0] for one in drawn)), 5, torch.tensor(1.0)).any()


def test_negatives_and_kept_words_are_as_frequent_as_they_should_be():
    counts = np.array([60_000, 20_000, 9_000, 1_000, 400, 20])
    tables = sampling_tables(counts, 1e-2)
    drawn = BatchSampler(tables, WINDOW, 5, 2, PROCESSOR).draw(
        torch.arange(6, dtype=torch.int32).repeat(40_000), 1
    )
    share = counts**0.75 / (counts**0.75).sum()
    found = np.bincount(drawn.negatives.flatten().numpy(), minlength=6) / drawn.negatives.numel()
    np.testing.assert_allclose(found, share, atol=4 * np.sqrt(share.max() / drawn.negatives.numel()))
    words = drawn.words[:, :, WINDOW:-WINDOW][drawn.spans > 0].numpy()
    ratio = 1e-2 / (counts / counts.sum())
    kept = np.minimum(1, np.sqrt(ratio) + ratio)
    np.testing.assert_allclose(np.bincount(words, minlength=6) / 40_000, kept, atol=0.01)
    assert (alias_table(counts) == tables.alias).all()


def test_words_of_one_kind_come_together(corpus):
    told = []
    vectors = trained(corpus, progress=lambda stage, *facts, **more: told.append((stage, *facts, more)))
    for kind in KINDS:
        near = [word for word, _ in vectors.most_similar(kind[0], topn=len(kind) - 1)]
        assert set(near) == set(kind[1:])
    last = next(one for one in reversed(told) if one[0] == "training word2vec")
    assert last[1] == pytest.approx(last[2]) == corpus.words * 3
    losses = vectors.settings["losses"]
    assert 6 * np.log(2) > losses[0] > losses[-1] == last[-1]["loss"]
    assert vectors.settings["device"] == "cpu"
    # the kernel's loss, of the same pairs
    kernel = small().train(corpus, threads=1).settings["losses"]
    assert losses[-1] == pytest.approx(kernel[-1], rel=0.1)


def test_one_seed_gives_the_same_vectors(corpus, monkeypatch):
    monkeypatch.setattr(_on_device, "_CHUNK", 5000)
    first, again, other = (trained(corpus, seed=seed) for seed in (5, 5, 6))
    assert (first.vectors == again.vectors).all()
    assert (first.outputs == again.outputs).all()
    assert not (first.vectors == other.vectors).all()


def test_a_large_step_on_few_words_does_not_diverge(corpus, monkeypatch):
    monkeypatch.setattr(_on_device, "_STEPS", 20)
    vectors = trained(corpus, epochs=20)
    assert np.abs(vectors.vectors).max() < 10
    assert vectors.settings["losses"][-1] < vectors.settings["losses"][0]


def test_training_goes_on_from_vectors(corpus):
    before = trained(corpus)
    after = trained(corpus, start=before, learning_rate=1e-9, epochs=1)
    np.testing.assert_allclose(after.vectors, before.vectors, atol=1e-5)
    np.testing.assert_allclose(after.outputs, before.outputs, atol=1e-5)


def test_the_processor_is_what_it_is_without_a_device(corpus):
    left_out, named = (small().train(corpus, threads=1, **given) for given in ({}, {"device": "cpu"}))
    assert (left_out.vectors == named.vectors).all()
    assert left_out.settings == named.settings
    assert "device" not in left_out.settings


@pytest.mark.parametrize(
    ("settings", "device", "message"),
    [
        ({"model": "cbow"}, "cuda", "trains model 'skipgram' with loss 'negative'"),
        ({"loss": "hierarchical"}, "cuda", "trains model 'skipgram' with loss 'negative'"),
        ({}, "gpu", "device is 'gpu'; it can be"),
        ({}, "meta", "device is 'meta'; it can be"),
        ({}, "cuda:1", "device is 'cuda:1', but PyTorch sees no accelerator"),
    ],
)
def test_a_wrong_device_is_refused(corpus, settings, device, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError, match=message):
        small(**settings).train(corpus, device=device)


def test_without_torch_the_extra_is_named(corpus, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"wordladder\[train\]"):
        small().train(corpus, device="cuda")
    assert small().train(corpus, threads=1).dim == 12


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
def test_an_accelerator_learns_the_same(corpus):
    vectors, processor = small().train(corpus, device="cuda"), trained(corpus)
    assert vectors.settings["device"] == "cuda"
    assert vectors.settings["losses"][-1] == pytest.approx(processor.settings["losses"][-1], rel=0.05)
    for kind in KINDS:
        near = [word for word, _ in vectors.most_similar(kind[0], topn=len(kind) - 1)]
        assert set(near) == set(kind[1:])
