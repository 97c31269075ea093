"""tokenize against a plain walk over the characters, the class table against unicodedata."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.errors import DataError, SettingError
from wordladder.kernels import character_classes as kinds
from wordladder.text.words import TextSettings, classes, lower, tokenize

CHARACTERS = st.one_of(
    st.sampled_from("ab Zé1 9'’.-#*\n\t\r\u0130ßΣσ"),
    st.sampled_from("汉字々〇，。のア한\u00a0\u3000"),
    st.sampled_from("😀👩👧🏽🏿\u200d\ufe0f\u20e3🇨🇳🇺❤☠🏴©\U000e0067\U000e007f"),
    st.sampled_from("\u0301\u0903\u00ad\u200b\u200c\ufeff\x00\x1c\x85\u2028²½Ⅷ"),
    st.characters(),
)
TEXTS = st.text(CHARACTERS, max_size=40)


def slow_words(text: str) -> list[tuple[int, int]]:
    """The definition in prose, one character after the other."""
    classed = [int(classes()[ord(character)]) for character in text] + [kinds.SPACE]
    words: list[list[int]] = []
    owner, flags, previous = kinds.SPACE, 0, -1
    for at, character in enumerate(text):
        kind = classed[at]
        tail = text[at + 1 : at + 3]
        if character in "0123456789#*" and (tail[:1] == "\u20e3" or tail == "\ufe0f\u20e3"):
            kind = kinds.EMOJI
        if kind == kinds.APOSTROPHE and owner == kinds.LETTER and classed[at + 1] == kinds.LETTER:
            kind = kinds.LETTER
        flags = flags + 1 if kind == kinds.REGIONAL and previous == kinds.REGIONAL else 0
        previous = kind
        if kind in (kinds.SPACE, kinds.CONTROL):
            owner = kind
            continue
        if kind == kinds.EXTEND:
            if owner > kinds.CONTROL:
                words[-1][1] = at + 1
            continue
        run = {kinds.LETTER, kinds.DIGIT}
        goes_on = (
            (kind in run and owner in run)
            or (kind == kinds.EMOJI == owner and text[at - 1] == "\u200d")
            or (kind == kinds.MODIFIER and owner == kinds.EMOJI)
            or (kind == kinds.REGIONAL and flags % 2 == 1)
        )
        if goes_on:
            words[-1][1] = at + 1
        else:
            words.append([at, at + 1])
        owner = kinds.EMOJI if kind == kinds.MODIFIER else kind
    return [(start, end) for start, end in words]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n", []),
        ("I can't, won’t!", ["I", "can't", ",", "won’t", "!"]),
        ("'quoted' rock'n'roll 90's", ["'", "quoted", "'", "rock'n'roll", "90", "'", "s"]),
        ("U.S. 3.14 snake_case", ["U", ".", "S", ".", "3", ".", "14", "snake", "_", "case"]),
        ("我爱NLP，你呢？", ["我", "爱", "NLP", "，", "你", "呢", "？"]),
        ("人々〇年", ["人", "々", "〇", "年"]),
        ("cafe\u0301 co\u00adop नमस्ते", ["cafe\u0301", "co\u00adop", "नमस्ते"]),
        ("👍🏽👩‍👩‍👧❤️‍🔥x", ["👍🏽", "👩‍👩‍👧", "❤️‍🔥", "x"]),
        ("🇨🇳🇺🇸🇬 🏴\U000e0067\U000e0062\U000e007f", ["🇨🇳", "🇺🇸", "🇬", "🏴\U000e0067\U000e0062\U000e007f"]),
        ("1️⃣2️⃣ #️⃣ a1\u20e3", ["1️⃣", "2️⃣", "#️⃣", "a", "1\u20e3"]),
        ("a\u200bb\ufeffc\x00d", ["a", "b", "c", "d"]),
        ("葛\U000e0100城", ["葛\U000e0100", "城"]),
        (" \u0301a", ["a"]),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert tokenize([text]).words_of(0) == words
    assert [text[start:end] for start, end in slow_words(text)] == words


@given(st.lists(TEXTS, max_size=5))
@settings(max_examples=400, deadline=None)
def test_same_words_as_the_slow_walk(texts: list[str]) -> None:
    tokens = tokenize(texts)
    for index, text in enumerate(texts):
        here = slice(tokens.offsets[index], tokens.offsets[index + 1])
        got = list(zip(tokens.starts[here].tolist(), tokens.ends[here].tolist()))
        assert got == slow_words(text)
    assert tokens.starts.dtype == tokens.ends.dtype == np.int32
    assert tokens.offsets.dtype == tokens.lost.dtype == tokens.lengths.dtype == np.int64


@given(st.lists(TEXTS, max_size=4))
@settings(max_examples=200, deadline=None)
def test_lower_case_changes_no_word(texts: list[str]) -> None:
    plain, lowered = tokenize(texts), tokenize([lower(text) for text in texts])
    np.testing.assert_array_equal(plain.starts, lowered.starts)
    np.testing.assert_array_equal(plain.ends, lowered.ends)
    assert plain.surfaces(lowercase=True) == lowered.surfaces()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=4))
@settings(deadline=None)
def test_white_space_only(texts: list[str]) -> None:
    tokens = tokenize(texts, TextSettings(segmenter="whitespace"))
    assert [tokens.words_of(index) for index in range(len(texts))] == [text.split() for text in texts]


def test_many_chunks_give_the_words_of_each_text() -> None:
    texts = ["One, two's 三😀\u0301.", "", "plain ascii", "é " * 70_000] * 5
    tokens = tokenize(texts)
    assert [tokens.words_of(i) for i in range(len(texts))] == [tokenize([t]).words_of(0) for t in texts]
    assert tokens.surfaces() == [word for i in range(len(texts)) for word in tokens.words_of(i)]


def test_no_texts() -> None:
    tokens = tokenize([])
    assert len(tokens) == 0
    assert tokens.surfaces() == []
    assert tokens.offsets.tolist() == [0]


def test_max_words_counts_what_it_cuts() -> None:
    tokens = tokenize(["a b c d", "", "e f"], TextSettings(max_words=2))
    assert [tokens.words_of(i) for i in range(3)] == [["a", "b"], [], ["e", "f"]]
    assert tokens.lost.tolist() == [2, 0, 0]


def test_segments_and_take() -> None:
    tokens = tokenize(["a b", "c", "", "d e f", "g", "h"], segments=2)
    assert len(tokens) == 3
    taken = tokens.take(np.array([2, 1, 1]))
    assert taken.texts == ("g", "h", "", "d e f", "", "d e f")
    assert taken.surfaces() == list("ghdefdef")
    assert taken.lengths.tolist() == [1, 1, 0, 3, 0, 3]
    assert taken.segments == 2
    assert len(tokens.take(np.array([], dtype=np.int64))) == 0


def test_jieba_groups_han_only() -> None:
    jieba = pytest.importorskip("jieba")
    texts = ["我来到北京清华大学,hello小明2次", "", "abc", "北京", "，"]
    tokens = tokenize(texts, TextSettings(segmenter="jieba"))
    assert tokens.words_of(0) == [
        *jieba.lcut("我来到北京清华大学"),
        ",",
        "hello",
        *jieba.lcut("小明"),
        "2",
        "次",
    ]
    assert tokens.lengths[1:].tolist() == [0, 1, 1, 1]
    cut = tokenize(texts, TextSettings(segmenter="jieba", max_words=2))
    assert cut.words_of(0) == tokens.words_of(0)[:2]
    assert cut.lost[0] == tokens.lengths[0] - 2


@given(st.lists(TEXTS, max_size=3))
@settings(max_examples=50, deadline=None)
def test_jieba_only_joins(texts: list[str]) -> None:
    pytest.importorskip("jieba")
    plain, grouped = tokenize(texts), tokenize(texts, TextSettings(segmenter="jieba"))
    assert "".join(plain.surfaces()) == "".join(grouped.surfaces())
    for index in range(len(texts)):
        assert set(grouped.starts[grouped.offsets[index] : grouped.offsets[index + 1]].tolist()) <= set(
            plain.starts[plain.offsets[index] : plain.offsets[index + 1]].tolist()
        )


HAN_NAMES = ("CJK", "IDEOGRAPH", "HANGZHOU", "KANGXI", "OLD CHINESE")


def test_classes_agree_with_unicodedata() -> None:
    table = classes()
    assert table.shape == (0x110000,)
    for code in range(0x110000):
        character = chr(code)
        category, kind = unicodedata.category(character), int(table[code])
        if category == "Cn":
            continue
        assert (kind == kinds.SPACE) == character.isspace(), hex(code)
        if kind in (kinds.LETTER, kinds.DIGIT):
            assert category[0] == ("L" if kind == kinds.LETTER else "N"), hex(code)
        elif kind == kinds.HAN:
            name = unicodedata.name(character)
            assert any(word in name for word in ("CJK", "IDEOGRAPH", "HANGZHOU", "KANGXI", "OLD CHINESE")), (
                name
            )
        elif kind == kinds.EXTEND:
            assert category in ("Mn", "Mc", "Me", "Cf"), hex(code)
        elif kind in (kinds.SYMBOL, kinds.EMOJI, kinds.MODIFIER, kinds.REGIONAL, kinds.APOSTROPHE):
            assert category[0] in "PS" or category == "Co" or character in "ℹ", hex(code)
        elif kind == kinds.CONTROL:
            assert category in ("Cc", "Cf", "Cs"), hex(code)


def test_lower_keeps_length_and_class() -> None:
    table = classes()
    for code in range(0x110000):
        lowered = lower(chr(code))
        assert len(lowered) == 1
        assert table[ord(lowered)] == table[code]


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: tokenize("one text"), DataError, "give a list"),
        (lambda: tokenize(["a", None]), DataError, "text 1 is NoneType"),
        (lambda: tokenize(["a"], segments=2), SettingError, "1 texts"),
        (lambda: TextSettings(segmenter="jeiba"), SettingError, "Did you mean 'jieba'"),
        (lambda: TextSettings(max_words=0), SettingError, "at least 1"),
    ],
)
def test_mistakes_are_named(call, error, says) -> None:
    with pytest.raises(error, match=says):
        call()
