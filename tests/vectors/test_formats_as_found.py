"""Files of word vectors as people have them: repeated words, spaces, tabs, wrong bytes, wrong names."""

import gzip
import json
import lzma
import pickle
import re
import warnings

import numpy as np
import pytest
from gensim.models import KeyedVectors
from safetensors.numpy import save_file
from typer.testing import CliRunner

from wordladder.cli import app
from wordladder.errors import SettingError, VectorsError
from wordladder.formats.fasttext import FastTextModel, write_model
from wordladder.text.subwords import Subwords
from wordladder.word_vectors import WordVectors

ROWS = np.array([[1, 2], [3, 4], [5, 6], [7, 8]], np.float32)


def record(word, row, end=b""):
    return word + b" " + np.asarray(row, "<f4").tobytes() + end


def binary(words, rows=ROWS, end=b""):
    """A word2vec binary file, as gensim writes it, or with line ends as word2vec does."""
    head = f"{len(words)} {len(rows[0])}\n".encode()
    return head + b"".join(record(word, row, end) for word, row in zip(words, rows))


def text(words, rows=ROWS, head=True, blank=b" "):
    lines = [blank.join([word, *(b"%g" % one for one in row)]) for word, row in zip(words, rows)]
    return b"\n".join([b"%d%b%d" % (len(words), blank, len(rows[0]))] * head + lines) + b"\n"


def loaded(path, **given):
    """The vectors and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        vectors = WordVectors.load(path, **given)
    assert [str(one.message) for one in caught] == list(vectors.notes)
    return vectors, " ".join(vectors.notes)


def told(command, *args):
    """Standard output and standard error of a `vectors` command."""
    done = CliRunner().invoke(app, ["vectors", command, *map(str, args)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, " ".join(done.stderr.split())


# Repeated words


TWICE = [b"a", b"b", b"a", b"a"]


def repeated(folder, kind):
    """A file with the words a, b, a, a."""
    path = folder / f"words.{kind}"
    words = [word.decode() for word in TWICE]
    if kind in ("vec", "bin"):
        path.write_bytes(text(TWICE) if kind == "vec" else binary(TWICE))
    elif kind == "vec.gz":
        path.write_bytes(gzip.compress(text(TWICE)))
    elif kind == "kv":
        peer = KeyedVectors(2)
        peer.add_vectors(["a", "b", "c", "d"], ROWS)
        peer.index_to_key = words
        path.write_bytes(pickle.dumps(peer, 4))
    elif kind == "safetensors":
        save_file({"vectors": ROWS, "words": np.frombuffer(b"\n".join(TWICE), np.uint8)}, path)
    elif kind == "fasttext.bin":
        settings = {
            "dim": 2, "ws": 5, "epoch": 1, "minCount": 1, "neg": 5, "wordNgrams": 1, "loss": "ns",
            "model": "skipgram", "bucket": 0, "minn": 0, "maxn": 0, "lrUpdateRate": 1, "t": 1e-4,
        }  # fmt: skip
        counts, none = np.arange(4, 0, -1), np.zeros(0, np.int64)
        with open(path, "wb") as file:
            write_model(file, FastTextModel(settings, words, counts, [], none, ROWS, ROWS, 10))
    else:
        path.mkdir()
        save_file({"embeddings": ROWS}, path / "model.safetensors")
        added = [{"id": row, "content": word} for row, word in enumerate(words)]
        tokenizer = {"model": {"vocab": [["a", 0], ["b", 0]]}, "added_tokens": added}
        (path / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["vec", "vec.gz", "bin", "kv", "safetensors", "fasttext.bin", "model2vec"])
def test_the_first_of_repeated_words_is_kept_and_the_others_are_counted(tmp_path, kind):
    path = repeated(tmp_path, kind)
    vectors, notes = loaded(path)
    assert list(vectors.words) == ["a", "b"]
    assert vectors.vectors.tolist() == [[1, 2], [3, 4]]
    assert len(vectors.notes) == 1
    assert "the word 'a' was there before" in notes
    assert "2 repeated words are left out" in notes
    if kind == "fasttext.bin":
        assert vectors.counts.tolist() == [4, 3]
        assert vectors.outputs.tolist() == [[1, 2], [3, 4]]
    target = tmp_path / "new.vec"
    found = json.loads(told("convert", path, target, "--json")[0])
    assert (found["words"], found["warnings"]) == (2, list(vectors.notes))
    assert target.read_bytes() == text([b"a", b"b"])


def test_repeated_words_of_a_mapped_file(tmp_path, monkeypatch):
    monkeypatch.setattr("wordladder.formats.safetensors._DECODED", 0)
    vectors, _ = loaded(repeated(tmp_path, "safetensors"))
    assert vectors["a"].tolist() == [1, 2]
    with pytest.warns(UserWarning, match="2 words are repeated"):
        assert vectors.index == {"a": 0, "b": 1}
    with pytest.warns(UserWarning, match="row 3: the word 'a' was there before"):
        vectors.save(tmp_path / "new.bin")
    assert WordVectors.load(tmp_path / "new.bin").words == ["a", "b"]


def test_repeated_words_are_written_once(tmp_path):
    own, buckets = np.ones((3, 2), np.float32), np.ones((5, 2), np.float32)
    parts = Subwords(own, buckets, 3, 6, han=False)
    vectors = WordVectors(["a", "b", "a"], ROWS[:3], np.arange(3), {}, subwords=parts, outputs=ROWS[:3])
    for name in ("words.bin", "words.safetensors"):
        with pytest.warns(UserWarning, match="1 repeated words are left out"):
            vectors.save(tmp_path / name)
        read, notes = loaded(tmp_path / name)
        assert (list(read.words), notes, len(read.subwords.own)) == (["a", "b"], "", 2)
        assert read.counts.tolist() == [0, 1]
        assert read.outputs.tolist() == ROWS[:2].tolist()


# Spaces, tabs and a byte order mark


BOM = b"\xef\xbb\xbf"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (text([b". . .", b"a", b"at b.c"], head=False), [". . .", "a", "at b.c"]),
        (text([b". 5 .", b"12", b"nan"], head=False), [". 5 .", "12", "nan"]),
        (text([b". .", b".\xc2\xa0."], head=False), [". .", ".\xa0."]),
        (BOM + text([b"a", b"b"]), ["a", "b"]),
        (BOM + text([b"a", b"b"], head=False), ["a", "b"]),
        (text([b"a", b"\xef\xbb\xbfb"]), ["a", "\ufeffb"]),
        (text([b"a", b"b"], blank=b"\t"), ["a", "b"]),
        (text([b"a b", b"Route 66"], blank=b"\t", head=False), ["a b", "Route 66"]),
        (text([b"a", b"b c"], blank=b"\t").replace(b"\n", b"\t\r\n"), ["a", "b c"]),
        (b"a\t1 2\nb c\t3 4\n", ["a", "b c"]),
        (b"a\tb 1 2\n\t 3 4\nc\td e 5 6\n", ["a\tb", "\t", "c\td e"]),
    ],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_text_is_read_as_it_is_meant(tmp_path, content, words, pack):
    path = tmp_path / "words.txt"
    path.write_bytes(pack(content))
    vectors, notes = loaded(path)
    assert (vectors.words, notes) == (words, "")
    assert vectors.vectors.tolist() == ROWS[: len(words)].tolist()


def test_a_broken_line_is_told_though_it_stands_first(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(b"a 1 2 3\n" + text([b"b", b"c", b"d"], head=False))
    with pytest.raises(VectorsError, match="line 1: 2 numbers are expected after the word, not 3"):
        WordVectors.load(path)
    path.write_bytes("a 1 2\n".encode("utf-16"))
    with pytest.raises(VectorsError, match="is UTF-16"):
        WordVectors.load(path)


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("words.vec", ["", "a b", "a\nb", "\ud83d"]),
        ("words.txt.gz", ["", "a b", "a\nb", "\ud83d"]),
        ("words.bin", ["", "a b", "a\nb", "\ud83d", "\0", "a\tb"]),
    ],
)
def test_words_that_word2vec_files_cannot_hold_are_left_out(tmp_path, name, left):
    words = ["a", *left, "b"]
    vectors = WordVectors(words, np.arange(len(words) * 2).reshape(-1, 2), np.arange(len(words)))
    with pytest.warns(UserWarning, match=f"{len(left)} words are left out, the first ''"):
        vectors.save(tmp_path / name)
    read = WordVectors.load(tmp_path / name)
    assert read.words == ["a", "b"]
    assert read.vectors.tolist() == [[0, 1], [len(words) * 2 - 2, len(words) * 2 - 1]]


def test_convert_counts_what_it_leaves_out(tmp_path):
    (tmp_path / "glove.txt").write_bytes(text([b"a", b". . .", b"a", b".\xc2\xa0."], head=False))
    args = ("convert", tmp_path / "glove.txt", tmp_path / "new.vec")
    found = json.loads(told(*args, "--json")[0])
    assert found["words"] == 2
    assert WordVectors.load(tmp_path / "new.vec").words == ["a", ".\xa0."], "no other space ends a word"
    assert [one.split(":")[0].split("/")[-1] for one in found["warnings"]] == ["glove.txt, line 3", "new.vec"]
    out = " ".join(told(*args)[0].split())
    assert "2 words of 2 numbers" in out
    assert "1 repeated words are left out" in out
    assert "1 words are left out, the first '. . .'" in out


# Words that are not UTF-8


@pytest.mark.parametrize("name", ["words.vec", "words.txt", "words.bin", "words.bin.gz"])
def test_words_that_are_not_utf8(tmp_path, name):
    words = [b"caf\xe9", b"\xff\xfe", b"cat", b"caf"]
    content = binary(words) if ".bin" in name else text(words)
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    place = "byte 4, word 1" if ".bin" in name else "line 2"
    with pytest.raises(VectorsError, match=rf"{place}: byte 3 \(0xe9\) is not UTF-8.*--unicode-errors"):
        WordVectors.load(path)
    vectors, notes = loaded(path, unicode_errors="replace")
    assert vectors.words == ["caf\ufffd", "\ufffd\ufffd", "cat", "caf"]
    assert "2 words are not UTF-8; their wrong bytes are replaced by U+FFFD" in notes
    vectors, notes = loaded(path, unicode_errors="ignore")
    assert vectors.words == ["caf", "", "cat"]
    assert vectors.vectors.tolist() == ROWS[:3].tolist()
    assert "2 words are not UTF-8; their wrong bytes are left out" in notes
    assert "1 repeated words are left out" in notes
    with pytest.raises(SettingError, match="Did you mean 'replace'"):
        WordVectors.load(path, unicode_errors="replac")


@pytest.mark.parametrize(
    "command",
    [
        ("neighbors", "FILE", "cat"),
        ("analogy", "FILE", "cat", "caf", "b"),
        ("doesnt-match", "FILE", "cat", "caf", "b"),
        ("compare", "FILE", "FILE", "--neighbors", "1"),
        ("evaluate", "FILE", "--pairs", "PAIRS"),
        ("map", "FILE", "cat", "b", "caf", "--output", "NEW.svg"),
        ("convert", "FILE", "NEW.bin"),
    ],
)
def test_every_command_takes_unicode_errors_and_tells_what_it_did(tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "FILE").with_suffix(".vec").write_bytes(text([b"caf\xe9", b"b", b"cat", b"caf"]))
    (tmp_path / "PAIRS").write_text("cat b 1\ncat caf 2\nb caf 3\n", encoding="utf-8")
    command = [one.replace("FILE", "FILE.vec") for one in command]
    with pytest.raises(VectorsError, match="--unicode-errors"):
        told(*command)
    out, error = told(*command, "--unicode-errors", "replace", "--json")
    notes = error if command[0] != "convert" else " ".join(json.loads(out)["warnings"])
    assert "FILE.vec: 1 words are not UTF-8" in notes


# Content and name


@pytest.mark.parametrize("name", ["words.vec", "words.txt.gz", "words.bin", "words.bin.gz"])
@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("dim", [2, 300])
def test_the_content_says_what_is_text_and_what_is_binary(tmp_path, name, end, dim):
    words, rows = ["a", "b", "c", "d"], np.random.default_rng(1).normal(size=(4, dim)).astype(np.float32)
    raw = [word.encode() for word in words]
    headless = binary(raw, rows, end).partition(b"\n")[2]
    for content in (text(raw, rows), text(raw, rows, head=False), binary(raw, rows, end), headless):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        given = {"dim": dim} if content is headless else {}
        vectors = WordVectors.load(path, **given)
        assert vectors.words == words
        np.testing.assert_allclose(vectors.vectors, rows, rtol=1e-5)


def test_a_fasttext_model_with_another_name(tmp_path):
    path = repeated(tmp_path, "fasttext.bin").rename(tmp_path / "model.vec")
    assert loaded(path)[0].settings["kind"] == "fasttext"


# Words that no word2vec binary can hold


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("head", [True, False])
@pytest.mark.parametrize("word", [b"my name", b"a b", b"New York City", b"caf\xe9 noir"])
def test_a_space_in_a_word_of_a_binary_file_is_told_with_its_place(tmp_path, end, head, word):
    rows = np.random.default_rng(2).normal(size=(40, 25)).astype(np.float32)
    words = [b"hello", word, *(b"word%d" % row for row in range(38))]
    content = binary(words, rows, end)
    at = content.index(word)
    (tmp_path / "words.bin").write_bytes(content if head else content.partition(b"\n")[2])
    at -= 0 if head else content.index(b"\n") + 1
    shown = word.decode(errors="backslashreplace")
    message = re.escape(f"byte {at}, word 2: the word is {shown!r}, as the numbers after it show")
    with pytest.raises(VectorsError, match=message):
        WordVectors.load(tmp_path / "words.bin", dim=25)


def test_so_it_is_in_a_file_of_few_numbers_most_of_them_zero(tmp_path):
    (tmp_path / "words.bin").write_bytes(binary([b"hello", b"my name", b"</s>"], np.eye(3, 4)))
    with pytest.raises(VectorsError, match="byte 26, word 2: the word is 'my name'"):
        WordVectors.load(tmp_path / "words.bin")


@pytest.mark.parametrize("errors", ["strict", "ignore"])
@pytest.mark.parametrize("word", [b"\0a", b"a\x01b", b"a\tb", b"\n\na"])
def test_a_control_character_in_a_word_of_a_binary_file_is_told_with_its_place(tmp_path, word, errors):
    (tmp_path / "words.bin").write_bytes(binary([b"hello", word]))
    with pytest.raises(VectorsError, match=r"byte (18|19), word 2: .* has a control character"):
        WordVectors.load(tmp_path / "words.bin", unicode_errors=errors)


def test_large_numbers_alone_are_no_sign_of_a_space(tmp_path):
    rows = np.frombuffer(b"ab e" * 8, "<f4").reshape(-1, 2)
    (tmp_path / "words.bin").write_bytes(binary([b"word%d" % row for row in range(len(rows))], rows))
    np.testing.assert_array_equal(WordVectors.load(tmp_path / "words.bin").vectors, rows)


# Numbers that are not finite


def spoilt(value):
    vectors = np.ones((3, 2), np.float32)
    vectors[1, 1] = value
    return vectors


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["words.vec", "words.txt.gz", "words.bin", "words.safetensors", "folder"])
def test_numbers_that_are_not_finite_are_not_written(tmp_path, name, value):
    with pytest.raises(VectorsError, match=f"{name}, row 2: the vector of 'b' has a number"):
        WordVectors(["a", "b", "c"], spoilt(value)).save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["outputs", "own", "buckets"])
@pytest.mark.parametrize("name", ["words.bin", "words.safetensors"])
def test_nor_are_those_beside_the_vectors(tmp_path, name, part):
    parts = {one: spoilt(np.nan if one == part else 1) for one in ("outputs", "own", "buckets")}
    subwords = Subwords(parts["own"], parts["buckets"], 3, 6, han=False)
    vectors = WordVectors(["a", "b", "c"], spoilt(1), subwords=subwords, outputs=parts["outputs"])
    with pytest.raises(VectorsError, match=r"Row \d of .* has a number that is not finite"):
        vectors.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mapped", [False, True])
def test_a_safetensors_file_with_nan_is_told(tmp_path, monkeypatch, mapped):
    if mapped:
        monkeypatch.setattr("wordladder.formats.safetensors._DECODED", 0)
    path = tmp_path / "words.safetensors"
    save_file({"vectors": spoilt(np.nan), "words": np.frombuffer(b"a\nb\nc", np.uint8)}, path)
    message = "vector of 'b' has a number that is not finite"
    asked = (
        lambda: WordVectors.load(path)["b"],
        lambda: WordVectors.load(path)[["a", "b"]],
        lambda: WordVectors.load(path).most_similar("a"),
        lambda: WordVectors.load(path).encode(["a b"]),
        lambda: told("convert", path, tmp_path / "new.vec"),
    )
    for ask in asked:
        with pytest.raises(VectorsError, match=message):
            ask()
    if mapped:
        assert WordVectors.load(path)["a"].tolist() == [1, 1]
