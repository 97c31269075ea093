"""Spans of characters and tags of words: each way against a slow twin, and there and back."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordladder.data.examples import Span
from wordladder.layers.tag_chain import allowed_transitions
from wordladder.tasks._word_tags import TagSet, spans_of, words_of_spans
from wordladder.text.words import TextSettings, tokenize

TEXTS = ["", "ab, cd", "  U.S.  ", "我爱 北京!", "a  b 👍🏽 c", "-", " ", "naïve café"]
TYPES = ["LOC", "PER"]


def slowly(tokens, spans, segment):
    """The words that share a character with each span, counted over all texts; text after text."""
    for row, some in enumerate(spans):
        text = row * tokens.segments + segment
        low, high = int(tokens.offsets[text]), int(tokens.offsets[text + 1])
        for start, end, _ in some:
            yield (
                row,
                [
                    word
                    for word in range(low, high)
                    if tokens.starts[word] < end and tokens.ends[word] > start
                ],
            )


@st.composite
def marked(draw):
    segments = draw(st.integers(1, 2))
    texts = draw(st.lists(st.sampled_from(TEXTS), min_size=segments, max_size=5 * segments))
    texts = texts[: len(texts) // segments * segments]
    segment = draw(st.integers(0, segments - 1))
    spans = []
    for text in texts[segment::segments]:
        found = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)), st.sampled_from(TYPES))
        spans.append([Span(*one) for one in draw(st.lists(found, max_size=3)) if one[0] < one[1]])
    return texts, segments, segment, spans, draw(st.sampled_from([None, 1, 2]))


@settings(deadline=None, max_examples=150)
@given(marked())
def test_the_words_of_spans(case):
    texts, segments, segment, spans, most = case
    tokens = tokenize(texts, TextSettings(max_words=most), segments=segments)
    whole = tokenize(texts, segments=segments)
    found = words_of_spans(tokens, spans, segment)
    flat = [span for some in spans for span in some]
    assert found.types == [span.type for span in flat]
    for place, ((row, words), (_, of_all)) in enumerate(
        zip(slowly(tokens, spans, segment), slowly(whole, spans, segment))
    ):
        assert found.row[place] == row
        assert list(range(found.first[place], found.last[place])) == words
        edges = [(tokens.starts[words[0]], tokens.ends[words[-1]])] if words else []
        assert found.exact[place] == (edges == [flat[place][:2]])
        if words:
            reaches_on = tokens.ends[words[-1]] < flat[place].end
            lost = tokens.lost[row * segments + segment] > 0
            assert found.cut[place] == (
                len(words) < len(of_all) or (reaches_on and lost and ends(tokens, words))
            )


def ends(tokens, words):
    """Whether these words are the last ones of their text."""
    return words[-1] + 1 in tokens.offsets


def legal(rng, scheme, words):
    """Random spans of words `(first, last, type)` that do not overlap; of every word one for `words`."""
    spans, place = [], 0
    while place < words:
        length = 1 if scheme == "words" else rng.randint(1, min(4, words - place))
        if scheme == "words" or rng.random() < 0.6:
            spans.append((place, place + length, rng.choice(TYPES)))
        place += length
    return spans


@pytest.mark.parametrize("scheme", ["bioes", "bio", "words"])
@pytest.mark.parametrize("seed", range(8))
def test_tags_and_segments_are_there_and_back(scheme, seed):
    rng = random.Random(seed)
    texts = [" ".join("w" * rng.randint(1, 3) for _ in range(rng.choice([0, 1, 2, 9]))) for _ in range(6)]
    tokens, tag_set = tokenize(texts), TagSet(TYPES, scheme)
    spans = []
    for text in range(len(texts)):
        low = int(tokens.offsets[text])
        spans.append(
            [
                Span(int(tokens.starts[low + first]), int(tokens.ends[low + last - 1]), kind)
                for first, last, kind in legal(rng, scheme, int(tokens.lengths[text]))
            ]
        )
    found = words_of_spans(tokens, spans)
    tags = tag_set.tags(found, len(tokens.starts))
    start, to, end = allowed_transitions(tag_set.names, scheme)
    for low, high in zip(tokens.offsets[:-1], tokens.offsets[1:]):
        here = tags[low:high]
        assert to[here[:-1], here[1:]].all()
        assert high == low or (start[here[0]] and end[here[-1]])
    firsts, lasts = tag_set.segments(tags, tokens.example_offsets)
    assert firsts.tolist() == found.first.tolist()
    assert lasts.tolist() == found.last.tolist()
    types = [tag_set.type_of[tag] for tag in tags[firsts].tolist()]
    assert spans_of(tokens, firsts, lasts, types) == spans


def named(tag_set, texts, spans, **settings):
    tokens = tokenize(texts, TextSettings(**settings))
    tags = tag_set.tags(words_of_spans(tokens, spans), len(tokens.starts))
    return [tag_set.names[tag] for tag in tags]


def test_the_schemes():
    spans = [[Span(0, 5, "PER"), Span(6, 7, "LOC")]]
    assert named(TagSet(TYPES, "bioes"), ["a b c d e"], spans) == ["B-PER", "I-PER", "E-PER", "S-LOC", "O"]
    assert named(TagSet(TYPES, "bio"), ["a b c d e"], spans) == ["B-PER", "I-PER", "I-PER", "B-LOC", "O"]
    two = [[Span(0, 3, "PER")]]
    assert named(TagSet(TYPES, "bioes"), ["a b c"], two) == ["B-PER", "E-PER", "O"]


def test_a_span_within_a_word_takes_the_whole_word():
    assert named(TagSet(TYPES, "bioes"), ["Paris-based x"], [[Span(1, 4, "LOC")]]) == ["S-LOC", "O", "O", "O"]
    found = words_of_spans(tokenize(["Paris-based x"]), [[Span(1, 4, "LOC"), Span(0, 5, "LOC")]])
    assert found.exact.tolist() == [False, True]


def test_of_spans_that_share_words_the_earlier_has_them():
    spans = [[Span(0, 3, "PER"), Span(2, 5, "LOC"), Span(4, 5, "LOC")]]
    assert named(TagSet(TYPES, "bio"), ["a b c"], spans) == ["B-PER", "I-PER", "B-LOC"]


def test_what_lies_behind_max_words_has_no_word():
    tokens = tokenize(["a b c d", "e f"], TextSettings(max_words=2))
    spans = [[Span(2, 5, "PER"), Span(6, 7, "LOC")], [Span(0, 3, "LOC")]]
    found = words_of_spans(tokens, spans)
    assert (found.last - found.first).tolist() == [1, 0, 2]
    assert found.cut.tolist() == [True, True, False]
    tags = TagSet(TYPES, "bioes").tags(found, len(tokens.starts))
    assert [TagSet(TYPES, "bioes").names[tag] for tag in tags] == ["O", "S-PER", "B-LOC", "E-LOC"]


def test_no_span_reaches_from_one_text_into_the_next():
    tag_set = TagSet(["X"], "bio")
    tags = np.array([tag_set.index[name] for name in ("B-X", "I-X", "B-X")])
    firsts, lasts = tag_set.segments(tags, np.array([0, 0, 2, 2, 3, 3]))
    assert firsts.tolist() == [0, 2]
    assert lasts.tolist() == [2, 3]
    nothing = tag_set.segments(np.zeros(0, np.int64), np.array([0, 0, 0]))
    assert [part.tolist() for part in nothing] == [[], []]
