"""Terms of search by words, and BM25."""

import math

import numpy as np
import pytest

from wordladder import Model  # noqa: F401  - the package is whole
from wordladder.errors import SettingError
from wordladder.search.index import Index
from wordladder.search.passages import Document
from wordladder.search.terms import K1, B, Terms, document_weights, number_of, query_weights

pytest.importorskip("Stemmer")


def test_words_are_stemmed_and_marks_left_out():
    assert Terms().of(["Running, the RUNNERS ran – it’s 3 o'clock!"]) == [
        ["run", "the", "runner", "ran", "it", "3", "o'clock"]
    ]
    assert Terms(stemmer="none").of(["Running runners"]) == [["running", "runners"]]
    assert Terms(stemmer="german").of(["Häuser"]) == [["haus"]]


def test_chinese_is_searched_by_characters_and_by_words():
    pytest.importorskip("jieba")
    assert Terms().of(["我喜欢电影 running"]) == [["我", "喜", "欢", "电", "影", "run", "喜欢", "电影"]]
    assert Terms(chinese=False).of(["电影 films"]) == [["电", "影", "film"]]


def test_an_unknown_stemmer_is_refused():
    with pytest.raises(SettingError, match=r"there is no 'englisch'. Did you mean 'english'"):
        Terms(stemmer="englisch")


TEXTS = [
    "the cat sat on the mat",
    "a dog and a cat",
    "dogs dogs dogs everywhere",
    "the stock market fell",
    "",
]


def bm25(query, texts):
    """BM25 from its formula, with the idf of Lucene."""
    terms = Terms().of(texts)
    count = sum(map(bool, terms))
    mean = np.mean([len(one) for one in terms])
    scores = []
    for document in terms:
        score = 0.0
        for term in Terms().of([query])[0]:
            df = sum(term in other for other in terms)
            tf = document.count(term)
            idf = math.log(1 + (count - df + 0.5) / (df + 0.5))
            score += idf * tf * (K1 + 1) / (tf + K1 * (1 - B + B * len(document) / mean))
        scores.append(score)
    return scores


def test_the_index_scores_by_bm25(tmp_path):
    with Index.create(tmp_path / "index") as index:
        index.add([Document(str(i), text) for i, text in enumerate(TEXTS)])
        for query in ("cat", "dog cat", "the the market", "unknown"):
            found = {hit.id: hit.score for hit in index.search(query, by="words")}
            expected = {str(i): score for i, score in enumerate(bm25(query, TEXTS)) if score > 0}
            assert found == pytest.approx(expected, rel=1e-4)


def test_weights_are_by_the_number_of_a_term():
    assert query_weights(["a", "b", "a"]) == {number_of("a"): 2.0, number_of("b"): 1.0}
    assert document_weights(["a"], 1.0) == {number_of("a"): pytest.approx((K1 + 1) / (1 + K1))}
