"""Files of word vectors: what is written comes back exactly, gensim agrees, broken files are told."""

import gzip
import json

import numpy as np
import pytest
from gensim.models import KeyedVectors
from safetensors import safe_open
from safetensors.numpy import save_file

from wordladder.errors import OutputError, VectorsError
from wordladder.formats import FORMATS
from wordladder.word_vectors import WordVectors

SUFFIXES = [suffix for known in FORMATS.values() for suffix in known.suffixes]
WORDS = ["the", "don't", "汉", "😀", "e\u0301", "a\u2028b", "\u00a0", "_", "12,5"]
SETTINGS = {"kind": "word2vec", "lowercase": True, "text": {"segmenter": "characters", "max_words": None}}


@pytest.fixture
def vectors():
    """Numbers of every size that float32 has."""
    chance = np.random.default_rng(0)
    numbers = chance.normal(size=(len(WORDS), 7)) * 10.0 ** chance.integers(-44, 38, (len(WORDS), 7))
    numbers[0] = [0.0, -0.0, 1 / 3, 0.1, 1e-45, 3.4e38, -1]
    return WordVectors(WORDS, numbers.astype(np.float32), np.arange(len(WORDS), 0, -1), SETTINGS)


def same(ours, vectors):
    assert ours.words == vectors.words
    assert ours.vectors.dtype == np.float32
    assert ours.vectors.tobytes() == vectors.vectors.tobytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_round_trip_keeps_every_float(vectors, tmp_path, suffix):
    vectors.save(tmp_path / f"words{suffix}")
    same(WordVectors.load(tmp_path / f"words{suffix}"), vectors)
    assert [path.name for path in tmp_path.iterdir()] == [f"words{suffix}"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_vectors_give_the_same_bytes(vectors, tmp_path, suffix):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        vectors.save(tmp_path / folder / f"words{suffix}")
    assert (tmp_path / "a" / f"words{suffix}").read_bytes() == (
        tmp_path / "b" / f"words{suffix}"
    ).read_bytes()


@pytest.mark.parametrize(
    ("suffix", "binary"), [(".vec", False), (".vec.gz", False), (".bin", True), (".bin.gz", True)]
)
def test_gensim_reads_ours_and_we_read_gensims(vectors, tmp_path, suffix, binary):
    vectors.save(tmp_path / f"ours{suffix}")
    peer = KeyedVectors.load_word2vec_format(str(tmp_path / f"ours{suffix}"), binary=binary)
    assert peer.index_to_key == WORDS
    np.testing.assert_array_equal(peer.vectors, vectors.vectors)
    peer.save_word2vec_format(str(tmp_path / f"theirs{suffix}"), binary=binary)
    same(WordVectors.load(tmp_path / f"theirs{suffix}"), vectors)


def test_text_as_word2vec_and_glove_write_it(tmp_path):
    for name, head, end in (
        ("word2vec", b"2 3\n", b" \n"),
        ("glove", b"", b"\n"),
        ("windows", b"2 3\r\n", b"\r\n"),
    ):
        path = tmp_path / f"{name}.txt"
        path.write_bytes(head + b"a 1 -2 .5" + end + b"12 1e3 0 7" + end)
        read = WordVectors.load(path)
        assert read.words == ["a", "12"]
        assert read.vectors.tolist() == [[1, -2, 0.5], [1000, 0, 7]]


def test_long_binary_files_are_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("wordladder.formats.binary.BLOCK", 100)
    vectors = WordVectors([f"word{i}" for i in range(50)], np.random.default_rng(0).normal(size=(50, 30)))
    vectors.save(tmp_path / "words.bin")
    same(WordVectors.load(tmp_path / "words.bin"), vectors)


def test_safetensors_keeps_counts_and_settings_and_is_mapped(vectors, tmp_path):
    path = tmp_path / "words.safetensors"
    vectors.save(path)
    read = WordVectors.load(path)
    assert read.settings == SETTINGS
    assert read.counts.tolist() == vectors.counts.tolist()
    assert isinstance(read.vectors, np.memmap)
    with safe_open(path, framework="numpy") as theirs:
        np.testing.assert_array_equal(theirs.get_tensor("vectors"), vectors.vectors)
        assert bytes(theirs.get_tensor("words")).decode().split("\n") == WORDS
        assert json.loads(theirs.metadata()["wordladder"]) == SETTINGS


def test_safetensors_of_the_library_are_read(tmp_path):
    tensors = {"vectors": np.ones((2, 3), np.float32), "words": np.frombuffer(b"a\nb", np.uint8)}
    save_file(tensors, tmp_path / "words.safetensors")
    read = WordVectors.load(tmp_path / "words.safetensors")
    assert (read.words, read.counts, read.settings) == (["a", "b"], None, {})


def test_half_a_surrogate_pair_is_kept(tmp_path):
    vectors = WordVectors(["\ud83d", "b"], np.ones((2, 3)))
    vectors.save(tmp_path / "words.safetensors")
    same(WordVectors.load(tmp_path / "words.safetensors"), vectors)


def test_the_format_can_be_given(vectors, tmp_path):
    vectors.save(tmp_path / "words.model", "binary")
    same(WordVectors.load(tmp_path / "words.model", "binary"), vectors)
    with pytest.raises(VectorsError, match="suffix"):
        WordVectors.load(tmp_path / "words.model")
    with pytest.raises(VectorsError, match="Did you mean 'binary'"):
        WordVectors.load(tmp_path / "words.model", "binry")


ROW = b" " + np.ones(2, "<f4").tobytes()
NANS = b" " + np.full(2, np.nan, "<f4").tobytes()
BROKEN = [
    ("few.vec", b"3 2\na 1 2\nb 3 4\n", "3 words are promised in line 1, 2 are there"),
    ("many.vec", b"1 2\na 1 2\nb 3 4\n", "1 words are promised in line 1, 2 are there"),
    ("short.vec", b"2 2\na 1 2\nb 3\n", "line 3: 2 numbers are expected after the word, not 1"),
    ("glove.txt", b"a 1 2\nb 3 4 5\n", "line 2: 2 numbers are expected"),
    ("number.vec", b"2 2\na 1 2\nb 3 x\n", "line 3: could not convert string to float: .*x"),
    ("nan.vec", b"2 2\na 1 2\nb 3 nan\n", "line 3: the vector of 'b' has a number that is not finite"),
    ("twice.vec", b"3 2\na 1 2\nb 3 4\na 5 6\n", "line 4: the word 'a' was already at .*line 2"),
    ("utf8.vec", b"2 2\na 1 2\nb\xff 3 4\n", "line 3: byte 1 .0xff. is not UTF-8"),
    ("empty.vec", b"", "words are expected, 0 are there"),
    ("blank.vec", b"2 2\na 1 2\n\nb 3 4\n", "line 3: 2 numbers are expected"),
    ("cut.bin", b"2 2\na" + ROW + b"b" + ROW[:5], "byte 14: the file ends inside word 2 of 2"),
    ("huge.bin", b"2000000000 300\na" + ROW, "cannot hold 2000000000 words of 300 numbers"),
    ("head.bin", b"hello world", "byte 0: a word2vec binary file begins with 'words dim'"),
    ("more.bin", b"1 2\na" + ROW + b"b" + ROW, "byte 14: the file goes on after its 1 words"),
    ("twice.bin", b"2 2\na" + ROW + b"\na" + ROW, "byte 15: the word 'a' was already at .*byte 4"),
    ("utf8.bin", b"1 2\n\xff" + ROW, "byte 4: byte 0 .0xff. is not UTF-8"),
    (
        "nan.bin",
        b"1 2\na " + np.full(2, np.nan, "<f4").tobytes(),
        "byte 4: the vector of 'a' has a number that is not finite",
    ),
    ("fasttext.bin", (793712314).to_bytes(4, "little") + b"abc", "is a fastText model"),
    ("cut.vec.gz", gzip.compress(b"1 2\na 1 2\n")[:-9], "break off or are damaged"),
    ("short.safetensors", b"abc", "not a safetensors file, or cut short"),
    ("header.safetensors", (4).to_bytes(8, "little") + b"nope", "byte 8: the safetensors header is broken"),
    ("list.safetensors", (2).to_bytes(8, "little") + b"[]", "header is broken"),
    ("other.safetensors", (2).to_bytes(8, "little") + b"{}", "no tensor 'vectors'"),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN, ids=[name for name, *_ in BROKEN])
def test_a_broken_file_is_told_by_its_place(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VectorsError, match=message) as error:
        WordVectors.load(tmp_path / name)
    assert name in str(error.value)


def test_a_cut_safetensors_file_is_told(vectors, tmp_path):
    path = tmp_path / "words.safetensors"
    vectors.save(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(VectorsError, match="should end at byte"):
        WordVectors.load(path)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(VectorsError, match="no such file"):
        WordVectors.load(tmp_path / "words.vec")


@pytest.mark.parametrize("word", ["", "two words", "line\nend"])
def test_words_that_a_format_cannot_hold_are_refused_and_the_old_file_stays(tmp_path, word):
    path = tmp_path / "words.vec"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(VectorsError, match="Word 2, "):
        WordVectors(["a", word], np.ones((2, 2))).save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_told(vectors, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        vectors.save(tmp_path / "nowhere" / "words.vec")
