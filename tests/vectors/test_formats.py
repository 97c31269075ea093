"""Files of word vectors: what is written comes back exactly, gensim agrees, broken files are told."""

import gzip
import json
import re

import numpy as np
import pytest
from gensim.models import KeyedVectors
from safetensors import safe_open
from safetensors.numpy import save_file

from wordladder.errors import OutputError, VectorsError
from wordladder.formats import FORMATS, MappedWords, output_format
from wordladder.formats.text import _fast, _slow
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors

SUFFIXES = [".vec", ".txt", ".vec.gz", ".txt.gz", ".bin", ".bin.gz", ".safetensors"]
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


def test_every_suffix_is_of_one_format():
    known = [suffix for one in FORMATS.values() for suffix in one.suffixes]
    assert sorted(known) == sorted({*SUFFIXES, ".ftz", ".kv"})
    for suffix in known:
        assert sum(other.endswith(suffix) for other in known) == 1


@pytest.mark.parametrize("suffix", [".ftz", ".kv"])
def test_what_is_read_only_is_told_before_the_work(vectors, tmp_path, suffix):
    with pytest.raises(VectorsError, match="are read, not written"):
        output_format(tmp_path / f"words{suffix}")
    with pytest.raises(VectorsError, match="are read, not written"):
        vectors.save(tmp_path / f"words{suffix}")


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


def test_words_with_spaces_as_glove_has_them(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_bytes(b"a 1 2\n. . . 3 4\nat name@domain.com 5 6\n")
    read = WordVectors.load(path)
    assert read.words == ["a", ". . .", "at name@domain.com"]
    assert read.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


LINES = [
    b"a 1 2\nb 3 4\n",
    b"a 1 2 \nb 3 4 \n",
    b"a 1 2\r\nb 3 4\r\n",
    b"\xef\xbb\xbfa 1 2\nb 3 4",
    b"a 1 2\nb 3 4 \n",
    b'"a" 1 2\n"b 3 4\n',
    "\u2028 1.17549435e-38 -0.1\n汉, 3.4028235e38 1e-45\n".encode(),
    b"# 0.333333343 16777217\nnan .5 5.\n",
    b"a\t1\t2\nb\t3\t4\n",
    b"a\t1\t2\t\r\nb c\t3\t4\t\r\n",
    b"a\tb 1 2\nc 3 4\n",
]


@pytest.mark.parametrize("block", LINES)
def test_the_fast_and_the_slow_way_read_the_same(tmp_path, block):
    words, numbers = _slow(block, 2, tmp_path, 1)
    fast = _fast(block, 2)
    if fast is not None:
        assert fast[0] == words
        np.testing.assert_array_equal(fast[1], numbers)
    (tmp_path / "words.txt").write_bytes(block)
    read = WordVectors.load(tmp_path / "words.txt")
    assert read.words == [word.decode("utf-8-sig") for word in words]
    np.testing.assert_array_equal(read.vectors, numbers)


@pytest.mark.parametrize("place", [0, 1, 8, 10])
def test_plain_lines_take_the_fast_way(place):
    assert _fast(LINES[place], 2) is not None


def test_text_is_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("wordladder.formats.text.BLOCK", 64)
    vectors = WordVectors([f"word{i}" for i in range(50)], np.random.default_rng(0).normal(size=(50, 5)))
    vectors.save(tmp_path / "words.vec")
    same(WordVectors.load(tmp_path / "words.vec"), vectors)
    lines = (tmp_path / "words.vec").read_bytes().split(b"\n")
    (tmp_path / "glove.txt").write_bytes(b"\n".join(lines[1:]))
    same(WordVectors.load(tmp_path / "glove.txt"), vectors)
    lines[40] += b" 1"
    (tmp_path / "bad.vec").write_bytes(b"\n".join(lines))
    with pytest.raises(VectorsError, match=r"line 41: 5 numbers are expected after the word, not 6"):
        WordVectors.load(tmp_path / "bad.vec")


@pytest.mark.parametrize("dim", [1, 5, 50, 300])
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("count", [3, 400])
def test_binary_without_a_first_line(tmp_path, dim, end, count):
    numbers = np.random.default_rng(dim).normal(size=(count, dim)).astype("<f4")
    words = [f"{'word' * (i % 3)}_{i}é" for i in range(count)]
    records = [word.encode() + b" " + row.tobytes() + end for word, row in zip(words, numbers)]
    (tmp_path / "words.bin").write_bytes(b"".join(records))
    given = WordVectors.load(tmp_path / "words.bin", dim=dim)
    assert given.words == words
    np.testing.assert_array_equal(given.vectors, numbers)
    if count > 3:
        same(WordVectors.load(tmp_path / "words.bin"), given)
    with pytest.raises(VectorsError):
        WordVectors.load(tmp_path / "words.bin", dim=dim + 1)


def test_a_binary_file_that_does_not_tell_its_size(tmp_path, monkeypatch):
    path, row = tmp_path / "words.bin", np.full(3, 0.5, "<f4").tobytes()
    path.write_bytes(b"a " + row)
    assert WordVectors.load(path).dim == 3
    path.write_bytes(b"a " + row + b"bcd " + row)
    assert WordVectors.load(path).words == ["a", "bcd"]
    monkeypatch.setattr("wordladder.formats.binary._MAX_NUMBER", 1e30)  # so that "bcd " may be a number
    with pytest.raises(VectorsError, match=r"2 sizes of a vector fit \(3, 7\).*say how many numbers"):
        WordVectors.load(path)
    assert WordVectors.load(path, dim=7).words == ["a"]
    path.write_bytes(b"\x80\x04abc def" * 9)
    with pytest.raises(VectorsError, match="none fits"):
        WordVectors.load(path)


def test_a_wrong_dim_is_told(vectors, tmp_path):
    for suffix in SUFFIXES:
        vectors.save(tmp_path / f"words{suffix}")
        with pytest.raises(VectorsError, match="vectors have 7 numbers, not 8"):
            WordVectors.load(tmp_path / f"words{suffix}", dim=8)


def test_safetensors_keeps_subwords_and_outputs(tmp_path):
    random = np.random.default_rng(3)
    own, buckets, outputs = (random.normal(size=(n, 4)).astype(np.float32) for n in (2, 30, 2))
    for used in (None, np.arange(0, 60, 2)):
        parts = Subwords(own, buckets, 2, 4, True, 0 if used is None else 70, used)
        WordVectors(["北京", "abc"], own, subwords=parts, outputs=outputs).save(
            tmp_path / "words.safetensors"
        )
        read = WordVectors.load(tmp_path / "words.safetensors")
        np.testing.assert_array_equal(read.outputs, outputs)
        np.testing.assert_array_equal(read["unseen"], parts.vectors(["unseen"])[0])
        assert isinstance(read.subwords.buckets, np.memmap)
        sizes = read.subwords.min_n, read.subwords.max_n, read.subwords.han
        assert sizes == (2, 4, True)


@pytest.fixture
def mapped(tmp_path, monkeypatch):
    """Words that stay in the file, in pieces so small that they cross them."""
    for name, value in (("_words._BLOCK", 16), ("_words._SEARCHED", 32), ("_words._ROWS", 5)):
        monkeypatch.setattr(f"wordladder.formats.{name}", value)
    monkeypatch.setattr("wordladder.formats.safetensors._DECODED", 0)
    words = [*WORDS, *(f"{'long' * (i % 9)}{i}" for i in range(60)), "last"]
    vectors = WordVectors(words, np.random.default_rng(1).normal(size=(len(words), 4)))
    vectors.save(tmp_path / "words.safetensors")
    return vectors, WordVectors.load(tmp_path / "words.safetensors")


def test_mapped_words_are_like_a_list(mapped):
    words, lazy = mapped[0].words, mapped[1].words
    assert isinstance(lazy, MappedWords)
    assert len(lazy) == len(words)
    assert lazy == words
    assert words == lazy
    assert list(lazy) == words
    assert lazy != words[:-1]
    assert [lazy[row] for row in range(-len(words), len(words))] == words * 2
    for piece in (slice(None), slice(3, 40), slice(-5, None), slice(50, 2, -3), slice(9, 3), slice(0, 1000)):
        assert lazy[piece] == words[piece]
    assert [lazy.find(word) for word in words] == list(range(len(words)))
    assert [lazy.index(word) for word in words] == list(range(len(words)))
    for unknown in ("", "th", "he", "long", "the\ndon't", "last\n", "\nthe"):
        assert unknown not in lazy
    for wrong in (len(words), -len(words) - 1):
        with pytest.raises(IndexError):
            lazy[wrong]
    with pytest.raises(ValueError, match="not among"):
        lazy.index("nobody")


def test_few_words_are_searched_and_many_are_indexed(mapped):
    vectors, lazy = mapped
    np.testing.assert_array_equal(lazy["last"], vectors["last"])
    assert lazy.most_similar("the") == vectors.most_similar("the")
    assert "index" not in lazy.__dict__
    with pytest.raises(VectorsError, match="Did you mean 'last'"):
        lazy["lasd"]
    for row in range(1000):
        assert f"nobody{row}" not in lazy
    assert "index" in lazy.__dict__
    assert [lazy.row(word) for word in vectors.words] == list(range(len(vectors)))


def test_mapped_words_that_do_not_fit_are_told_when_they_are_looked_at(mapped, tmp_path):
    path = tmp_path / "words.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n12,5\n", b"_12,5\n"))
    with pytest.raises(VectorsError, match="words do not fit 70 vectors"):
        WordVectors.load(path).words[3]
    path.write_bytes(whole.replace(b"\n12,5\n", b"\n12\xff5\n"))
    with pytest.raises(VectorsError, match="byte 36 is not UTF-8"):
        list(WordVectors.load(path).words)


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
    ("utf8.vec", b"2 2\na 1 2\nb\xff 3 4\n", "line 3: byte 1 .0xff. is not UTF-8"),
    ("empty.vec", b"", "words are expected, 0 are there"),
    ("blank.vec", b"2 2\na 1 2\n\nb 3 4\n", "line 3: 2 numbers are expected"),
    ("cut.bin", b"2 2\na" + ROW + b"b" + ROW[:5], "byte 14: the file ends inside word 2 of 2"),
    ("huge.bin", b"2000000000 300\na" + ROW, "cannot hold 2000000000 words of 300 numbers"),
    ("head.bin", b"hello world", "byte 0: a word2vec binary file begins with 'words dim'"),
    ("more.bin", b"1 2\na" + ROW + b"b" + ROW, "byte 14: the file goes on after its 1 words"),
    ("utf8.bin", b"1 2\n\xff" + ROW, "byte 4, word 1: byte 0 .0xff. is not UTF-8"),
    (
        "nan.bin",
        b"1 2\na " + np.full(2, np.nan, "<f4").tobytes(),
        "byte 4, word 1: the vector of 'a' has a number that is not finite",
    ),
    ("fasttext.bin", (793712314).to_bytes(4, "little") + b"abc", "byte 7: the file ends inside the version"),
    ("zero.bin", b"0 5\n", "neither may be 0"),
    ("cut.vec.gz", gzip.compress(b"1 2\na 1 2\n")[:-9], "are truncated or damaged"),
    ("short.safetensors", b"abc", "not a safetensors file, or cut short"),
    ("header.safetensors", (4).to_bytes(8, "little") + b"nope", "byte 8: the safetensors header is broken"),
    ("list.safetensors", (2).to_bytes(8, "little") + b"[]", "header is broken"),
    ("deep.safetensors", (4000).to_bytes(8, "little") + b"[" * 4000, "header is broken"),
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


@pytest.mark.parametrize(("name", "word"), [("words.safetensors", "line\nend"), ("words.vec", "a b")])
def test_what_cannot_be_written_is_told_and_the_old_file_stays(tmp_path, name, word):
    path = tmp_path / name
    path.write_text("old", encoding="utf-8")
    with pytest.raises(VectorsError, match=re.escape(repr(word))):
        WordVectors([word], np.ones((1, 2))).save(path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_told(vectors, tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        vectors.save(tmp_path / "nowhere" / "words.vec")


@pytest.mark.parametrize("suffix", [".vec", ".bin", ".safetensors"])
def test_a_file_cut_anywhere_is_told(vectors, tmp_path, suffix):
    path = tmp_path / f"words{suffix}"
    vectors.save(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        # a last number or line end that was cut in two cannot be seen
        if suffix == ".safetensors" or 4 < size < len(whole) - 16:
            with pytest.raises(VectorsError, match=path.name):
                WordVectors.load(path)
