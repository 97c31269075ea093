"""Training with few labels, as in SetFit: a network learns from pairs of texts, then its head from the
labels.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import RecipeError
from ..layers.devices import device_of
from ..recipe import build, component
from ..text.words import Tokens


def contrast_job(job: Any, batches: Callable[..., Any], tokens: Tokens, targets: NDArray) -> Any:
    """The job with pairs of texts instead of texts; its network gets a head that compares them.

    Args:
        job: The job of the texts.
        batches: Makes batches of examples, given their lengths.
        tokens: The words of the texts.
        targets: Their targets.

    Raises:
        RecipeError: there is nothing to tune.
    """
    from ..training.contrast import label_pairs

    network, settings, head = job.network, job.settings, job.network.task
    pooling = "auto" if head.pooling is None else head.pooling.kind
    towers = build("tasks", {"kind": "similarity", "objective": "cosine", "pooling": pooling})
    network.task = component("heads", "similarity")(towers, head.dim, head.dim)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise RecipeError("[training] contrast tunes what is below the head; tune = true is needed there")
    most = settings.steps * settings.batch_rows
    pairs, same = label_pairs(targets, settings.contrast, most, settings.seed)
    goals = np.column_stack([same, pairs]).astype(np.float32)  # as the targets of similarity
    lengths = np.diff(tokens.example_offsets)[pairs].sum(axis=1)
    return replace(
        job,
        batches=batches(lengths),
        prepare=lambda rows: network.prepare(tokens.take(pairs[rows].ravel()), goals[rows]),
        score=None,
        words=int(lengths.sum()),
    )


def fit_head(
    network: Any, head: Any, encode: Callable[[], NDArray], targets: NDArray, weights: NDArray | None
) -> None:
    """Give a network its head again, fitted to the vectors of all texts."""
    from ..training.contrast import fit_layers

    network.task, device = head.cpu(), device_of(network)
    vectors = torch.from_numpy(encode())
    known = [torch.from_numpy(one) for one in (targets, weights) if one is not None]
    fit_layers(head.head, lambda scores: head.loss(scores, *known), vectors)
    network.to(device)
