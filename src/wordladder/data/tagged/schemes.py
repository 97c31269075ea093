"""Tags of words ↔ spans of words.

A tag such as B-PER is a letter and a type, or O for a word outside. The letters of each scheme:

    iob1    I inside; B only where a span follows another of the same type
    bio     B begins, I goes on (also called IOB2)
    bioes   and E ends, S is a span of one word (also called IOBES)
    bilou   the same with L for E and U for S; also M for I and W for S (BMES, BMEWO)
    words   no letters: each word has a tag of its own, such as its part of speech
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Literal, NamedTuple

from ...errors import DataError, SettingError, did_you_mean
from ..examples import Scheme

SCHEME_NAMES: dict[Scheme, str] = {"iob1": "IOB1", "bio": "BIO", "bioes": "BIOES", "bilou": "BILOU"}
UNTYPED = "span"
"""The type of spans whose tags are letters alone."""

WordSpan = tuple[int, int, str]

_OUTSIDE = "O"
_TYPED = re.compile(r"([BIESLUMW])[-_](.+)", re.DOTALL)
_LETTERS = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I", "W": "S"}
_OWN_LETTERS: dict[Scheme, str] = {"iob1": "BI", "bio": "BI", "bioes": "BIES", "bilou": "".join(_LETTERS)}


class _Tag(NamedTuple):
    """A tag taken apart: its letter among B, I, E, S and O, the type, and the letter as it is written ("":
    none).
    """

    letter: str
    type: str
    written: str


_NOTHING = _Tag(_OUTSIDE, "", _OUTSIDE)


@lru_cache(maxsize=1 << 14)
def _read(tag: str) -> _Tag:
    """A tag without a letter is the inside of a span, as in files that write PER for I-PER."""
    if tag == _OUTSIDE:
        return _NOTHING
    if match := _TYPED.fullmatch(tag):
        return _Tag(_LETTERS[match[1]], match[2], match[1])
    return _Tag(_LETTERS[tag], UNTYPED, tag) if tag in _LETTERS else _Tag("I", tag, "")


def _goes_on(before: _Tag, tag: _Tag) -> bool:
    """Whether a tag continues the span of the word before: neither a chunk ends there nor one starts."""
    return tag.letter in "IE" and before.letter in "BI" and tag.type == before.type


def detect_scheme(sequences: Iterable[Sequence[str]]) -> Scheme:
    """The likeliest scheme of some sentences' tags.

    Without L, U, M and W they are not BILOU, without E and S not BIOES, and IOB1 only if fewer tags speak
    against it than against BIO (the train file of CoNLL-2003 has two that are wrong in IOB1). Types
    without letters are parts of speech (`"words"`), but IOB1 if at least half of the words are O.

    Args:
        sequences: The tags of the words of each sentence.
    """
    sequences = list(sequences)
    counts = Counter(chain.from_iterable(sequences))
    outside = counts.pop(_OUTSIDE, 0)
    tagged = counts.total()
    letters: Counter[str] = Counter()
    for tag, count in counts.items():
        letters[_read(tag).written] += count
    if 2 * letters.pop("", 0) > tagged:
        return "iob1" if outside >= tagged else "words"
    if not letters.keys().isdisjoint("LUMW"):
        return "bilou"
    if not letters.keys().isdisjoint("ES"):
        return "bioes"
    return "iob1" if _is_iob1(sequences) else "bio"


def _is_iob1(sequences: Iterable[Sequence[str]]) -> bool:
    """Whether fewer tags speak against IOB1 (B without a span of its type before it) than against BIO (I
    that begins a span).
    """
    against_iob1, against_bio = 0, 0
    for tags in sequences:
        before = _NOTHING
        for tag in map(_read, tags):
            if tag.type != before.type:
                against_iob1 += tag.letter == "B"
                against_bio += tag.letter == "I"
            before = tag
    return against_iob1 < against_bio


def spans_of_tags(tags: Sequence[str], scheme: Scheme) -> list[WordSpan]:
    """The spans of one sentence, as (first word, position after the last word, type).

    Any tags give spans, by the rules of conlleval (Tjong Kim Sang and Buchholz 2000): a span goes on with I
    or E of its type after B or I; each other tag but O begins one. That reads all schemes with letters.

    Args:
        tags: A tag a word.
        scheme: How they are written; `"words"`: each word is a span.

    Raises:
        SettingError: the scheme is not one of tags.
    """
    _check_scheme(scheme)
    if scheme == "words":
        return [(word, word + 1, tag) for word, tag in enumerate(tags)]
    spans: list[WordSpan] = []
    before, first = _NOTHING, 0
    for word, tag in enumerate([*map(_read, tags), _NOTHING]):
        if tag is before is _NOTHING:
            continue
        if not _goes_on(before, tag):
            if before is not _NOTHING:
                spans.append((first, word, before.type))
            first = word
        before = tag
    return spans


def _check_scheme(scheme: Scheme) -> None:
    known = [*SCHEME_NAMES, "words"]
    if scheme not in known:
        raise SettingError(f"The scheme {scheme!r} is not a scheme of tags.{did_you_mean(scheme, known)}")


def find_tag_errors(tags: Sequence[str], scheme: Scheme) -> list[tuple[int, str]]:
    """The words whose tags do not follow the scheme: (word, what is wrong), such as (3, "I-PER after O").

    Raises:
        SettingError: the scheme is not one of tags.
    """
    _check_scheme(scheme)
    if scheme == "words" or tags.count(_OUTSIDE) == len(tags):
        return []
    read = [_NOTHING, *map(_read, tags), _NOTHING]
    names = ["the sentence's beginning", *tags, "the sentence's end"]
    words = (word for word, tag in enumerate(read[1:-1]) if tag is not _NOTHING)
    errors = ((word, _find_error(read[word : word + 3], names[word : word + 3], scheme)) for word in words)
    return [(word, error) for word, error in errors if error is not None]


def _find_error(read: list[_Tag], names: list[str], scheme: Scheme) -> str | None:
    """What is wrong with the second of three tags; None: nothing."""
    before, tag, after = read
    if not tag.written:
        return None if scheme == "iob1" else f"{names[1]} without a letter"
    if tag.written not in _OWN_LETTERS[scheme]:
        return f"{names[1]}, a letter that {SCHEME_NAMES[scheme]} does not have"
    if scheme == "iob1":
        wrong = tag.letter == "B" and tag.type != before.type
    else:
        wrong = tag.letter in "IE" and not _goes_on(before, tag)
    if wrong:
        return f"{names[1]} after {names[0]}"
    if scheme in ("bioes", "bilou") and tag.letter in "BI" and not _goes_on(tag, after):
        return f"{names[1]} before {names[2]}"
    return None


def span_letters(words: int, scheme: Literal["bio", "bioes"]) -> str:
    """The letters of the tags of a span of so many words."""
    if scheme == "bioes":
        return "S" if words == 1 else "B" + "I" * (words - 2) + "E"
    return "B" + "I" * (words - 1)


def tags_of_spans(spans: Iterable[WordSpan], words: int, scheme: Scheme) -> list[str]:
    """The tags of one sentence.

    Args:
        spans: (first word, position after the last word, type), in any order.
        words: How many words the sentence has.
        scheme: `"bio"` or `"bioes"`.

    Raises:
        SettingError: the scheme is another one.
        DataError: a span is empty, lies outside of the sentence, or overlaps another one.
    """
    if scheme not in ("bio", "bioes"):
        raise SettingError(f"Tags are written as 'bio' or 'bioes', not as {scheme!r}.")
    tags = [_OUTSIDE] * words
    last_end = 0
    for first, end, type_ in sorted(spans):
        if not 0 <= first < end <= words:
            raise DataError(f"the span {first}:{end} ({type_}) does not lie within {words} words")
        if first < last_end:
            raise DataError(f"the span {first}:{end} ({type_}) overlaps the one that ends at {last_end}")
        tags[first:end] = [f"{letter}-{type_}" for letter in span_letters(end - first, scheme)]
        last_end = end
    return tags
