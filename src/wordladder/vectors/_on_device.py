"""Skip-gram with negative sampling on an accelerator: many blocks of words at a time, as matrix products.

The words of a block share one draw of negatives (Ji et al. 2016, "Parallelizing Word2Vec in Shared and
Distributed Memory"), so the scores of a block and the gradients of both sides are three products. As in
`kernels.word2vec` the vectors of the neighbours are `inputs`, those of the word and of the negatives are
`outputs`. A step takes blocks from places far apart in the text, and all its gradients at the same point.

Estimate for an H200, dim 100: a step of 640 blocks is 60 kernels, launched as one, and moves 18 kB a kept
word, so 0.09 ms + 0.37 GB at 3 TB/s for 20,480 words: 100 M kept words a second, without a kernel of our own.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..text.corpus import Corpus
from ._hogwild import Chunk, Run, chunks, compile_kernel, random_state, sampling_tables, train_chunks

if TYPE_CHECKING:
    from ..kernels.sampling import Tables as SamplingTables
    from .word2vec import Word2Vec

BLOCK_SIZE = 32  # words of a block, which share a draw of negatives
_BLOCKS = 640  # in a step at most
_STEPS = 1000  # wanted in a training
_CHUNK = 1 << 22  # ids that are on the device at a time, at least
_SPARE = 8 << 30  # bytes of the device's memory that the text leaves free
_FREQUENT = 4096  # words that may have more pairs in a step than can be learned at once
# How steep the loss is, a pair: along the mean of the other vectors in squares of it, at most the 1/4 that σ
# has; and across it in their variance over √dim. In trainings of 1.6 M words (dim 100, one epoch and five)
# they were 0.1 to 0.2 and 0.06 to 0.22.
_ALONG, _ACROSS = 0.2, 0.2


class Batch(NamedTuple):
    """What a step learns from: blocks of `size` consecutive words, with their neighbours on both sides.

    `words` (blocks, window + size + window) int32: rows of the words.
    `lines`, the same shape: the line that each is in; −1 where there is no word.
    `spans` (blocks, size): the window of each word of the block; 0: none.
    `negatives` (blocks, negatives): rows of the random words.
    """

    words: Tensor
    lines: Tensor
    spans: Tensor
    negatives: Tensor

    def without_neighbours(self, values: Tensor) -> Tensor:
        """`values` (blocks, window + size + window) of the blocks' own words (blocks, size)."""
        window = (self.words.shape[1] - self.spans.shape[1]) // 2
        return values[:, window : window + self.spans.shape[1]]


class BatchSampler:
    """Draws the batches of a chunk of the text on a device: subsampling, windows and negatives.

    Args:
        tables: What is drawn from, of `_hogwild.sampling_tables`.
        window: The most words to each side.
        negative: Negative samples of a pair; a block has enough that each is for `BLOCK_SIZE` pairs at most.
        count: Blocks of a batch.
        device: Where they are drawn.
    """

    def __init__(
        self, tables: "SamplingTables", window: int, negative: int, count: int, device: torch.device
    ) -> None:
        self.window, self.count, self.device = window, count, device
        self.negatives = -(-negative * (window + 1) // 8) * 8
        self.generator = torch.Generator(device)
        self.random = partial(torch.rand, generator=self.generator, device=device)
        self.integers = partial(torch.randint, generator=self.generator, device=device, dtype=torch.int32)
        self.keep, self.own = map(self._probabilities, (tables.keep, tables.alias[:, 0]))
        self.other = torch.tensor(tables.alias[:, 1].astype(np.int32), device=device)

    def _probabilities(self, thresholds: np.ndarray) -> Tensor:
        return torch.tensor(thresholds / 2**32, dtype=torch.float32, device=self.device)

    def empty(self) -> Batch:
        """A batch of no words."""
        zeros = partial(torch.zeros, self.count, dtype=torch.int32, device=self.device)
        width = BLOCK_SIZE + 2 * self.window
        sizes = (width, width, BLOCK_SIZE, self.negatives)
        return Batch(*(zeros(size) for size in sizes))

    def draw(self, ids: Tensor, seed: int) -> Batch:
        """All batches of some text, each tensor with a first dimension of batches; the last one is padded.

        Neighbouring blocks are in neighbouring batches, so that a batch has words from all over the text.
        """
        self.generator.manual_seed(seed)
        probabilities = self.keep.index_select(0, ids.clamp(min=0))
        kept = ((ids >= 0) & (self.random(len(ids)) < probabilities)).nonzero().squeeze(1)
        steps = max(1, -(-len(kept) // (self.count * BLOCK_SIZE)))
        rest = steps * self.count * BLOCK_SIZE - len(kept)
        lines = (ids < 0).cumsum(0, dtype=torch.int32)
        spans = functional.pad(self.integers(1, self.window + 1, (len(kept),)), (0, rest))
        around = (self.window, rest + self.window)
        return Batch(
            self._cut(functional.pad(ids.index_select(0, kept), around), self.window),
            self._cut(functional.pad(lines.index_select(0, kept), around, value=-1), self.window),
            self._cut(spans, 0),
            self._negatives(steps * self.count * self.negatives).view(steps, self.count, self.negatives),
        )

    def _cut(self, row: Tensor, around: int) -> Tensor:
        """Blocks with `around` neighbours on both sides (batches, blocks, around + size + around)."""
        blocks = row.unfold(0, BLOCK_SIZE + 2 * around, BLOCK_SIZE)
        return blocks.unflatten(0, (self.count, -1)).transpose(0, 1)

    def _negatives(self, count: int) -> Tensor:
        """Random words, from Walker's alias table."""
        places = self.integers(len(self.own), (count,))
        own = self.random(count) < self.own.index_select(0, places)
        return torch.where(own, places, self.other.index_select(0, places))


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
    distances = (places[:, None] - batch.without_neighbours(places[None])).abs()
    near = (distances <= batch.spans[:, None]) & (distances > 0)
    pairs = (near & (batch.lines[:, :, None] == batch.without_neighbours(batch.lines)[:, None])) * rate
    own = (batch.without_neighbours(batch.words)[:, :, None] == batch.negatives[:, None]).float()
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
    targets = torch.cat([batch.without_neighbours(batch.words), batch.negatives], 1)
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
    """Learns from one chunk after another.

    The tensors of a step stay where they are, so that an accelerator can record it.
    """

    def __init__(
        self, trainer: "Word2Vec", corpus: Corpus, seed: int, sampler: BatchSampler, tables: Tables
    ) -> None:
        self.trainer, self.corpus, self.seed = trainer, corpus, seed
        self.sampler, self.tables = sampler, tables
        self.batch = sampler.empty()
        self.rate = torch.ones((), device=sampler.device)
        self.totals = torch.zeros(2, dtype=torch.float64, device=sampler.device)
        self.chunks: dict[Chunk, Tensor] = {}
        with torch.cuda.device_of(self.rate):
            self.run_step = _record(self._step, sampler.device)

    def _step(self) -> None:
        self.totals += step(self.tables, self.batch, self.rate, self.trainer.negative)

    def __call__(self, chunk: Chunk) -> tuple[float, int]:
        schedule = self.trainer.schedule(self.corpus, chunk)
        with torch.cuda.device_of(self.rate):
            state = random_state(self.seed, chunk.epoch, chunk.start)
            batches = self.sampler.draw(self._load(chunk), int(state) >> 1)
            steps = len(batches.words)
            for number in range(steps):
                done = (chunk.end - chunk.start) * number / steps
                self.rate.fill_(max(schedule.floor, schedule.rate - schedule.slope * done))
                for tensor, drawn in zip(self.batch, batches):
                    tensor.copy_(drawn[number])
                self.run_step()
            loss, pairs = self.totals.tolist()  # waits for the device once a chunk
            self.totals.zero_()
        return loss, int(pairs)

    def _load(self, chunk: Chunk) -> Tensor:
        """The ids of a chunk on the device, where they stay while there is room."""
        device, key = self.sampler.device, chunk._replace(epoch=0)
        if (ids := self.chunks.get(key)) is None:
            ids = torch.tensor(self.corpus.ids[chunk.start : chunk.end], device=device)
            if device.type == "cuda" and torch.cuda.mem_get_info(device)[0] > _SPARE:
                self.chunks[key] = ids
        return ids


def _record(work: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """The same work, on an accelerator recorded as one launch; it is run a few times on an empty batch."""
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


def train_on(
    device: torch.device,
    corpus: Corpus,
    counts: np.ndarray,
    matrices: tuple[np.ndarray, np.ndarray],
    trainer: "Word2Vec",
    run: Run,
) -> list[float]:
    """Learn from the corpus on a device: the mean loss of each epoch.

    Args:
        device: Where to compute.
        corpus: The text.
        counts: How often each word occurred, in this text and before.
        matrices: Inputs and outputs (words, width), learned in place.
        trainer: The settings.
        run: Seed and progress.
    """
    epochs, negative = trainer.epochs, trainer.negative
    count = min(_BLOCKS, max(1, len(corpus.ids) * epochs // (_STEPS * BLOCK_SIZE)))
    sampler = BatchSampler(sampling_tables(counts, trainer.sample), trainer.window, negative, count, device)
    arrays = (*matrices, _frequent(corpus, counts, negative))
    tables = Tables(*(torch.from_numpy(array).to(device) for array in arrays))
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if device.type == "cuda" else before)  # TF32
    try:
        learn = _Learner(trainer, corpus, run.seed, sampler, tables)
        compile_kernel(lambda: learn(Chunk(0, 0, 0)), run.progress)
        plan, total = chunks(corpus, epochs, (_CHUNK, _CHUNK)), (corpus.words * epochs, "words")
        losses = train_chunks(trainer.kind, plan, learn, 1, run.progress, total, corpus)
    finally:
        torch.set_float32_matmul_precision(before)
    for matrix, learned in zip(matrices, tables):
        matrix[:] = learned.cpu().numpy()
    return losses


def _frequent(corpus: Corpus, counts: np.ndarray, negative: int) -> np.ndarray:
    """The words that are most often in a pair, as a word of the text or as a random one."""
    drawn = counts**0.75
    expected = drawn * (negative / drawn.sum())
    expected[: len(corpus.vocabulary)] += np.asarray(corpus.vocabulary.counts) / corpus.kept_words
    return np.argsort(-expected, kind="stable")[:_FREQUENT]
