"""fastText's classifier: the kernel against NumPy, its bags against fastText's hashing, what it learns."""

from itertools import pairwise

import numpy as np
import pytest

from wordladder import Model
from wordladder.errors import DataError, SettingError
from wordladder.kernels.ngram_bags import Bags, train_texts
from wordladder.kernels.sampling import Schedule
from wordladder.shallow.fasttext import FastTextClassifier
from wordladder.text.words import TextSettings

GOOD, BAD = "a good film , very good", "a bad film , very bad"


@pytest.mark.parametrize("softmax", [True, False])
def test_the_kernel_learns_what_its_twin_learns(softmax):
    random = np.random.default_rng(1)
    texts, rows, dim, width, labels = 40, 60, 20, 32, 3
    sizes = random.integers(0, 50, texts)
    begins = np.concatenate([[0], np.cumsum(sizes)])
    bags = Bags(begins, random.integers(0, rows, begins[-1]).astype(np.int32))
    inputs, outputs = (random.normal(scale=0.3, size=(n, dim)) for n in (rows, labels))
    flat = [np.zeros((len(one), width), np.float32) for one in (inputs, outputs)]
    for padded, one in zip(flat, (inputs, outputs)):
        padded[:, :dim] = one
    targets = np.eye(labels)[random.integers(0, labels, texts)].astype(np.float32)
    if not softmax:
        targets[::2] = 1
    weights = random.choice([0, 0.5, 2], texts).astype(np.float32)
    order = random.permutation(texts)
    expected = 0.0
    for step, text in enumerate(order):
        mine = bags.rows[begins[text] : begins[text + 1]]
        rate = max(0.05, 0.2 - 0.01 * step) * weights[text]
        if not len(mine):
            continue
        hidden = inputs[mine].mean(axis=0)
        scores, wanted = outputs @ hidden, targets[text]
        if softmax:
            shares = np.exp(scores) / np.exp(scores).sum()
            expected -= (wanted * np.log(shares)).sum()
        else:
            shares = 1 / (1 + np.exp(-scores))
            expected -= (wanted * np.log(shares) + (1 - wanted) * np.log(1 - shares)).sum()
        errors = rate * (wanted - shares)
        move = errors @ outputs
        outputs += np.outer(errors, hidden)
        np.add.at(inputs, mine, move / len(mine))
    schedule = Schedule(0.2, 0.01, 0.05)
    matrices = [one.ravel() for one in flat]
    loss = train_texts(order, bags, targets, weights, softmax, *matrices, width, schedule)
    assert loss == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(flat[0][:, :dim], inputs, atol=1e-4)
    np.testing.assert_allclose(flat[1][:, :dim], outputs, atol=1e-4)


def classifier(**settings):
    defaults = {"dim": 8, "buckets": 10_000, "learning_rate": 0.5}
    return FastTextClassifier(TextSettings(), **{**defaults, **settings})


def fastext_buckets(words, run, buckets):
    """fastText's hashing of word n-grams, in plain numbers."""

    def fnv(word):
        value = 2166136261
        for byte in word.encode():
            value = ((value ^ (byte | (0xFFFFFF00 if byte > 127 else 0))) * 16777619) & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

    hashes, found = [fnv(word) for word in words], []
    for i in range(len(hashes)):
        value = hashes[i] & 0xFFFFFFFFFFFFFFFF
        for j in range(i + 1, min(len(hashes), i + run)):
            value = (value * 116049371 + hashes[j]) & 0xFFFFFFFFFFFFFFFF
            found.append(value % buckets)
    return found


@pytest.mark.parametrize("run", [1, 2, 3])
def test_a_text_is_the_mean_of_its_words_its_runs_and_its_end(run):
    model = classifier(word_ngrams=run).fit([GOOD, BAD, "naïve 电影"] * 5, np.array([1, 0, 1] * 5), seed=1)
    words = ["naïve", "电", "影", "unseen", "</s>"]
    rows = [int(row) for row in model.words.ids(words) if row >= 0]
    places = {bucket: len(model.words) + row for row, bucket in enumerate(model.used.tolist())}
    rows += [places[one] for one in fastext_buckets(words, run, 10_000) if one in places]
    expected = model.rows[rows, :8].mean(axis=0)
    np.testing.assert_allclose(model.means(["naïve 电影 unseen"])[0], expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "ova"])
def test_it_learns_and_one_thread_gives_the_same_every_time(loss):
    texts, targets = [GOOD, BAD] * 40, np.array([1, 0] * 40)
    one, two = (classifier(loss=loss, epochs=20).fit(texts, targets, seed=3, threads=1) for _ in range(2))
    assert one.rows.tobytes() == two.rows.tobytes()
    scores = one.scores(["good", "bad", ""])
    assert scores.shape == (3, 2)
    assert scores[0, 1] > scores[0, 0]
    assert scores[1, 1] < scores[1, 0]


def test_several_labels_a_text():
    texts = ["red", "blue", "red blue", "none"] * 30
    targets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]] * 30)
    scores = classifier(epochs=60, learning_rate=1.0).fit(texts, targets, seed=1).scores(texts[:4])
    assert ((scores > 0) == targets[:4]).all()


def test_rare_words_and_runs_have_no_rows():
    texts = ["a good film", "a good film", "a rare word"]
    model = classifier(word_ngrams=2, min_count=2, min_count_runs=2).fit(texts, np.array([1, 1, 0]), seed=1)
    assert set(model.words.words) == {"a", "good", "film", "</s>"}
    assert len(model.used) == 3  # a good, good film, film </s>


def test_characters_of_words_help_with_unseen_ones():
    texts, targets = ["wonderful", "terrible"] * 40, np.array([1, 0] * 40)
    model = classifier(max_n=5, epochs=30).fit(texts, targets, seed=1)
    scores = model.scores(["wonderfully", "terribly"])
    assert scores[0, 1] > scores[0, 0]
    assert scores[1, 1] < scores[1, 0]


def test_a_short_saved_model_is_the_same(tmp_path):
    model = classifier(word_ngrams=2).fit([GOOD, BAD] * 5, np.array([1, 0] * 5), seed=1)
    model.keep(tmp_path)
    again = classifier(word_ngrams=2)
    again.restore(tmp_path)
    assert again.scores([GOOD, BAD, "other"]).tobytes() == model.scores([GOOD, BAD, "other"]).tobytes()


def test_what_cannot_be_used_is_refused():
    with pytest.raises(SettingError, match="dim is 0"):
        classifier(dim=0)
    with pytest.raises(DataError, match="no word"):
        classifier().fit(["", " "], np.array([0, 1]), seed=1)


@pytest.mark.parametrize("empty", [0, 1500])
def test_texts_read_in_parts_are_the_same_texts(monkeypatch, empty):
    monkeypatch.setattr("wordladder.shallow.fasttext._LEAST_PART", 500)
    texts = [f"good film {n % 7}" if n % 2 else f"bad 电影 {n % 11} end" for n in range(1500)] + [""] * empty
    model, read = classifier(), {}
    for threads in (1, 3):
        forms, counts, numbers = model._read(texts, threads, lambda *_, **__: None)
        words = [forms[number] for number in numbers.ids.tolist()]
        begins = numbers.begins.tolist()
        read[threads] = [words[a:b] for a, b in pairwise(begins)], dict(zip(forms, counts.tolist()))
    assert read[1] == read[3]
    assert read[1][0][1] == ["good", "film", "1", "</s>"]
    assert read[1][1]["</s>"] == len(texts)


def test_dev_decides_on_epochs_and_ngrams_where_they_are_left_out(tmp_path):
    generator = np.random.default_rng(1)
    targets = generator.integers(0, 2, 600)
    stems = ["".join(generator.choice(list("abcdefghij"), 6)) for _ in targets]
    texts = [
        stem + ("able" if target else "ment") for stem, target in zip(stems, targets)
    ]  # all words differ
    labels = np.array(["no", "yes"])[targets]
    model = Model({"shallow": {"kind": "fasttext", "dim": 4}}).fit(texts, labels, output=tmp_path / "model")
    assert model.report_["chosen"]["max_n"] == 5
    assert model.score(texts, labels) > 0.95
    again = Model.load(tmp_path / "model")
    assert np.array_equal(again.scores(texts), model.scores(texts))
    given = Model({"shallow": {"kind": "fasttext", "dim": 4, "max_n": 0, "epochs": 3}}).fit(texts, labels)
    assert given.report_["chosen"] == {"epochs": 3, "max_n": 0}


def test_no_epoch_is_no_way_to_learn():
    with pytest.raises(SettingError, match="epochs is 0"):
        FastTextClassifier(TextSettings(), epochs=0)
