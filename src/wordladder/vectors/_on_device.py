"""Skip-gram with negative sampling on an accelerator: many blocks of words at a time, as matrix products.

The words of a block share one draw of negatives (Ji et al. 2016, "Parallelizing Word2Vec in Shared and
Distributed Memory"), so the scores of a block and the gradients of both sides are three products. As in
`kernels.skipgram` the vectors of the neighbours are `inputs`, those of the word and of the negatives are
`outputs`. A step takes blocks from places far apart in the text, and all its gradients at the same point.

Estimate for an H200: a step of 640 blocks is 35 kernels of 2 to 8 µs, launched as one, and moves 15 kB a
word between caches and memory, 0.3 GB: 0.2 ms for 20,000 kept words, or 100 M kept words a second.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..corpus import Corpus
from ..progress import Progress
from ._blocks import SIZE, Batch, Blocks
from ._hogwild import Pace, Stretch, compiled, run, stretches

__all__ = ["pair_weights", "step", "train_on"]

_BLOCKS = 640  # in a step at most
_STEPS = 1000  # wanted in a training
_STRETCH = 1 << 22  # ids that are on the device at a time, at least
_SPARE = 8 << 30  # bytes of the device's memory that the text leaves free
# How steep the loss is along a row, a pair. Where many pairs of a step move one row, the sum of their steps
# goes past the minimum; as many steps one after another come near it, and so does the sum over 1 + rate ·
# steepness · pairs, the implicit step (Toulis and Airoldi 2017).
_STEEPNESS = 0.3


def pair_weights(batch: Batch, negative: int) -> Tensor:
    """How often each word is told from each target (blocks, window + size + window, size + negatives).

    The first `size` targets are the block's words: 1 for a pair of a word and its neighbour. The others are
    random words; a pair has `negative` of them together, less those that are its own target.
    """
    places = torch.arange(batch.words.shape[1], device=batch.words.device)
    distances = (places[:, None] - batch.of_block(places[None])).abs()
    near = (distances <= batch.spans[:, None]) & (distances > 0)
    pairs = (near & (batch.lines[:, :, None] == batch.of_block(batch.lines)[:, None])).float()
    own = (batch.of_block(batch.words)[:, :, None] == batch.negatives[:, None]).float()
    share = negative / batch.negatives.shape[1]
    others = torch.baddbmm(pairs.sum(2, keepdim=True), pairs, own, beta=share, alpha=-share)
    return torch.cat([pairs, others], 2)


def step(inputs: Tensor, outputs: Tensor, batch: Batch, rate: Tensor, negative: int) -> Tensor:
    """Learn from a batch in place: (loss, pairs that it is the sum of), of a sixteenth of the blocks.

    Args:
        inputs: Vectors of the words as neighbours (words, dim).
        outputs: Vectors of the words as targets.
        batch: What is learned from.
        rate: The learning rate ().
        negative: Random words a pair.
    """
    weights, size = pair_weights(batch, negative), batch.spans.shape[1]
    targets = torch.cat([batch.of_block(batch.words), batch.negatives], 1)
    rows = inputs.index_select(0, batch.words.flatten()).unflatten(0, batch.words.shape)
    others = outputs.index_select(0, targets.flatten()).unflatten(0, targets.shape)
    scores = torch.bmm(rows, others.transpose(1, 2))
    told = -(-len(scores) // 16)
    facts = _loss(scores[:told], weights[:told], size)
    slopes = scores.sigmoid_()
    slopes[:, :, :size] -= 1
    slopes *= weights
    moves = torch.bmm(slopes, others), torch.bmm(slopes.transpose(1, 2), rows)
    _move(inputs, batch.words, moves[0], weights.sum(2), rate)
    _move(outputs, targets, moves[1], weights.sum(1), rate)
    return facts


def _loss(scores: Tensor, weights: Tensor, size: int) -> Tensor:
    pairs = weights[:, :, :size]
    loss = (weights * functional.softplus(scores)).sum() - (pairs * scores[:, :, :size]).sum()
    return torch.stack([loss, pairs.sum()])


def _move(table: Tensor, rows: Tensor, slopes: Tensor, pairs: Tensor, rate: Tensor) -> None:
    """Move rows of a table against their slopes, each with regard to all of its pairs in the step."""
    flat = rows.flatten()
    counts = table.new_zeros(len(table)).index_add_(0, flat, pairs.flatten()).index_select(0, flat)
    paces = -rate / (1 + rate * _STEEPNESS * counts)
    table.index_add_(0, flat, slopes.flatten(0, 1).mul_(paces[:, None]))


class _Learner:
    """Learns from one stretch after another.

    The tensors of a step stay where they are, so that a card can record it.
    """

    def __init__(
        self, ids: np.ndarray, blocks: Blocks, pace: Pace, tables: tuple[Tensor, Tensor], negative: int
    ) -> None:
        self.ids, self.blocks, self.pace, self.tables, self.negative = ids, blocks, pace, tables, negative
        self.batch = blocks.empty()
        self.rate = torch.zeros((), device=blocks.device)
        self.facts = torch.zeros(2, dtype=torch.float64, device=blocks.device)
        self.held: dict[int, Tensor] = {}
        with torch.cuda.device_of(self.rate):
            self.go = _recorded(self._step, blocks.device)

    def _step(self) -> None:
        self.facts += step(*self.tables, self.batch, self.rate, self.negative)

    def __call__(self, stretch: Stretch) -> tuple[float, int]:
        schedule, state = self.pace.at(stretch)
        with torch.cuda.device_of(self.rate):
            batches = self.blocks.draw(self._ids(stretch), int(state) >> 1)
            steps = len(batches.words)
            for number in range(steps):
                done = (stretch.end - stretch.start) * number / steps
                self.rate.fill_(max(schedule.floor, schedule.rate - schedule.slope * done))
                for place, drawn in zip(self.batch, batches):
                    place.copy_(drawn[number])
                self.go()
            loss, pairs = self.facts.tolist()  # the device is waited for once a stretch
            self.facts.zero_()
        return loss, int(pairs)

    def _ids(self, stretch: Stretch) -> Tensor:
        """The ids of a stretch on the device, where they stay while there is room."""
        device = self.blocks.device
        if (ids := self.held.get(stretch.start)) is None or len(ids) != stretch.end - stretch.start:
            ids = torch.tensor(self.ids[stretch.start : stretch.end], device=device)
            if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > _SPARE:
                self.held[stretch.start] = ids
        return ids


def _recorded(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The same work, on a card recorded as one launch; it is done a few times and must change nothing yet."""
    if device.type != "cuda":
        return work
    side = torch.cuda.Stream(device)
    side.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream(device).wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    return graph.replay


@contextmanager
def _fast_products(device: torch.device) -> Iterator[None]:
    """Inside the block a card multiplies matrices in TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def train_on(
    device: torch.device,
    corpus: Corpus,
    tables: Any,
    matrices: tuple[np.ndarray, np.ndarray],
    pace: Pace,
    epochs: int,
    window: int,
    negative: int,
    progress: Progress,
) -> list[float]:
    """Learn from the corpus on a device: the mean loss of each epoch.

    Args:
        device: Where to compute.
        corpus: The text.
        tables: What is drawn from, of `_hogwild.target_tables`.
        matrices: Inputs and outputs (words, dim), learned in place.
        pace: Learning rate and random states.
        epochs: Times the text is read.
        window: The most words to each side.
        negative: Random words a pair.
        progress: Told the words learned, the mean loss of the epoch so far and the words per second.
    """
    count = min(_BLOCKS, max(1, len(corpus.ids) * epochs // (_STEPS * SIZE)))
    there = tuple(torch.from_numpy(one).to(device) for one in matrices)
    with _fast_products(device):
        learn = _Learner(corpus.ids, Blocks(tables, window, count, device), pace, there, negative)
        compiled(learn, progress)
        plan = stretches(corpus, epochs, (_STRETCH, _STRETCH))
        losses = run("word2vec", corpus, plan, learn, 1, progress)
    for one, learned in zip(matrices, there):
        one[:] = learned.cpu().numpy()
    return losses
