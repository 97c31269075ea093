"""The feature CRF: its gradient against the CRF layer, its features against a slow twin, what it learns."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from wordladder.errors import DataError, SettingError
from wordladder.kernels.forward_backward import Chain
from wordladder.kernels.sparse_crf import _DELTA, Weights, emissions_of, learn
from wordladder.layers.crf import CRF
from wordladder.layers.tag_chain import Allowed, allowed_transitions
from wordladder.shallow._word_features import WordFeatures
from wordladder.shallow.crf import FeatureCRF
from wordladder.text.words import TextSettings, tokenize

ANY = Allowed(*(np.ones(shape, bool) for shape in (2, (2, 2), 2)))


def model(**settings):
    return FeatureCRF(TextSettings(), **settings)


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_an_epoch_is_adagrad_on_the_loss_of_the_crf_layer(l2):
    """Twin: autograd through the layer, a sentence at a time. Each feature occurs once in a sentence, so that
    a place is an occurrence.
    """
    random = np.random.default_rng(4)
    tags, columns, sizes = 3, 4, np.array([3, 0, 5, 1, 4])
    begins, words = np.cumsum(sizes) - sizes, int(sizes.sum())
    features = np.full((words, columns), -1, np.int32)
    for begin, size in zip(begins, sizes):
        some = random.permutation(30)[: size * columns].reshape(size, columns)
        features[begin : begin + size] = np.where(random.random(some.shape) < 0.8, some, -1)
    allowed = Allowed(np.array([1, 1, 0]), np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1]]), np.array([1, 1, 1]))
    gold = np.concatenate([np.array([0, 1, 2, 2, 0])[:size] for size in sizes])
    penalties = (l2 * random.random(30)).astype(np.float32)
    first = random.normal(size=(30, tags)).astype(np.float32)
    layer = CRF(allowed)
    for weight in layer.parameters():
        torch.nn.init.normal_(weight)
    chain = Chain(*(part.copy() for part in layer.chain.weights))
    learned = Weights(
        first.copy(), chain, np.zeros_like(first), Chain(*(np.zeros_like(part) for part in chain))
    )
    order = np.array([2, 0, 1, 4, 3])
    loss = learn(order, begins, sizes, features, gold, learned, penalties, np.float32(l2), np.float32(0.2))

    theirs = torch.nn.Parameter(torch.from_numpy(first))
    optimizer = torch.optim.Adagrad(
        [theirs, *layer.parameters()], lr=0.2, eps=0, initial_accumulator_value=_DELTA
    )
    expected = 0.0
    for number in order:
        if sizes[number] == 0:
            continue
        here = torch.from_numpy(features[begins[number] : begins[number] + sizes[number]]).long()
        scores = (theirs[here.clamp(min=0)] * (here >= 0)[..., None]).sum(dim=1)
        target = torch.from_numpy(gold[begins[number] : begins[number] + sizes[number]])
        nll = layer.loss(scores[None], target[None])
        expected += float(nll.detach())
        present = torch.zeros(30)
        present[here[here >= 0]] = 1
        penalty = (present * torch.from_numpy(penalties))[:, None] * theirs.square()
        of_chain = sum(
            (getattr(layer, f"allowed_{name}") * weight.square()).sum()
            for name, weight in layer.named_parameters()
        )
        optimizer.zero_grad()
        (nll + penalty.sum() / 2 + l2 * of_chain / 2).backward()
        optimizer.step()
    assert loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(learned.features, theirs.detach().numpy(), atol=1e-4)
    for mine, other in zip(learned.chain, layer.chain.weights):
        np.testing.assert_allclose(mine, other, atol=1e-4)


def slow_features(words, window, affixes):
    """The features of each word of one sentence, by name."""

    def at(place):
        return words[place].lower() if 0 <= place < len(words) else "(front)" if place < 0 else "(behind)"

    found = []
    for place, word in enumerate(words):
        here = {"bias"} | {f"form{d}={at(place + d)}" for d in range(-window, window + 1)}
        for size in range(1, affixes + 1):
            if len(word) > size:
                here |= {f"prefix={word[:size].lower()}", f"suffix={word[-size:].lower()}"}
        if window:
            here |= {f"pair{d}={at(place + d)} {at(place + d + 1)}" for d in (-1, 0)}
        found.append(here)
    return found


@pytest.mark.parametrize(("window", "affixes"), [(0, 0), (1, 2), (2, 3)])
def test_features_separate_words_as_a_slow_twin_does(window, affixes):
    """Two words share as many features as they share names; shapes and classes are left out."""
    texts = ["the cat sat", "", "a cat", "the hat sat on the mat", "cat"]
    features = WordFeatures(window, affixes, 1)
    tokens = tokenize(texts)
    numbers = features.learn(tokens)
    np.testing.assert_array_equal(numbers, features.of(tokens))
    wanted = [
        column
        for column, template in enumerate(features.templates)
        if all(name not in ("shape", "class") for name, _ in template)
    ]
    names = [here for text in texts for here in slow_features(text.split(), window, affixes)]
    assert len(names) == len(numbers)
    for i, mine in enumerate(numbers[:, wanted]):
        assert (mine >= 0).sum() == len(names[i])
        for j, other in enumerate(numbers[:, wanted]):
            assert ((mine == other) & (mine >= 0)).sum() == len(names[i] & names[j])
    np.testing.assert_array_equal(features.counts, np.bincount(numbers[numbers >= 0]))


def test_shapes_classes_and_han_characters():
    features = WordFeatures(2, 0, 1)
    column = features._attributes(["Boeing-747", "IBM", "1996", "iPod", "北", "电影", ","])
    assert column["shape"] == ["Xx-d", "X", "d", "xXx", "h", "h", ","]
    assert column["class"][:4] == ["51+1", "3=--", "4-=-", "41--"]
    assert column["character"] == [None, None, None, None, "北", None, None]
    numbers = features.learn(tokenize(["我在北京", "他在北京"]))
    runs = [i for i, t in enumerate(features.templates) if len(t) == 3 and t[0][0] == "character"]
    assert len(runs) == 3
    place = next(i for i in runs if features.templates[i][0][1] == -1)  # the word and its two neighbours
    assert numbers[2, place] == numbers[6, place] >= 0  # 在北京
    assert numbers[1, place] != numbers[5, place]  # 我在北, 他在北


def test_rare_features_and_unseen_words():
    features = WordFeatures(1, 2, 2)
    features.learn(tokenize(["a cat", "a hat", "a dog"]))
    assert set(features.values["form"].words) == {"a"}
    assert (features.counts >= 2).all()
    assert set(features.values["suffix2"].words) == {"at"}
    unseen = features.of(tokenize(["bat"]))[0]
    suffix = features.templates.index((("suffix2", 0),))
    assert unseen[suffix] >= 0
    assert unseen[features.templates.index((("form", 0),))] == -1
    assert features.of(tokenize([""])).shape == (0, len(features.templates))


def alternating(rows=60, seed=1):
    """Words say nothing; only the first one tells which of two tags the sentence begins with, and tags take
    turns.
    """
    random = np.random.default_rng(seed)
    texts, tags = [], []
    for _ in range(rows):
        size, first = int(random.integers(2, 9)), int(random.integers(0, 2))
        texts.append(" ".join(["odd" if first else "even", *["word"] * (size - 1)]))
        tags += [(first + place) % 2 for place in range(size)]
    return tokenize(texts), np.array(tags)


def decoded(crf, tokens):
    return crf.chain.decode(crf.scores(tokens), tokens.offsets)


def test_it_learns_what_only_transitions_can_tell():
    crf = model(window=0, epochs=30).fit(*alternating(), ANY, seed=1)
    tokens, gold = alternating(seed=2)
    assert (decoded(crf, tokens) == gold).all()
    alone = crf.scores(tokens).argmax(axis=1)
    assert (alone == gold).mean() < 0.9


def test_forms_endings_and_neighbours_generalise():
    texts = ["Mr Baker went to London", "Mr Miller came from Paris", "Mr Porter is in Berlin"] * 5
    tags = np.array([0, 1, 0, 0, 2] * 15)
    allowed = Allowed(*(np.ones(shape, bool) for shape in (3, (3, 3), 3)))
    crf = model(epochs=10).fit(tokenize(texts), tags, allowed)
    assert decoded(crf, tokenize(["Mr Cooper went to Dublin"])).tolist() == [0, 1, 0, 0, 2]


@pytest.mark.parametrize("window", [0, 2])
def test_one_seed_gives_the_same_and_a_saved_model_answers_the_same(window, tmp_path):
    tokens, tags = alternating()
    told = []
    one, two = (
        model(epochs=3, window=window).fit(
            tokens, tags, ANY, seed=7, threads=n, progress=lambda *a, **k: told.append(a)
        )
        for n in (1, 2)
    )
    assert one.weights.tobytes() == two.weights.tobytes()
    assert ("learning", 3, 3) in told
    assert (
        model(epochs=3, window=window).fit(tokens, tags, ANY, seed=8).weights.tobytes()
        != one.weights.tobytes()
    )
    one.keep(tmp_path)
    again = model(epochs=3, window=window)
    again.restore(tmp_path)
    texts = tokenize(["odd word word", "", "some other words", "even"])
    assert again.scores(texts).tobytes() == one.scores(texts).tobytes()
    for name in ("transitions", "starts", "ends"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    whole = one.scores(texts)
    for number, (begin, end) in enumerate(pairwise(texts.offsets)):
        np.testing.assert_array_equal(one.scores(texts.take([number])), whole[begin:end])


def test_what_a_scheme_forbids_stays_forbidden():
    names = ["O", "B-X", "I-X"]
    allowed = allowed_transitions(names, "bio")
    crf = model(epochs=5).fit(tokenize(["a b c d"] * 5), np.array([0, 1, 2, 0] * 5), allowed)
    np.testing.assert_array_equal(np.isneginf(crf.transitions), ~allowed.to)
    np.testing.assert_array_equal(np.isneginf(crf.starts), ~allowed.start)
    assert np.isfinite(crf.weights).all()


def test_what_cannot_be_used_is_refused():
    allowed = allowed_transitions(["O", "B-X", "I-X"], "bio")
    with pytest.raises(DataError, match="text 1, word 0: its tag"):
        model().fit(tokenize(["a", "b c"]), np.array([0, 2, 0]), allowed)
    with pytest.raises(DataError, match="text 1, word 1: its tag"):
        model().fit(tokenize(["a", "b c"]), np.array([1, 0, 2]), allowed)
    with pytest.raises(DataError, match="no word"):
        model().fit(tokenize(["", " "]), np.zeros(0, np.int64), allowed)
    for wrong in ({"window": -1}, {"min_count": 0}, {"epochs": 0}, {"l2": -1}, {"learning_rate": 0}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            model(**wrong)


def test_scores_are_sums_of_weights():
    random = np.random.default_rng(1)
    features = random.integers(-1, 20, (50, 7)).astype(np.int32)
    weights = random.normal(size=(20, 3)).astype(np.float32)
    expected = (weights[features] * (features >= 0)[..., None]).sum(axis=1)
    np.testing.assert_allclose(emissions_of(features, weights), expected, rtol=1e-5, atol=1e-6)
