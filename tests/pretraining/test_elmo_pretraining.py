"""Pretraining ELMo: batches and losses against plain loops, a run that is broken off, and what is written."""

import math
import shutil
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from tiny_elmo import published_options, published_weights, save_published
from wordladder.embedders._elmo_options import ElmoOptions
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders.elmo import Elmo
from wordladder.errors import DataError, ModelError, SettingError
from wordladder.pretraining import elmo as module
from wordladder.pretraining.elmo import SIZES, elmo_objective
from wordladder.pretraining.loop import pretrain_network
from wordladder.pretraining.settings import PretrainingSettings
from wordladder.text.corpus import read_corpus
from wordladder.text.words import tokenize

SUBJECTS, VERBS = ["the cat", "a dog", "my friend", "the old man"], ["sees", "likes", "hears", "finds"]
SMALL = ElmoOptions(units=24, dim=12, character_dim=4, filters=((1, 8), (3, 8)), highways=1)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(module.SIZES, "tiny", SMALL)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Sentences with an order to learn, and lines of other lengths."""
    draw, lines = np.random.default_rng(1), []
    for _ in range(300):
        one, two = draw.choice(SUBJECTS, 2)
        lines.append(f"{one} {draw.choice(VERBS)} {two} near house {draw.integers(40)} .")
    lines += ["", "word", "a much longer line " * 9, "donaudampfschifffahrt 我喜欢电影 !"]
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def made(corpus, samples=12, held_out_words=150, continue_from=None, **settings):
    """An objective whose network is in evaluation mode, until it is trained."""
    given = {"kind": "elmo", "max_pieces": 16, "batch_pieces": 120, "held_out": 0.4}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MIN_COUNT", 2)
        patch.setattr(module, "SAMPLES", samples)
        patch.setattr(module, "HELD_OUT_WORDS", held_out_words)
        settings = PretrainingSettings(**{**given, **settings})
        objective = elmo_objective(read_corpus([corpus], min_count=1), settings, continue_from)
    objective.network.eval()
    return objective


def texts_of(objective, parts):
    """Each part as words, read from the corpus by itself."""
    words = objective.text.corpus.vocabulary.words
    rows = zip(parts.starts.tolist(), parts.lengths.tolist())
    return [[words[n] for n in objective.text.corpus.ids[start : start + length]] for start, length in rows]


def names(objective):
    return objective.text.words


def test_parts_are_the_lines(corpus):
    objective = made(corpus)
    lines = [tokenize([line]).words_of(0) for line in corpus.read_text("utf-8").split("\n")]
    found = texts_of(objective, objective.text.train) + texts_of(objective, objective.text.held_out)
    whole = Counter(tuple(line) for line in lines if 0 < len(line) <= 16)
    long = next(line for line in lines if len(line) > 16)
    assert max(map(len, found)) <= 16
    for part in (long[:12], long[12:24], long[24:]):
        whole[tuple(part)] += 1
    assert Counter(map(tuple, found)) == whole
    shown = [word for line in lines for word in line]
    counts = Counter(shown)
    assert objective.text.facts() == {
        "documents": sum(map(bool, lines)),
        "words": len(shown),
        "pieces": len(shown),
        "unknown": sum(counts[word] < 2 for word in shown),
        "vocabulary": 3 + sum(count >= 2 for count in counts.values()),
    }
    assert 150 <= objective.text.held_out.lengths.sum() < 150 + 16


@pytest.mark.parametrize("share", [0.01, 0.1, 0.4])
def test_the_share_of_the_words_is_held_out(corpus, share):
    objective = made(corpus, held_out=share, held_out_words=10_000)
    wanted = share * objective.text.facts()["words"]
    assert wanted <= objective.text.held_out.lengths.sum() < wanted + 40, "whole lines, one too many at most"


def test_nothing_is_held_out(corpus, tmp_path):
    objective = made(corpus, held_out=0.0)
    assert objective.text.train.lengths.sum() == objective.text.facts()["words"]
    assert objective.held_out() == {}
    settings = PretrainingSettings(steps=3, precision="float32", evaluations=2, threads=1)
    assert pretrain_network(objective, settings, tmp_path).held_out == {}
    (tmp_path / "one.txt").write_text("a line alone, from which there is enough to learn\n")
    assert made(tmp_path / "one.txt", held_out=0.0).batch(0, 0).texts.places.shape[1] == 11


@pytest.mark.parametrize(
    "lines", ["a line of six words here\nanother line\n", "a b\na line of six words here\n"]
)
def test_some_lines_are_left_to_learn_from(lines, tmp_path):
    (tmp_path / "two.txt").write_text(lines)
    text = made(tmp_path / "two.txt", held_out=0.45).text
    assert len(text.train.starts) == len(text.held_out.starts) == 1


def test_each_word_predicts_the_next_one(corpus):
    objective = made(corpus)
    batch, known = objective.batch(0, 0), names(objective)
    rows = objective.text._order[0][1][: objective.text._rows]
    texts = texts_of(objective, type(objective.text.train)(*(a[rows] for a in objective.text.train)))
    assert objective.tokens(batch) == sum(map(len, texts))
    spelling = {tuple(row): i for i, row in enumerate(batch.texts.characters.tolist())}
    assert len(spelling) == len(batch.texts.characters)

    def shown(word):
        return word if word in known else "<UNK>"

    expected = [Counter(), Counter()]
    for words in texts:
        line = ["<S>", *map(shown, words), "</S>"]
        expected[0].update(pairwise(line))
        expected[1].update(pairwise(line[::-1]))
    for way in range(2):
        here = batch.texts.words[way][batch.sources]
        surfaces = surfaces_of(batch)
        pairs = Counter(
            (shown(surfaces[row]), known[target]) for row, target in zip(here.tolist(), batch.targets[way])
        )
        assert pairs == expected[way]


def surfaces_of(batch):
    """The words behind the rows of `characters`."""
    found = ["<S>", "</S>"]
    for row in batch.texts.characters.tolist()[2:]:
        letters = row[1 : row.index(260)]
        found.append(bytes(number - 1 for number in letters).decode())
    return found


def test_batches_depend_on_their_numbers_alone(corpus):
    first, second = made(corpus), made(corpus)
    for numbers in [(7, 1), (0, 0), (100, 0), (7, 0)]:
        for a, b in zip(flat(first.batch(*numbers)), flat(second.batch(*numbers))):
            np.testing.assert_array_equal(a, b)
    assert not same(first.batch(0, 0), first.batch(1, 0))
    assert not same(first.batch(0, 0), first.batch(0, 1))
    assert not same(first.batch(0, 0), made(corpus, seed=2).batch(0, 0))


def flat(batch):
    return [*batch.texts, *batch[1:]]


def same(one, two):
    return all(np.array_equal(a, b) for a, b in zip(flat(one), flat(two)))


def test_an_epoch_reads_every_part_once(corpus):
    objective = made(corpus)
    text, seen = objective.text, Counter()
    steps = len(text.train.starts) // text._rows
    for step in range(steps):
        objective.batch(step, 0)
        seen.update(text._order[0][1][step * text._rows : (step + 1) * text._rows].tolist())
    assert set(seen.values()) == {1}
    assert len(seen) == steps * text._rows > len(text.train.starts) - text._rows
    before = text._order[0][1]
    objective.batch(steps, 0)
    assert not np.array_equal(before, text._order[0][1])


def test_held_out_figures_are_those_of_single_texts(corpus):
    objective = made(corpus)
    network = objective.network
    known = {word: number for number, word in enumerate(names(objective))}
    sums, count = np.zeros(2), 0
    embedder = opened(objective, corpus.parent / "kept")
    table = network.weight.weight.detach().double().numpy()
    with torch.no_grad():
        network.bias.weight.normal_()
    bias = network.bias.weight.detach().double().numpy()[:, 0]
    for words in texts_of(objective, objective.text.held_out):
        numbers = [0, *(known.get(word, 2) for word in words), 1]
        states = embedder.network(embedder.prepare(tokenize([" ".join(words)])).texts)[-1]
        for way, line in enumerate((numbers, numbers[::-1])):
            scores = states[way][:-1].double().detach().numpy() @ table.T + bias
            log = scores - np.log(np.exp(scores).sum(1, keepdims=True))
            sums[way] -= log[np.arange(len(line) - 1), line[1:]].sum()
        count += len(numbers) - 1
    figures = objective.held_out()
    assert figures["loss"] == pytest.approx(sums.sum() / 2 / count, rel=1e-5)
    assert figures["forward_perplexity"] == pytest.approx(math.exp(sums[0] / count), rel=1e-5)
    assert figures["perplexity"] == pytest.approx(math.exp(sums.sum() / 2 / count), rel=1e-5)


def opened(objective, folder):
    folder.mkdir(exist_ok=True)
    objective.keep(folder)
    embedder = Elmo(source=str(folder))
    embedder.initialise(TrainingText(tokenize(["a"])))
    return embedder.eval()


@pytest.mark.parametrize("samples", [12, 1000])
def test_the_held_out_perplexity_falls(corpus, tmp_path, samples):
    objective = made(corpus, samples=samples)
    assert objective.network.weight.sparse == (samples == 12)
    settings = PretrainingSettings(
        steps=50, learning_rate=0.03, precision="float32", evaluations=2, threads=1
    )
    outcome = pretrain_network(objective, settings, tmp_path)
    before, after = made(corpus).held_out(), outcome.held_out
    assert after["perplexity"] < before["perplexity"] / 3
    assert after["perplexity"] == pytest.approx(objective.held_out()["perplexity"], rel=1e-5)
    assert {"loss", "forward_loss", "backward_loss"} <= outcome.curve[-1].keys()


class _Broken(Exception):
    pass


@pytest.mark.parametrize("samples", [12, 1000])
def test_a_broken_run_goes_on_to_the_same_weights(corpus, tmp_path, samples, monkeypatch):
    settings = PretrainingSettings(steps=12, parts=2, precision="float32", evaluations=1, threads=1)
    whole = made(corpus, samples=samples)
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    pretrain_network(whole, settings, tmp_path / "whole")
    monkeypatch.setattr("wordladder.pretraining.loop.CHECKPOINT_SECONDS", 0.0)

    def tell(stage, done, total, **facts):
        if done == 7:
            raise _Broken

    with pytest.raises(_Broken):
        pretrain_network(made(corpus, samples=samples), settings, tmp_path / "broken", progress=tell)
    resumed = made(corpus, samples=samples)
    pretrain_network(resumed, settings, tmp_path / "broken")
    expected, found = whole.network.state_dict(), resumed.network.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_what_is_written_opens_as_an_embedder(corpus, tmp_path):
    objective = made(corpus)
    embedder = opened(objective, tmp_path / "model")
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "model.safetensors",
        "options.json",
        "softmax.safetensors",
        "vocabulary.txt",
    ]
    assert embedder.network.options == replace(SMALL, window=16)
    assert embedder.dim == 24
    assert (tmp_path / "model" / "vocabulary.txt").read_text("utf-8").split("\n")[:3] == [
        "<S>",
        "</S>",
        "<UNK>",
    ]


def test_training_goes_on_from_a_model(corpus, tmp_path):
    objective = made(corpus)
    settings = PretrainingSettings(steps=10, evaluations=0, precision="float32", threads=1)
    pretrain_network(objective, settings, tmp_path)
    opened(objective, tmp_path / "model")
    again = made(corpus, continue_from=tmp_path / "model", size="base")
    expected, found = objective.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert names(again) == names(objective)
    assert again.held_out()["loss"] == pytest.approx(objective.held_out()["loss"], rel=1e-6)
    other = tmp_path / "other.txt"
    other.write_text("the cat sees the unicorn\nthe unicorn sees the cat\n" * 3, encoding="utf-8")
    elsewhere = made(other, continue_from=tmp_path / "model")
    assert names(elsewhere) == names(objective)
    assert elsewhere.text.facts()["unknown"] == 0.2 * elsewhere.text.facts()["words"]


def test_training_goes_on_from_a_published_model(corpus, tmp_path):
    pytest.importorskip("h5py")
    options = published_options()
    save_published(tmp_path, options, published_weights(options))
    objective = made(corpus, continue_from=tmp_path)
    assert objective.network.bilm.options.memory_clip == 1.0
    before = objective.held_out()["loss"]
    settings = PretrainingSettings(steps=30, learning_rate=0.01, evaluations=0, threads=1)
    (tmp_path / "run").mkdir()
    pretrain_network(objective, settings, tmp_path / "run")
    assert objective.held_out()["loss"] < before
    assert opened(objective, tmp_path / "on").network.options.window == 16


class TestErrors:
    def test_settings(self, corpus):
        with pytest.raises(SettingError, match=r"size is 'starter'.*tiny, mini, small, base"):
            made(corpus, size="starter")
        with pytest.raises(SettingError, match=r"size is 'smal'.*'small'"):
            made(corpus, size="smal")
        with pytest.raises(SettingError, match="max_pieces is 0"):
            made(corpus, max_pieces=0)
        with pytest.raises(SettingError, match="dropout is 1"):
            made(corpus, dropout=1.0)
        with pytest.raises(SettingError, match="held_out is -0"):
            made(corpus, held_out=-0.1)

    def test_too_little_text(self, tmp_path):
        (tmp_path / "one.txt").write_text("a line alone\n\n")
        with pytest.raises(DataError, match="at least two lines"):
            made(tmp_path / "one.txt")

    def test_a_softmax_of_another_model(self, corpus, tmp_path):
        objective = made(corpus)
        opened(objective, tmp_path / "model")
        words = tmp_path / "model" / "vocabulary.txt"
        text = words.read_text("utf-8")
        words.write_text(text + "more\n", encoding="utf-8")
        with pytest.raises(ModelError, match="do not fit the"):
            made(corpus, continue_from=tmp_path / "model")
        words.write_text(text.replace("<UNK>", "unknown"), encoding="utf-8")
        with pytest.raises(ModelError, match="does not begin with <S>"):
            made(corpus, continue_from=tmp_path / "model")
        words.unlink()
        with pytest.raises(ModelError, match="its softmax cannot be read"):
            made(corpus, continue_from=tmp_path / "model")
        shutil.rmtree(tmp_path / "model")
        with pytest.raises(ModelError, match="no such folder"):
            made(corpus, continue_from=tmp_path / "model")


def test_sizes_grow():
    wide = [(SIZES[name].units, SIZES[name].dim) for name in ("mini", "small", "base")]
    assert wide == [(512, 128), (1024, 128), (4096, 512)]
