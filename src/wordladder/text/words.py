"""What a word is, and where the words of a text are.

A word is a Han character; a run of letters and digits, with apostrophes between letters; one punctuation
mark or symbol; or an emoji with its joiners (skin tones, joined sequences, flags, keycaps). Combining marks,
joiners, variation selectors and soft hyphens belong to what comes before them. White space, control
characters and other format characters separate words and belong to none.

Each code point has a class, from a table of one fixed version of Unicode: the same on every Python. Words
start and end where classes meet, found with NumPy over many texts at once. `kernels.scan` walks the same
classes over UTF-8 bytes for whole corpora.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from ..errors import DataError, SettingError, check_choice
from ..extras import require
from ..kernels import character_classes as char
from .pieces import OPENS, PieceKind, opens_word

Segmenter = Literal["characters", "jieba", "whitespace"]

LINE_END = "↵"  # what the end of a line is as a word

_JOINER = 0x200D
_KEYCAP = 0x20E3
_SELECTOR = 0xFE0F
_CHUNK = 1 << 17  # characters looked at together: the arrays of a chunk stay in the processor's cache


def lower(text: str) -> str:
    """`text` in lower case, character for character, so that offsets stay true.

    Only the capital I with a dot would grow to two characters; here it becomes a plain i.
    """
    return text.replace("\u0130", "i").lower()


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How a text is split into words.

    Args:
        segmenter: `characters` makes every Han character a word, `jieba` groups them into Chinese words,
            `whitespace` splits on white space only.
        max_words: Words kept of each text; the rest is truncated and counted.
        pieces: Words are cut into at most so many different pieces, which are learned from the training texts
            and stand for words; or the folder of a saved model whose pieces these are. Left out, words stay
            whole.
        piece_kind: How pieces are found: `bpe`, `unigram` or `characters`.
        line_ends: Whether the end of a line within a text is a word.

    Raises:
        SettingError: the segmenter is unknown or `max_words` is below 1.
    """

    segmenter: Segmenter = "characters"
    max_words: int | None = None
    pieces: int | str | None = None
    piece_kind: PieceKind = "bpe"
    line_ends: bool = False

    def __post_init__(self) -> None:
        check_choice("text.segmenter", self.segmenter, get_args(Segmenter))
        if self.max_words is not None and self.max_words < 1:
            raise SettingError(f"text.max_words is {self.max_words}; it must be at least 1, or left out.")
        if self.pieces is not None and self.segmenter != "characters":
            raise SettingError("text.pieces and text.segmenter are two ways to find words; give one of them.")


@dataclass(frozen=True, eq=False)
class Tokens:
    """The words of a batch of texts, as arrays: no object a word.

    `texts` holds the raw texts, example after example, `segments` of them each. The words of text `t` are
    `offsets[t]:offsets[t + 1]`; word `w` is at characters `starts[w]:ends[w]` of its text.
    `lost[t]` counts the words that `max_words` truncated. Of `pieces`, those that begin a word are marked
    where they are asked for as written. Among the words may be `line_ends`.
    """

    texts: tuple[str, ...]
    offsets: np.ndarray  # (texts + 1,) int64
    starts: np.ndarray  # (words,) int32
    ends: np.ndarray  # (words,) int32
    lost: np.ndarray  # (texts,) int64
    segments: int = 1
    pieces: bool = False
    line_ends: bool = False

    def __len__(self) -> int:
        """The number of examples."""
        return len(self.texts) // self.segments

    @property
    def lengths(self) -> np.ndarray:
        """Words a text: (texts,) int64."""
        return np.diff(self.offsets)

    @property
    def example_offsets(self) -> np.ndarray:
        """The words of example `i`, all its segments together, are `[i]:[i + 1]`: (examples + 1,) int64."""
        return self.offsets[:: self.segments]

    @property
    def segment_numbers(self) -> np.ndarray:
        """The number of each word's segment within its example: (words,) int64."""
        return np.repeat(np.arange(len(self.texts)) % self.segments, self.lengths)

    def surfaces(self, lowercase: bool = False) -> list[str]:
        """All words as written, or in lower case, text after text."""
        words: list[str] = []
        starts, ends, offsets = self.starts.tolist(), self.ends.tolist(), self.offsets.tolist()
        for index, text in enumerate(self.texts):
            here = slice(offsets[index], offsets[index + 1])
            source = lower(text) if lowercase else text
            spans = zip(starts[here], ends[here])
            if self.pieces:
                words += [OPENS * opens_word(text, start) + source[start:end] for start, end in spans]
            else:
                words += [source[start:end] for start, end in spans]
        line_ends = ("\n", OPENS + "\n")
        return [LINE_END if word in line_ends else word for word in words] if self.line_ends else words

    def words_of(self, index: int) -> list[str]:
        """The words of text `index`, as written."""
        text, here = self.texts[index], slice(self.offsets[index], self.offsets[index + 1])
        return [text[start:end] for start, end in zip(self.starts[here].tolist(), self.ends[here].tolist())]

    def apart(self) -> "Tokens":
        """Each text as an example of its own."""
        return replace(self, segments=1)

    def swapped(self) -> "Tokens":
        """The examples with their segments in reverse order."""
        texts = np.arange(len(self.texts)).reshape(-1, self.segments)[:, ::-1]
        return replace(self.apart().take(texts.ravel()), segments=self.segments)

    def take(self, examples: np.ndarray | Sequence[int]) -> "Tokens":
        """The examples with these numbers, in this order."""
        rows = np.asarray(examples, dtype=np.int64)[:, None] * self.segments + np.arange(self.segments)
        rows = rows.ravel()
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        words = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        texts = tuple(self.texts[row] for row in rows.tolist())
        ends, lost = self.ends[words], self.lost[rows]
        return replace(self, texts=texts, offsets=offsets, starts=self.starts[words], ends=ends, lost=lost)


@cache
def classes(segmenter: Segmenter = "characters") -> np.ndarray:
    """The class of every code point: (0x110000,) uint8, read-only.

    For `whitespace` every character that is not white space counts as a letter.
    """
    if segmenter == "whitespace":
        table = np.where(classes() == char.SPACE, char.SPACE, char.LETTER).astype(np.uint8)
    else:
        lines = Path(__file__).with_name("unicode_classes.txt").read_text(encoding="utf-8").split("\n")[1:-1]
        firsts = [int(line[:-2].strip(), 16) for line in lines]
        kinds = np.array([int(line.rsplit(" ", 1)[1]) for line in lines], dtype=np.uint8)
        table = np.repeat(kinds, np.diff([*firsts, 0x110000]))
    table.setflags(write=False)
    return table


def tokenize(texts: Sequence[str], settings: TextSettings = TextSettings(), *, segments: int = 1) -> Tokens:
    """Find the words of `texts`, `segments` texts to an example.

    Raises:
        DataError: one of `texts` is not a string, or `texts` is one string.
        SettingError: the number of texts is no multiple of `segments`.
    """
    texts = tuple(check_strings(texts))
    if segments < 1 or len(texts) % segments:
        raise SettingError(f"{len(texts)} texts do not make examples of {segments} segments each.")
    parts = [_scan(chunk, settings.segmenter) for chunk in _chunks(texts)]
    lengths, starts, ends = (np.concatenate(part) if len(parts) > 1 else part[0] for part in zip(*parts))
    if settings.segmenter == "jieba":
        lengths, starts, ends = _group(texts, lengths, starts, ends)
    tokens = Tokens(texts, offsets_of(lengths), starts, ends, np.zeros(len(texts), np.int64), segments)
    return truncate(with_line_ends(tokens) if settings.line_ends else tokens, settings.max_words)


def truncate(tokens: Tokens, most: int | None) -> Tokens:
    """At most so many words of each text."""
    lengths = tokens.lengths
    if most is None or lengths.max(initial=0) <= most:
        return tokens
    kept = np.minimum(lengths, most)
    keep = np.arange(tokens.offsets[-1]) - np.repeat(tokens.offsets[:-1], lengths) < most
    starts, ends, lost = tokens.starts[keep], tokens.ends[keep], lengths - kept
    return replace(tokens, offsets=offsets_of(kept), starts=starts, ends=ends, lost=lost)


def words_alone(words: Sequence[str], *, pieces: bool = False) -> Tokens:
    """Words, or marked pieces, as `Tokens.surfaces` gives them, as texts of one word each."""
    inside = [pieces and not word.startswith(OPENS) for word in words]
    texts = tuple(OPENS + word if one else word.removeprefix(OPENS) for word, one in zip(words, inside))
    starts, ends = np.array(inside, np.int32), np.array(list(map(len, texts)), np.int32)
    rows = np.arange(len(texts) + 1)
    return Tokens(texts, rows, starts, ends, np.zeros(len(texts), np.int64), pieces=pieces)


def text_of(words: Sequence[str], *, pieces: bool = False) -> str:
    """The text of words, or of marked pieces: blanks between words, but none around Chinese characters, and
    none before most punctuation.
    """
    if pieces:
        return re.sub(f" ?{LINE_END} ?", "\n", "".join(words).replace(OPENS, " ")).strip()
    text = re.sub(f" ?{LINE_END} ?", "\n", " ".join(words)).strip()
    text = re.sub(
        r"(?<=[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]) | (?=[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef])",
        "",
        text,
    )
    return re.sub(r" (?=[.,;:!?%)\]}’”])|(?<=[(\[{‘“]) ", "", text)


def with_line_ends(tokens: Tokens) -> Tokens:
    """Words with the ends of lines among them."""
    found = [(row, at.start()) for row, text in enumerate(tokens.texts) for at in re.finditer("\n", text)]
    rows, places = np.array(found, np.int32).reshape(-1, 2).T
    rows = np.append(np.repeat(np.arange(len(tokens.texts)), tokens.lengths), rows)
    starts, ends = np.append(tokens.starts, places), np.append(tokens.ends, places + 1)
    order = np.lexsort((starts, rows))
    offsets = offsets_of(np.bincount(rows, minlength=len(tokens.texts)))
    return replace(tokens, offsets=offsets, starts=starts[order], ends=ends[order], line_ends=True)


def merge_words(tokens: Tokens, opens: np.ndarray) -> Tokens:
    """Neighbouring words as one: each of `opens`, `(words,)`, and those after it up to the next.

    The first word of each text has to be one of them.
    """
    closes = np.append(opens[1:], True)
    offsets = np.append(0, np.cumsum(opens))[tokens.offsets]
    return replace(tokens, offsets=offsets, starts=tokens.starts[opens], ends=tokens.ends[closes])


def check_strings(texts: Iterable[str]) -> Iterator[str]:
    """The texts, one by one.

    Raises:
        DataError: one of them is not a string, or `texts` is one string.
    """
    if isinstance(texts, str):
        raise DataError(f"texts is one string; give a list of texts, such as [{texts[:20]!r}].")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(
                f"text {index} is {type(text).__name__} {text!r}; every text must be a string "
                "(an empty one where there is none)."
            )
        yield text


def offsets_of(lengths: np.ndarray | Sequence[int]) -> np.ndarray:
    """Where items of these lengths begin, one after another, and where the last ends: (items + 1,) int64."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _chunks(texts: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Neighbouring texts, of about `_CHUNK` characters together."""
    first, size = 0, 0
    for index, text in enumerate(texts):
        size += len(text)
        if size >= _CHUNK:
            yield texts[first : index + 1]
            first, size = index + 1, 0
    if first < len(texts) or not texts:
        yield texts[first:]


def _scan(texts: tuple[str, ...], segmenter: Segmenter) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Words a text, and where each starts and ends in its text."""
    # A line end before and after each text: no word reaches from one into the next, and every
    # character has a neighbour on both sides.
    joined = "\n" + "\n".join(texts) + "\n"
    starts, ends = _edges(joined, segmenter)
    if len(texts) == 1:  # answered alone: every array counts
        lengths = np.array([len(starts)])
        return lengths, (starts - 1).astype(np.int32), (ends - 1).astype(np.int32)
    sizes = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    begins = np.cumsum(sizes + 1) - sizes
    lengths = np.diff(np.searchsorted(starts, begins), append=len(starts))
    shift = np.repeat(begins, lengths)
    return lengths, (starts - shift).astype(np.int32), (ends - shift).astype(np.int32)


def _edges(text: str, segmenter: Segmenter) -> tuple[np.ndarray, np.ndarray]:
    """Where words start and end in `text`, which starts and ends with a line end."""
    if text.isascii():
        table = classes(segmenter)[:256].tobytes()
        kinds = np.frombuffer(bytearray(text.encode("ascii").translate(table)), dtype=np.uint8)
        codes = None
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        kinds = classes(segmenter)[codes]
    if codes is not None and kinds.max() >= char.EXTEND:
        bases, joined = _extend(codes, kinds)
    else:
        bases, joined = kinds, None
    marks = np.flatnonzero(kinds == char.APOSTROPHE)
    if len(marks):
        inner = marks[(bases[marks - 1] == char.LETTER) & (kinds[marks + 1] == char.LETTER)]
        # What extends an apostrophe is no letter, so an inner one extends to nothing: one position to set.
        kinds[inner] = bases[inner] = char.LETTER
    runs = (kinds == char.LETTER) | (kinds == char.DIGIT)
    words = kinds >= char.LETTER
    inside = words
    if joined is not None:
        words &= kinds != char.EXTEND
        words[joined] = False
        inside = bases >= char.LETTER
    before = runs if bases is kinds else (bases == char.LETTER) | (bases == char.DIGIT)
    opens = words[1:] & ~(runs[1:] & before[:-1])
    closes = inside[:-1] & (opens | ~inside[1:])
    return np.flatnonzero(opens) + 1, np.flatnonzero(closes) + 1


def _extend(codes: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The class that each position belongs to, marks continuing what they extend, and where emoji continue.

    Changes `kinds`: the digit or sign of a keycap becomes an emoji.
    """
    caps = np.flatnonzero(codes == _KEYCAP) - 1
    caps -= codes[caps] == _SELECTOR
    signs = codes[caps]
    signs = ((signs >= 0x30) & (signs <= 0x39)) | (signs == 0x23) | (signs == 0x2A)
    kinds[caps[signs]] = char.EMOJI
    owners = np.arange(len(kinds))
    owners[kinds == char.EXTEND] = 0
    bases = kinds[np.maximum.accumulate(owners)]
    bases[bases == char.MODIFIER] = char.EMOJI
    emoji = np.flatnonzero(kinds == char.EMOJI)
    emoji = emoji[(codes[emoji - 1] == _JOINER) & (bases[emoji - 1] == char.EMOJI)]
    tones = np.flatnonzero(kinds == char.MODIFIER)
    tones = tones[bases[tones - 1] == char.EMOJI]
    flags = np.flatnonzero(kinds == char.REGIONAL)
    # The second, fourth, … of neighbouring regional indicators completes a flag.
    order = np.arange(len(flags))
    heads = np.where(kinds[flags - 1] == char.REGIONAL, 0, order)
    flags = flags[(order - np.maximum.accumulate(heads)) % 2 == 1]
    return bases, np.concatenate([emoji, tones, flags])


@cache
def _jieba() -> Any:
    """Imported only for Chinese text: other text is tokenized without it."""
    jieba = require("jieba", "chinese", "text.segmenter = 'jieba'")
    jieba.setLogLevel("WARNING")
    return jieba


def _group(
    texts: tuple[str, ...], lengths: np.ndarray, starts: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Join neighbouring Han characters where jieba does."""
    table, offsets, opens = classes(), offsets_of(lengths), np.ones(len(starts), dtype=bool)
    for index, text in enumerate(texts):
        here = slice(offsets[index], offsets[index + 1])
        firsts, lasts = starts[here], ends[here]
        if not len(firsts) or text.isascii():
            continue
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        han = table[codes[firsts]] == char.HAN
        joined = han[1:] & han[:-1] & (firsts[1:] == lasts[:-1])
        if not joined.any():
            continue
        heads = np.flatnonzero(han & ~np.concatenate([[False], joined]))
        tails = np.flatnonzero(han & ~np.concatenate([joined, [False]]))
        cuts = np.zeros(len(text) + 1, dtype=bool)
        for start, end in zip(firsts[heads].tolist(), lasts[tails].tolist()):
            sizes = np.fromiter(map(len, _jieba().lcut(text[start:end])), dtype=np.int64)
            cuts[start + np.cumsum(sizes) - sizes] = True
        opens[here][1:] = ~joined | cuts[firsts[1:]]
    closes = np.roll(opens, -1)  # the first word always opens, and so the last one closes
    grouped = np.add.reduceat(np.append(opens, False), np.minimum(offsets[:-1], len(opens)), dtype=np.int64)
    return np.where(lengths > 0, grouped, 0), starts[opens], ends[closes]
