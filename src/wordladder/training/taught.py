"""Training with a teacher: its scores of each text, or of each word, are a part of the loss."""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..text.words import Tokens
from .lesson import Lesson

Rows = NDArray[np.int64]


class Taught(NamedTuple):
    """The targets of a batch.

    Attributes:
        labels: As without a teacher.
        scores: The teacher's, `(batch, labels)` or `(batch, time, tags)`, which is padded.
        mask: Where there are scores, 1, else 0: `(batch,)` or `(batch, time)`.
    """

    labels: Tensor
    scores: Tensor
    mask: Tensor


def taught_job(job: Any, lesson: Lesson, tokens: Tokens) -> Any:
    """The job of a network with what the teacher says among its targets, and in its loss.

    Args:
        job: The job without a teacher.
        lesson: What it says.
        tokens: The student's words.
    """
    head = job.network.task
    if lesson.objective == "vectors":
        head.loss = partial(vector_loss, head.lengths)
        head.compare = lambda vectors: vectors
    else:
        head.loss = partial(taught_loss, head.loss, lesson, several=getattr(head, "multi_label", False))

    def prepare(rows: Rows) -> Any:
        batch = job.prepare(rows)
        scores = [_of_words(lesson, tokens, row) if lesson.starts else lesson.scores[row] for row in rows]
        return batch._replace(targets=Taught(batch.targets, *_padded(scores)))

    return replace(job, prepare=prepare)


def end_lesson(network: Any) -> None:
    """Give the head of a network its own loss again."""
    for name in ("loss", "compare"):
        vars(network.task).pop(name, None)


def taught_loss(
    plain: Any, lesson: Lesson, scores: Tensor, targets: Taught, *weights: Tensor, several: bool = False
) -> Tensor:
    """The loss of a batch, with the teacher's share in it.

    Args:
        plain: The loss without a teacher.
        lesson: How the teacher's scores are learned.
        scores: The student's, of the shape of the teacher's.
        targets: The targets.
        weights: Those of the texts, if there are any.
        several: Whether each label is a decision of its own.
    """
    own, given = scores.float(), targets.scores
    if lesson.objective == "logits":
        losses = (own - given).square().mean(dim=-1)
    elif several:
        right = (given / lesson.temperature).sigmoid()
        losses = functional.binary_cross_entropy_with_logits(
            own / lesson.temperature, right, reduction="none"
        )
        losses = losses.mean(dim=-1) * lesson.temperature**2
    else:
        mine, theirs = ((one / lesson.temperature).log_softmax(dim=-1) for one in (own, given))
        losses = functional.kl_div(mine, theirs, reduction="none", log_target=True).sum(dim=-1)
        losses = losses * lesson.temperature**2
    soft = (losses * targets.mask).sum() / targets.mask.sum().clamp(min=1)
    return (1 - lesson.hard) * soft + lesson.hard * plain(scores, targets.labels, *weights)


def vector_loss(lengths: list[int], vectors: Tensor, targets: Taught) -> Tensor:
    """How far the vectors of a batch of pairs are from the teacher's: one minus their cosine.

    Args:
        lengths: The lengths to which vectors may be cut, of which it is the mean.
        vectors: Those of both texts, `(2 · pairs, dim)`.
        targets: The targets.
    """
    given = targets.scores.flatten(0, 1)
    cosines = [
        functional.cosine_similarity(vectors.float()[:, :length], given[:, :length]) for length in lengths
    ]
    return 1 - torch.stack(cosines).mean()


def mean_cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """The mean cosine of vectors with those of the same rows."""
    return functional.cosine_similarity(torch.from_numpy(first), torch.from_numpy(second)).mean().item()


def _of_words(lesson: Lesson, tokens: Tokens, row: int) -> NDArray[np.float32]:
    """The scores of the student's words of a text; nan for one that the teacher does not have."""
    assert lesson.starts is not None
    starts = tokens.starts[slice(*tokens.offsets[row : row + 2])]
    scores = np.full((len(starts), lesson.scores[row].shape[1]), np.nan, np.float32)
    _, mine, theirs = np.intersect1d(starts, lesson.starts[row], assume_unique=True, return_indices=True)
    scores[mine] = lesson.scores[row][theirs]
    return scores


def _padded(rows: list[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Scores of a batch, and where there are any."""
    if rows[0].ndim == 1:
        return torch.from_numpy(np.stack(rows)), torch.ones(len(rows))
    lengths = list(map(len, rows))
    steps, flat = np.arange(max(1, *lengths)), np.concatenate(rows)
    known = steps < np.array(lengths)[:, None]
    scores = np.zeros((*known.shape, flat.shape[1]), np.float32)
    scores[known] = flat
    seen = np.zeros(known.shape, np.float32)
    seen[known] = np.isfinite(flat).all(axis=1)
    return torch.from_numpy(np.nan_to_num(scores)), torch.from_numpy(seen)
