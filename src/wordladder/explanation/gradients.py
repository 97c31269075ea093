"""Integrated gradients: what a word adds on the way from no words to all of them (Sundararajan, Taly & Yan
2017). The weights of an example sum up to the difference between the scores at both ends.

The way is a straight line in the vectors that a network reads. It begins at zero, for a transformer at the
vector of its mask for each piece of a word. The integral is a Gauss-Legendre sum, whose terms are computed
one after another: so whatever a network does with a batch, such as windows, is done as ever.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..layers.devices import device_of, to_device
from ..text.words import Tokens
from .targets import Target, cell_words


def has_gradients(engine: Any) -> bool:
    """Whether the words of an engine's texts have gradients: a network that reads vectors of words, or a
    transformer, and scores each example by itself.
    """
    network = engine.network
    if network is None or not hasattr(network, "embedders") or getattr(engine.task, "towers", False):
        return False
    if getattr(engine, "reads_both_orders", False):
        return False
    return all(getattr(one, "causal", False) or hasattr(one, "model") for one in network.embedders)


def integrated_gradients(
    engine: Any, tokens: Tokens, target: Target, steps: int
) -> tuple[NDArray[np.float64], float, float]:
    """The weight of each word of one example, its score, and the score without words.

    Args:
        engine: A network's.
        tokens: The words of the example.
        target: What is explained.
        steps: Terms of the sum.
    """
    network, weights = engine.network, np.zeros(len(tokens.starts))
    cells = [word for word in cell_words(tokens, 0, target) if word is not None]
    batch = to_device(network.prepare(tokens), device_of(network))
    places, shares = np.polynomial.legendre.leggauss(steps)

    def score() -> Tensor:
        scores = network(batch)[0].float()
        if not target.cells:
            return scores[target.column]
        columns = [cell.column for cell in target.cells]
        return scores[cells, columns].sum()

    network.eval()
    with ExitStack() as stack:
        stack.enter_context(torch.enable_grad())
        read = tokens.apart() if network.reads_apart else tokens
        paths = [stack.enter_context(_path(one, read)) for one in network.embedders]
        for place, share in zip((places + 1) / 2, shares / 2):
            for path in paths:
                path.begin(place)
            found = score()
            leaves = [leaf for path in paths for leaf in path.leaves]
            gradients = torch.autograd.grad(found, leaves, allow_unused=True) if len(weights) else ()
            for path in paths:
                own, gradients = gradients[: len(path.leaves)], gradients[len(path.leaves) :]
                path.add(weights, share, own)
        ends = []
        for place in (1.0, 0.0):
            for path in paths:
                path.begin(place)
            ends.append(score().item())
    return weights, ends[0], ends[1]


class _Path:
    """The way of the vectors of one embedder, in as many parts as it computes.

    Attributes:
        words: The word of each vector, -1 for none.
        leaves: The vectors of the last step.
    """

    def __init__(self, words: NDArray[np.int64], first: Any) -> None:
        self.words, self.first = words, first
        self.begin(1.0)

    def begin(self, place: float) -> None:
        """Go to a place of the way, from 0 to 1."""
        self.place, self.leaves, self._distances, self._read = place, list[Tensor](), list[Tensor](), 0

    def move(self, vectors: Tensor) -> Tensor:
        """The vectors of the place, where `vectors` are those of the end."""
        count = vectors.shape[:-1].numel()
        own = torch.from_numpy(self.words[self._read : self._read + count] >= 0).to(vectors.device)
        self._read += count
        distance = torch.where(own.view(*vectors.shape[:-1], 1), vectors - self.first(vectors), 0.0).detach()
        leaf = (vectors.detach() - (1 - self.place) * distance).requires_grad_()
        self.leaves.append(leaf)
        self._distances.append(distance)
        return leaf

    def add(self, weights: NDArray[np.float64], share: float, gradients: Any) -> None:
        """Add what each word adds, given the gradients of the leaves, None where nothing depends on one."""
        at = 0
        for gradient, distance in zip(gradients, self._distances):
            words = self.words[at : at + distance.shape[:-1].numel()]
            at += len(words)
            if gradient is not None:
                added = (gradient * distance).sum(-1).flatten().double().cpu().numpy()
                np.add.at(weights, words[words >= 0], share * added[words >= 0])


@contextmanager
def _path(embedder: Any, tokens: Tokens) -> Iterator[_Path]:
    """The way of an embedder's vectors, which are moved while the context lasts."""
    if not hasattr(embedder, "model"):
        lengths = np.diff(tokens.example_offsets)
        places = np.arange(max(1, lengths.max(initial=0))) < lengths[:, None]
        words = np.full(places.shape, -1)
        words[places] = np.arange(len(tokens.starts))
        path = _Path(words.ravel(), torch.zeros_like)
        handle = embedder.register_forward_hook(
            lambda module, given, found: found._replace(vectors=path.move(found.vectors))
        )
        with handle:
            yield path
        return
    table, mask = embedder.model.get_input_embeddings(), embedder.mask_number
    path = _Path(
        embedder.reader.words_at(tokens), lambda vectors: table.weight[mask].detach().to(vectors.dtype)
    )
    tune, embedder.tune = embedder.tune, True  # else it computes without gradients
    handle = table.register_forward_hook(lambda module, given, found: path.move(found))
    try:
        with handle:
            yield path
    finally:
        embedder.tune = tune
