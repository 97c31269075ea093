"""Spans of characters and tags of words: which words a span covers, and which spans the tags make up."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Span
from ..data.tagged.schemes import span_letters
from ..text.words import Tokens

Ints = NDArray[np.int64]
WordScheme = Literal["bioes", "bio", "words"]

OUTSIDE = "O"


class SpanWords(NamedTuple):
    """The words that spans of characters cover, span after span.

    Attributes:
        row: The text of each span, `(spans,)`.
        first: Its first word, counted over all texts.
        last: The position after its last word; `first` where it covers none.
        exact: Whether it begins and ends where its words do.
        cut: Whether it goes beyond the words that are read of its text.
        types: Its type.
    """

    row: Ints
    first: Ints
    last: Ints
    exact: NDArray[np.bool_]
    cut: NDArray[np.bool_]
    types: list[str]


def words_of_spans(tokens: Tokens, spans: Sequence[Sequence[Span]], segment: int = 0) -> SpanWords:
    """Which words the spans of each example cover.

    Args:
        tokens: The words.
        spans: The spans of each example.
        segment: The text of an example that they are in.
    """
    counts = np.fromiter(map(len, spans), np.int64, len(spans))
    row = np.repeat(np.arange(len(spans)), counts)
    flat = [span for some in spans for span in some]
    starts = np.fromiter((span[0] for span in flat), np.int64, len(flat))
    ends = np.fromiter((span[1] for span in flat), np.int64, len(flat))
    # positions are counted on from text to text, so that one search finds the words of all
    bases = np.cumsum([0, *(len(text) + 1 for text in tokens.texts)])[:-1]
    base_of_word = np.repeat(bases, tokens.lengths)
    word_starts, word_ends = tokens.starts + base_of_word, tokens.ends + base_of_word
    text = row * tokens.segments + segment
    starts, ends = starts + bases[text], ends + bases[text]
    first = np.searchsorted(word_ends, starts, side="right")
    last = np.maximum(np.searchsorted(word_starts, ends, side="left"), first)
    some = last > first
    exact = some.copy()
    exact[some] = (word_starts[first[some]] == starts[some]) & (word_ends[last[some] - 1] == ends[some])
    # the end of the last word that is read of its text
    read = np.append(0, word_ends)[tokens.offsets[text + 1]]
    cut = (tokens.lost[text] > 0) & (last == tokens.offsets[text + 1]) & (ends > read)
    return SpanWords(row, first, last, exact, cut, [span[2] for span in flat])


class TagSet:
    """The tags that a scheme makes of types.

    Args:
        types: The types of spans.
        scheme: `"bioes"` distinguishes the begin, the inside and the end of a span, and a single word;
            `"bio"` its begin and inside; with `"words"` each word is a span, and its tag is the type.
    """

    def __init__(self, types: Sequence[str], scheme: WordScheme) -> None:
        self.scheme = scheme
        letters = {"bioes": "BIES", "bio": "BI", "words": ""}[scheme]
        self.names = list(types) if scheme == "words" else [OUTSIDE]
        self.names += [f"{letter}-{name}" for name in types for letter in letters]
        self.index = {name: number for number, name in enumerate(self.names)}
        self.begins = np.array([scheme == "words" or name[:2] in ("B-", "S-") for name in self.names])
        self.continues = np.array([scheme != "words" and name[:2] in ("I-", "E-") for name in self.names])
        self.type_of = [name if scheme == "words" else name[2:] for name in self.names]

    def tags(self, words: SpanWords, count: int) -> Ints:
        """The tag of each of `count` words, `(words,)`. Of overlapping spans only the first is tagged."""
        tags = np.zeros(count, np.int64)
        taken = np.zeros(count, bool)
        for first, last, kind in zip(words.first.tolist(), words.last.tolist(), words.types):
            if last > first and not taken[first:last].any():
                taken[first:last] = True
                if self.scheme == "words":
                    tags[first:last] = self.index[kind]
                else:
                    letters = span_letters(last - first, self.scheme)
                    tags[first:last] = [self.index[f"{letter}-{kind}"] for letter in letters]
        return tags

    def segments(self, tags: Ints, offsets: Ints) -> tuple[Ints, Ints]:
        """The first word of each span and the position after its last one; tags follow the scheme."""
        continues = self.continues[tags]
        starts = offsets[:-1]
        continues[starts[starts < len(tags)]] = False  # no span crosses from one text into the next
        stops = np.append(np.flatnonzero(~continues), len(tags))
        firsts = np.flatnonzero(self.begins[tags])
        return firsts, stops[np.searchsorted(stops, firsts, side="right")]


def spans_of(tokens: Tokens, firsts: Ints, lasts: Ints, types: Sequence[str]) -> list[list[Span]]:
    """The spans of each text, from their first words and the positions after their last ones."""
    starts, ends = tokens.starts[firsts].tolist(), tokens.ends[lasts - 1].tolist()
    spans = [Span(*parts) for parts in zip(starts, ends, types)]
    bounds = np.searchsorted(firsts, tokens.offsets)
    return [spans[low:high] for low, high in pairwise(bounds.tolist())]
