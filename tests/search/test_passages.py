"""Documents in passages, passages as one again, and the fusion of rankings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordladder.search.passages import Hit, cut, fuse, merge
from wordladder.text.words import tokenize

SENTENCES = [
    "One two three four.",
    "Five six seven.",
    "Eight nine.",
    "Ten eleven twelve thirteen fourteen.",
    "End.",
]
TEXT = "  " + " ".join(SENTENCES) + "\n"


def test_passages_have_whole_sentences():
    found = [TEXT[start:end] for start, end in cut(TEXT, 11, 0)]
    assert found == [" ".join(SENTENCES[:2]), " ".join(SENTENCES[2:])]  # 9 and 11 words with the marks


def test_the_last_sentences_of_a_passage_begin_the_next():
    found = [TEXT[start:end] for start, end in cut(TEXT, 12, 4)]
    assert found == [" ".join(SENTENCES[:3]), " ".join(SENTENCES[2:])]
    assert [TEXT[start:end] for start, end in cut(TEXT, 12, 2)] == [
        " ".join(SENTENCES[:3]),
        " ".join(SENTENCES[3:]),
    ]


def test_a_short_text_is_one_passage_and_a_text_without_words_none():
    assert cut("  A film. ", 8, 0) == [(2, 9)]
    assert cut("", 8, 0) == cut(" ?! ", 8, 0)[:0] == []


def test_a_long_sentence_is_cut_between_words():
    text = "好" * 25 + "。"
    assert [text[start:end] for start, end in cut(text, 10, 0)] == ["好" * 10, "好" * 10, "好" * 5 + "。"]


@given(
    st.lists(st.sampled_from(["word", "好", "End.", "Next!", "。", "\n\n", "?", "a-b"]), max_size=60),
    st.integers(4, 12),
    st.integers(0, 6),
)
def test_every_word_is_in_a_passage_and_none_is_too_long(words, most, overlap):
    text = " ".join(words)
    spans = cut(text, most, min(overlap, most // 2))
    tokens = tokenize([text])
    for start, end in zip(tokens.starts.tolist(), tokens.ends.tolist()):
        assert any(first <= start and end <= last for first, last in spans)
    assert all(len(tokenize([text[first:last]]).starts) <= most for first, last in spans)
    assert spans == sorted(spans)


def hit(start, end, score=1.0, id="a", text=None):
    return Hit(id, score, TEXT[start:end] if text is None else text, start, end)


def test_neighbours_are_joined_at_the_place_of_the_better():
    spans = cut(TEXT, 9, 0)
    hits = [hit(*spans[1], 0.9), hit(0, 5, 0.8, "b"), hit(*spans[0], 0.7), hit(*spans[2], 0.6)]
    joined, other = merge(hits, 10)
    assert (joined.id, joined.score, joined.start, joined.end) == ("a", 0.9, spans[0][0], spans[2][1])
    assert joined.text == TEXT.strip()
    assert other.id == "b"


def test_passages_apart_stay_apart_until_one_joins_them():
    assert len(merge([hit(2, 10), hit(30, 40)], 10)) == 2
    (whole,) = merge([hit(2, 10), hit(30, 40), hit(8, 32)], 10)
    assert (whole.start, whole.end, whole.text) == (2, 40, TEXT[2:40])
    assert len(merge([hit(2, 10), hit(30, 40)], 1)) == 1


def test_fusion_is_the_weighted_sum_of_reciprocal_ranks():
    fused = fuse([[("a", 3.0), ("b", 2.0)], [("b", 9.0), ("c", 8.0)]], [1.0, 0.5])
    assert fused == pytest.approx({"a": 1 / 61, "b": 1 / 62 + 0.5 / 61, "c": 0.5 / 62})
    assert list(fused) == ["b", "a", "c"]
