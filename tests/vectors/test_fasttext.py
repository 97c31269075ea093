"""fastText: the kernel against a plain twin, subwords of what comes out, training on."""

import numpy as np
import pytest
import word2vec_twins as twins

from wordladder.errors import SettingError
from wordladder.kernels.sampling import (
    Schedule,
    Tables,
    Weights,
    alias_table,
    huffman,
    keep_thresholds,
    no_tree,
)
from wordladder.kernels.simd import LANES
from wordladder.kernels.word2vec import SubwordRows, train_word2vec
from wordladder.text.corpus import read_corpus
from wordladder.vectors.fasttext import FastText
from wordladder.word_vectors import WordVectors

WORDS, DIM, STRIDE = 20, 20, 32


def text(length):
    ids = np.random.default_rng(3).zipf(1.3, length).astype(np.int32) % WORDS
    ids[::17] = -1
    ids[40:42] = -1  # an empty line
    ids[43] = -1  # a line of one word
    ids.flags.writeable = False
    return ids


def parts():
    """Each word has its own row and up to four of 15 others, no two the same."""
    random = np.random.default_rng(4)
    lists = [[word, *(WORDS + random.permutation(15)[: word % 5])] for word in range(WORDS)]
    begins = np.concatenate([[0], np.cumsum([len(one) for one in lists])])
    return lists, SubwordRows(begins, np.concatenate(lists).astype(np.int64) * STRIDE)


def padded(rows, seed):
    matrix = np.random.default_rng(seed).normal(scale=0.3, size=(rows, DIM)).astype(np.float32)
    flat = np.zeros((rows, STRIDE), np.float32)
    flat[:, :DIM] = matrix
    return matrix.astype(np.float64), flat.ravel()


def twin(ids, tables, lists, inputs, outputs, schedule, window, negative, cbow, seed):
    """Word after word in the kernel's order: a mean lives while its word is within reach of a centre."""
    stream, losses, centres, at = twins.Stream(seed), [], 0, 0
    while at < len(ids):
        rate = max(schedule.floor, schedule.rate - schedule.slope * at)
        line = []
        while at < len(ids):
            word = ids[at]
            at += 1
            if word < 0:
                break
            if stream.draw() >> 32 <= tables.keep[word]:
                line.append(word)
        means, before = np.zeros((2, len(line), DIM))
        following = None
        for enters in range(len(line) + 2 * window):
            place, leaves = enters - window, enters - 2 * window
            if enters < len(line):
                means[enters] = before[enters] = inputs[lists[line[enters]]].mean(axis=0)
            targets = following
            if -1 <= place < len(line) - 1:
                following = twins.targets_of([line[place + 1]], tables, negative, rate, stream)
            if 0 <= place < len(line):
                span = 1 + ((stream.draw() >> 32) * window >> 32)
                near = [*range(max(0, place - span), place)]
                near += range(place + 1, min(len(line), place + 1 + span))
                loss = []
                if near and cbow:
                    sizes = [len(lists[line[one]]) for one in near]
                    dots, move = twins.learn(outputs, np.average(means[near], axis=0, weights=sizes), targets)
                    means[near] += move
                    loss = [twins.loss_of(dots, targets)]
                elif near:
                    loss = twins.skipgram(means, outputs, near, targets)
                centres += bool(near)
                losses += loss if centres % 16 == 0 else []
            if 0 <= leaves < len(line):
                np.add.at(inputs, lists[line[leaves]], means[leaves] - before[leaves])
    return np.mean(losses)


@pytest.mark.parametrize("tree", [False, True])
@pytest.mark.parametrize("cbow", [False, True])
def test_the_kernel_learns_what_its_twin_learns(cbow, tree):
    ids, (lists, of_words) = text(1500), parts()
    counts = np.bincount(ids[ids >= 0], minlength=WORDS) + 1
    ways = huffman(np.sort(counts)[::-1]) if tree else no_tree()
    tables = Tables(keep_thresholds(counts, 0.05), alias_table(counts, 0.5), ways)
    inputs, flat_inputs = padded(WORDS + 15, 1)
    outputs, flat_outputs = padded(WORDS, 2)
    weights = Weights(flat_inputs, flat_outputs, STRIDE, -(-DIM // LANES) * LANES)
    schedule = Schedule(0.05, 0.04 / len(ids), 0.02)
    where = (ids, 0, len(ids), tables, weights, schedule, 3, 5)
    loss, pairs = train_word2vec(*where, np.uint64(7), cbow=cbow, subwords=of_words)
    expected = twin(ids, tables, lists, inputs, outputs, schedule, 3, 5, cbow, 7)
    np.testing.assert_allclose(flat_inputs.reshape(-1, STRIDE)[:, :DIM], inputs, atol=1e-3)
    np.testing.assert_allclose(flat_outputs.reshape(-1, STRIDE)[:, :DIM], outputs, atol=1e-3)
    assert loss / pairs == pytest.approx(expected, rel=1e-3)


SENTENCES = ["the red fox runs", "the red dog runs", "a blue fish swims", "a blue whale swims"] * 60


def trained(texts=SENTENCES, start=None, **settings):
    defaults = {"dim": 8, "min_count": 1, "buckets": 5000, "epochs": 3, "sample": 0}
    with read_corpus(texts=texts, min_count=1) as corpus:
        return FastText(**{**defaults, **settings}).train(corpus, threads=1, seed=3, start=start)


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("loss", ["negative", "hierarchical"])
def test_a_word_is_the_mean_of_its_parts_and_the_same_every_time(model, loss):
    one, two = (trained(model=model, loss=loss) for _ in range(2))
    assert one.vectors.tobytes() == two.vectors.tobytes()
    rows = np.arange(len(one))
    np.testing.assert_allclose(one.vectors, one.subwords.vectors(one.words, rows), rtol=1e-6)
    assert np.isfinite(one.vectors).all()
    assert one.settings["losses"][0] > one.settings["losses"][-1]


def test_unseen_words_have_vectors_near_those_they_look_like():
    vectors = trained(epochs=20)
    assert "reddish" not in vectors
    assert vectors.most_similar(vectors["foxy"], topn=1)[0][0] == "fox"
    assert vectors["Ж"].any() or not vectors["Ж"].any()  # no n-gram of it was met: defined all the same


def test_without_ngrams_it_is_word2vec_and_unseen_words_have_nothing():
    vectors = trained(max_n=0)
    assert len(vectors.subwords.used) == 0
    assert not vectors["unseen"].any()


def test_han_characters_are_units_of_their_words():
    texts = ["北京 大学 很 大", "北京 很 美"] * 30
    from wordladder.text.words import TextSettings

    with read_corpus(texts=texts, text=TextSettings(segmenter="whitespace"), min_count=1) as corpus:
        vectors = FastText(dim=8, min_count=1, buckets=100_000).train(corpus, threads=1)
    assert vectors["京"].any()  # a character seen only within a word


def test_training_goes_on_with_more_text_and_new_words(tmp_path):
    first = trained()
    first.save(tmp_path / "first.safetensors")
    again = trained(["the green fox sings"] * 20, start=WordVectors.load(tmp_path / "first.safetensors"))
    assert {"green", "sings", "whale"} <= set(again.words)
    old, new = (one.vectors[one.row("whale")] for one in (first, again))
    np.testing.assert_allclose(old, new, atol=0.2)  # its parts may be others' too
    assert again.counts[again.row("fox")] == first.counts[first.row("fox")] + 20
    assert again.settings["continued_from"]["kind"] == "fasttext"
    with pytest.raises(SettingError, match="min_n"):
        trained(start=first, min_n=2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"min_n": 4, "max_n": 3}, "min_n is 4"),
        ({"buckets": 0}, "buckets is 0"),
        ({"model": "skip"}, "Did you"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        FastText(**settings)
