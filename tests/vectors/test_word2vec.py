"""The Word2Vec trainer: reproducible, told how far it is, and right about who resembles whom."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest

from wordladder.errors import SettingError
from wordladder.text.corpus import read_corpus
from wordladder.text.words import TextSettings
from wordladder.vectors import _hogwild
from wordladder.vectors.word2vec import Word2Vec

KINDS = (["cat", "dog", "cow", "hen"], ["one", "two", "three", "four"], ["红", "黄", "蓝"])


@pytest.fixture(scope="module")
def corpus():
    """Lines that each speak of one kind of thing only."""
    chance = np.random.default_rng(0)
    lines = [" ".join(chance.choice(KINDS[row % 3], 12)) for row in range(1500)]
    with read_corpus(texts=lines, min_count=1) as corpus:
        yield corpus


def small(**settings):
    return Word2Vec(**{"dim": 12, "window": 3, "sample": 0, "epochs": 3, "learning_rate": 0.1, **settings})


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
@pytest.mark.parametrize("threads", [1, 2])
def test_words_of_one_kind_come_together(corpus, model, threads, monkeypatch):
    monkeypatch.setattr(_hogwild, "_CHUNK", (1000, 2000))  # enough chunks for two threads
    vectors = small(model=model).train(corpus, threads=threads)
    assert vectors.settings["threads"] == threads
    for kind in KINDS:
        near = [word for word, _ in vectors.most_similar(kind[0], topn=len(kind) - 1)]
        assert set(near) == set(kind[1:])


@pytest.mark.parametrize("model", ["skipgram", "cbow"])
def test_one_thread_and_one_seed_give_the_same_bytes(corpus, model, tmp_path, monkeypatch):
    monkeypatch.setattr(_hogwild, "_CHUNK", (1000, 2000))
    files = [tmp_path / "1.safetensors", tmp_path / "2.safetensors", tmp_path / "3.safetensors"]
    for file, seed in zip(files, (5, 5, 6)):
        small(model=model).train(corpus, threads=1, seed=seed).save(file)
    first, again, other = (file.read_bytes() for file in files)
    assert first == again != other


def test_a_short_text_is_learned_by_one_thread(corpus, monkeypatch):
    monkeypatch.setattr(_hogwild, "_CHUNK", (50_000, 50_000))
    assert small().train(corpus, threads=2).settings["threads"] == 1


def test_progress_is_told_and_the_loss_falls(corpus):
    told = []

    def tell(stage, done, total, **facts):
        told.append((stage, done, total, facts))

    vectors = small(epochs=4).train(corpus, threads=1, progress=tell)
    training = [one for one in told if one[0] == "training word2vec"]
    assert training[-1][1] == pytest.approx(training[-1][2]) == corpus.words * 4
    assert all(facts.keys() >= {"loss", "words_per_second"} for *_, facts in training)
    losses = [facts["loss"] for *_, facts in training]
    # before anything is learned each of the 1 + 5 decisions costs log 2
    assert 6 * np.log(2) > losses[0] > losses[-1] == vectors.settings["losses"][-1]


def test_settings_and_counts_stay_with_the_vectors():
    texts = ["Red red GREEN green blue"] * 30
    with read_corpus(
        texts=texts, lowercase=True, min_count=1, text=TextSettings(segmenter="whitespace")
    ) as corpus:
        vectors = small(dim=5).train(corpus, threads=1, seed=9)
    assert vectors.words[:2] == ["red", "green"]
    assert vectors.counts.tolist() == [60, 60, 30]
    assert vectors.vectors.shape == (3, 5)
    expected = {
        "kind": "word2vec", "model": "skipgram", "dim": 5, "lowercase": True, "seed": 9, "words": 150,
        "text": {"segmenter": "whitespace", "max_words": None, "pieces": None, "piece_kind": "bpe",
                 "line_ends": False},
        "learning_rate": 0.1,
    }  # fmt: skip
    assert expected.items() <= vectors.settings.items()


def test_an_error_in_a_thread_reaches_the_caller(corpus):
    def fail(stage, done, total, **facts):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        small().train(corpus, progress=fail)


@pytest.mark.parametrize("length", [1, 999, 1000, 5000, 43_210])
def test_chunks_cover_the_text_once_an_epoch(length, monkeypatch):
    monkeypatch.setattr(_hogwild, "_CHUNK", (1000, 2000))
    ids = np.zeros(length, np.int32)
    ids[99::100] = -1
    plan = _hogwild.chunks(SimpleNamespace(ids=ids, release=lambda start, end: None), 3)
    for epoch in range(3):
        mine = [one for one in plan if one.epoch == epoch]
        assert [one.start for one in mine] == [0, *(one.end for one in mine[:-1])]
        assert mine[-1].end == length
        assert all(one.start == 0 or ids[one.start - 1] == -1 for one in mine)
        assert all(one.end > one.start for one in mine)


def test_first_vectors_are_small_even_and_padded():
    rows = _hogwild.random_rows(9000, 20, 0.4 / 20**0.5, 1)
    assert rows.ctypes.data % 64 == 0
    assert rows.shape == (9000, 32)
    assert not rows[:, 20:].any()
    assert np.abs(rows).max() <= 0.4 / 20**0.5
    assert np.abs(rows[:, :20]).mean() == pytest.approx(0.2 / 20**0.5, rel=0.02)
    assert len(np.unique(rows[:, 0])) > 8900


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "skip"}, "Did you mean 'skipgram'"),
        ({"dim": 0}, "dim is 0"),
        ({"negative": 0}, "negative is 0"),
        ({"epochs": 0}, "epochs is 0"),
        ({"max_vocabulary": 0}, "max_vocabulary is 0"),
        ({"sample": 2}, "sample is 2"),
        ({"learning_rate": -1}, "learning_rate is -1"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    with pytest.raises(SettingError, match=message):
        Word2Vec(**settings)


@pytest.mark.parametrize("given", [{"threads": 0}, {"seed": -1}])
def test_a_wrong_argument_is_named(corpus, given):
    with pytest.raises(SettingError, match=next(iter(given))):
        Word2Vec().train(corpus, **given)


def test_the_command_line_describes_settings_in_the_same_words():
    from wordladder.cli.signatures import documented_arguments
    from wordladder.cli.vectors.train import train

    settings = documented_arguments(inspect.getdoc(Word2Vec))
    options = inspect.signature(train).parameters
    for name in settings.keys() - {"corpus", "start", "lowercase", "learning_rate"}:
        assert options[name].annotation.__metadata__[0].help == settings[name], name
