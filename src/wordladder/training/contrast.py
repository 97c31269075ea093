"""Training with few labels: pairs of texts with the same label or different ones, by which an encoder is
tuned, and the fit of a classifier to the vectors that it gives then.

Source: Tunstall et al. 2022, "Efficient Few-Shot Learning Without Prompts" (SetFit), section 3.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import DataError

_STEPS, _SLOPE = 1000, 1e-6  # of L-BFGS at most, and the slope of the loss at which it ends


def label_pairs(
    targets: NDArray[np.int64], partners: int, most: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pair each text with others of its label and as many of other labels, drawn with repetition.

    Args:
        targets: The label of each text, or indicators `(texts, labels)`: then all labels must be the same.
        partners: Partners of each of the two kinds; a text alone with its label has none of the first.
        most: The most pairs; of more, these are drawn.
        seed: Of the draw.

    Returns:
        The rows of the pairs' texts, `(pairs, 2)`, and 1 where they have the same label, else 0, `(pairs,)`.

    Raises:
        DataError: all texts have the same labels.
    """
    _, labels = np.unique(targets, axis=0, return_inverse=True)
    labels, texts = labels.ravel(), len(labels)
    counts = np.bincount(labels)
    if len(counts) < 2:
        raise DataError("training.contrast compares texts of different labels; here all have the same.")
    # Sorted by label, the texts of a label are neighbours on a circle of all texts. A step forward, on the
    # circle of its own label or from that to the others, takes a text to its partner.
    order = np.argsort(labels, kind="stable")
    at, of = np.repeat(np.arange(texts), partners), np.repeat(labels[order], partners)
    own, first = counts[of], (np.cumsum(counts) - counts)[of]
    random = np.random.default_rng(seed)
    near = first + (at - first + 1 + random.integers(np.maximum(own - 1, 1))) % own
    far = (first + own + random.integers(texts - own)) % texts
    others = own > 1
    pairs = order[np.concatenate([np.stack([at, near], axis=1)[others], np.stack([at, far], axis=1)])]
    same = np.repeat(np.array([1, 0], np.float32), [others.sum(), len(far)])
    drawn = random.permutation(len(pairs))[:most]
    return pairs[drawn], same[drawn]


def fit_layers(layers: nn.Module, loss: Callable[[Tensor], Tensor], vectors: Tensor) -> None:
    """Fit layers to fixed vectors, `(texts, dim)`: all at once, to the end.

    With one linear layer and cross-entropy this is logistic regression with an L2 penalty of strength one.

    Args:
        layers: Their weights are changed; those of matrices are penalised.
        loss: The mean loss of the output of all texts.
        vectors: The input.
    """
    weights = list(layers.parameters())
    solver = torch.optim.LBFGS(
        weights, max_iter=_STEPS, tolerance_grad=_SLOPE, tolerance_change=0.0, line_search_fn="strong_wolfe"
    )

    def objective() -> Tensor:
        solver.zero_grad()
        squares = [weight.square().sum() for weight in weights if weight.ndim > 1]
        total = loss(layers(vectors)) + torch.stack(squares).sum() / (2 * len(vectors))
        total.backward()
        return total

    solver.step(objective)
