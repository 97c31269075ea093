"""Subwords: the same n-grams, buckets and vectors as gensim's fastText."""

import numpy as np
import pytest
from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes

from wordladder.errors import SettingError
from wordladder.text.subwords import Subwords, encode_words, ngrams

WORDS = ["a", "is", "where", "naïve", "über", "北京大学", "don't", "🙂x", "日本go", "", "aaaaaaa"]


@pytest.mark.parametrize(("low", "high"), [(3, 6), (1, 2), (2, 4), (5, 5)])
def test_buckets_are_gensims(low, high):
    offsets, found = ngrams(WORDS, low, high, 10_007, han=False)
    for i, word in enumerate(WORDS):
        theirs = [ft_hash_bytes(gram) % 10_007 for gram in compute_ngrams_bytes(word, low, high)]
        if low == 1:  # gensim keeps < and > alone, fastText does not
            marks = {ft_hash_bytes(mark) % 10_007 for mark in (b"<", b">")}
            theirs = [one for one in theirs if one not in marks]
        assert sorted(found[offsets[i] : offsets[i + 1]].tolist()) == sorted(theirs), word


def test_many_long_words_find_room():
    words = ["ab" * 3000] * 3 + ["x"]
    offsets, found = ngrams(words, 1, 40, 1000, han=False)
    assert np.array_equal(found[: offsets[1]], found[offsets[1] : offsets[2]])
    assert offsets[-1] == len(found)


def test_a_han_character_is_a_unit_of_its_word():
    _, plain = ngrams(["北京x"], 3, 6, 1 << 30, han=False)
    _, units = ngrams(["北京x"], 3, 6, 1 << 30, han=True)
    expected = [ft_hash_bytes(one.encode()) % (1 << 30) for one in "北京"]
    assert sorted(units.tolist()) == sorted([*plain.tolist(), *expected])


def test_a_vector_is_the_mean_of_its_parts():
    random = np.random.default_rng(1)
    own, buckets = (random.normal(size=(n, 4)).astype(np.float32) for n in (2, 50))
    parts = Subwords(own, buckets, 3, 4, han=False)
    offsets, found = parts.ngrams(["where", "unseen"])
    got = parts.vectors(["where", "unseen", ""], np.array([1, -1, -1]))
    first = np.vstack([own[1:], buckets[found[: offsets[1]]]]).mean(axis=0)
    np.testing.assert_allclose(got[0], first, rtol=1e-5)
    np.testing.assert_allclose(got[1], buckets[found[offsets[1] :]].mean(axis=0), rtol=1e-5)
    assert not got[2].any()


@pytest.mark.parametrize("sizes", [(0, 3, 10), (4, 3, 10), (3, 6, 0)])
def test_sizes_that_cannot_be_used_are_refused(sizes):
    with pytest.raises(SettingError):
        ngrams(["a"], *sizes, han=False)


def test_spelled_words_lie_one_after_the_other():
    letters, begins = encode_words(["ab", "", "é"])
    assert letters.tobytes() == "abé".encode()
    assert begins.tolist() == [0, 2, 2, 4]
