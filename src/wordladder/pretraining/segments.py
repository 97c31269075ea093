"""Batches of pretraining from documents: which sentences make up a row, in which order, and how rows become
a rectangle of pieces. A row never holds pieces of two documents, except where the second segment may be a
random one.

Everything is a pure function of the seed and the number of the batch. Rows of similar length come together,
so that hardly anything is padding.
"""

from bisect import bisect_right
from dataclasses import dataclass
from threading import RLock
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..data.batches import length_batches, positions_within
from ..errors import DataError
from .documents import Documents
from .masking import Masking

Order = Literal["sop", "nsp"]

_SHORT = 0.1  # share of the rows that are shorter than they could be, as in BERT
_ROWS = 4  # times as many rows as long ones fill a batch, if they are short


class Batch(NamedTuple):
    """Rows of pieces, some masked.

    Attributes:
        ids: The pieces (rows, time).
        types: The segment of each, 0 or 1 (rows, time).
        mask: Where there are pieces and no padding (rows, time); None where there are everywhere.
        places: The masked pieces, counted over all rows one after another (masked,).
        labels: What they were (masked,).
        order: 0: the second segment follows the first; 1: it does not; -100: there is no second (rows,). None
            where this is no objective.
    """

    ids: Tensor
    types: Tensor
    mask: Tensor | None
    places: Tensor
    labels: Tensor
    order: Tensor | None


class _Pass(NamedTuple):
    """The rows of one pass over the text, as two ranges of pieces each and a label, and which rows make up
    each batch.
    """

    ranges: np.ndarray  # (rows, 2 segments, 2); the second range is empty where there is one segment
    order: np.ndarray  # (rows,)
    lengths: np.ndarray  # of the rows, special pieces included: (rows,)
    batches: list[np.ndarray]


@dataclass
class Batches:
    """The batches of a text, without end: one pass after another, each with other rows and masks. Several
    threads may ask for them at once.

    Args:
        documents: The text.
        masking: How pieces are masked.
        special: The numbers of the pieces for start, end and padding.
        order: `"sop"`: two neighbouring segments, swapped in half of the rows; `"nsp"`: a segment of another
            document instead of the second in half of the rows; None: one segment.
        max_pieces: Pieces of a row, at most, special ones included.
        batch_pieces: Pieces of a batch, at most, padding included.
        seed: Start of everything random.
        whole_words: Whether words are masked as a whole.

    Raises:
        DataError: there is no random next sentence, as there is one document only.
    """

    documents: Documents
    masking: Masking
    special: tuple[int, int, int]
    order: Order | None
    max_pieces: int
    batch_pieces: int
    seed: int
    whole_words: bool = True

    def __post_init__(self) -> None:
        if self.order == "nsp" and len(self.documents) < 2:
            raise DataError(
                "next-sentence prediction needs two documents or more, and the text is one; put a blank line "
                "between documents, or choose the objectives mlm,sop"
            )
        self._starts = [0]  # the first batch of each pass
        self._passes: dict[int, _Pass] = {}  # the two that were opened last
        self._lock = RLock()

    def batch(self, number: int) -> Batch:
        """Batch `number`, counted from 0 over all passes."""
        epoch, index = self._find(number)
        dealt, chance = self._open(epoch), np.random.Generator(np.random.PCG64([self.seed, 2, number]))
        return self._make_batch(dealt, dealt.batches[index], chance)

    def one_pass(self, most: int) -> list[Batch]:
        """The batches of the first pass, or as many as have at most `most` pieces, but at least one."""
        first = self._open(0)
        sizes = np.cumsum([first.lengths[rows].sum() for rows in first.batches])
        return [self.batch(number) for number in range(max(1, int((sizes <= most).sum())))]

    def _find(self, number: int) -> tuple[int, int]:
        """The pass that a batch belongs to, and its place there."""
        if self._starts[-1] <= number:
            with self._lock:
                while self._starts[-1] <= number:
                    self._starts.append(self._starts[-1] + len(self._open(len(self._starts) - 1).batches))
        epoch = bisect_right(self._starts, number) - 1
        return epoch, number - self._starts[epoch]

    def _open(self, epoch: int) -> _Pass:
        """Deal the rows of a pass, unless it is cached; a thread that asks for a cached one does not wait."""
        if (cached := self._passes.get(epoch)) is not None:
            return cached
        with self._lock:
            if epoch not in self._passes:
                chance = np.random.Generator(np.random.PCG64([self.seed, 1, epoch]))
                ranges, order = self._pairs(chance) if self.order else self._runs(chance)
                sizes = np.diff(ranges)[..., 0]
                lengths = sizes.sum(axis=1) + 2 + (sizes[:, 1] > 0)
                batches = length_batches(
                    lengths,
                    max_words=self.batch_pieces,
                    max_rows=max(1, _ROWS * self.batch_pieces // self.max_pieces),
                    seed=self.seed,
                    epoch=epoch,
                )
                # Where one pass ends, threads read from two of them.
                latest = list(self._passes.items())[-1:]
                self._passes = {**dict(latest), epoch: _Pass(ranges, order, lengths, batches)}
            return self._passes[epoch]

    def _runs(self, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Each document as one stream, cut into full rows from a random place on: ranges and labels."""
        room, bounds, sizes = self.max_pieces - 2, self.documents.bounds, self.documents.sizes
        head = np.where(sizes > room, chance.integers(0, room, size=len(sizes)), 0)  # the first row
        counts = (head > 0) + -(-(sizes - head) // room)
        owner = np.repeat(np.arange(len(sizes)), counts)
        first = positions_within(counts) * room + np.where(head > 0, head - room, 0)[owner]
        begin = bounds[owner, 0] + np.maximum(first, 0)
        end = np.minimum(bounds[owner, 0] + first + room, bounds[owner, 1])
        ranges = np.zeros((len(owner), 2, 2), dtype=np.int64)
        ranges[:, 0] = np.stack([begin, end], axis=1)
        return ranges, np.full(len(owner), -100)

    def _pairs(self, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Neighbouring sentences of a document in two segments, split at a random one: ranges and labels."""
        room = self.max_pieces - 3
        begin, end, owner = self._chunks(room, chance)
        size = end - begin
        middle = begin + 1 + np.floor(chance.random(len(begin)) * np.maximum(size - 1, 1)).astype(np.int64)
        middle = np.where(size > 1, middle, end)
        ranges = self.documents.sentences[np.stack([begin, middle, middle, end], axis=1)].reshape(-1, 2, 2)
        change = (size > 1) & (chance.random(len(begin)) < 0.5)
        if self.order == "sop":
            ranges[change] = ranges[change, ::-1]
        else:
            left = room - (ranges[change, 0, 1] - ranges[change, 0, 0])
            ranges[change, 1] = self._from_elsewhere(owner[change], left, chance)
        return ranges, np.where(size > 1, change, -100)

    def _chunks(self, room: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs of sentences that fill a row, and the document of each."""
        starts, (first, last) = self.documents.sentences, self.documents.documents.T
        counts = last - first
        owner = np.repeat(np.arange(len(counts)), counts)
        # Of each sentence: its number, and where its document ends.
        at, last = first[owner] + positions_within(counts), last[owner]
        draws = chance.random((len(owner), 2))
        targets = np.where(draws[:, 0] < _SHORT, 2 + draws[:, 1] * (room - 2), room).astype(np.int64)
        stop = np.minimum(np.searchsorted(starts, starts[at] + targets, side="right") - 1, last)
        # Two segments rather than one, even where the row was to be short.
        two = np.minimum(at + 2, last)
        stop = np.where((stop < two) & (two == at + 2) & (starts[two] - starts[at] <= room), two, stop)
        stop = np.maximum(stop, at + 1)
        steps, begins, sentence = (stop - at).tolist(), [], 0
        for end in np.cumsum(counts).tolist():
            while sentence < end:
                begins.append(sentence)
                sentence += steps[sentence]
        return at[begins], stop[begins], owner[begins]

    def _from_elsewhere(self, owner: np.ndarray, room: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """Sentences from a random place of a random other document, as many as there is room for."""
        documents, starts = self.documents.documents, self.documents.sentences
        other = chance.integers(0, len(documents) - 1, size=len(owner))
        other += other >= owner
        first, last = documents[other].T
        begin = first + np.floor(chance.random(len(owner)) * (last - first)).astype(np.int64)
        stop = np.minimum(np.searchsorted(starts, starts[begin] + room, side="right") - 1, last)
        stop = np.maximum(stop, begin + 1)
        return np.stack([starts[begin], np.minimum(starts[stop], starts[begin] + room)], axis=1)

    def _make_batch(self, dealt: _Pass, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        """Rows as rectangles, with pieces masked."""
        ranges = dealt.ranges[rows].reshape(-1, 2)
        sizes = ranges[:, 1] - ranges[:, 0]
        within = positions_within(sizes)
        part = np.repeat(np.arange(len(sizes)), sizes)
        source = ranges[part, 0] + within
        row, segment = part // 2, part % 2
        opens = self.documents.opens(source) if self.whole_words else np.ones(len(source), dtype=bool)
        opens |= within == 0
        pieces = self.documents.pieces[source].astype(np.int64)
        pieces, places, labels = self.masking.mask_pieces(pieces, opens, row, chance)
        first, lengths = sizes[0::2], dealt.lengths[rows]
        start, end, padding = self.special
        ids = np.full((len(rows), int(lengths.max())), padding, dtype=np.int64)
        every, columns = np.arange(len(rows)), np.arange(ids.shape[1])
        column = 1 + within + segment * (first[row] + 1)
        ids[:, 0] = start
        ids[every, first + 1] = ids[every, lengths - 1] = end
        ids[row, column] = pieces
        inside = columns < lengths[:, None]
        types = ((columns > first[:, None] + 1) & inside).astype(np.int64)
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(types),
            None if inside.all() else torch.from_numpy(inside),
            torch.from_numpy((row * ids.shape[1] + column)[places]),
            torch.from_numpy(labels),
            torch.from_numpy(dealt.order[rows].astype(np.int64)) if self.order else None,
        )
