"""The boundaries embedder against jieba itself, run by run and character by character."""

import re
import sys

import numpy as np
import pytest
import torch

from wordladder.embedders import _word_boundaries
from wordladder.embedders._training_text import TrainingText
from wordladder.embedders._word_boundaries import PLACES
from wordladder.embedders.boundaries import Boundaries
from wordladder.errors import MissingExtraError, RecipeError
from wordladder.text.words import TextSettings, tokenize

jieba = pytest.importorskip("jieba")

TEXTS = [
    "我来到北京清华大学",
    "",
    "小明 bought 3 部电影，在上海虹桥机场！",
    "only English",
    "中华人民共和国\n万岁，乒乓球拍卖完了。",
    "我喜欢😀你",
]


def started(seed=0, **settings):
    torch.manual_seed(seed)
    embedder = Boundaries(**settings)
    embedder.initialise(TrainingText(tokenize(TEXTS)))
    return embedder.eval()


def named(embedder, tokens):
    """The names of the places of each text's words."""
    return [[PLACES[place] for place in row if place] for row in embedder.prepare(tokens).places.tolist()]


def twin(text):
    """The place of each character of `text`, from jieba's words of each run of Chinese characters."""
    places = ["other"] * len(text)
    for run in re.finditer("[\u4e00-\u9fff]+", text):
        at = run.start()
        for word in jieba.lcut(run.group()):
            inner = ["begin", *["middle"] * (len(word) - 2), "end"] if len(word) > 1 else ["single"]
            places[at : at + len(word)] = inner
            at += len(word)
    return places


def test_the_places_are_those_of_jieba():
    tokens = tokenize(TEXTS)
    given = named(started(), tokens)
    assert {place for row in given for place in row} == set(PLACES) - {"padding"}
    for number, row in enumerate(given):
        here = slice(tokens.offsets[number], tokens.offsets[number + 1])
        places = twin(TEXTS[number])
        assert row == [places[start] for start in tokens.starts[here]]


def test_a_known_sentence():
    (row,) = named(started(), tokenize(["我来到北京清华大学"]))
    assert row == ["single", "begin", "end", "begin", "end", "begin", "middle", "middle", "end"]


def test_text_that_is_cut_off_has_the_places_of_the_whole():
    embedder = started()
    whole, cut = tokenize(TEXTS), tokenize(TEXTS, TextSettings(max_words=6))
    assert cut.lost.any()
    assert named(embedder, cut) == [row[:6] for row in named(embedder, whole)]


def test_words_of_several_characters():
    embedder = started()
    assert named(embedder, tokenize(["北京大学 OK"], TextSettings(segmenter="jieba"))) == [
        ["single", "other"]
    ]
    assert named(embedder, tokenize(["北京很大 OK"], TextSettings(segmenter="whitespace"))) == [
        ["single", "other"]
    ]


def test_marks_that_belong_to_a_character():
    """A variation selector stands behind the character and is part of its word."""
    tokens = tokenize(["葛\U000e0100城"])
    assert len(tokens.starts) == 2
    assert set(named(started(), tokens)[0]) <= {"single", "begin", "end"}


def test_two_texts_an_example():
    embedder = started()
    prepared = embedder.prepare(tokenize(["北京", "大学", "a", "清华"], segments=2))
    assert [[PLACES[place] for place in row] for row in prepared.places.tolist()] == [
        ["begin", "end", "begin", "end"],
        ["other", "begin", "end", "padding"],
    ]
    assert prepared.segments.tolist() == [[0, 0, 1, 1], [0, 1, 1, 0]]
    assert embedder(prepared).segments is prepared.segments


def test_vectors_are_rows_of_the_table():
    embedder = started(dim=7)
    prepared = embedder.prepare(tokenize(TEXTS))
    out = embedder(prepared)
    assert out.vectors.shape[2] == embedder.dim == 7
    assert torch.equal(out.vectors, embedder.table.weight[prepared.places])
    assert not out.vectors[~out.mask].any()


def test_the_vector_of_padding_stays_zero():
    embedder = started().train()
    optimizer = torch.optim.AdamW(embedder.parameters(), lr=0.1, weight_decay=0.0)
    (embedder(embedder.prepare(tokenize(TEXTS))).vectors - 1).square().sum().backward()
    optimizer.step()
    assert not embedder.table.weight[0].any()


def test_a_text_is_cut_once(monkeypatch):
    asked = []
    real = jieba.lcut
    monkeypatch.setattr(jieba, "lcut", lambda text: asked.append(text) or real(text))
    embedder = started()
    first = embedder.prepare(tokenize(TEXTS))
    assert "我来到北京清华大学" in asked
    asked.clear()
    again = embedder.prepare(tokenize(TEXTS[::-1])).places
    assert not asked
    assert torch.equal(again.flip(0), first.places)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(_word_boundaries, "_REMEMBERED", 30)
    embedder = started()
    expected = named(started(), tokenize(TEXTS))
    for _ in range(3):
        for text, row in zip(TEXTS, expected):
            assert named(embedder, tokenize([text])) == [row]
            assert sum(map(len, embedder.reader._cuts.values())) <= 30
            assert embedder.reader._room == 30 - sum(map(len, embedder.reader._cuts.values()))
    assert named(embedder, tokenize(["我" * 40]))[0], "a text that is longer than the room"


def test_facts():
    assert started().facts(tokenize(["我喜欢 film !"])) == {"chinese_words": 0.6}
    assert started().facts(tokenize([""])) == {"chinese_words": 0.0}


def test_half_a_surrogate_pair_is_no_harm():
    assert named(started(), tokenize(["\ud800我"]))[0][-1] == "single"


def test_without_jieba_the_command_to_type_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(MissingExtraError, match=r"boundaries.*wordladder\[chinese\]"):
        started()


def test_a_wrong_length():
    with pytest.raises(RecipeError, match="dim = 0"):
        Boundaries(dim=0)


def test_a_model_with_boundaries_is_saved_and_loaded(tmp_path):
    from wordladder import Model

    recipe = {
        "embedders": [{"kind": "static", "source": "random", "dim": 8}, {"kind": "boundaries", "dim": 4}],
        "training": {"epochs": 1},
    }
    texts, labels = (
        [f"我喜欢电影{n}" for n in range(20)] + [f"这本书不好{n}" for n in range(20)],
        ["a", "b"] * 20,
    )
    model = Model(recipe).fit(texts, labels)
    model.save(tmp_path / "model")
    asked = ["我来到北京清华大学", "", "a book"]
    np.testing.assert_array_equal(
        model.predict_proba(asked), Model.load(tmp_path / "model").predict_proba(asked)
    )
