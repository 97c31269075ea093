"""Words and their tags, as files and lists have them → Examples, and spans → tags of words."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ...kernels.character_classes import HAN
from ...text.words import classes
from ..examples import Examples, Scheme, Span
from ..plurals import counted, row_name
from .schemes import SCHEME_NAMES, UNTYPED, detect_scheme, find_tag_errors, spans_of_tags, tags_of_spans

# CJK symbols and punctuation, kana; full and half width forms.
_WIDE = ((0x3000, 0x30FF), (0x31F0, 0x31FF), (0xFF00, 0xFFEF))
# Dashes, quotes, the ellipsis and the middle dot: Chinese next to Chinese, Western next to Western.
_EITHER = frozenset("—―‘’“”…·")


class TaggedWords(NamedTuple):
    """The words of a file, sentence after sentence.

    Attributes:
        words: All words, none empty; equal ones are one object.
        tags: A tag a word; None: not read.
        offsets: The words of sentence `s` are `[s]:[s + 1]`: sentences + 1 numbers.
        lines: The line on which each sentence begins; None: the file has no lines.
        word_lines: The line of each word; None: that of its sentence.
        notes: What was left out.
        documents: The number of the document of each sentence, from 1; 0 before the first, and where the file
            marks none.
        no_space_after: Whether the next word follows each without a space; None: not known.
    """

    words: list[str]
    tags: list[str] | None
    offsets: list[int]
    lines: np.ndarray | None = None
    word_lines: np.ndarray | None = None
    notes: tuple[str, ...] = ()
    documents: Sequence[int] = ()
    no_space_after: Sequence[bool] | None = None


def examples_of_words(words: TaggedWords, source: str) -> Examples:
    """Examples of words and their tags."""
    bounds = list(pairwise(words.offsets))
    characters = _are_characters(words.words)
    blank = sum(map(str.isspace, words.words))
    notes = [f"{counted(len(bounds), 'sentence')} of {counted(len(words.words), 'word')}."]
    if blank:
        notes.append(f"{counted(blank, 'word')} of white space alone: read as spacing, without a tag.")
    notes += words.notes
    scheme: Scheme | None = None
    tags = words.tags or ()
    if words.tags is not None:
        scheme = detect_scheme(tags[first:end] for first, end in bounds)
        notes += _notes_on_tags(words, tags, scheme)
    texts: list[str] = []
    labels: list[tuple[Span, ...]] = []
    all_starts: list[list[int]] = []
    for first, end in bounds:
        sentence = words.words[first:end]
        no_space_after = None if words.no_space_after is None else words.no_space_after[first:end]
        text, starts = join_words(sentence, characters, no_space_after)
        texts.append(text)
        all_starts.append(starts)
        if scheme is not None:
            ends = [start + len(word) for start, word in zip(starts, sentence)]
            spans = spans_of_tags(tags[first:end], scheme)
            row = [Span(starts[left], ends[right - 1], type_) for left, right, type_ in spans]
            labels.append(tuple(span for span in row if text[span.start : span.end].strip()))
    all_labels = None if scheme is None else labels
    return Examples((texts,), all_labels, source, words.lines, tuple(notes), scheme, words=all_starts)


def _notes_on_tags(words: TaggedWords, tags: Sequence[str], scheme: Scheme) -> list[str]:
    """The scheme that was recognised, and how many tags do not follow it."""
    if scheme == "words":
        return [f"Each word has a tag of its own, {counted(len(set(tags)), 'different one')}."]
    name = SCHEME_NAMES[scheme]
    notes = [f"The tags are {name}."]
    if not set(tags).isdisjoint("BIESLUMW"):
        notes.append(f"Tags without a type are of the type {UNTYPED!r}.")
    errors = [
        (sentence, first + word, error)
        for sentence, (first, end) in enumerate(pairwise(words.offsets))
        for word, error in find_tag_errors(tags[first:end], scheme)
    ]
    if errors:
        sentence, word, error = errors[0]
        of_words = words.word_lines is not None
        line = row_name(word, words.word_lines) if of_words else row_name(sentence, words.lines)
        some = counted(len(errors), "tag does", "tags do")
        notes.append(f"{some} not follow {name}, the first in {line}: {error}; read as conlleval reads them.")
    return notes


def words_of_lists(
    rows: Sequence[object], tags: Sequence[object] | None, location: Callable[[int], str]
) -> TaggedWords:
    """Lists of words and lists of tags, one after the other.

    Args:
        rows: The words of each row.
        tags: The tags of each row; None: not read.
        location: What messages call a row.

    Raises:
        DataError: a row is not a list of texts, or has another number of tags than of words.
    """
    all_words: list[str] = []
    all_tags: list[str] = []
    offsets = [0]
    known: dict[str, str] = {}
    for row, cell in enumerate(rows):
        where = location(row)
        words = _check_texts(cell, "word", where)
        all_words += [known.setdefault(word, word) for word in words]
        offsets.append(len(all_words))
        if tags is not None:
            names = _check_texts(tags[row], "tag", where)
            if len(names) != len(words):
                raise DataError(f"{where}: {len(words)} words, but {len(names)} tags. Each word needs one.")
            all_tags += [known.setdefault(name, name) for name in names]
    return TaggedWords(all_words, None if tags is None else all_tags, offsets)


def _check_texts(cell: object, what: str, location: str) -> Sequence[str]:
    """A cell that must hold a list of words or of tags, none of them empty."""
    if not isinstance(cell, list | tuple):
        raise DataError(f"{location}: a list of {what}s is expected, found {str(cell)[:60]!r}")
    for index, entry in enumerate(cell):
        if not isinstance(entry, str) or not entry:
            found = "an empty text" if isinstance(entry, str) else repr(entry)
            is_number = what == "tag" and isinstance(entry, int)
            advice = " A number does not say what its tag is: write the names, such as B-PER." * is_number
            raise DataError(f"{location}: {what} {index} is {found}, but it must be a text.{advice}")
    return cell


def tagged_words(rows: Sequence[Sequence[str]], tags: Sequence[Sequence[str]] | None = None) -> Examples:
    """Examples from lists of words and of their tags, as sklearn-crfsuite and seqeval have them.

    Raises:
        DataError: a word or a tag is no text or empty, or a row has another number of tags than of words.
    """
    if tags is not None:  # a column of tags has a tag alone where a row has one word
        tags = [[row] if isinstance(row, str) else row for row in tags]
    return examples_of_words(words_of_lists(rows, tags, lambda row: f"row {row + 1}"), "the data")


def tags_of_words(
    rows: Sequence[Sequence[str]], spans: Sequence[Sequence[Span]], scheme: Scheme = "bio"
) -> list[list[str]]:
    """The tags of the words that `tagged_words` was given, from spans of the texts that it made of them.

    A word that a span covers in part counts as covered; of two such spans the first has it.

    Args:
        rows: The lists of words.
        spans: The spans of each text, in order.
        scheme: `"bio"` or `"bioes"`; `"words"`: each word has the tag of the span that its beginning is in.
    """
    characters = _are_characters([word for words in rows for word in words])
    tags = []
    for words, row_spans in zip(rows, spans, strict=True):
        _, starts = join_words(words, characters)
        ends = [start + len(word) for start, word in zip(starts, words)]
        if scheme == "words":
            tag_of = {start: span.type for span in row_spans for start in range(span.start, span.end)}
            tags.append([tag_of.get(start, "O") for start in starts])
            continue
        covered: list[tuple[int, int, str]] = []
        for span in row_spans:
            first = max(bisect_right(ends, span.start), covered[-1][1] if covered else 0)
            last = bisect_left(starts, span.end)
            if last > first:
                covered.append((first, last, span.type))
        tags.append(tags_of_spans(covered, len(words), scheme))
    return tags


def _are_characters(words: Sequence[str]) -> bool:
    """Whether nearly all words (99 %) are one character and most of them Han: a file of single characters."""
    counts = Counter(words)
    single = sum(count for word, count in counts.items() if len(word) == 1)
    han = sum(count for word, count in counts.items() if len(word) == 1 and classes()[ord(word)] == HAN)
    return single >= 0.99 * len(words) and 2 * han >= len(words) > 0


def join_words(
    words: Sequence[str], characters: bool = False, no_space_after: Sequence[bool] | None = None
) -> tuple[str, list[int]]:
    """A sentence's text, and the position of each word's first character in it.

    One space separates words, but none where both sides are Han, kana, full width or Chinese punctuation.

    Args:
        words: The words.
        characters: They are single characters of a text without spaces: nothing separates them.
        no_space_after: Whether the next word follows each without a space; None: not known.
    """
    if no_space_after is None:
        if characters:
            return "".join(words), _starts(words, 0)
        text = " ".join(words)
        if text.isascii():
            return text, _starts(words, 1)
        no_space_after = [_touch(left[-1], right[0]) for left, right in pairwise(words)]
    parts, starts, position = [], [], 0
    for touches, word in zip((True, *no_space_after), words):
        if not touches:
            parts.append(" ")
            position += 1
        parts.append(word)
        starts.append(position)
        position += len(word)
    return "".join(parts), starts


def _starts(words: Sequence[str], gap: int) -> list[int]:
    ends = accumulate(map(len, words[:-1]), initial=0)
    return [end + gap * index for index, end in enumerate(ends)] if words else []


def _touch(left: str, right: str) -> bool:
    """Whether no space separates two characters."""
    wide = _wide(left) + _wide(right)
    return wide == 2 or (wide == 1 and (left in _EITHER or right in _EITHER))


@lru_cache(maxsize=1 << 14)
def _wide(character: str) -> bool:
    code = ord(character)
    return bool(classes()[code] == HAN) or any(first <= code <= last for first, last in _WIDE)
