"""The trigram embedder: the paper's example, word hashing as a matrix product, what is left out."""

from collections import Counter

import numpy as np
import pytest
import torch

from wordladder.embedders._training_text import TrainingText
from wordladder.embedders._trigram_words import letter_trigrams
from wordladder.embedders.trigrams import Trigrams
from wordladder.errors import RecipeError
from wordladder.layers.sequence import Pooling
from wordladder.text.words import TextSettings, tokenize

TEXTS = ["Good goods are good", "", "我喜欢电影院 good", "x"]


def started(**settings):
    torch.manual_seed(0)
    embedder = Trigrams(**{"dim": 5, "min_count": 1, **settings})
    embedder.initialise(TrainingText(tokenize(TEXTS, TextSettings(segmenter="whitespace"))))
    return embedder.eval()


def vectors_of(embedder, texts):
    with torch.no_grad():
        return embedder(embedder.prepare(tokenize(texts, TextSettings(segmenter="whitespace"))))


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("good", ["#go", "goo", "ood", "od#"]),  # the paper's
        ("a", ["#a#"]),
        ("电", ["电"]),
        ("电影院", ["电", "影", "院", "电影", "影院"]),
        ("T恤", ["#T#", "恤"]),
        ("!", ["#!#"]),
    ],
)
def test_the_parts_of_a_word(word, parts):
    assert list(letter_trigrams(word)) == parts


def test_the_sum_over_a_text_is_a_matrix_times_its_counts():
    embedder = started()
    pooled = Pooling("sum")(vectors_of(embedder, TEXTS)).numpy()
    matrix = embedder.table.weight.detach().numpy().T
    for text, vector in zip(TEXTS, pooled):
        counts = Counter(part for word in text.lower().split() for part in letter_trigrams(word))
        counts = np.array([counts[part] for part in embedder.vocabulary.words], np.float32)
        np.testing.assert_allclose(vector, matrix @ counts, atol=1e-5)
    assert pooled[0].any()
    assert not pooled[1].any()


def test_what_is_unknown_is_left_out():
    embedder = started(min_count=2)
    assert "oop" not in embedder.vocabulary
    assert "电" not in embedder.vocabulary
    tokens = tokenize(["good goop zzz"])
    good, goop, zzz = vectors_of(embedder, ["good goop zzz"]).vectors[0]
    rows = embedder.vocabulary.ids(["#go", "goo"])
    torch.testing.assert_close(goop, embedder.table.weight[rows].sum(0).detach())
    assert good.any()
    assert not zzz.any()
    facts = embedder.facts(tokens)
    assert facts["unknown_trigrams"] == pytest.approx(5 / 11)
    assert facts["unknown_words"] == pytest.approx(1 / 3)
    assert len(started(max_vocabulary=3).vocabulary) == 3
    assert len(started(lowercase=False).vocabulary) > len(started().vocabulary)


@pytest.mark.parametrize("name", ["dim", "max_vocabulary"])
def test_sizes_are_checked(name):
    with pytest.raises(RecipeError, match=f"{name} = 0"):
        Trigrams(**{name: 0})
