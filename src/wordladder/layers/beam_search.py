"""Finds what a decoder writes: by beam search, of which one beam is greedy search, or by sampling.

All texts of a batch are searched together; those that are done are left out of the next steps. The score of
what was found is `log p / ((5 + pieces) / 6) ^ length_penalty + coverage_penalty · Σ log min(Σ weights, 1)`
(Wu et al. 2016, section 7): the outer sum is over the words of the source, the inner one over the pieces.
"""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .search_settings import Search
from .threads import in_parallel


class Found(NamedTuple):
    """A text that was found.

    Attributes:
        numbers: Its pieces, without the end.
        score: Its score; of one that was drawn its log-probability.
        weights: How much attention each piece, and then the end, paid to each word of the source, `(pieces +
            1, words)`; None: not kept.
    """

    numbers: list[int]
    score: float
    weights: NDArray[np.float32] | None = None


Step = Callable[[Tensor, Any, Any, bool], tuple[Tensor, Any, Tensor]]


def search(
    step: Step,
    memory: Any,
    state: Any,
    longest: Tensor,
    how: Search,
    *,
    start: int,
    end: int,
    bias: Tensor,
    keep_weights: bool = False,
) -> list[list[Found]]:
    """The texts that a decoder writes, for each source the best first.

    Args:
        step: From the last pieces `(rows,)`, the state before, the memory and whether it is the first step to
            the scores of the next pieces `(rows, pieces)`, not normalised and without the bias, float32 or
            bfloat16, the state after, and the attention `(rows, words)`. The `how.beams` rows of a source are
            neighbours.
        memory: What is known of the sources; `take(numbers)` selects some.
        state: The state before the first step; `take(rows)` selects and orders rows.
        longest: The most pieces, without the end, for each source, `(sources,)`.
        how: The settings.
        start: The piece that every text starts with.
        end: The piece that ends it.
        bias: Is added to all scores, `(pieces,)` float32; −inf for what is never written.
        keep_weights: Whether attention is kept.
    """
    if not len(longest):
        return []
    beams = _Beams(longest, how, start, end, bias, keep_weights or how.coverage_penalty > 0)
    while len(beams.texts):
        scores, state, weights = step(beams.last, state, memory, beams.steps == 0)
        rows, left = beams.advance(scores, weights.unflatten(0, (-1, how.beams)))
        memory = memory if left is None else memory.take(left)
        state = state if rows is None else state.take(rows)
    best = (sorted(several, key=lambda one: -one.score)[: how.beams] for several in beams.found)
    return [several if keep_weights else [one._replace(weights=None) for one in several] for several in best]


def best_of_rows(scores: Tensor, bias: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The highest of `scores + bias` in each row, in falling order and where they are, `(rows, count)`, and
    log Σ exp of the row, `(rows,)`.

    Args:
        scores: `(rows, pieces)`, float32 or bfloat16.
        bias: `(pieces,)` float32.
        count: How many.
    """
    if scores.device.type != "cpu":
        sums = scores.float() + bias
        return *sums.topk(count, dim=1), sums.logsumexp(dim=1)
    from ..kernels import next_pieces as kernel  # imports Numba

    rows, shift = len(scores), 16 * (scores.dtype == torch.bfloat16)
    bits = scores.contiguous().view(torch.uint16 if shift else torch.uint32).numpy()
    best, ids = np.empty((rows, count), np.float32), np.empty((rows, count), np.int64)
    whole, jobs = np.empty(rows, np.float32), torch.get_num_threads()
    bounds = [rows * job // jobs for job in range(jobs + 1)]
    shared = bits, shift, bias.numpy()
    in_parallel(
        [
            partial(kernel.best_of_rows, *shared, first, last, kernel.room_for(len(bias)), best, ids, whole)
            for first, last in pairwise(bounds)
        ]
    )
    return torch.from_numpy(best), torch.from_numpy(ids), torch.from_numpy(whole)


class _Beams:
    """The beginnings that are followed, and the texts that were found."""

    def __init__(
        self, longest: Tensor, how: Search, start: int, end: int, bias: Tensor, keep_weights: bool
    ) -> None:
        texts, self.steps = len(longest), 0
        self.how, self.end, self.bias, self.keep_weights = how, end, bias, keep_weights
        self.texts = torch.arange(texts, device=longest.device)  # the numbers of those that are not done
        self.longest = longest
        self.totals = torch.zeros(texts, how.beams, device=longest.device)
        if not how.sample:
            self.totals[:, 1:] = float("-inf")  # all beginnings are the same still
        self.pieces = torch.full((texts, how.beams, 1), start, device=longest.device)
        self.weights: Tensor | None = None  # `(texts, beams, steps, words)`
        self.found: list[list[Found]] = [[] for _ in range(texts)]
        self.random = torch.Generator().manual_seed(how.seed)  # the same draws on every device

    @property
    def last(self) -> Tensor:
        """The last piece of each beginning, `(rows,)`."""
        return self.pieces[:, :, -1].flatten()

    def advance(self, scores: Tensor, weights: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """One more piece for each beginning; those that end are found.

        Returns:
            The rows of the state that the new beginnings go on from, and the places of the texts that are
            left;
            None: all, as they are.
        """
        parents, pieces, totals = (self._draw if self.how.sample else self._rank)(scores)
        if self.keep_weights:
            self._keep(weights)
        self.steps += 1
        ended = (pieces == self.end) & (totals > float("-inf"))
        ended[:, self.how.beams :] = False
        for text, place in ended.nonzero().tolist():
            self._finish(text, int(parents[text, place]), float(totals[text, place]))
        totals = totals.masked_fill(pieces == self.end, float("-inf"))
        if pieces.shape[1] > self.how.beams:
            totals, order = totals.topk(self.how.beams, dim=1)
            parents, pieces = parents.gather(1, order), pieces.gather(1, order)
        return self._go_on(parents, pieces, totals)

    def _rank(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The best continuations, twice as many as beams, since as many as these may end."""
        width, shape = min(2 * self.how.beams, scores.shape[1]), self.totals.shape
        best, pieces, whole = (one.unflatten(0, shape) for one in best_of_rows(scores, self.bias, width))
        full = self.steps >= self.longest
        if full.any():  # their end is all that can follow
            ends = scores[:, self.end].float() + self.bias[self.end]
            pieces[full] = self.end
            best[full] = float("-inf")
            best[full, :, 0] = ends.view(shape)[full]
        totals = (self.totals[:, :, None] + best - whole[:, :, None]).flatten(1)
        totals, order = totals.topk(min(2 * self.how.beams, totals.shape[1]), dim=1)
        return order // width, pieces.flatten(1).gather(1, order), totals

    def _draw(self, scores: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A continuation of each beginning."""
        logs = (scores.float() + self.bias).log_softmax(dim=1).unflatten(0, self.totals.shape)
        full = self.steps >= self.longest
        if full.any():
            ending = logs[full, :, self.end]
            logs[full] = float("-inf")
            logs[full, :, self.end] = ending
        tempered, how = logs / self.how.temperature, self.how
        if how.top_k:
            least = tempered.topk(min(how.top_k, logs.shape[2]), dim=2).values[:, :, -1:]
            tempered = tempered.masked_fill(tempered < least, float("-inf"))
        if how.top_p < 1:
            falling, order = tempered.softmax(dim=2).sort(dim=2, descending=True)
            beyond = falling.cumsum(dim=2) - falling >= how.top_p  # the first one never is
            tempered = tempered.masked_fill(beyond.gather(2, order.argsort(dim=2)), float("-inf"))
        chances = tempered.softmax(dim=2).flatten(0, 1)
        pieces = torch.multinomial(chances.cpu(), 1, generator=self.random)
        pieces = pieces.to(logs.device).view(logs.shape[:2])
        parents = torch.arange(logs.shape[1], device=logs.device).expand_as(pieces)
        return parents, pieces, self.totals + logs.gather(2, pieces[:, :, None])[:, :, 0]

    def _keep(self, weights: Tensor) -> None:
        new = weights.float()[:, :, None]
        self.weights = new if self.weights is None else torch.cat([self.weights, new], dim=2)

    def _finish(self, text: int, parent: int, total: float) -> None:
        numbers = self.pieces[text, parent, 1:].tolist()
        score, weights = total, None
        if not self.how.sample:
            score /= self._length(len(numbers) + 1)
        if self.weights is not None:
            kept = self.weights[text, parent]
            weights = kept.cpu().numpy()
            if self.how.coverage_penalty:
                paid = kept.sum(dim=0)
                score += self.how.coverage_penalty * float(paid[paid > 0].clamp(max=1.0).log().sum())
        self.found[int(self.texts[text])].append(Found(numbers, score, weights))

    def _length(self, pieces: int) -> float:
        return float(((5 + pieces) / 6) ** self.how.length_penalty)

    def _go_on(self, parents: Tensor, pieces: Tensor, totals: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Follow these beginnings, of texts that are not done."""
        best = (totals.max(dim=1).values / self._length(self.steps)).tolist()
        open_ = [place for place, text in enumerate(self.texts.tolist()) if self._is_open(text, best[place])]
        beams, device = self.how.beams, totals.device
        same = self.how.sample or beams == 1
        left = None
        if len(open_) < len(self.texts):
            left = torch.tensor(open_, dtype=torch.long, device=device)
            parents, pieces, totals = parents[left], pieces[left], totals[left]
            self.texts, self.longest = self.texts[left], self.longest[left]
        elif same:
            self.totals, self.pieces = totals, torch.cat([self.pieces, pieces[:, :, None]], dim=2)
            return None, None
        places = torch.arange(len(parents), device=device) if left is None else left
        rows = (places[:, None] * beams + parents).flatten()
        shape = (len(places), beams)
        self.totals = totals
        self.pieces = torch.cat(
            [self.pieces.flatten(0, 1)[rows].unflatten(0, shape), pieces[:, :, None]], dim=2
        )
        if self.weights is not None:
            self.weights = self.weights.flatten(0, 1)[rows].unflatten(0, shape)
        return rows, left

    def _is_open(self, text: int, best: float) -> bool:
        """Whether a text may still be found that is better than the worst of those that are wanted: as if no
        more pieces came.
        """
        found = self.found[text]
        if best == float("-inf"):
            return False
        if self.how.sample or len(found) < self.how.beams:
            return True
        return best > sorted(one.score for one in found)[-self.how.beams]
