"""A linear-chain conditional random field: the best path of tags through a sentence, not the best tag of a
word.

Scores of tags come from elsewhere; here are the weights of a tag after a tag, at the start and at the end of
a sentence (Lafferty et al. 2001; on top of a network: Collobert et al. 2011, Lample et al. 2016). On a CPU
the kernels of `kernels/chain.py` compute loss and gradients in one go; elsewhere a batched recursion in torch
does.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..errors import SettingError, did_you_mean
from ..kernels import chain as kernel
from ..kernels import chain_paths as paths
from .workers import in_parallel

__all__ = ["CRF", "Allowed", "allowed_transitions", "continuations"]

_MANY = 1 << 18  # words times tags times tags, from where on threads pay
_NEVER = -1e30  # stands for −∞ in torch, whose gradients would not be numbers; millions of them add up to one

_Weights = tuple[Tensor, Tensor, Tensor]  # transitions (tags, tags), starts (tags,), ends (tags,)


class Allowed(NamedTuple):
    """Which tags may stand at the start of a sentence `(tags,)`, which after which `(tags, tags)` [from, to],
    and which at the end `(tags,)`: bool, NumPy or torch.
    """

    start: Any
    to: Any
    end: Any


def allowed_transitions(tags: Sequence[str], scheme: Literal["bio", "bioes", "words"]) -> Allowed:
    """What a tagging scheme allows, as NumPy arrays.

    Args:
        tags: Names such as O, B-PER, I-PER, E-PER, S-PER.
        scheme: `"bio"`: I-X goes on from B-X or I-X. `"bioes"` (Ratinov & Roth 2009): besides, a segment of
            several words is B-X, any number of I-X, and E-X; one of one word is S-X. `"words"`: tags of any
            name, each of which may follow each.

    Raises:
        SettingError: the scheme is unknown, or a tag is none of it.
    """
    letters = {"bio": "BI", "bioes": "BIES", "words": ""}.get(scheme)
    if letters is None:
        raise SettingError(f"the scheme is {scheme!r}.{did_you_mean(scheme, ('bio', 'bioes', 'words'))}")
    if scheme == "words":
        anything = np.ones((len(tags), len(tags)), bool)
        return Allowed(anything[0], anything, anything[0])
    for tag in tags:
        if tag != "O" and not (tag[:1] in letters and tag[1:2] == "-" and tag[2:]):
            known = ", ".join(f"{letter}-X" for letter in letters)
            raise SettingError(f"the tag {tag!r} is not one of {scheme.upper()}: O, {known}")
    inside = letters[1:3]
    goes_on = np.array([tag[0] in inside for tag in tags])  # needs an open segment of its type before it
    is_open = np.array([tag[0] in "BI" for tag in tags])  # may be followed by such a tag
    types = np.array([tag[2:] for tag in tags])
    same = is_open[:, None] & goes_on & (types[:, None] == types)
    must_go_on = is_open & (scheme == "bioes")
    return Allowed(~goes_on, np.where(goes_on, same, ~must_go_on[:, None]), ~must_go_on)


def continuations(tags: Sequence[str]) -> NDArray[np.int64]:
    """The tag that would make a segment that ends in each tag one word longer, `(tags,)`: I-X for B-X and I-X
    of BIO, −1 where there is none.
    """
    place = {tag: number for number, tag in enumerate(tags)}
    return np.array(
        [place.get(f"I-{tag[2:]}", -1) if tag[:1] in ("B", "I") else -1 for tag in tags], np.int64
    )


class CRF(nn.Module):
    """Weights of a chain of tags, its loss, and its answers.

    Weights that are not allowed count as −∞ whatever number they have, and get no gradient.

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
            given = torch.as_tensor(mask).bool()
            if given.shape != shape:
                raise SettingError(f"what is allowed of {name} is {tuple(given.shape)}, not {shape}")
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
            self.register_buffer(f"allowed_{name}", given, persistent=False)

    def take(self, transitions: NDArray, starts: NDArray, ends: NDArray) -> None:
        """Take over weights that something else has learned.

        Raises:
            SettingError: the shapes do not fit.
        """
        given = {"transitions": transitions, "starts": starts, "ends": ends}
        for name, weight in self.named_parameters():
            if weight.shape != given[name].shape:
                raise SettingError(f"{name} are {given[name].shape}, not {tuple(weight.shape)}")
            # what is forbidden may come as −∞, which no optimizer could decay
            weight.data.copy_(torch.from_numpy(np.maximum(given[name], np.finfo(np.float32).min)))

    # Training

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """The negative log-likelihood of the right tags, a sentence; float32 also under autocast.

        Args:
            scores: Scores of tags, `(batch, time, tags)`.
            targets: The right tags, `(batch, time)` int64, −100 behind each sentence's end.

        Returns:
            A scalar; 0 if there is no word, infinite if a sentence's tags are not allowed.

        Raises:
            SettingError: shapes do not fit, a tag does not exist, or −100 stands before a word.
        """
        sizes = self._sizes(scores, targets)
        with torch.autocast(scores.device.type, enabled=False):
            if scores.device.type == "cpu":
                total = _Likelihood.apply(scores.float(), targets, sizes, *self._weights(-torch.inf))
            else:
                total = _by_recursion(scores.float(), targets, sizes, self._weights(_NEVER)).sum()
        return total / max(1, int((sizes > 0).sum()))

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
        if bool(wrong.any() | late.any()):
            raise SettingError(
                f"targets are tags from 0 to {self.tags - 1}, and −100 only behind a sentence's end"
            )
        return is_word.sum(dim=1)

    def _weights(self, never: float) -> _Weights:
        """The weights as they count."""
        transitions, starts, ends = (
            weight.masked_fill(~getattr(self, f"allowed_{name}"), never).float()
            for name, weight in self.named_parameters()
        )
        return transitions, starts, ends

    # Answers, for words of several sentences one after the other: emissions (words, tags) float32 and offsets
    # (sentences + 1,), NumPy

    @property
    def chain(self) -> kernel.Chain:
        """The weights as they count, NumPy."""
        return kernel.Chain(*(weight.detach().cpu().numpy() for weight in self._weights(-torch.inf)))

    def decode(self, emissions: NDArray, offsets: NDArray[np.int64]) -> NDArray[np.int64]:
        """The tags of the best path of each sentence, `(words,)`.

        Raises:
            SettingError: shapes do not fit.
        """
        return paths.best(*self._given(emissions, offsets), self._spread(len(emissions)))[0]

    def nbest(
        self, emissions: NDArray, offsets: NDArray[np.int64], n: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The tags of the `n` best paths `(n, words)`, and the paths' probabilities `(sentences, n)`. Where
        there are fewer paths, the tags are −1 and the probability is 0.

        Raises:
            SettingError: `n` is below 1, or shapes do not fit.
        """
        if n < 1:
            raise SettingError(f"n is {n}; at least one path has to be asked for.")
        given, spread = self._given(emissions, offsets), self._spread(len(emissions))
        tags, scores = paths.nbest(*given, n, spread)
        known = np.where(tags[0] < 0, 0, tags[0])
        losses = kernel.likelihood(*given[:3], known, given[3], spread)[0]
        best = np.where(np.isneginf(scores[:, :1]), 0.0, scores[:, :1])
        return tags, np.exp(scores - best - losses[:, None])

    def marginals(self, emissions: NDArray, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
        """How probable each tag is at each word, `(words, tags)`."""
        return kernel.marginals(*self._given(emissions, offsets), self._spread(len(emissions)))

    def segment_probabilities(
        self,
        emissions: NDArray,
        offsets: NDArray[np.int64],
        tags: NDArray[np.int64],
        firsts: NDArray[np.int64],
        ends: NDArray[np.int64],
        continued: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float64]:
        """How probable it is that the words of a segment have their tags, all of them together (Culotta &
        McCallum 2004).

        Args:
            emissions, offsets: The sentences.
            tags: The tags of all words, `(words,)`, such as `decode` gives them.
            firsts, ends: Segment s is the words `firsts[s] : ends[s]`, `(segments,)`: at least one word, all
                of one sentence.
            continued: For each tag the one that would make the segment longer, or −1, as `continuations` has
                them: such a word behind the segment's end is then not counted as the segment. A scheme that
                marks the end needs none.

        Raises:
            SettingError: a segment has no word, or reaches beyond its sentence.
        """
        given, spread = self._given(emissions, offsets), self._spread(len(emissions))
        owners = np.searchsorted(offsets, firsts, "right") - 1
        limits = np.append(offsets, 0)[owners + 1]
        if ((owners < 0) | (owners >= len(offsets) - 1) | (ends <= firsts) | (ends > limits)).any():
            raise SettingError("a segment needs at least one word, and all its words from one sentence")
        lengths = ends - firsts
        bounds = np.append(0, np.cumsum(lengths))
        words = np.arange(bounds[-1]) + np.repeat(firsts - bounds[:-1], lengths)
        inside = firsts - offsets[owners]
        found = kernel.segments(*given, owners, inside, bounds, tags[words], spread)
        if continued is not None:
            further = continued[tags[ends - 1]]
            longer = np.flatnonzero((further >= 0) & (ends < limits))
            path = np.insert(tags[words], bounds[1:][longer], further[longer])
            grown = lengths + np.isin(np.arange(len(lengths)), longer)
            bounds = np.append(0, np.cumsum(grown))
            rest = kernel.segments(*given, owners, inside, bounds, path, spread)
            found[longer] = np.maximum(0.0, found[longer] - rest[longer])
        return found

    def _given(self, emissions: NDArray, offsets: NDArray) -> tuple[NDArray, NDArray, NDArray, kernel.Chain]:
        """What every kernel takes."""
        if emissions.ndim != 2 or emissions.shape[1] != self.tags or offsets[-1] != len(emissions):
            raise SettingError(
                f"emissions {emissions.shape} are not ({offsets[-1]}, {self.tags}): a row a word, a column a "
                "tag"
            )
        offsets = np.asarray(offsets, np.int64)
        return np.ascontiguousarray(emissions, np.float32), offsets[:-1].copy(), np.diff(offsets), self.chain

    def _spread(self, words: int) -> kernel.Spread:
        return in_parallel if words * self.tags**2 >= _MANY else kernel.one_by_one


class _Likelihood(torch.autograd.Function):
    """The sum of all losses; the kernel has the gradients ready with it."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, targets: Tensor, sizes: Tensor, *weights: Tensor) -> Tensor:
        rows, tags = scores.shape[0] * scores.shape[1], scores.shape[2]
        losses, d_scores, d_chain = kernel.likelihood(
            scores.contiguous().numpy().reshape(rows, tags),
            np.arange(scores.shape[0]) * scores.shape[1],
            sizes.numpy(),
            targets.contiguous().numpy().ravel(),
            kernel.Chain(*(weight.numpy() for weight in weights)),
            in_parallel if rows * tags**2 >= _MANY else kernel.one_by_one,
        )
        gradients = (d_scores.reshape(scores.shape), *d_chain)
        ctx.save_for_backward(*(torch.from_numpy(gradient) for gradient in gradients))
        return torch.tensor(losses.sum(), dtype=torch.float32)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_total: Tensor) -> tuple[Tensor | None, ...]:
        d_scores, *d_weights = (d_total * gradient for gradient in ctx.saved_tensors)
        return d_scores, None, None, *d_weights


def _by_recursion(scores: Tensor, targets: Tensor, sizes: Tensor, weights: _Weights) -> Tensor:
    """The loss of each sentence, `(batch,)`: the forward pass for all sentences side by side, in logarithms.

    Args:
        scores: `(batch, time, tags)` float32.
        targets, sizes: As `loss` has them.
        weights: The weights, `_NEVER` for what is not allowed.
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
