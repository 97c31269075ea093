"""Subword pieces of texts: how they meet words, and how those of a long text are laid out in windows.

Pieces come from the raw text, as the tokenizer was trained, and meet words by character offset. A text of
more pieces than the transformer reads at once is read in windows that overlap, all of them equally long: each
word is taken from the window whose middle is nearest to it. This file knows no transformer.
"""

import re
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from ..text import Tokens

__all__ = ["Group", "Laid", "Links", "Pieces"]

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = "▁ĠĊĉč"  # how SentencePiece and byte-level BPE write white space
_GROUP_PIECES = 8192

Ints = NDArray[np.int64]


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
    """The windows of all texts: `length` pieces from `first` on, counted over all texts; `places` are those
    of their first tokens, special ones counted.
    """

    text: Ints
    first: Ints
    length: Ints
    places: Ints


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
    ) -> None:
        self.tokenizer, self.pad, self.overlap, self.truncate = tokenizer, pad, overlap, truncate
        self.pooling, self.summary = pooling, summary
        frame = tokenizer.encode("a")
        special = np.array(frame.special_tokens_mask, dtype=bool)
        inner = np.flatnonzero(~special)
        ids, types = np.array(frame.ids, dtype=np.int64), np.array(frame.type_ids, dtype=np.int64)
        self.before, self.after = ids[: inner[0]], ids[inner[-1] + 1 :]
        self._types = types[: inner[0]], types[inner[0]], types[inner[-1] + 1 :]
        self._cls = _place_of_cls(self.before, self.after, cls)
        self.room = None if limit is None else limit - len(self.before) - len(self.after)
        rows = tokenizer.get_vocab()
        self._blank = np.zeros(max(rows.values()) + 1, dtype=bool)
        self._blank[[row for piece, row in rows.items() if not piece.strip(_BLANKS)]] = True

    @property
    def has_cls(self) -> bool:
        """Whether a special piece stands for the whole text."""
        return self._cls is not None

    def lay(self, tokens: Tokens) -> Laid:
        """Lay out the pieces of these texts."""
        found = self._find(tokens)
        windows = self._windows(found.offsets)
        groups, places = self._groups(found.ids, windows)
        windows = windows._replace(places=places)
        words, empty = self._word_links(found, windows, tokens)
        summary = None if self.summary is None else self._summary_links(found, windows)
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

    def _windows(self, offsets: Ints) -> _Windows:
        """Cut each text's pieces into windows; the last one ends where the text ends, so all are full."""
        counts, room = np.diff(offsets), self.room
        number = np.ones_like(counts)
        if room is not None and not self.truncate:
            step = room - self.overlap
            number += np.maximum(-(-(counts - room) // step), 0)
        text = np.repeat(np.arange(len(counts)), number)
        turn = np.arange(len(text)) - np.repeat(_ends_of(number)[:-1], number)
        length, first = counts[text], offsets[text]
        if room is not None:
            first = first + np.clip(turn * (room - self.overlap), 0, np.maximum(length - room, 0))
            length = np.minimum(length, room)
        return _Windows(text, first, length, np.zeros_like(first))

    def _groups(self, ids: Ints, windows: _Windows) -> tuple[tuple[Group, ...], Ints]:
        """Windows of similar length together, and the place of each window's first token."""
        size = windows.length + len(self.before) + len(self.after)
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
            groups.append(self._group(ids, windows.first[rows], windows.length[rows], width))
        return tuple(groups), places

    def _group(self, ids: Ints, first: Ints, length: Ints, width: int) -> Group:
        """One rectangle: special pieces before and after, padding behind them."""
        before, after = len(self.before), len(self.after)
        column = np.arange(width) - before
        inside = (column >= 0) & (column < length[:, None])
        numbers = np.full(inside.shape, self.pad, np.int64)
        types = np.zeros_like(numbers)
        numbers[:, :before], types[:, :before] = self.before, self._types[0]
        numbers[inside], types[inside] = ids[(first[:, None] + column)[inside]], self._types[1]
        rows, columns = np.arange(len(first))[:, None], before + length[:, None] + np.arange(after)
        numbers[rows, columns], types[rows, columns] = self.after, self._types[2]
        mask = column < length[:, None] + after
        return Group(torch.from_numpy(numbers), torch.from_numpy(mask), torch.from_numpy(types))

    def _best(self, windows: _Windows, twice_middle: Ints) -> Ints:
        """The window whose middle is nearest, for places among all pieces; middles are given twice."""
        inner = ~_opens(windows.text)
        border = 2 * windows.first
        border[inner] = (windows.first[1:] + windows.first[:-1] + windows.length[1:])[inner[1:]]
        return np.searchsorted(border, twice_middle, side="right") - 1

    def _word_links(
        self, found: _Found, windows: _Windows, tokens: Tokens
    ) -> tuple[Links, NDArray[np.bool_]]:
        """What makes up each word of the padded batch, and which words have no piece."""
        piece, word = found.piece, found.word
        opens, closes = _opens(word), _closes(word)
        runs = np.cumsum(opens) - 1
        window = self._best(windows, (piece[opens] + piece[closes] + 1)[runs])
        place = piece - windows.first[window]
        inside = (place >= 0) & (place < windows.length[window])
        word, place = word[inside], (windows.places[window] + len(self.before) + place)[inside]
        if self.pooling == "first":
            word, kept = np.unique(word, return_index=True)
            place = place[kept]
        counts = np.bincount(word, minlength=len(tokens.starts))
        time = max(1, int(tokens.lengths.max(initial=0)))
        texts = np.repeat(np.arange(len(tokens.texts)), tokens.lengths)
        rows = np.arange(len(texts)) - tokens.offsets[texts] + time * texts
        return _links(place, rows[word], 1.0 / counts[word]), counts == 0

    def _summary_links(self, found: _Found, windows: _Windows) -> Links:
        """What makes up each text's summary: every piece counts once, in its best window, and so do the
        special ones of the first and the last window.
        """
        start, end = windows.places, windows.places + len(self.before) + windows.length
        if self.summary == "cls" and self._cls is not None:
            place = (start if self._cls >= 0 else end + len(self.after)) + self._cls
            text = windows.text
        else:
            pieces = np.arange(found.offsets[-1])
            window = self._best(windows, 2 * pieces + 1)
            inside = pieces < (windows.first + windows.length)[window]
            pieces, window = pieces[inside], window[inside]
            opens, closes = _opens(windows.text), _closes(windows.text)
            parts = [
                (windows.text[window], start[window] + len(self.before) + pieces - windows.first[window]),
                _beside(windows.text[opens], start[opens], len(self.before)),
                _beside(windows.text[closes], end[closes], len(self.after)),
            ]
            text, place = (np.concatenate(part) for part in zip(*parts))
        counts = np.bincount(text, minlength=1)
        return _links(place, text, 1.0 / counts[text])


def _opens(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers begins."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]


def _closes(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers ends."""
    return _opens(numbers[::-1])[::-1]


def _beside(text: Ints, first: Ints, count: int) -> tuple[Ints, Ints]:
    """`count` places from `first` on, and the text of each."""
    return np.repeat(text, count), (first[:, None] + np.arange(count)).ravel()


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
