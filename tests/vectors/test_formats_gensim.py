"""gensim's own files: read as gensim reads them, and nothing that they name is ever run."""

import os
import pickle
import warnings

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec, keyedvectors

from wordladder.errors import VectorsError
from wordladder.word_vectors import WordVectors

WORDS = ["the", "don't", "汉", "😀", "a b", "where"]


@pytest.fixture
def peer():
    found = KeyedVectors(5)
    found.add_vectors(WORDS, np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32))
    found.expandos["count"] = np.arange(len(WORDS), 0, -1)
    return found


def same(ours, peer):
    assert ours.words == peer.index_to_key
    np.testing.assert_array_equal(ours.vectors, peer.vectors)
    assert ours.counts.tolist() == peer.expandos["count"].tolist()


@pytest.mark.parametrize("limit", [1, 10 << 20])
def test_vectors_in_the_file_and_beside_it(peer, tmp_path, limit):
    peer.save(str(tmp_path / "words.kv"), sep_limit=limit)
    beside = (tmp_path / "words.kv.vectors.npy").exists()
    assert beside == (limit == 1)
    ours = WordVectors.load(tmp_path / "words.kv")
    same(ours, KeyedVectors.load(str(tmp_path / "words.kv")))
    assert isinstance(ours.vectors, np.memmap) == beside


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", [np.float32, np.float64, np.float16])
def test_every_protocol_and_type_of_numbers(peer, tmp_path, protocol, kind):
    peer.vectors = np.asfortranarray(peer.vectors.astype(kind))
    (tmp_path / "words.kv").write_bytes(pickle.dumps(peer, protocol))
    ours = WordVectors.load(tmp_path / "words.kv")
    np.testing.assert_array_equal(ours.vectors, peer.vectors.astype(np.float32))
    assert ours.words == WORDS


@pytest.mark.parametrize("low", [1, 3])
def test_ngrams_of_fasttext(tmp_path, low):
    chance = np.random.default_rng(1)
    texts = [chance.choice(WORDS, 9).tolist() for _ in range(80)]
    model = FastText(texts, vector_size=6, min_count=1, epochs=2, workers=1, bucket=200, min_n=low)
    model.wv.save(str(tmp_path / "words.kv"))
    peer = KeyedVectors.load(str(tmp_path / "words.kv"))
    if low == 1:  # gensim's n-grams of one character are not those of fastText
        with pytest.raises(VectorsError, match="6 words and no vectors"):
            WordVectors.load(tmp_path / "words.kv")
        return
    ours = WordVectors.load(tmp_path / "words.kv")
    assert ours.words == peer.index_to_key
    np.testing.assert_allclose(ours.vectors, peer.vectors, atol=1e-6)
    np.testing.assert_allclose(ours["unseen"], peer["unseen"], atol=1e-6)


class Vocab:
    def __init__(self, **facts):
        self.__dict__.update(facts)


class Word2VecKeyedVectors(Vocab):
    pass


@pytest.mark.parametrize("name", ["vectors", "syn0"])
def test_the_layout_of_gensim_3(tmp_path, monkeypatch, name):
    for one in (Vocab, Word2VecKeyedVectors):
        monkeypatch.setattr(one, "__module__", keyedvectors.__name__)
        monkeypatch.setattr(keyedvectors, one.__name__, one, raising=False)
    numbers = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32)
    known = {word: Vocab(count=50 - row, index=row, sample_int=1) for row, word in enumerate(WORDS)}
    old = Word2VecKeyedVectors(index2word=WORDS, vocab=known, vector_size=5, **{name: numbers})
    (tmp_path / "words.kv").write_bytes(pickle.dumps(old, 2))
    ours = WordVectors.load(tmp_path / "words.kv")
    assert ours.words == WORDS
    assert ours.counts.tolist() == [50, 49, 48, 47, 46, 45]
    np.testing.assert_array_equal(ours.vectors, numbers)


class Runs:
    """Asks the unpickler to call something."""

    def __init__(self, call, *args):
        self.call, self.args = call, args

    def __reduce__(self):
        return self.call, self.args


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("inside", [False, True])
def test_a_hostile_pickle_is_refused_and_nothing_is_run(peer, tmp_path, protocol, inside):
    target = tmp_path / "run"
    for call, *args in (
        (os.system, f"touch {target}"),
        (os.mkdir, str(target)),
        (eval, f"open({str(target)!r}, 'w')"),
        (getattr, peer, "save"),
        (np.load, "x.npy"),
        (np.fromfile, "x"),
        (warnings.warn, "x"),
        (pickle.loads, b"x"),
    ):
        value = Runs(call, *args)
        if inside:
            peer.expandos["count"] = value
            value = peer
        (tmp_path / "words.kv").write_bytes(pickle.dumps(value, protocol))
        with pytest.raises(VectorsError, match=r"nothing of it was run"):
            WordVectors.load(tmp_path / "words.kv")
        assert not target.exists()


@pytest.mark.parametrize(
    "attack",
    [
        b"\x80\x02cos\nsystem\n.",
        b"\x80\x04\x8c\x08builtins\x8c\x0dobject.__base__\x93.",
        b"\x80\x04\x8c\x21wordladder.formats._pickle.Unpickler\x8c\x04load\x93.",
        b"cgensim.models.keyedvectors\nKeyedVectors.load\n.",
        b"\x82\x01.",
        b"Pabc\n.",
        b"(ibuiltins\neval\n.",
    ],
)
def test_other_ways_to_a_name_are_closed(tmp_path, attack):
    (tmp_path / "words.kv").write_bytes(attack)
    with pytest.raises(VectorsError):
        WordVectors.load(tmp_path / "words.kv")


def test_what_one_pickle_changes_no_other_sees(peer, tmp_path):
    hostile = (
        b"\x80\x02cgensim.models.keyedvectors\nKeyedVectors\n"
        b"N}X\x0d\x00\x00\x00index_to_keyX\x01\x00\x00\x00xs\x86b."  # sets an attribute of the class
    )
    (tmp_path / "words.kv").write_bytes(hostile)
    with pytest.raises(VectorsError):
        WordVectors.load(tmp_path / "words.kv")
    (tmp_path / "words.kv").write_bytes(pickle.dumps(KeyedVectors(3), 4))
    with pytest.raises(VectorsError, match="has no words"):
        WordVectors.load(tmp_path / "words.kv")


def test_a_whole_model_is_told_how_to_be_saved(tmp_path):
    model = Word2Vec([WORDS] * 5, vector_size=4, min_count=1, workers=1, epochs=1)
    model.save(str(tmp_path / "model.kv"))
    with pytest.raises(VectorsError, match=r"Word2Vec.*save its `wv`"):
        WordVectors.load(tmp_path / "model.kv")


def test_a_file_cut_anywhere_is_told(peer, tmp_path):
    path = tmp_path / "words.kv"
    whole = pickle.dumps(peer, 4)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(VectorsError, match=r"words\.kv"):
            WordVectors.load(path)


def test_a_changed_byte_never_ends_in_another_error(peer, tmp_path):
    path, chance, told = tmp_path / "words.kv", np.random.default_rng(0), 0
    for protocol in (2, 4):
        whole = pickle.dumps(peer, protocol)
        for _ in range(1500):
            changed = bytearray(whole)
            changed[chance.integers(0, len(whole))] = chance.integers(0, 256)
            path.write_bytes(changed)
            try:
                WordVectors.load(path)
            except VectorsError:
                told += 1
    assert told > 500


def test_the_array_beside_is_looked_at_too(peer, tmp_path):
    path, beside = tmp_path / "words.kv", tmp_path / "words.kv.vectors.npy"
    peer.save(str(path), sep_limit=1)
    whole = beside.read_bytes()
    for size in (0, 5, 9, 60, len(whole) - 1):
        beside.write_bytes(whole[:size])
        with pytest.raises(VectorsError, match=r"vectors\.npy is no array of NumPy"):
            WordVectors.load(path)
    np.save(beside, np.array([Runs(os.mkdir, str(tmp_path / "run"))], object), allow_pickle=True)
    with pytest.raises(VectorsError, match=r"vectors\.npy is no array of NumPy"):
        WordVectors.load(path)
    assert not (tmp_path / "run").exists()
    np.save(beside, peer.vectors[:-1])
    with pytest.raises(VectorsError, match="6 words and vectors of shape"):
        WordVectors.load(path)
    np.save(beside, np.ones((6, 5), int))
    with pytest.raises(VectorsError, match="not a matrix"):
        WordVectors.load(path)
    beside.unlink()
    with pytest.raises(VectorsError, match=r"there is no such file; it belongs to words\.kv"):
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("index_to_key", WORDS[:-1], "5 words and vectors of shape"),
        ("index_to_key", [*WORDS[:-1], 5], "word 6 is no text"),
        ("vectors", np.full((6, 5), np.nan, np.float32), "word 1: the vector of 'the'"),
        ("expandos", {"count": np.ones(4, int)}, "counts of shape"),
        ("expandos", {"count": np.ones(6)}, "counts of shape"),
    ],
)
def test_parts_that_do_not_fit_are_told(peer, tmp_path, attribute, value, message):
    setattr(peer, attribute, value)
    (tmp_path / "words.kv").write_bytes(pickle.dumps(peer, 4))
    with pytest.raises(VectorsError, match=message):
        WordVectors.load(tmp_path / "words.kv")


def test_something_else_is_told(tmp_path):
    (tmp_path / "words.kv").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(VectorsError, match="holds a dict, not gensim's KeyedVectors"):
        WordVectors.load(tmp_path / "words.kv")
