"""Corpora: the same words as tokenize, the same counts as Vocabulary.count, from every kind of file."""

import bz2
import gzip
import json
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.errors import DataError, OutputError, SettingError
from wordladder.text import corpus_files
from wordladder.text.corpus import Corpus, read_corpus
from wordladder.text.vocabulary import Vocabulary
from wordladder.text.words import TextSettings, lower, tokenize

ENGLISH = [
    "the cat",
    "can't",
    "Don’t",
    " ",
    "  ",
    "'",
    "é",
    "e\u0301",
    "\u0301",
    "\u00ad",
    "9",
    "#",
    "a_b",
    "3.14",
]
OTHERS = ["我爱北京", "，", "々", "𠀀", "のア", "한국", "नमस्ते", "ΑΣ", "Σ.Α", "İ"]
BLANKS = ["\u3000", "\r", "\x00", "\u200b", "\ufeff", "\u2028"]
EMOJI = ["😀", "👩\u200d👧", "👍🏽", "🏽", "\u200d", "\ufe0f", "\u20e3", "1️⃣", "#️⃣", "🇨🇳", "🇺", "❤️\u200d🔥"]
PIECES = st.sampled_from(ENGLISH + OTHERS + BLANKS + EMOJI)
TEXTS = st.lists(
    st.lists(PIECES | st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=12).map(
        "".join
    ),
    max_size=6,
)
SETTINGS = st.builds(
    TextSettings,
    segmenter=st.sampled_from(["characters", "characters", "whitespace", "jieba"]),
    max_words=st.sampled_from([None, None, 1, 3]),
)


def words_by_line(corpus: Corpus) -> list[list[str]]:
    lines: list[list[str]] = [[]]
    for number in corpus.ids.tolist():
        if number == -1:
            lines.append([])
        else:
            lines[-1].append(corpus.vocabulary.words[number])
    assert lines.pop() == []
    return lines


PLAIN = TextSettings()


def slow_corpus(texts, text=PLAIN, lowercase=False, min_count=1, max_vocabulary=None):
    """The words of each text, from tokenize, without those left out."""
    tokens = tokenize([lower(text) for text in texts] if lowercase else texts, text)
    vocabulary = Vocabulary.count(tokens.surfaces(), min_count, max_vocabulary)
    lines = [[word for word in tokens.words_of(i) if word in vocabulary] for i in range(len(texts))]
    return lines, vocabulary, tokens


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(corpus_files, "_BLOCK", 5)


@given(TEXTS, SETTINGS, st.booleans(), st.sampled_from([1, None]), st.sampled_from([5, 1 << 20]))
@settings(max_examples=150, deadline=None)
def test_same_words_as_tokenize(tmp_path_factory, texts, text, lowercase, threads, block) -> None:
    file = tmp_path_factory.mktemp("corpus") / "text"
    file.write_bytes("\n".join(texts).encode())
    lines, vocabulary, tokens = slow_corpus(texts, text, lowercase)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus_files, "_BLOCK", block)
        # A byte order mark is no part of the text.
        if not vocabulary or (texts[0].startswith("\ufeff") and text.segmenter == "whitespace"):
            return
        with read_corpus([file], text=text, lowercase=lowercase, min_count=1, threads=threads) as corpus:
            last = [] if texts[-1] else [[]]  # an empty last line without a line end is no line
            assert words_by_line(corpus) + last == lines
            assert corpus.vocabulary.words == vocabulary.words
            assert corpus.vocabulary.counts.tolist() == vocabulary.counts.tolist()
            assert corpus.words == corpus.kept_words == len(tokens.starts)
            assert corpus.lost == tokens.lost.sum()


@given(TEXTS, st.lists(st.text(max_size=5), max_size=3), SETTINGS, st.booleans(), st.integers(1, 3))
@settings(max_examples=150, deadline=None)
def test_texts_in_memory(texts, odd, text, lowercase, min_count) -> None:
    texts = texts + odd
    lines, vocabulary, tokens = slow_corpus(texts, text, lowercase, min_count, max_vocabulary=4)
    if not vocabulary:
        return
    options = {"text": text, "lowercase": lowercase, "min_count": min_count, "max_vocabulary": 4}
    with read_corpus(texts=iter(texts), **options) as corpus:
        assert words_by_line(corpus) == lines
        assert corpus.vocabulary.words == vocabulary.words
        assert corpus.ids.dtype == np.int32
        assert corpus.kept_words == sum(map(len, lines))
        assert corpus.words == len(tokens.starts)
        assert corpus.lines == len(texts)


@pytest.mark.parametrize("segmenter", ["characters", "jieba", "whitespace"])
def test_plain_ascii(tmp_path, segmenter) -> None:
    (tmp_path / "text").write_text("A_b it's\n\nC.", encoding="utf-8")
    lines, _, _ = slow_corpus(["A_b it's", "", "C."], TextSettings(segmenter=segmenter), lowercase=True)
    with read_corpus(
        [tmp_path / "text"], text=TextSettings(segmenter=segmenter), lowercase=True, min_count=1
    ) as corpus:
        assert words_by_line(corpus) == lines


def test_the_table_grows() -> None:
    texts = [f"w{n % 99_000} w{n // 7}" for n in range(120_000)] + ["x" * 3_000_000, "x" * 2_999_999]
    lines, vocabulary, _ = slow_corpus(texts)
    with read_corpus(texts=texts, min_count=1) as corpus:
        assert corpus.vocabulary.words == vocabulary.words
        assert words_by_line(corpus) == lines


def test_a_line_longer_than_a_block(tmp_path, small_blocks) -> None:
    (tmp_path / "text").write_bytes("ab cd我们ef gh\nlong-word-without-blank x".encode())
    with read_corpus([tmp_path / "text"], text=TextSettings(max_words=6), min_count=1) as corpus:
        assert words_by_line(corpus) == [
            ["ab", "cd", "我", "们", "ef", "gh"],
            ["long", "-", "word", "-", "without", "-"],
        ]
        assert corpus.lost == 2


def test_compressed_files(tmp_path) -> None:
    plain = "Das ist ein Text.\n这是。\n".encode() * 50
    files = {
        "a.txt": plain,
        "b.gz": gzip.compress(plain[:500], mtime=0) + gzip.compress(plain[500:]),
        "c.xz": lzma.compress(plain),
        "d.zst": pyarrow.Codec("zstd").compress(plain, asbytes=True),
        "e.bz2": bz2.compress(plain),
        "f.gz": plain,  # the content tells, not the name
    }
    found = []
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with read_corpus([tmp_path / name]) as corpus:
            found.append((words_by_line(corpus), corpus.lines))
    assert found == [found[0]] * len(files)
    assert found[0][1] == 100


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"some words\n" * 999, mtime=0)[:-9],
        lzma.compress(b"some words\n" * 999)[:-30],
        pyarrow.Codec("zstd").compress(b"some words\n" * 999, asbytes=True)[:-4],
        bz2.compress(b"some words\n" * 999)[:-9],
        b"\x1f\x8b\x08nonsense",
    ],
)
def test_damaged_files(tmp_path, content) -> None:
    (tmp_path / "text.gz").write_bytes(content)
    with pytest.raises(DataError, match=r"text.gz: the compressed data"):
        read_corpus([tmp_path / "text.gz"], folder=tmp_path / "room")
    assert not list((tmp_path / "room").iterdir())


def test_json_lines(tmp_path) -> None:
    rows = [{"id": 1, "text": "one\ntwo 三"}, {"text": "\ud83d half"}, {"text": ""}, {"text": "İ 😀"}]
    content = "\ufeff" + "\n".join(json.dumps(row) for row in rows) + "\n\n"
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content.encode(), mtime=0))
    with read_corpus([tmp_path / "a.jsonl.gz"], min_count=1) as corpus:
        assert words_by_line(corpus) == [["one", "two", "三"], ["half"], [], ["İ", "😀"]]
        assert corpus.lines == 4
    (tmp_path / "b.ndjson").write_text('{"text": 3, "body_text": "hello"}', encoding="utf-8")
    with read_corpus([tmp_path / "b.ndjson"], min_count=1, field="body_text", lowercase=True) as corpus:
        assert words_by_line(corpus) == [["hello"]]


@pytest.mark.parametrize(
    ("line", "field", "says"),
    [
        ('{"text": "a"', None, "line 3: not JSON"),
        ('["a"]', None, "line 3: expected a JSON object"),
        ('{"txt": "a"}', None, "line 3: there is no field 'text'. Did you mean 'txt'"),
        ('{"text": null}', None, "line 3: field 'text' is None"),
        ('{"text": "a"}', "title", "line 1: there is no field 'title'"),
    ],
)
@pytest.mark.parametrize("block", [5, 1 << 20])
def test_json_mistakes(tmp_path, monkeypatch, line, field, says, block) -> None:
    monkeypatch.setattr(corpus_files, "_BLOCK", block)
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n\n' + line, encoding="utf-8")
    with pytest.raises(DataError, match=says) as caught:
        read_corpus([tmp_path / "a.jsonl"], field=field)
    assert "a.jsonl" in str(caught.value)


def test_folders_and_several_files(tmp_path) -> None:
    for name, content in {
        "b.txt": "b",
        "a/z": "z\n",
        "a/y.txt": "y",
        ".hidden": "no",
        "a/.x/h": "no",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    told = []
    with read_corpus(
        [tmp_path, str(tmp_path / "b.txt")], min_count=1, progress=lambda *facts, **more: told.append(facts)
    ) as corpus:
        assert words_by_line(corpus) == [["y"], ["z"], ["b"], ["b"]]
    assert told[-1] == ("reading the corpus", 5, 5)
    with read_corpus([tmp_path / "b.txt"], texts=["c\nd", "e"], min_count=1) as corpus:
        assert words_by_line(corpus) == [["b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"good\nb\xffd", "line 2: invalid UTF-8: 0xFF at byte offset 6"),
        (b"one two three four \xe4x\n", "line 1: invalid UTF-8: 0xE4 at byte offset 19"),
        ("ö\nzwei\n\nvier fünf".encode() + b" \xc3\n", "line 4: invalid UTF-8: 0xC3 at byte offset 20"),
        ("text".encode("utf-16"), "is UTF-16"),
        (b"\xed\xa0\x80", "line 1: invalid UTF-8: 0xED at byte offset 0"),
    ],
)
@pytest.mark.parametrize("block", [5, 1 << 20])
def test_not_utf8(tmp_path, monkeypatch, content, says, block) -> None:
    monkeypatch.setattr(corpus_files, "_BLOCK", block)
    (tmp_path / "text.txt").write_bytes(content)
    with pytest.raises(DataError, match=says) as caught:
        read_corpus([tmp_path / "text.txt"])
    assert str(tmp_path / "text.txt") in str(caught.value)


def test_closing_removes_the_numbers(tmp_path) -> None:
    corpus = read_corpus(texts=["a a b"], min_count=2, folder=tmp_path / "new")
    held = corpus.ids[:1]
    assert list((tmp_path / "new").iterdir())
    assert not corpus.ids.flags.writeable
    corpus.close()
    corpus.close()
    assert held[0] == 0
    del held
    assert not list((tmp_path / "new").iterdir())
    with pytest.raises(ValueError, match="closed"):
        _ = corpus.ids


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda here: read_corpus([]), DataError, "no file"),
        (lambda here: read_corpus([here / "missing.txt"]), DataError, "missing.txt: there is no such file"),
        (lambda here: read_corpus([here / "empty"]), DataError, "there are no files"),
        (lambda here: read_corpus([here / "void.txt"]), DataError, "void.txt: there is no word in it"),
        (lambda here: read_corpus([here / "data.csv.gz"]), DataError, "is a table"),
        (lambda here: read_corpus([here / "old.tar"]), DataError, "is an archive"),
        (lambda here: read_corpus(str(here / "a.txt")), DataError, "of 2 words none is seen 5 times"),
        (lambda here: read_corpus([here / "a.txt"], folder=here / "a.txt"), OutputError, "cannot be written"),
        (lambda here: read_corpus(texts="text"), DataError, "give a list"),
        (lambda here: read_corpus(texts=["a", 3.5]), DataError, "text 1 is float 3.5"),
        (lambda here: read_corpus(texts=["a"], min_count=0), SettingError, "min_count is 0"),
        (lambda here: read_corpus(texts=["a"], max_vocabulary=0), SettingError, "max_vocabulary is 0"),
        (lambda here: read_corpus(texts=["a"], threads=0), SettingError, "threads is 0"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, call, error, says) -> None:
    (tmp_path / "empty").mkdir()
    for name, content in {"void.txt": "\n \n", "data.csv.gz": "", "old.tar": "", "a.txt": "a b"}.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(error, match=says):
        call(tmp_path)


def test_light_to_import() -> None:
    code = "import sys, wordladder.text.corpus; print({'numba', 'pyarrow', 'jieba'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_known_words_are_never_left_out() -> None:
    texts = ["a a a b b c d", "e d"]
    with read_corpus(texts=texts, min_count=2, known={"c", "e", "unseen"}) as corpus:
        assert corpus.vocabulary.words == ["a", "b", "d", "c", "e"]
        assert words_by_line(corpus) == [["a", "a", "a", "b", "b", "c", "d"], ["e", "d"]]
    with read_corpus(texts=texts, min_count=1, max_vocabulary=1, known={"e"}) as corpus:
        assert corpus.vocabulary.words == ["a", "e"]


def test_released_numbers_are_read_again() -> None:
    with read_corpus(texts=["a b c"] * 10_000, min_count=1) as corpus:
        before = corpus.ids.copy()
        for start, end in ((0, len(before)), (5000, 9000), (7, 9), (0, 0)):
            corpus.release(start, end)
            assert np.array_equal(corpus.ids, before)
