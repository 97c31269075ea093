"""Where a passage has the words of a query, and the part of it to show."""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

from ..text.sentences import sentence_spans
from ..text.words import lower, tokenize
from .terms import Terms, is_han

# Words of English that a query has for its grammar: their marks would hide the others.
_GRAMMAR = """
    a about an and any are as at be been but by can could did do does for from had has have how i if in into
    is it its may me must my no not of on or our shall should so some such than that the their them then
    there these they this those to was we were what when where which who whom whose why will with would you
    your
"""
GRAMMAR = frozenset(_GRAMMAR.split())


class Mark(NamedTuple):
    """A part of a passage that is in the query, too.

    Attributes:
        start: Its first character.
        end: The position after its last character.
        term: Its stem, or the Chinese characters.
    """

    start: int
    end: int
    term: str


def marks(terms: Terms, query: str, text: str) -> list[Mark]:
    """Where a text has words of a query, compared by their stems; Chinese text is marked where two or more
    characters stand together as in the query, or one that stands alone there.

    The articles, pronouns and other grammatical words of English count only in a query of nothing else.

    Args:
        terms: How terms are found.
        query: The query.
        text: The text.
    """
    asked, found = _words(terms, query), _words(terms, text)
    asked_pairs, found_pairs = _pairs(asked), _pairs(found)
    alone = [word for place, word in enumerate(asked) if not {place - 1, place} & asked_pairs.keys()]
    if terms.stemmer == "english":
        content = [word for word in alone if lower(query[word.start : word.end]) not in GRAMMAR]
        alone = content if content or asked_pairs else alone
    singles, wanted = {word.term for word in alone}, set(asked_pairs.values())
    paired = {at + i for at, pair in found_pairs.items() if pair in wanted for i in (0, 1)}
    marked: list[Mark] = []
    for place, word in enumerate(found):
        if place in paired and place - 1 in paired and marked[-1].end == word.start:
            marked[-1] = Mark(marked[-1].start, word.end, marked[-1].term + word.term)
        elif place in paired or word.term in singles:
            marked.append(word)
    return marked


def _words(terms: Terms, text: str) -> list[Mark]:
    """The words of a text that have a term; a Chinese character is a word."""
    tokens = tokenize([text])
    found = replace(terms, chinese=False).of(tokens.surfaces())
    places = zip(tokens.starts.tolist(), tokens.ends.tolist(), found)
    return [Mark(start, end, term[0]) for start, end, term in places if term]


def _pairs(words: list[Mark]) -> dict[int, str]:
    """Chinese characters that stand together, two by two, by the place of the first among the words."""
    return {
        place: one.term + other.term
        for place, (one, other) in enumerate(pairwise(words))
        if one.end == other.start and is_han(one.term) and is_han(other.term)
    }


def snippet(text: str, marked: list[Mark], length: int) -> tuple[int, int]:
    """Where the part of a text to show starts and ends: whole words, of at most `length` characters, around
    the marks with the most different terms, from the beginning of a sentence if they are near it.

    Args:
        text: The text.
        marked: Its marks.
        length: The most characters.
    """
    if len(text) <= length:
        return 0, len(text)
    left, right = _densest(marked, length)
    starts = [0, *(start for start, _ in sentence_spans(text))]
    fitting = [start for start in starts if right - length <= start <= left]
    first = max(0, min(left - (length - (right - left)) // 2, len(text) - length))
    if fitting:
        first = min((start for start in fitting if start + length >= len(text)), default=max(fitting))
    tokens = tokenize([text])
    begins, ends = tokens.starts[tokens.starts >= first], tokens.ends[tokens.ends <= first + length]
    start = min(int(begins.min(initial=left)), left)
    return start, max(int(ends.max(initial=right)), right, start)


def _densest(marked: list[Mark], length: int) -> tuple[int, int]:
    """The ends of the neighbouring marks, at most `length` apart, that have the most different terms; of as
    many, those with the most marks, then the first.
    """
    best, bounds = (0, 0), (0, 0)
    for at, mark in enumerate(marked):
        near = [one for one in marked[at:] if one.end - mark.start <= length]
        value = (len({one.term for one in near}), len(near))
        if value > best:
            best, bounds = value, (mark.start, near[-1].end)
    return bounds
