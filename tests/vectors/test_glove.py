"""GloVe: counts against brute force, the kernel against NumPy, what comes out."""

import numpy as np
import pytest

from wordladder.errors import SettingError
from wordladder.kernels.glove import train_glove
from wordladder.kernels.simd import LANES
from wordladder.text.corpus import read_corpus
from wordladder.vectors import _cooccurrences as cooccurrences
from wordladder.vectors._hogwild import Run
from wordladder.vectors.glove import GloVe


def told(*stage, **facts):
    pass


def text(words, length):
    ids = np.random.default_rng(3).zipf(1.4, length).astype(np.int32) % words
    ids[::19] = -1
    ids[40:42] = -1
    return ids


def brute_force(ids, window, symmetric, weighted):
    counts, lines, line = {}, [], []
    for word in [*ids.tolist(), -1]:
        if word < 0:
            lines, line = [*lines, line], []
        else:
            line.append(word)
    for line in lines:
        for i, word in enumerate(line):
            for j in range(max(0, i - window), i):
                value = 1 / (i - j) if weighted else 1
                for key in [(word, line[j]), (line[j], word)][: 2 if symmetric else 1]:
                    counts[key] = counts.get(key, 0) + value
    return counts


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("part", [1 << 25, 300])
def test_counts_are_those_of_brute_force(monkeypatch, symmetric, weighted, part):
    monkeypatch.setattr(cooccurrences, "_PART", part)  # several parts are added up
    monkeypatch.setattr(cooccurrences, "_ROOM", 64)
    monkeypatch.setattr(cooccurrences, "_BUCKET", 100)
    ids = text(40, 2000)
    settings = GloVe(window=4, symmetric=symmetric, distance_weighting=weighted)
    with cooccurrences.count_cooccurrences(ids, 40, settings, Run(2, 1, told)) as found:
        at = np.concatenate([np.arange(*bucket) for bucket in found.buckets])
        pairs, facts = found.pairs[at], found.targets[at]
    expected = brute_force(ids, 4, symmetric, weighted)
    assert len(pairs) == found.size == len(expected)
    assert {tuple(pair) for pair in pairs.tolist()} == set(expected)
    values = np.array([expected[tuple(pair)] for pair in pairs.tolist()])
    np.testing.assert_allclose(facts[:, 0], np.log(values), atol=1e-5)
    np.testing.assert_allclose(facts[:, 1], np.minimum(1, (values / 10) ** 0.75), rtol=1e-5)
    rows = pairs[:, 0]
    assert (np.diff(rows) < 0).mean() > 0.3  # in random order


def test_the_kernel_learns_what_its_twin_learns():
    random = np.random.default_rng(1)
    dim, words, entries = 20, 15, 400
    width = -(-(dim + 2) // LANES) * LANES
    rows = np.zeros((2, words, 2, width), np.float32)
    rows[:, :, 0, :dim] = random.normal(scale=0.3, size=(2, words, dim))
    biases = random.normal(scale=0.3, size=(2, words)).astype(np.float32)
    rows[0, :, 0, dim], rows[0, :, 0, dim + 1] = biases[0], 1
    rows[1, :, 0, dim], rows[1, :, 0, dim + 1] = 1, biases[1]
    rows[:, :, 1] = 1
    pairs = random.integers(0, words, (entries, 2)).astype(np.int32)
    facts = random.random((entries, 2)).astype(np.float32) * [3, 1]
    facts = facts.astype(np.float32)
    masks = np.zeros((2, width), np.float32)
    masks[:, :dim] = masks[0, dim] = masks[1, dim + 1] = 1

    # the update of the paper's program, in double precision
    vectors, bias = rows[:, :, 0, :dim].astype(float), biases.astype(float)
    squares, bias_squares = np.ones_like(vectors), np.ones_like(bias)
    expected, rate = 0.0, 0.05
    for (w, c), (log, weight) in zip(pairs, facts.astype(float)):
        error = vectors[0, w] @ vectors[1, c] + bias[0, w] + bias[1, c] - log
        expected += 0.5 * weight * error**2
        slope = rate * weight * error
        moves = slope * vectors[1, c], slope * vectors[0, w]
        for side, row in ((0, w), (1, c)):
            vectors[side, row] -= moves[side] / np.sqrt(squares[side, row])
            squares[side, row] += moves[side] ** 2
            bias[side, row] -= slope / np.sqrt(bias_squares[side, row])
            bias_squares[side, row] += slope**2

    room = np.empty(LANES, np.float32)
    halves = [half.ravel() for half in rows]
    loss = train_glove(pairs, facts, *halves, masks.ravel(), width, rate, room)
    assert loss == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(rows[:, :, 0, :dim], vectors, atol=1e-4)
    np.testing.assert_allclose(rows[0, :, 0, dim], bias[0], atol=1e-4)
    np.testing.assert_allclose(rows[1, :, 0, dim + 1], bias[1], atol=1e-4)
    np.testing.assert_allclose(rows[:, :, 1, :dim], squares, rtol=1e-4)
    assert (rows[0, :, 0, dim + 1] == 1).all()
    assert not rows[:, :, 0, dim + 2 :].any()


SENTENCES = ["the red fox runs", "the red dog runs", "a blue fish swims", "a blue whale swims"] * 60


def trained(texts=SENTENCES, start=None, **settings):
    with read_corpus(texts=texts, min_count=1) as corpus:
        made = GloVe(**{"dim": 8, "min_count": 1, "epochs": 10, **settings})
        return made.train(corpus, threads=1, seed=3, start=start)


def test_one_thread_and_one_seed_give_the_same_bytes_and_learn():
    one, two = trained(), trained()
    assert one.vectors.tobytes() == two.vectors.tobytes()
    assert one.settings["losses"][-1] < 0.5 * one.settings["losses"][0]
    assert one.settings["kind"] == "glove"


def test_vectors_are_the_sum_of_both_or_the_words_alone():
    both, alone = trained(), trained(combine="word")
    np.testing.assert_allclose(both.vectors, alone.vectors + alone.outputs, atol=1e-6)


@pytest.mark.parametrize("combine", ["sum", "word"])
def test_training_goes_on_with_new_words(combine):
    first = trained(combine=combine)
    again = trained(["the green fox sings"] * 9, start=first, combine=combine, epochs=1, learning_rate=1e-9)
    np.testing.assert_allclose(again["whale"], first["whale"], atol=1e-5)
    np.testing.assert_allclose(again["fox"], first["fox"], atol=1e-4)
    assert "green" in again


@pytest.mark.parametrize("settings", [{"x_max": 0}, {"window": 0}, {"alpha": -1}, {"combine": "both"}])
def test_settings_that_cannot_be_used_are_refused(settings):
    with pytest.raises(SettingError):
        GloVe(**settings)
