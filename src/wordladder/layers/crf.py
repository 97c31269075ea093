"""A linear-chain conditional random field: the best path of tags through a sentence, not the best tag of a
word.

It has the weights of a tag after a tag, at the start and at the end of a sentence (Lafferty et al. 2001; on
top of a network: Collobert et al. 2011, Lample et al. 2016); the scores of tags are its input. On a CPU the
kernels of `kernels/crf.py` compute loss and gradients together; elsewhere a batched recursion in torch does.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import SettingError
from ..kernels import crf as kernel
from .tag_chain import MANY, Allowed, TagChain
from .threads import in_parallel

_NEVER = -1e30  # in place of −∞, whose gradients would be NaN in torch


class CRF(nn.Module):
    """Weights of a chain of tags, and its loss.

    Weights of transitions that are not allowed count as −∞, whatever their value, and get no gradient.

    Args:
        allowed: Which tags may follow which.

    Raises:
        SettingError: the shapes do not fit.
    """

    def __init__(self, allowed: Allowed) -> None:
        super().__init__()
        self.tags = len(allowed.start)
        shapes = {"transitions": (self.tags, self.tags), "starts": (self.tags,), "ends": (self.tags,)}
        for (name, shape), mask in zip(shapes.items(), (allowed.to, allowed.start, allowed.end)):
            allowed_mask = torch.as_tensor(mask).bool()
            if allowed_mask.shape != shape:
                raise SettingError(f"the mask of {name} is {tuple(allowed_mask.shape)}, not {shape}")
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
            self.register_buffer(f"allowed_{name}", allowed_mask, persistent=False)

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The mean negative log-likelihood of a sentence's gold tags; float32 also under autocast.

        Args:
            scores: Scores of tags, `(batch, time, tags)`.
            targets: The gold tags, `(batch, time)` int64, −100 after each sentence's end.

        Returns:
            A scalar; 0 if there is no word, infinite if a sentence's tags are not allowed.

        Raises:
            SettingError: shapes do not fit; on a CPU, also if a tag does not exist, or −100 comes before a
                word: on other devices, the check would wait for them.
        """
        sizes = self._sizes(scores, targets)
        with torch.autocast(scores.device.type, enabled=False):
            if scores.device.type == "cpu":
                total = _Likelihood.apply(scores.float(), targets, sizes, *self._weights(-torch.inf))
            else:
                total = _by_recursion(scores.float(), targets, sizes, self._weights(_NEVER)).sum()
        return total / (sizes > 0).sum().clamp(min=1)

    def _sizes(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Words a sentence, `(batch,)`."""
        if scores.ndim != 3 or scores.shape[2] != self.tags or scores.shape[:2] != targets.shape:
            raise SettingError(
                f"scores {tuple(scores.shape)} and targets {tuple(targets.shape)} are not "
                f"(batch, time, {self.tags}) and (batch, time)"
            )
        is_word = targets != -100
        wrong = is_word & ((targets < 0) | (targets >= self.tags))
        late = is_word[:, 1:] & ~is_word[:, :-1]
        if scores.device.type == "cpu" and bool(wrong.any() | late.any()):
            raise SettingError(
                f"targets are tags from 0 to {self.tags - 1}, and −100 only after a sentence's end"
            )
        return is_word.sum(dim=1)

    def _weights(self, never: float) -> list[Tensor]:
        """Transitions `(tags, tags)`, starts and ends `(tags,)`, with `never` where they are not allowed."""
        return [
            weight.masked_fill(~getattr(self, f"allowed_{name}"), never).float()
            for name, weight in self.named_parameters()
        ]

    @property
    def chain(self) -> TagChain:
        """The current weights, for prediction."""
        weights = (weight.detach().cpu().numpy() for weight in self._weights(-torch.inf))
        return TagChain(kernel.Chain(*weights), in_parallel)


class _Likelihood(torch.autograd.Function):
    """The sum of all losses; the kernel computes the gradients with it."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, targets: Tensor, sizes: Tensor, *weights: Tensor) -> Tensor:
        rows, tags = scores.shape[0] * scores.shape[1], scores.shape[2]
        losses, d_scores, d_chain = kernel.likelihood(
            kernel.Sentences(
                scores.contiguous().numpy().reshape(rows, tags),
                np.arange(scores.shape[0]) * scores.shape[1],
                sizes.numpy(),
            ),
            targets.contiguous().numpy().ravel(),
            kernel.Chain(*(weight.numpy() for weight in weights)),
            in_parallel if rows * tags**2 >= MANY else kernel.one_by_one,
        )
        gradients = (d_scores.reshape(scores.shape), *d_chain)
        ctx.save_for_backward(*(torch.from_numpy(gradient) for gradient in gradients))
        return torch.tensor(losses.sum(), dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        d_scores, *d_weights = (d_total * gradient for gradient in ctx.saved_tensors)
        return d_scores, None, None, *d_weights


def _by_recursion(scores: Tensor, targets: Tensor, sizes: Tensor, weights: list[Tensor]) -> Tensor:
    """The loss of each sentence, `(batch,)`: the forward algorithm for all sentences at once, in logarithms.

    Args:
        scores: `(batch, time, tags)` float32.
        targets: As for `loss`.
        sizes: Words of each sentence.
        weights: The weights, `_NEVER` where they are not allowed.
    """
    if not scores.numel():
        return scores.new_zeros(len(scores))
    is_word = targets != -100
    transitions, starts, ends = weights
    scores, known = scores.masked_fill(~is_word[..., None], 0.0), targets.clamp(min=0)
    last = (sizes - 1).clamp(min=0)
    alphas = starts + scores[:, 0]
    for t in range(1, scores.shape[1]):
        onward = torch.logsumexp(alphas[:, :, None] + transitions, dim=1) + scores[:, t]
        alphas = torch.where(is_word[:, t, None], onward, alphas)
    log_z = torch.logsumexp(alphas + ends, dim=1)
    words = scores.gather(2, known[..., None])[..., 0].sum(dim=1)
    steps = transitions[known[:, :-1], known[:, 1:]].masked_fill(~is_word[:, 1:], 0.0).sum(dim=1)
    outer = starts[known[:, 0]] + ends[known.gather(1, last[:, None])[:, 0]]
    losses = log_z - words - steps - outer
    return losses.masked_fill(losses > -_NEVER / 2, torch.inf).masked_fill(sizes == 0, 0.0)
