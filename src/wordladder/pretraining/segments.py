"""Batches of pretraining from documents: which sentences make up a row, in which order, and how rows become
a rectangle of pieces. A row never holds pieces of two documents, but where the next sentence is to be told
from a random one.

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

from ..data.batches import length_batches
from ..errors import DataError
from .documents import Documents
from .masking import Masking

Order = Literal["sop", "nsp"]

_SHORT = 0.1  # share of the rows that are shorter than they could be, as BERT's are
_ROWS = 4  # times as many rows as long ones fill a batch, if they are short


class Batch(NamedTuple):
    """Rows of pieces, some hidden.

    Attributes:
        ids: The pieces (rows, time).
        types: The segment of each, 0 or 1 (rows, time).
        mask: Where there are pieces and no padding (rows, time); None where there are everywhere.
        places: The hidden pieces, counted over all rows one after another (masked,).
        labels: What they were (masked,).
        order: 0: the second segment follows the first; 1: it does not; -100: there is no second (rows,). None
            where this is not asked.
    """

    ids: Tensor
    types: Tensor
    mask: Tensor | None
    places: Tensor
    labels: Tensor
    order: Tensor | None


class _Rows(NamedTuple):
    """The rows of one pass over the text: two ranges of pieces each, as they will stand, and the label."""

    first: np.ndarray  # (rows, 2)
    second: np.ndarray  # (rows, 2); empty ranges where there is no second segment
    order: np.ndarray  # (rows,)

    @property
    def lengths(self) -> np.ndarray:
        """Pieces of each row, special ones included."""
        one, two = self.first[:, 1] - self.first[:, 0], self.second[:, 1] - self.second[:, 0]
        return one + two + 2 + (two > 0)


class _Pass(NamedTuple):
    """The rows of one pass over the text, and which of them make up each batch."""

    rows: _Rows
    batches: list[np.ndarray]


@dataclass
class Batches:
    """The batches of a text, without end: one pass after another, each with other rows and masks. Several
    threads may ask for them at once.

    Args:
        documents: The text.
        masking: How pieces are hidden.
        special: The numbers of the pieces for start, end and padding.
        order: `"sop"`: two neighbouring segments, swapped in half of the rows; `"nsp"`: a segment of another
            document instead of the second in half of the rows; None: one segment.
        max_pieces: Pieces of a row, at most, special ones included.
        batch_pieces: Pieces of a batch, at most, padding included.
        seed: Start of everything random.
        whole_words: Whether words are hidden as a whole.

    Raises:
        DataError: the next sentence cannot be told from a random one, as there is one document only.
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
        self._ends: list[int] = []  # batches up to the end of each pass
        self._passes: dict[int, _Pass] = {}  # those that were opened last
        self._lock = RLock()

    def batch(self, number: int) -> Batch:
        """Batch `number`, counted from 0 over all passes."""
        epoch, index = self._find(number)
        rows, batches = self._open(epoch)
        return self._lay(rows, batches[index], np.random.Generator(np.random.PCG64([self.seed, 2, number])))

    def one_pass(self, most: int) -> list[Batch]:
        """The batches of the first pass, or as many as have at most `most` pieces, but at least one."""
        table, batches = self._open(0)
        sizes = np.cumsum([table.lengths[rows].sum() for rows in batches])
        return [self.batch(number) for number in range(max(1, int((sizes <= most).sum())))]

    def _find(self, number: int) -> tuple[int, int]:
        """The pass that a batch belongs to, and its place there."""
        if not self._ends or self._ends[-1] <= number:
            with self._lock:
                while not self._ends or self._ends[-1] <= number:
                    opened = self._open(len(self._ends))
                    self._ends.append((self._ends[-1] if self._ends else 0) + len(opened.batches))
        epoch = bisect_right(self._ends, number)
        return epoch, number - (self._ends[epoch - 1] if epoch else 0)

    def _open(self, epoch: int) -> _Pass:
        """Deal the rows of a pass, if it is not at hand. Who asks for one at hand does not wait."""
        if (found := self._passes.get(epoch)) is not None:
            return found
        with self._lock:
            if epoch not in self._passes:
                chance = np.random.Generator(np.random.PCG64([self.seed, 1, epoch]))
                rows = self._pairs(chance) if self.order else self._runs(chance)
                dealt = length_batches(
                    rows.lengths,
                    max_words=self.batch_pieces,
                    max_rows=max(1, _ROWS * self.batch_pieces // self.max_pieces),
                    seed=self.seed,
                    epoch=epoch,
                )
                # Threads are in two neighbouring passes where one ends.
                latest = list(self._passes.items())[-1:]
                self._passes = {**dict(latest), epoch: _Pass(rows, dealt)}
            return self._passes[epoch]

    def _runs(self, chance: np.random.Generator) -> _Rows:
        """Each document as one stream, cut into full rows from a random place on."""
        room = self.max_pieces - 2
        bounds = self.documents.sentences[self.documents.documents]
        sizes = bounds[:, 1] - bounds[:, 0]
        head = np.where(sizes > room, chance.integers(0, room, size=len(sizes)), 0)  # the first row
        counts = (head > 0) + -(-(sizes - head) // room)
        of = np.repeat(np.arange(len(sizes)), counts)
        number = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        shift = np.where(head > 0, head - room, 0)[of]
        begin = bounds[of, 0] + np.maximum(number * room + shift, 0)
        end = np.minimum(bounds[of, 0] + (number + 1) * room + shift, bounds[of, 1])
        nothing = np.zeros((len(of), 2), dtype=np.int64)
        return _Rows(np.stack([begin, end], axis=1), nothing, np.full(len(of), -100))

    def _pairs(self, chance: np.random.Generator) -> _Rows:
        """Neighbouring sentences of a document in two segments, parted at a random sentence."""
        room, starts = self.max_pieces - 3, self.documents.sentences
        begin, end, own = self._chunks(room, chance)
        size = end - begin
        middle = begin + 1 + np.floor(chance.random(len(begin)) * np.maximum(size - 1, 1)).astype(np.int64)
        middle = np.where(size > 1, middle, end)
        first = np.stack([starts[begin], starts[middle]], axis=1)
        second = np.stack([starts[middle], starts[end]], axis=1)
        order = np.where(size > 1, 0, -100)
        change = (size > 1) & (chance.random(len(begin)) < 0.5)
        order[change] = 1
        if self.order == "sop":
            swapped = change[:, None]
            first, second = np.where(swapped, second, first), np.where(swapped, first, second)
        else:
            left = room - (first[:, 1] - first[:, 0])
            second[change] = self._elsewhere(own[change], left[change], chance)
        return _Rows(first, second, order)

    def _chunks(self, room: int, chance: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Runs of sentences that fill a row, and the document of each."""
        starts, (first, last) = self.documents.sentences, self.documents.documents.T
        counts = last - first
        ends = np.cumsum(counts)
        own = np.repeat(np.arange(len(counts)), counts)
        # Of each sentence: its number, and where its document ends.
        at, last = np.arange(len(own)) + (first - ends + counts)[own], last[own]
        draws = chance.random((len(own), 2))
        targets = np.where(draws[:, 0] < _SHORT, 2 + draws[:, 1] * (room - 2), room).astype(np.int64)
        stop = np.minimum(np.searchsorted(starts, starts[at] + targets, side="right") - 1, last)
        # Two segments rather than one, even where a short row was wanted.
        two = np.minimum(at + 2, last)
        stop = np.where((stop < two) & (two == at + 2) & (starts[two] - starts[at] <= room), two, stop)
        stop = np.maximum(stop, at + 1)
        steps, begins, place = (stop - at).tolist(), [], 0
        for end in ends.tolist():
            while place < end:
                begins.append(place)
                place += steps[place]
        return at[begins], stop[begins], own[begins]

    def _elsewhere(self, own: np.ndarray, room: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """Sentences from a random place of a random other document, as many as there is room for."""
        documents, starts = self.documents.documents, self.documents.sentences
        other = chance.integers(0, len(documents) - 1, size=len(own))
        other += other >= own
        first, last = documents[other].T
        begin = first + np.floor(chance.random(len(own)) * (last - first)).astype(np.int64)
        stop = np.minimum(np.searchsorted(starts, starts[begin] + room, side="right") - 1, last)
        stop = np.maximum(stop, begin + 1)
        return np.stack([starts[begin], np.minimum(starts[stop], starts[begin] + room)], axis=1)

    def _lay(self, table: _Rows, rows: np.ndarray, chance: np.random.Generator) -> Batch:
        """Rows as rectangles, with pieces hidden."""
        ranges = np.stack([table.first[rows], table.second[rows]], axis=1).reshape(-1, 2)
        sizes = ranges[:, 1] - ranges[:, 0]
        part = np.repeat(np.arange(len(sizes)), sizes)
        within = np.arange(len(part)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        source = ranges[part, 0] + within
        row, segment = part // 2, part % 2
        opens = self.documents.opens(source) if self.whole_words else np.ones(len(source), dtype=bool)
        opens |= within == 0
        masked = self.masking.hide(self.documents.pieces[source].astype(np.int64), opens, row, chance)
        one, two = sizes[0::2], sizes[1::2]
        lengths = one + two + 2 + (two > 0)
        width = int(lengths.max())
        start, end, padding = self.special
        ids = np.full((len(rows), width), padding, dtype=np.int64)
        types = np.zeros_like(ids)
        column = 1 + within + np.where(segment == 1, one[row] + 1, 0)
        every = np.arange(len(rows))
        ids[:, 0] = start
        ids[every, one + 1] = end
        ids[every, lengths - 1] = end
        ids[row, column] = masked.ids
        place = np.arange(width)
        inside = place < lengths[:, None]
        types[(place > one[:, None] + 1) & inside] = 1
        flat = (row * width + column)[masked.places]
        return Batch(
            torch.from_numpy(ids),
            torch.from_numpy(types),
            None if inside.all() else torch.from_numpy(inside),
            torch.from_numpy(flat),
            torch.from_numpy(masked.labels),
            torch.from_numpy(table.order[rows].astype(np.int64)) if self.order else None,
        )
