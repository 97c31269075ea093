"""Subword pieces of texts: how they are aligned with words, and how those of a long text are read in windows.

Pieces come from the raw text, as the tokenizer was trained, and are aligned with words by character offsets.
A text of more pieces than the transformer reads at once is read in windows that overlap, all of the same
length: each word is taken from the window whose middle is nearest to it. Of two texts in an example, such as
a question and a passage, the first one comes before every window of the second.
"""

import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ..text.padding import pad_words
from ..text.words import Tokens, offsets_of

_SURROGATE = re.compile("[\ud800-\udfff]")
_BLANKS = "▁ĠĊĉč"  # how SentencePiece and byte-level BPE write white space
CPU_GROUP = 4096  # pieces that a CPU reads at once: they stay in its cache
_FIRST, _LAST, _PARTS = 1, 3, 5  # parts of a window: the first of two texts, the (last) text; how many

Ints = NDArray[np.int64]


def bare_tokenizer(fast: Any) -> Tokenizer:
    """The tokenizer inside a fast one of transformers, a copy that neither pads nor truncates."""
    tokenizer = Tokenizer.from_str(fast.backend_tokenizer.to_str())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


class Group(NamedTuple):
    """Windows that are read together: piece numbers, mask and segment numbers `(windows, pieces)`."""

    ids: Any
    mask: Any
    types: Any


class Links(NamedTuple):
    """Which vectors make up which row: row `rows[i]` gets `shares[i]` of the vector at `places[i]`, counted
    over the places of all groups one after another.
    """

    places: Any
    rows: Any
    shares: Any


class WindowedTexts(NamedTuple):
    """A batch of texts as a transformer reads it.

    Attributes:
        groups: The windows.
        words: The pieces of each word.
        summary: The pieces of each text's summary, or None.
        without_pieces: Words that have no piece, `(words,)` bool.
        truncated: Words whose pieces have all been truncated, `(words,)` bool.
    """

    groups: tuple[Group, ...]
    words: Links
    summary: Links | None
    without_pieces: NDArray[np.bool_]
    truncated: NDArray[np.bool_]


class Prepared(NamedTuple):
    """Windows of pieces, what makes up the words and the summaries, the words' mask `(batch, time)`, and the
    words' segments where an example has two texts.
    """

    groups: tuple[Group, ...]
    words: Links
    mask: Any
    summary: Links | None
    segments: Any = None


class _Alignment(NamedTuple):
    """The pieces of all texts, one after another, with `offsets` as in Tokens; `piece[i]` is part of
    `word[i]`, ordered by word.
    """

    ids: Ints
    offsets: Ints
    piece: Ints
    word: Ints


class _Windows(NamedTuple):
    """The windows of all examples, each in five parts, some of which may be empty: special pieces, the first
    of two texts, special pieces, the (last) text, special pieces.

    Attributes:
        example: The example of each window, `(windows,)`.
        starts: Where each part starts, `(windows, 5)`, among the pieces of all texts and, after them, the
            special ones.
        counts: Pieces of each part, `(windows, 5)`.
    """

    example: Ints
    starts: Ints
    counts: Ints

    @property
    def sizes(self) -> Ints:
        """Pieces of each window, `(windows,)`."""
        return self.counts.sum(axis=1)


class _Frame(NamedTuple):
    """The special pieces before, between and after texts, how many these are, and the segment numbers of the
    special pieces and of the first and the last text.
    """

    ids: Ints
    sizes: tuple[int, int, int]
    types: Ints
    text_types: tuple[int, int]


class Pieces:
    """A tokenizer, and the windows in which its pieces are read.

    Args:
        tokenizer: It neither pads nor truncates.
        pad: The number of the padding piece.
        cls: The number of the piece that represents the whole text, or None.
        limit: Pieces in a window, special ones included; None for no limit.
        overlap: Pieces that neighbouring windows share.
        truncate: Whether only the first window of a text is read.
        pooling: `"first"` takes the first piece of a word, `"mean"` the mean of all.
        summary: `"cls"` or `"mean"`, over all windows; None for none.
        blanks: Whether a piece of white space belongs to the word after it, as in transformers; if not, only
            where the word has no other.

    Attributes:
        room: Pieces of one text that fit in a window; None where there is no limit.
        cls_place: The place in a window of the piece that represents the whole text, counted from the start
            or, below 0, from the end; None where there is none.
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
        self.tokenizer, self.pad, self.cls = tokenizer, pad, cls
        self.overlap, self.truncate, self.blanks = overlap, truncate, blanks
        self.pooling, self.summary = pooling, summary
        self.limit, self._frames = limit, (_frame(tokenizer, "a"), _frame(tokenizer, "a", "a"))
        self.room = None if limit is None else limit - len(self._frames[0].ids)
        self.cls_place = _cls_place(self._frames[0], cls)
        rows = tokenizer.get_vocab()
        self._blank = np.zeros(max(rows.values()) + 1, dtype=bool)
        if not blanks:
            self._blank[[row for piece, row in rows.items() if not piece.strip(_BLANKS)]] = True

    def read(self, tokens: Tokens, *, whole: bool = False, most: float = CPU_GROUP) -> Prepared:
        """The pieces of the texts in windows, and which of them make up each word.

        Args:
            tokens: The words.
            whole: Whether all windows are padded together, of which there is at least one.
            most: Pieces in a group of windows.
        """
        windows = self.arrange(tokens, np.inf if whole else most, whole=whole)
        _, mask, segments = pad_words(tokens.segment_numbers, tokens)
        return Prepared(windows.groups, windows.words, mask, windows.summary, segments)

    def keep(self, folder: Path) -> dict[str, Any]:
        """Write the tokenizer; returns the arguments of `restore`."""
        self.tokenizer.save(str(folder / "tokenizer.json"))
        names = ("pad", "cls", "limit", "overlap", "truncate", "pooling", "summary", "blanks")
        return {name: getattr(self, name) for name in names}

    @staticmethod
    def restore(folder: Path, **settings: Any) -> "Pieces":
        """Read what `keep` wrote."""
        return Pieces(Tokenizer.from_file(str(folder / "tokenizer.json")), **settings)

    def arrange(self, tokens: Tokens, most: float = CPU_GROUP, *, whole: bool = False) -> WindowedTexts:
        """Tokenize these texts, one or two to an example, and cut them into windows, which are read in groups
        of similar length and of so many pieces, or as a `whole`.
        """
        alignment, windows, groups, places = self._grouped(tokens, most, whole)
        words, empty = self._word_links(alignment, windows, places, tokens)
        summary = None if self.summary is None else self._summary_links(windows, places)
        has_piece = np.bincount(alignment.word, minlength=len(empty)) > 0
        return WindowedTexts(groups, words, summary, ~has_piece, has_piece & empty)

    def words_at(self, tokens: Tokens) -> Ints:
        """The word of each place of the groups that `arrange` makes, one after another; -1 for none."""
        alignment, windows, groups, places = self._grouped(tokens)
        words = np.full(len(alignment.ids) + windows.sizes.max(initial=0), -1)  # special ones come last
        words[alignment.piece] = alignment.word
        found = np.full(sum(group.ids.size for group in groups), -1)
        found[_ranges(places, windows.sizes)] = words[_ranges(windows.starts.ravel(), windows.counts.ravel())]
        return found

    def _grouped(self, tokens: Tokens, most: float = CPU_GROUP, whole: bool = False) -> Any:
        alignment, frame = self._align(tokens), self._frames[tokens.segments - 1]
        windows = self._windows(alignment.offsets, frame, tokens.segments)
        return alignment, windows, *self._groups(alignment, windows, frame, tokens.segments, most, whole)

    def _align(self, tokens: Tokens) -> _Alignment:
        """Tokenize the texts up to their last word that is read, and align pieces with words."""
        # No tokenizer reads halves of surrogate pairs; offsets stay the same.
        texts = [text if text.isascii() else _SURROGATE.sub("\ufffd", text) for text in tokens.texts]
        for row in np.flatnonzero(tokens.lost).tolist():
            texts[row] = texts[row][: tokens.ends[tokens.offsets[row + 1] - 1]]
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        offsets = offsets_of([len(encoding) for encoding in encodings])
        ids, spans = np.zeros(offsets[-1], np.int64), np.zeros((offsets[-1], 2), np.int64)
        for encoding, start, end in zip(encodings, offsets[:-1].tolist(), offsets[1:].tolist()):
            if end > start:
                ids[start:end], spans[start:end] = encoding.ids, encoding.offsets
        # Every text gets characters of its own, so that one search is enough for all texts.
        base = offsets_of([len(text) + 1 for text in texts])[:-1]
        spans += np.repeat(base, np.diff(offsets))[:, None]
        shift = np.repeat(base, tokens.lengths)
        piece, word = _overlaps(spans[:, 0], spans[:, 1], tokens.starts + shift, tokens.ends + shift)
        return _Alignment(ids, offsets, *_without_blanks(piece, word, self._blank[ids], len(shift)))

    def _windows(self, offsets: Ints, frame: _Frame, segments: int) -> _Windows:
        """Cut each text's pieces into windows; the last one ends where the text ends, so all are full.

        The first of two texts has at most half of the room.
        """
        counts = np.diff(offsets)[segments - 1 :: segments]
        lead = np.zeros_like(counts) if segments == 1 else np.diff(offsets)[::segments]
        room, number = np.maximum(counts, 1), np.ones_like(counts)
        if self.limit is not None:
            whole = self.limit - len(frame.ids)
            lead = np.where(lead + counts > whole, np.minimum(lead, whole // 2), lead)
            room = whole - lead
        overlap = self.overlap if segments == 1 else np.minimum(self.overlap, room // 2)
        step = np.maximum(room - overlap, 1)
        if not self.truncate:
            number = number + np.maximum(-(-(counts - room) // step), 0)
        example = np.repeat(np.arange(len(counts)), number)
        turn = _ranges(np.zeros_like(number), number)
        last = np.maximum(counts - room, 0)[example]
        first = offsets[segments - 1 : -1 : segments][example] + np.clip(turn * step[example], 0, last)
        before, between, after = frame.sizes
        special = int(offsets[-1]) + offsets_of([before, between])
        starts = (special[0], offsets[:-1:segments][example], special[1], first, special[2])
        sizes = (before, lead[example], between, np.minimum(counts, room)[example], after)
        return _Windows(
            example, *(np.stack(np.broadcast_arrays(*parts), axis=1) for parts in (starts, sizes))
        )

    def _groups(
        self, alignment: _Alignment, windows: _Windows, frame: _Frame, segments: int, most: float, whole: bool
    ) -> tuple[tuple[Group, ...], Ints]:
        """Windows of similar length together, padded, and the place of each window's first piece."""
        texts = np.repeat(np.arange(len(alignment.offsets) - 1), np.diff(alignment.offsets)) % segments
        ids = np.concatenate([alignment.ids, frame.ids])
        types = np.concatenate([np.where(texts < segments - 1, *frame.text_types), frame.types])
        sizes = windows.sizes
        places = np.zeros_like(sizes)
        order = np.argsort(-sizes, kind="stable")
        order = order[sizes[order] > 0]
        groups, taken = [], 0
        while len(order):
            width = int(sizes[order[0]])
            similar = len(order) if whole else int(np.count_nonzero(2 * sizes[order] > width))
            rows, order = np.split(order, [int(min(similar, max(1, most / width)))])
            places[rows] = taken + width * np.arange(len(rows))
            taken += width * len(rows)
            mask = np.arange(width) < sizes[rows, None]
            padded, segment = np.full(mask.shape, self.pad, np.int64), np.zeros(mask.shape, np.int64)
            pieces = _ranges(windows.starts[rows].ravel(), windows.counts[rows].ravel())
            padded[mask], segment[mask] = ids[pieces], types[pieces]
            groups.append(Group(padded, mask, segment))
        if whole and not groups:
            nothing = np.zeros((1, 1), np.int64)
            groups.append(Group(nothing, nothing > 0, nothing))
        return tuple(groups), places

    def _word_links(
        self, alignment: _Alignment, windows: _Windows, places: Ints, tokens: Tokens
    ) -> tuple[Links, NDArray[np.bool_]]:
        """The pieces of each word of the padded batch, and which words have none."""
        piece, word, segments = alignment.piece, alignment.word, tokens.segments
        texts = np.repeat(np.arange(len(tokens.texts)), tokens.lengths)
        opens, closes = _opens(word), _closes(word)
        window = _nearest(windows, (piece[opens] + piece[closes] + 1)[np.cumsum(opens) - 1])
        of_first = texts[word] % segments < segments - 1
        window = np.where(of_first, np.searchsorted(windows.example, texts[word] // segments), window)
        part = np.where(of_first, _FIRST, _LAST)
        inner = piece - windows.starts[window, part]
        before = (np.cumsum(windows.counts, axis=1) - windows.counts)[window, part]
        inside = (inner >= 0) & (inner < windows.counts[window, part])
        word, place = word[inside], (places[window] + before + inner)[inside]
        if self.pooling == "first":
            word, place = word[_opens(word)], place[_opens(word)]
        counts = np.bincount(word, minlength=len(texts))
        offsets = tokens.example_offsets
        time = max(1, int(np.diff(offsets).max(initial=0)))
        rows = np.arange(len(texts)) + (time * np.arange(len(tokens)) - offsets[:-1])[texts // segments]
        return _links(place, rows[word], 1.0 / counts[word]), counts == 0

    def _summary_links(self, windows: _Windows, places: Ints) -> Links:
        """The pieces of each example's summary: every piece counts once, in the nearest window, and so do the
        special ones of the first and the last window.
        """
        if self.summary == "cls" and self.cls_place is not None:
            example, place = windows.example, places + self.cls_place + (self.cls_place < 0) * windows.sizes
        else:
            window = np.repeat(np.arange(len(places)), windows.sizes)
            part = np.repeat(np.tile(np.arange(_PARTS), len(places)), windows.counts.ravel())
            piece = _ranges(windows.starts.ravel(), windows.counts.ravel())
            opens, closes = _opens(windows.example)[window], _closes(windows.example)[window]
            counts_once = np.where(part < _LAST, opens, closes)
            counts_once[part == _LAST] = (_nearest(windows, 2 * piece + 1) == window)[part == _LAST]
            example = windows.example[window][counts_once]
            place = _ranges(places, windows.sizes)[counts_once]
        counts = np.bincount(example, minlength=1)
        return _links(place, example, 1.0 / counts[example])


def _nearest(windows: _Windows, twice_middle: Ints) -> Ints:
    """The window whose middle is nearest to places among all pieces; their middles are given twice."""
    inner, first = ~_opens(windows.example), windows.starts[:, _LAST]
    border = 2 * first
    border[inner] = (first[1:] + first[:-1] + windows.counts[1:, _LAST])[inner[1:]]
    return np.searchsorted(border, twice_middle, side="right") - 1


def _frame(tokenizer: Tokenizer, text: str, pair: str | None = None) -> _Frame:
    """The special pieces around a text, or around and between two."""
    encoding = tokenizer.encode(text, pair)
    ids, types = np.array(encoding.ids, dtype=np.int64), np.array(encoding.type_ids, dtype=np.int64)
    special = np.array(encoding.special_tokens_mask, dtype=bool)
    inner = np.flatnonzero(~special)
    between = int(special[inner[0] : inner[-1]].sum())
    sizes = (int(inner[0]), between, len(ids) - int(inner[-1]) - 1)
    return _Frame(ids[special], sizes, types[special], (int(types[inner[0]]), int(types[inner[-1]])))


def _cls_place(frame: _Frame, cls: int | None) -> int | None:
    """The place of the piece for the whole text, counted from the start or, below 0, from the end."""
    before, _, after = (part.tolist() for part in np.split(frame.ids, np.cumsum(frame.sizes)[:-1]))
    if cls in before:
        return before.index(cls)
    return after.index(cls) - len(after) if cls in after else None


def _ranges(first: Ints, counts: Ints) -> Ints:
    """`counts[i]` numbers from `first[i]` on, one run after another."""
    return np.arange(counts.sum()) + np.repeat(first - offsets_of(counts)[:-1], counts)


def _opens(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers begins."""
    return np.append(True, numbers[1:] != numbers[:-1])[: len(numbers)]


def _closes(numbers: Ints) -> NDArray[np.bool_]:
    """Where a run of equal numbers ends."""
    return _opens(numbers[::-1])[::-1]


def _links(places: Ints, rows: Ints, shares: NDArray[np.float64]) -> Links:
    return Links(places, rows, shares.astype(np.float32))


def _overlaps(starts: Ints, ends: Ints, word_starts: Ints, word_ends: Ints) -> tuple[Ints, Ints]:
    """All pairs of a piece and a word that share a character, ordered by word, then by piece."""
    first = np.searchsorted(word_ends, starts, side="right")
    last = np.searchsorted(word_starts, ends, side="left")
    counts = np.where(ends > starts, np.maximum(last - first, 0), 0)
    piece, word = np.repeat(np.arange(len(starts)), counts), _ranges(first, counts)
    order = np.argsort(word, kind="stable")
    return piece[order], word[order]


def _without_blanks(piece: Ints, word: Ints, blank: NDArray[np.bool_], words: int) -> tuple[Ints, Ints]:
    """Drop the pieces of white space, which have the offset of the character after it, unless the word has no
    other.
    """
    has_other = np.zeros(words, dtype=bool)
    has_other[word[~blank[piece]]] = True
    keep = ~blank[piece] | ~has_other[word]
    return piece[keep], word[keep]
