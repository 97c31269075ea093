"""Pairs of texts against brute force and sentence-transformers; what is counted, and what is refused."""

import itertools

import numpy as np
import pytest

from wordladder.data.examples import Examples
from wordladder.errors import DataError, SettingError, VectorsError
from wordladder.search.text_pairs import Duplicates, text_pairs

TEXTS = [f"text {n}" for n in range(40)]
VECTORS = dict(zip(TEXTS, np.random.default_rng(2).normal(size=(40, 5)).astype(np.float32)))


def encode(texts):
    assert len(set(texts)) == len(texts), "each distinct text is encoded once"
    return np.stack([VECTORS[text] for text in texts])


def cosine(one, other):
    one, other = VECTORS[one].astype(float), VECTORS[other].astype(float)
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_all_pairs_above_the_threshold_by_falling_cosine():
    found = text_pairs(TEXTS, encode, top=39, threshold=0.5, limit=None)
    expected = {(a, b): cosine(a, b) for a, b in itertools.combinations(TEXTS, 2)}
    mean = np.mean(list(expected.values()))
    expected = {pair: score for pair, score in expected.items() if score >= 0.5}
    assert {(pair.text, pair.other_text) for pair in found.pairs} == expected.keys()
    scores = [pair.score for pair in found.pairs]
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx(sorted(expected.values(), reverse=True), abs=1e-6)
    assert [(p.line, p.other_line) for p in found.pairs] == [
        (TEXTS.index(p.text) + 1, TEXTS.index(p.other_text) + 1) for p in found.pairs
    ]
    assert found.anisotropy == pytest.approx(mean, abs=1e-7)
    best = text_pairs(TEXTS, encode, top=39, threshold=0.5, limit=3)
    assert (best.pairs, best.found) == (found.pairs[:3], len(found.pairs))


def test_pairs_are_those_of_sentence_transformers():
    util = pytest.importorskip("sentence_transformers.util")
    torch = pytest.importorskip("torch")
    mined = util.paraphrase_mining_embeddings(torch.from_numpy(encode(TEXTS)), top_k=4)
    found = text_pairs(TEXTS, encode, top=4, threshold=-1, limit=None)
    ours = {(p.line - 1, p.other_line - 1) for p in found.pairs}
    assert ours == {tuple(sorted(pair)) for _, *pair in mined}
    assert [p.score for p in found.pairs] == pytest.approx([score for score, *_ in mined], abs=1e-6)


def test_repeated_and_blank_texts():
    lines = np.array([2, 3, 5, 8, 13, 21])
    rows = ["text 1", " ", "text 2", "text 1 ", "", "text 1"]
    found = text_pairs(Examples((rows,), lines=lines), encode, threshold=-1)
    assert (found.texts, found.distinct, found.found) == (4, 2, 1)
    assert found.duplicates == (Duplicates((2, 8, 21), "text 1"),)
    assert [(p.line, p.other_line, p.text, p.other_text) for p in found.pairs] == [(2, 5, "text 1", "text 2")]
    assert found.anisotropy == pytest.approx(found.pairs[0].score, abs=1e-6)
    alone = text_pairs(["text 1", "text 1"], encode, threshold=-1)
    assert (alone.found, alone.pairs, alone.anisotropy) == (0, (), None)


def test_zero_vectors_are_near_to_nothing():
    vectors = np.array([[0, 0], [0, 0], [2, 0], [3, 0.1]], np.float32)
    found = text_pairs(["a", "b", "c", "d"], lambda texts: vectors, threshold=0.1)
    assert [(p.text, p.other_text) for p in found.pairs] == [("c", "d")]


def test_what_cannot_be_is_told():
    with pytest.raises(DataError, match=r"two texts a row.*--text"):
        text_pairs(Examples((["a"], ["b"])), encode)
    with pytest.raises(SettingError, match="top is 0"):
        text_pairs(TEXTS, encode, top=0)
    with pytest.raises(VectorsError, match="the vector of the text 'b' has a number that is not finite"):
        text_pairs(["a", "b"], lambda texts: np.array([[1, 2], [np.nan, 0]], np.float32))
