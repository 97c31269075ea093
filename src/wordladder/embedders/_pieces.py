"""Subword pieces of texts: how they meet words, and how those of a long text are laid out in windows.

Pieces come from the raw text, as the tokenizer was trained, and meet words by character offset. A text of
more pieces than the transformer reads at once is read in windows that overlap, all of them equally long: each
word is taken from the window whose middle is nearest to it. Of two texts in an example, such as a question
and a passage, the first stands before every window of the second. This file knows no transformer.
"""

import re
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from ..text.words import Tokens

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = "▁ĠĊĉč"  # how SentencePiece and byte-level BPE write white space
_GROUP_PIECES = 4096

Ints = NDArray[np.int64]


def bare_tokenizer(fast: Any) -> Tokenizer:
    """The tokenizer inside a fast one of transformers, a copy that neither pads nor cuts."""
    tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


class Group(NamedTuple):
    """Windows of similar length, that a transformer reads together: piece numbers, mask and segment numbers
    `(windows, pieces)`.
    """

    ids: Tensor
    mask: Tensor
    types: Tensor


class Links(NamedTuple):
    """Which vectors make up which row: row `rows[i]` gets `shares[i]` of the vector at `places[i]`, counted
    over the places of all groups one after another.
    """

    places: Tensor
    rows: Tensor
    shares: Tensor


class Laid(NamedTuple):
    """A batch of texts, laid out for a transformer.

    Attributes:
        groups: The windows.
        words: What makes up each word.
        summary: What makes up each text's summary, or None.
        bare: Words that no piece meets, `(words,)` bool.
        cut: Words whose pieces have all been cut away, `(words,)` bool.
    """

    groups: tuple[Group, ...]
    words: Links
    summary: Links | None
    bare: NDArray[np.bool_]
    cut: NDArray[np.bool_]


class _Found(NamedTuple):
    """The pieces of all texts, one after another: `offsets` as in Tokens; `piece` meets `word`, by word."""

    ids: Ints
    offsets: Ints
    piece: Ints
    word: Ints


class _Windows(NamedTuple):
    """The windows of all examples: `length` pieces from `first` on, counted over all texts, and before them
    `lead` pieces from `ahead` on, of the first text of two. `places` are those of their first tokens, special
    ones counted.
    """

    example: Ints
    first: Ints
    length: Ints
    ahead: Ints
    lead: Ints
    places: Ints


class _Frame(NamedTuple):
    """The special pieces around a text, or around and between two, and the segment numbers of all parts."""

    before: Ints
    between: Ints
    after: Ints
    types: tuple[Any, ...]  # of before, the first of two texts, between, the (last) text, after


class Pieces:
    """A tokenizer, and the windows in which its pieces are read.

    Args:
        tokenizer: It adds neither padding nor cuts texts.
        pad: The number of the padding piece.
        cls: The number of the piece that stands for the whole text, or None.
        limit: Pieces in a window, special ones included; None for no limit.
        overlap: Pieces that neighbouring windows share.
        truncate: Whether only the first window of a text is read.
        pooling: `"first"` takes the first piece of a word, `"mean"` the mean of all.
        summary: `"cls"` or `"mean"`, over all windows; None for none.
        blanks: Whether a piece of white space belongs to the word behind it, as transformers has it; if not,
            only where the word has no other.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        pad: int = 0,
        cls: int | None = None,
        limit: int | None = None,
        overlap: int = 0,
        truncate: bool = False,
        pooling: Literal["first", "mean"] = "first",
        summary: Literal["cls", "mean"] | None = None,
        blanks: bool = False,
    ) -> None:
        self.tokenizer, self.pad, self.overlap, self.truncate = tokenizer, pad, overlap, truncate
        self.pooling, self.summary = pooling, summary
        self.limit, self._frames = limit, (_frame(tokenizer, "a"), _frame(tokenizer, "a", "a"))
        self._cls = _place_of_cls(self._frames[0].before, self._frames[0].after, cls)
        rows = tokenizer.get_vocab()
        self._blank = np.zeros(max(rows.values()) + 1, dtype=bool)
        if not blanks:
            self._blank[[row for piece, row in rows.items() if not piece.strip(_BLANKS)]] = True

    @property
    def room(self) -> int | None:
        """Pieces of one text that a window has room for; None where there is no limit."""
        return None if self.limit is None else self.limit - _specials(self._frames[0])

    @property
    def has_cls(self) -> bool:
        """Whether a special piece stands for the whole text."""
        return self._cls is not None

    def lay(self, tokens: Tokens) -> Laid:
        """Lay out the pieces of these texts, one or two to an example."""
        found, frame = self._find(tokens), self._frames[tokens.segments - 1]
        windows = self._windows(found.offsets, frame, tokens.segments)
        groups, places = self._groups(found.ids, windows, frame)
        windows = windows._replace(places=places)
        words, empty = self._word_links(found, windows, frame, tokens)
        summary = None if self.summary is None else self._summary_links(windows, frame)
        met = np.bincount(found.word, minlength=len(empty)) > 0
        return Laid(groups, words, summary, ~met, met & empty)

    def _find(self, tokens: Tokens) -> _Found:
        """Tokenize the texts up to their last word that is kept, and let pieces meet words."""
        texts = [_readable(text) for text in tokens.texts]
        for row in np.flatnonzero(tokens.lost).tolist():
            texts[row] = texts[row][: tokens.ends[tokens.offsets[row + 1] - 1]]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        offsets = _ends_of([len(encoding) for encoding in encodings])
        ids, spans = np.zeros(offsets[-1], np.int64), np.zeros((offsets[-1], 2), np.int64)
        for encoding, start, end in zip(encodings, offsets[:-1].tolist(), offsets[1:].tolist()):
            if end > start:
                ids[start:end], spans[start:end] = encoding.ids, encoding.offsets
        # Every text gets characters of its own, so that one search serves all texts.
        base = _ends_of([len(text) + 1 for text in texts])[:-1]
        spans += np.repeat(base, np.diff(offsets))[:, None]
        shift = np.repeat(base, tokens.lengths)
        piece, word = _meet(spans[:, 0], spans[:, 1], tokens.starts + shift, tokens.ends + shift)
        return _Found(ids, offsets, *_without_blanks(piece, word, self._blank[ids], len(shift)))

    def _windows(self, offsets: Ints, frame: _Frame, segments: int) -> _Windows:
        """Cut each text's pieces into windows; the last one ends where the text ends, so all are full.

        The first of two texts has at most half of the room.
        """
        counts, ahead = np.diff(offsets)[segments - 1 :: segments], offsets[:-1:segments]
        lead = np.zeros_like(counts) if segments == 1 else np.diff(offsets)[::segments]
        room, number = np.maximum(counts, 1), np.ones_like(counts)
        if self.limit is not None:
            whole = self.limit - _specials(frame)
            lead = np.where(lead + counts > whole, np.minimum(lead, whole // 2), lead)
            room = whole - lead
        overlap = self.overlap if segments == 1 else np.minimum(self.overlap, room // 2)
        step = np.maximum(room - overlap, 1)
        if not self.truncate:
            number = number + np.maximum(-(-(counts - room) // step), 0)
        example = np.repeat(np.arange(len(counts)), number)
        turn = np.arange(len(example)) - np.repeat(_ends_of(number)[:-1], number)
        length, first, room = counts[example], offsets[segments - 1 : -1 : segments][example], room[example]
        first = first + np.clip(turn * step[example], 0, np.maximum(length - room, 0))
        length = np.minimum(length, room)
        return _Windows(example, first, length, ahead[example], lead[example], np.zeros_like(first))

    def _groups(self, ids: Ints, windows: _Windows, frame: _Frame) -> tuple[tuple[Group, ...], Ints]:
        """Windows of similar length together, and the place of each window's first token."""
        size = windows.lead + windows.length + _specials(frame)
        places = np.zeros_like(size)
        order = np.argsort(-size, kind="stable")
        order = order[size[order] > 0]
        groups, taken = [], 0
        while len(order):
            width = int(size[order[0]])
            similar = int(np.count_nonzero(2 * size[order] > width))
            rows, order = np.split(order, [min(similar, max(1, _GROUP_PIECES // width))])
            places[rows] = taken + width * np.arange(len(rows))
            taken += width * len(rows)
            groups.append(self._group(ids, _Windows(*(part[rows] for part in windows)), frame, width))
        return tuple(groups), places

    def _group(self, ids: Ints, windows: _Windows, frame: _Frame, width: int) -> Group:
        """One rectangle: special pieces before, between and after, padding behind them."""
        numbers = np.full((len(windows.first), width), self.pad, np.int64)
        types, column = np.zeros_like(numbers), np.arange(width)
        end = np.zeros((len(numbers), 1), np.int64)
        fixed = np.zeros(len(numbers), np.int64)
        parts = [
            (frame.before, fixed, fixed + len(frame.before)),
            (ids, windows.ahead, windows.lead),
            (frame.between, fixed, fixed + len(frame.between)),
            (ids, windows.first, windows.length),
            (frame.after, fixed, fixed + len(frame.after)),
        ]
        for (source, begin, length), segment in zip(parts, frame.types):
            inside = (column >= end) & (column < end + length[:, None])
            place = (begin[:, None] + column - end)[inside]
            numbers[inside] = source[place]
            types[inside] = segment[place] if isinstance(segment, np.ndarray) else segment
            end = end + length[:, None]
        return Group(torch.from_numpy(numbers), torch.from_numpy(column < end), torch.from_numpy(types))

    def _best(self, windows: _Windows, twice_middle: Ints) -> Ints:
        """The window whose middle is nearest, for places among all pieces; middles are given twice."""
        inner = ~_opens(windows.example)
        border = 2 * windows.first
        border[inner] = (windows.first[1:] + windows.first[:-1] + windows.length[1:])[inner[1:]]
        return np.searchsorted(border, twice_middle, side="right") - 1

    def _met(self, windows: _Windows, frame: _Frame, piece: Ints, window: Ints) -> tuple[Ints, Any]:
        """The places of pieces in windows, and which of the pieces stand in them."""
        ahead = piece < windows.first[window]  # perhaps of the first text of two, before every window
        ahead &= piece - windows.ahead[window] < windows.lead[window]
        base, lead = windows.places[window] + len(frame.before), windows.lead[window]
        place = piece - np.where(ahead, windows.ahead[window], windows.first[window])
        inside = (place >= 0) & (ahead | (place < windows.length[window]))
        return base + place + np.where(ahead, 0, lead + len(frame.between)), inside

    def _word_links(
        self, found: _Found, windows: _Windows, frame: _Frame, tokens: Tokens
    ) -> tuple[Links, NDArray[np.bool_]]:
        """What makes up each word of the padded batch, and which words have no piece."""
        piece, word, segments = found.piece, found.word, tokens.segments
        texts = np.repeat(np.arange(len(tokens.texts)), tokens.lengths)
        opens, closes = _opens(word), _closes(word)
        runs = np.cumsum(opens) - 1
        window = self._best(windows, (piece[opens] + piece[closes] + 1)[runs])
        of_first = texts[word] % segments < segments - 1
        window = np.where(of_first, np.searchsorted(windows.example, texts[word] // segments), window)
        place, inside = self._met(windows, frame, piece, window)
        word, place = word[inside], place[inside]
        if self.pooling == "first":
            word, kept = np.unique(word, return_index=True)
            place = place[kept]
        counts = np.bincount(word, minlength=len(texts))
        offsets = tokens.example_offsets
        time = max(1, int(np.diff(offsets).max(initial=0)))
        rows = np.arange(len(texts)) + (time * np.arange(len(tokens)) - offsets[:-1])[texts // segments]
        return _links(place, rows[word], 1.0 / counts[word]), counts == 0

    def _summary_links(self, windows: _Windows, frame: _Frame) -> Links:
        """What makes up each example's summary: every piece counts once, in its best window, and so do the
        special ones of the first and the last window.
        """
        start = windows.places
        middle = start + len(frame.before) + windows.lead
        end = middle + len(frame.between) + windows.length
        if self.summary == "cls" and self._cls is not None:
            place = (start if self._cls >= 0 else end + len(frame.after)) + self._cls
            example = windows.example
        else:
            opens, closes = _opens(windows.example), _closes(windows.example)
            first, owners = windows.first[opens], windows.example[opens]
            pieces = _spread(first, (windows.first + windows.length)[closes] - first)
            window = self._best(windows, 2 * pieces + 1)
            parts = [
                (windows.example[window], self._met(windows, frame, pieces, window)[0]),
                _beside(owners, start[opens], len(frame.before) + windows.lead[opens]),
                _beside(owners, middle[opens], len(frame.between)),
                _beside(owners, end[closes], len(frame.after)),
            ]
            example, place = (np.concatenate(part) for part in zip(*parts))
        counts = np.bincount(example, minlength=1)
        return _links(place, example, 1.0 / counts[example])


def _frame(tokenizer: Tokenizer, text: str, pair: str | None = None) -> _Frame:
    """What stands around a text, or around and between two, of one piece or more."""
    encoding = tokenizer.encode(text, pair)
    ids, types = np.array(encoding.ids, dtype=np.int64), np.array(encoding.type_ids, dtype=np.int64)
    inner = np.flatnonzero(~np.array(encoding.special_tokens_mask, dtype=bool))
    left = right = inner[0]
    if pair is not None:
        half = len(inner) // 2
        left, right = inner[half - 1] + 1, inner[half]
    before, between, after = slice(0, inner[0]), slice(left, right), slice(inner[-1] + 1, None)
    of_texts = types[inner[0]], types[inner[-1]]
    numbers = (types[before], of_texts[0], types[between], of_texts[1], types[after])
    return _Frame(ids[before], ids[between], ids[after], numbers)


def _specials(frame: _Frame) -> int:
    return len(frame.before) + len(frame.between) + len(frame.after)


def _spread(first: Ints, counts: Ints) -> Ints:
    """`counts[i]` numbers from `first[i]` on, one run after another."""
    return np.arange(counts.sum()) + np.repeat(first - _ends_of(counts)[:-1], counts)


def _opens(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers begins."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]


def _closes(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers ends."""
    return _opens(numbers[::-1])[::-1]


def _beside(owner: Ints, first: Ints, counts: Ints | int) -> tuple[Ints, Ints]:
    """`counts` places from `first` on, and the owner of each."""
    several = np.broadcast_to(counts, first.shape)
    return np.repeat(owner, several), _spread(first, several)


def _links(places: Ints, rows: Ints, shares: NDArray[np.float64]) -> Links:
    return Links(*map(torch.from_numpy, (places, rows, shares.astype(np.float32))))


def _ends_of(lengths: Ints | list[int]) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _place_of_cls(before: Ints, after: Ints, cls: int | None) -> int | None:
    """Where the piece for the whole text stands, counted from the front or, below 0, from the end."""
    if cls is not None and cls in before:
        return before.tolist().index(cls)
    return after.tolist().index(cls) - len(after) if cls is not None and cls in after else None


def _readable(text: str) -> str:
    """The text, with half surrogate pairs replaced, which no tokenizer reads; offsets stay true."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _meet(starts: Ints, ends: Ints, word_starts: Ints, word_ends: Ints) -> tuple[Ints, Ints]:
    """All pairs of a piece and a word that share a character, ordered by word, then by piece."""
    first = np.searchsorted(word_ends, starts, side="right")
    last = np.searchsorted(word_starts, ends, side="left")
    counts = np.where(ends > starts, np.maximum(last - first, 0), 0)
    piece = np.repeat(np.arange(len(starts)), counts)
    word = np.arange(len(piece)) - np.repeat(_ends_of(counts)[:-1] - first, counts)
    order = np.argsort(word, kind="stable")
    return piece[order], word[order]


def _without_blanks(piece: Ints, word: Ints, blank: NDArray[np.bool_], words: int) -> tuple[Ints, Ints]:
    """Drop the pieces that stand for white space, which carry the offset of the character behind it, unless
    the word has no other.
    """
    other = np.zeros(words, dtype=bool)
    other[word[~blank[piece]]] = True
    kept = ~blank[piece] | ~other[word]
    return piece[kept], word[kept]
