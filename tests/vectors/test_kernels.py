"""The Word2Vec kernels against their twins, and the tables they draw from against the formulas."""

import numpy as np
import pytest
import word2vec_twins as twins

from wordladder.kernels.sampling import (
    LINE,
    Schedule,
    Tables,
    Weights,
    alias_table,
    huffman,
    keep_thresholds,
    no_tree,
)
from wordladder.kernels.simd import LANES
from wordladder.kernels.word2vec import train_word2vec

MODELS = ("skipgram", "cbow")


def rows(words, dim, scale, seed):
    """A matrix, and the flat padded rows that the kernels want."""
    matrix = np.random.default_rng(seed).normal(scale=scale, size=(words, dim)).astype(np.float32)
    stride = -(-dim // 16) * 16
    flat = np.zeros((words, stride), np.float32)
    flat[:, :dim] = matrix
    return matrix.astype(np.float64), flat.ravel()


def text(words, length, seed):
    ids = np.random.default_rng(seed).zipf(1.3, length).astype(np.int32) % words
    ids[::17] = -1
    ids[40:42] = -1  # an empty line
    ids[43] = -1  # a line of one word
    ids.flags.writeable = False
    return ids


def run(model, ids, tables, weights, schedule, window, negative, seed, mean=True):
    where = (ids, 0, len(ids), tables, weights, schedule, window, negative)
    return train_word2vec(*where, np.uint64(seed), cbow=model == "cbow", mean=mean)


def tables_of(counts, sample, tree=False):
    return Tables(
        keep_thresholds(counts, sample),
        alias_table(counts),
        huffman(np.sort(counts)[::-1]) if tree else no_tree(),
    )


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize(("model", "mean"), [("skipgram", True), ("cbow", True), ("cbow", False)])
@pytest.mark.parametrize(("dim", "window", "negative"), [(20, 5, 5), (LANES, 1, 1), (37, 3, 11)])
def test_a_kernel_learns_what_its_twin_learns(model, mean, tree, dim, window, negative):
    words, ids = 30, text(30, 2000, 3)
    counts = np.bincount(ids[ids >= 0], minlength=words) + 1
    tables = tables_of(counts, 0.05, tree)
    inputs, flat_inputs = rows(words, dim, 0.3, 1)
    outputs, flat_outputs = rows(words, dim, 0.3, 2)
    weights = Weights(flat_inputs, flat_outputs, -(-dim // 16) * 16, -(-dim // LANES) * LANES)
    schedule = Schedule(0.05, 0.04 / len(ids), 0.02)
    seed = 2**64 - 12345
    loss, pairs = run(model, ids, tables, weights, schedule, window, negative, seed, mean)
    expected = twins.word2vec(model, ids, tables, inputs, outputs, schedule, window, negative, seed, mean)
    np.testing.assert_allclose(flat_inputs.reshape(words, -1)[:, :dim], inputs, atol=5e-4)
    np.testing.assert_allclose(flat_outputs.reshape(words, -1)[:, :dim], outputs, atol=5e-4)
    assert not flat_inputs.reshape(words, -1)[:, dim:].any()
    assert loss / pairs == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("model", MODELS)
def test_lines_longer_than_the_buffer_are_cut(model):
    ids = np.arange(2 * LINE + 50, dtype=np.int32) % 7
    ids.flags.writeable = False
    tables = tables_of(np.ones(7), 0)
    inputs, flat_inputs = rows(7, LANES, 0.3, 1)
    outputs, flat_outputs = rows(7, LANES, 0.3, 2)
    weights = Weights(flat_inputs, flat_outputs, max(16, LANES), LANES)
    schedule = Schedule(0.02, 0.0, 0.0)
    run(model, ids, tables, weights, schedule, 2, 2, 1)
    twins.word2vec(model, ids, tables, inputs, outputs, schedule, 2, 2, 1)
    np.testing.assert_allclose(flat_inputs.reshape(7, -1)[:, :LANES], inputs, atol=2e-3)


@pytest.mark.parametrize("model", MODELS)
def test_a_vocabulary_of_one_word_is_no_trouble(model):
    ids = np.array([0, 0, 0, -1, 0], dtype=np.int32)
    ids.flags.writeable = False
    tables = tables_of(np.ones(1), 0)
    _, flat = rows(1, 4, 0.3, 1)
    weights = Weights(flat, flat.copy(), 16, -(-4 // LANES) * LANES)
    run(model, ids, tables, weights, Schedule(0.02, 0.0, 0.0), 2, 3, 1)
    assert np.isfinite(flat).all()


@pytest.mark.parametrize("counts", [[5, 1], [1] * 9, [100, 90, 7, 5, 5, 2, 1, 1], range(500, 1, -1)])
def test_a_huffman_tree_is_as_short_as_can_be(counts):
    import heapq

    counts = np.array(counts)
    tree = huffman(counts)
    depths = np.diff(tree.begins)
    heap, shortest = counts.tolist(), 0
    heapq.heapify(heap)
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        shortest += joined
        heapq.heappush(heap, joined)
    assert (depths * counts).sum() == shortest
    ways = {
        tuple(zip(tree.nodes[a:b].tolist(), tree.labels[a:b].tolist()))
        for a, b in zip(tree.begins[:-1], tree.begins[1:])
    }
    assert len(ways) == len(counts)  # every way leads to another word
    assert set(tree.nodes.tolist()) == set(range(len(counts) - 1))
    assert len({way[0][0] for way in ways}) == 1  # all begin at the root


def test_words_are_kept_as_word2vec_keeps_them():
    counts, sample = np.array([50_000, 1000, 10, 1]), 1e-3
    total = counts.sum()
    # the line of word2vec.c that decides it
    expected = (np.sqrt(counts / (sample * total)) + 1) * (sample * total) / counts
    np.testing.assert_allclose(keep_thresholds(counts, sample) / 2**32, np.minimum(1, expected), atol=1e-6)
    assert (keep_thresholds(counts, 0) == 2**32 - 1).all()


@pytest.mark.parametrize("counts", [[1], [7, 7, 7], [1000, 200, 30, 5, 5, 1, 1], range(1, 400)])
def test_the_alias_table_has_the_wanted_distribution(counts):
    counts = np.array(counts)
    table = alias_table(counts)
    share = (table[:, 0].astype(np.float64) + 1) / 2**32
    drawn = share / len(counts)
    np.add.at(drawn, table[:, 1], (1 - share) / len(counts))
    np.testing.assert_allclose(drawn, counts**0.75 / (counts**0.75).sum(), atol=1e-8)
