"""What a step of training on an accelerator learns from: blocks of words, drawn on the device."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SIZE = 32  # words of a block, which share a draw of negatives


class Batch(NamedTuple):
    """What a step learns from: blocks of `size` words that stand side by side, each between its neighbours.

    `words` (blocks, window + size + window) int32: rows of the words.
    `lines`, the same shape: the line that each stands in; −1 where there is no word.
    `spans` (blocks, size): how far each word of the block looks to both sides; 0: nowhere.
    `negatives` (blocks, negatives): rows of the random words.
    """

    words: Tensor
    lines: Tensor
    spans: Tensor
    negatives: Tensor

    def of_block(self, places: Tensor) -> Tensor:
        """`places` (blocks, window + size + window) without the neighbours of the block."""
        window = (self.words.shape[1] - self.spans.shape[1]) // 2
        return places[:, window : window + self.spans.shape[1]]


class Blocks:
    """Draws the batches of a stretch of the text on a device: which words are kept, spans and negatives.

    Args:
        tables: What is drawn from, of `_hogwild.target_tables`.
        window: The most words to each side.
        negative: Random words a pair; a block draws so many that each stands for `SIZE` pairs at most.
        count: Blocks of a batch.
        device: Where they are drawn.
    """

    def __init__(self, tables: Any, window: int, negative: int, count: int, device: torch.device) -> None:
        self.window, self.count, self.device = window, count, device
        self.negatives = -(-negative * (window + 1) // 8) * 8
        self.generator = torch.Generator(device)
        self.random = partial(torch.rand, generator=self.generator, device=device)
        self.integers = partial(torch.randint, generator=self.generator, device=device, dtype=torch.int32)
        self.keep, self.own = (self._chances(one) for one in (tables.keep, tables.alias[:, 0]))
        self.other = torch.tensor(tables.alias[:, 1].astype(np.int32), device=device)

    def _chances(self, thresholds: np.ndarray) -> Tensor:
        return torch.tensor(thresholds / 2**32, dtype=torch.float32, device=self.device)

    def empty(self) -> Batch:
        """Room for a batch, from which nothing is learned."""
        zeros = partial(torch.zeros, self.count, dtype=torch.int32, device=self.device)
        width = SIZE + 2 * self.window
        sizes = (width, width, SIZE, self.negatives)
        return Batch(*(zeros(size) for size in sizes))

    def draw(self, ids: Tensor, seed: int) -> Batch:
        """All batches of some text, each tensor with one dimension more in front; the last is filled up.

        Neighbouring blocks are in neighbouring batches, so that a batch is of many places of the text.
        """
        self.generator.manual_seed(seed)
        chances = self.keep.index_select(0, ids.clamp(min=0))
        kept = ((ids >= 0) & (self.random(len(ids)) < chances)).nonzero().squeeze(1)
        steps = max(1, -(-len(kept) // (self.count * SIZE)))
        rest = steps * self.count * SIZE - len(kept)
        lines = (ids < 0).cumsum(0, dtype=torch.int32)
        spans = functional.pad(self.integers(1, self.window + 1, (len(kept),)), (0, rest))
        around = (self.window, rest + self.window)
        return Batch(
            self._cut(functional.pad(ids.index_select(0, kept), around), self.window),
            self._cut(functional.pad(lines.index_select(0, kept), around, value=-1), self.window),
            self._cut(spans, 0),
            self._words(steps * self.count * self.negatives).view(steps, self.count, self.negatives),
        )

    def _cut(self, row: Tensor, around: int) -> Tensor:
        """Blocks with `around` places more on both sides (batches, blocks, around + size + around)."""
        blocks = row.unfold(0, SIZE + 2 * around, SIZE)
        return blocks.unflatten(0, (self.count, -1)).transpose(0, 1)

    def _words(self, count: int) -> Tensor:
        """Random words, from Walker's table."""
        places = self.integers(len(self.own), (count,))
        own = self.random(count) < self.own.index_select(0, places)
        return torch.where(own, places, self.other.index_select(0, places))
