"""Skip-gram with negative sampling on an accelerator: many blocks of words at a time, as matrix products.

The words of a block share one draw of negatives (Ji et al. 2016, "Parallelizing Word2Vec in Shared and
Distributed Memory"), so the scores of a block and the gradients of both sides are three products. As in
`kernels.skipgram` the vectors of the neighbours are `inputs`, those of the word and of the negatives are
`outputs`. A step takes blocks from places far apart in the text, and all its gradients at the same point.

Estimate for an H200, dim 100: a step of 640 blocks is 60 kernels, launched as one, and moves 18 kB a kept
word, so 0.09 ms + 0.37 GB at 3 TB/s for 20,480 words: 100 M kept words a second, without a kernel of our own.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..progress import Progress
from ..text.corpus import Corpus
from ._blocks import SIZE, Batch, Blocks
from ._hogwild import Pace, Stretch, compiled, run, stretches, target_tables

_BLOCKS = 640  # in a step at most
_STEPS = 1000  # wanted in a training
_STRETCH = 1 << 22  # ids that are on the device at a time, at least
_SPARE = 8 << 30  # bytes of the device's memory that the text leaves free
_FREQUENT = 4096  # words that may have more pairs in a step than can be learned at once
# How steep the loss is, a pair: along the mean of the other vectors in squares of it, at most the 1/4 that σ
# has; and across it in their variance over √dim. In trainings of 1.6 M words (dim 100, one epoch and five)
# they were 0.1 to 0.2 and 0.06 to 0.22.
_ALONG, _ACROSS = 0.2, 0.2


class Tables(NamedTuple):
    """What is learned: vectors of the words as neighbours and as targets, both (words, dim).

    `frequent` are the rows that are bounded in their moves.
    """

    inputs: Tensor
    outputs: Tensor
    frequent: Tensor


def pair_weights(batch: Batch, negative: int, rate: Tensor) -> Tensor:
    """How fast each word learns from each target (blocks, window + size + window, size + negatives).

    The first `size` targets are the block's words: `rate` for a pair of a word and its neighbour. The others
    are random words: a pair has `negative` times `rate` of them together, less those that are its own target.
    """
    places = torch.arange(batch.words.shape[1], device=batch.words.device)
    distances = (places[:, None] - batch.of_block(places[None])).abs()
    near = (distances <= batch.spans[:, None]) & (distances > 0)
    pairs = (near & (batch.lines[:, :, None] == batch.of_block(batch.lines)[:, None])) * rate
    own = (batch.of_block(batch.words)[:, :, None] == batch.negatives[:, None]).float()
    share = negative / batch.negatives.shape[1]
    others = torch.baddbmm(pairs.sum(2, keepdim=True), pairs, own, beta=share, alpha=-share)
    return torch.cat([pairs, others], 2)


def step(tables: Tables, batch: Batch, rate: Tensor, negative: int) -> Tensor:
    """Learn from a batch in place: (loss, pairs that it is the sum of), of a sixteenth of the blocks.

    Args:
        tables: What is learned.
        batch: What is learned from.
        rate: The learning rate ().
        negative: Random words a pair.
    """
    inputs, outputs, frequent = tables
    weights, size = pair_weights(batch, negative, rate), batch.spans.shape[1]
    targets = torch.cat([batch.of_block(batch.words), batch.negatives], 1)
    rows = inputs.index_select(0, batch.words.flatten()).unflatten(0, batch.words.shape)
    others = outputs.index_select(0, targets.flatten()).unflatten(0, targets.shape)
    scores = torch.bmm(rows, others.transpose(1, 2))
    some = slice(-(-len(scores) // 16))
    facts = _loss(scores[some], weights[some], size) / rate
    slopes = scores.sigmoid_()
    slopes[:, :, :size] -= 1
    slopes *= weights
    moves = torch.bmm(slopes, others), torch.bmm(slopes.transpose(1, 2), rows)
    of_rows, of_others = weights.sum(2), weights.sum(1)
    _move(inputs, batch.words, moves[0], of_rows, frequent, *_spread(others[some], of_others[some]))
    _move(outputs, targets, moves[1], of_others, frequent, *_spread(rows[some], of_rows[some]))
    return facts


def _loss(scores: Tensor, weights: Tensor, size: int) -> Tensor:
    pairs = weights[:, :, :size]
    loss = (weights * functional.softplus(scores)).sum() - (pairs * scores[:, :, :size]).sum()
    return torch.stack([loss, pairs.sum()])


def _spread(vectors: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """The weighted mean of vectors (dim,), and their variance around it ()."""
    shares, vectors = weights.flatten() / weights.sum().clamp(min=1e-9), vectors.flatten(0, 1)
    mean = shares @ vectors
    return mean, shares @ vectors.square().sum(1) - mean @ mean


def _move(
    table: Tensor, rows: Tensor, slopes: Tensor, weights: Tensor, frequent: Tensor, mean: Tensor, rest: Tensor
) -> None:
    """Move rows of a table against their slopes; those of frequent words no further than to the minimum.

    Thousands of pairs of one step move the row of a frequent word, all from the same point, and their sum
    goes past the minimum where as many moves one after another would come near it. By far steepest is the
    loss along the mean of the vectors on the other side; so the move has two parts, along the mean and
    across, and each is at most a Newton step.
    """
    flat, before = rows.flatten(), table.index_select(0, frequent)
    pairs = table.new_zeros(len(table)).index_add_(0, flat, weights.flatten()).index_select(0, frequent)
    table.index_add_(0, flat, slopes.flatten(0, 1), alpha=-1)
    moved, square = table.index_select(0, frequent) - before, mean @ mean
    along = torch.outer(moved @ mean / square.clamp(min=1e-9), mean)
    for part, steep in ((along, _ALONG * square), (moved - along, _ACROSS * rest / len(mean) ** 0.5)):
        before += part / (pairs * steep).clamp(min=1)[:, None]
    table.index_copy_(0, frequent, before)


class _Learner:
    """Learns from one stretch after another.

    The tensors of a step stay where they are, so that a card can record it.
    """

    def __init__(self, ids: np.ndarray, blocks: Blocks, pace: Pace, tables: Tables, negative: int) -> None:
        self.ids, self.blocks, self.pace, self.tables, self.negative = ids, blocks, pace, tables, negative
        self.batch = blocks.empty()
        self.rate = torch.ones((), device=blocks.device)
        self.facts = torch.zeros(2, dtype=torch.float64, device=blocks.device)
        self.held: dict[Stretch, Tensor] = {}
        with torch.cuda.device_of(self.rate):
            self.go = _recorded(self._step, blocks.device)

    def _step(self) -> None:
        self.facts += step(self.tables, self.batch, self.rate, self.negative)

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
        device, key = self.blocks.device, stretch._replace(epoch=0)
        if (ids := self.held.get(key)) is None:
            ids = torch.tensor(self.ids[stretch.start : stretch.end], device=device)
            if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > _SPARE:
                self.held[key] = ids
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
    with torch.cuda.graph(graph, stream=side, capture_error_mode="thread_local"):
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
    counts: np.ndarray,
    matrices: tuple[np.ndarray, np.ndarray],
    pace: Pace,
    trainer: Any,
    progress: Progress,
) -> list[float]:
    """Learn from the corpus on a device: the mean loss of each epoch.

    Args:
        device: Where to compute.
        corpus: The text.
        counts: How often each word was met, in this text and before.
        matrices: Inputs and outputs (words, dim), learned in place.
        pace: Learning rate and random states.
        trainer: A `Word2Vec`, which has the settings.
        progress: Told the words learned, the mean loss of the epoch so far and the words per second.
    """
    epochs, window, negative = trainer.epochs, trainer.window, trainer.negative
    tables, _ = target_tables(counts, trainer.sample, "negative", negative)
    count = min(_BLOCKS, max(1, len(corpus.ids) * epochs // (_STEPS * SIZE)))
    blocks = Blocks(tables, window, negative, count, device)
    there = Tables(
        *(torch.from_numpy(one).to(device) for one in (*matrices, _frequent(corpus, counts, negative)))
    )
    with _fast_products(device):
        learn = _Learner(corpus.ids, blocks, pace, there, negative)
        compiled(learn, progress)
        plan = stretches(corpus, epochs, (_STRETCH, _STRETCH))
        losses = run("word2vec", corpus, plan, learn, 1, progress)
    for one, learned in zip(matrices, there):
        one[:] = learned.cpu().numpy()
    return losses


def _frequent(corpus: Corpus, counts: np.ndarray, negative: int) -> np.ndarray:
    """The words that are most often in a pair, as a word of the text or as a random one."""
    drawn = counts**0.75
    expected = drawn * (negative / drawn.sum())
    expected[: len(corpus.vocabulary)] += np.asarray(corpus.vocabulary.counts) / corpus.kept_words
    return np.argsort(-expected, kind="stable")[:_FREQUENT]
