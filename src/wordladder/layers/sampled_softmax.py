"""The softmax over many words in training: against a sample of words in place of all of them.

Candidates are drawn log-uniformly, which fits words in order of frequency, each at most once; scores are
corrected by how often a word is expected among them (Jean, Cho, Memisevic & Bengio 2015; Jozefowicz et al.
2016). The whole batch has one sample.
"""

import math
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from .smoothed_loss import IGNORED
from .threads import in_parallel


def draw_candidates(
    generator: np.random.Generator, classes: int, samples: int
) -> tuple[NDArray[np.int64], int]:
    """Draw classes with the probabilities `log((k + 2) / (k + 1)) / log(classes + 1)` until there are as many
    different ones as needed.

    Args:
        generator: The random generator.
        classes: Number of classes, the most frequent first.
        samples: Number of different classes, fewer than there are.

    Returns:
        The classes, and how many draws it took.
    """
    drawn = np.empty(0, np.int64)
    while True:
        more = np.exp(generator.random(2 * samples) * math.log(classes + 1)).astype(np.int64) - 1
        drawn = np.append(drawn, np.minimum(more, classes - 1))
        firsts = np.sort(np.unique(drawn, return_index=True)[1])
        if len(firsts) >= samples:
            return drawn[firsts[:samples]], int(firsts[samples - 1]) + 1


def log_expected(numbers: Tensor, draws: Tensor, classes: int) -> Tensor:
    """The logarithm of the probability that classes are among the candidates, float32.

    Args:
        numbers: The classes, of any shape.
        draws: How many draws were made, a scalar.
        classes: Number of classes.
    """
    k = numbers.double()
    chance = torch.log1p(1.0 / (k + 1.0)) / math.log(classes + 1)
    return (-torch.expm1(draws * torch.log1p(-chance))).log().float()


def found_among(targets: Tensor, candidates: Tensor) -> Tensor:
    """The candidate that each target is, or -1: `(rows,)`."""
    ordered, places = candidates.sort()
    nearest = torch.searchsorted(ordered, targets).clamp(max=len(candidates) - 1)
    return torch.where(ordered[nearest] == targets, places[nearest], -1)


def sampled_softmax(
    vectors: Tensor,
    right: tuple[Tensor, Tensor],
    others: tuple[Tensor, Tensor],
    hits: Tensor,
    known: Tensor | None = None,
) -> Tensor:
    """The mean negative log-probability of each target among itself and the candidates.

    Args:
        vectors: What is scored, `(rows, dim)`.
        right: Weights `(rows, dim)` of the targets and biases `(rows,)`, already corrected.
        others: Weights `(samples, dim)` of the candidates and biases `(samples,)`, likewise.
        hits: The candidate that is the target, and does not count, or -1: `(rows,)`.
        known: Which rows count, `(rows,)`; left out, all.
    """
    score = (vectors * right[0]).sum(dim=1).float() + right[1]
    if vectors.device.type == "cpu" and vectors.dtype == torch.bfloat16:
        share = torch.ones(len(hits)) if known is None else known.float()
        with torch.autocast("cpu", enabled=False):
            loss: Tensor = _Competition.apply(vectors, *others, score, hits, share / share.sum().clamp(min=1))
        return loss
    rivals = functional.linear(vectors, others[0], others[1].to(vectors.dtype)).float()
    excluded = torch.where(hits >= 0, -torch.inf, 0.0)  # selecting rows would wait for the device
    rivals.scatter_add_(1, hits.clamp(min=0)[:, None], excluded[:, None])
    every = torch.cat([score[:, None], rivals], dim=1)
    goals = torch.zeros_like(hits) if known is None else torch.where(known, 0, IGNORED)
    return functional.cross_entropy(every, goals, ignore_index=IGNORED)


class _Competition(torch.autograd.Function):
    """The loss; its gradient is computed at once."""

    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, right: Tensor, hits: Tensor, share: Tensor
    ) -> Tensor:
        from ..kernels.sampled_softmax import compete

        half, d_right = weight.to(vectors.dtype), torch.empty_like(right)
        scores = vectors @ half.T
        each = max(1, -(-len(scores) // torch.get_num_threads()))
        parts = zip(*(one.split(each) for one in (scores.view(torch.int16), right, hits, share, d_right)))
        jobs = [
            partial(compete, some.numpy(), bias.numpy(), *(one.numpy() for one in rest))
            for some, *rest in parts
        ]
        losses, gradients = zip(*in_parallel(jobs)) if len(scores) else ([0.0], [np.zeros(len(bias), "f4")])
        loss, d_bias = sum(losses), np.sum(gradients, axis=0)
        ctx.save_for_backward(
            scores @ half, (scores.T @ vectors).to(weight.dtype), torch.from_numpy(d_bias), d_right
        )
        return torch.tensor(loss, dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_loss: Tensor) -> tuple[Tensor | None, ...]:
        return *(d_loss * one for one in ctx.saved_tensors), None, None
