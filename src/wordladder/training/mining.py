"""Hard negatives for pairs of texts that belong together: the partners of other texts that are nearest."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..data.examples import Examples

_BLOCK = 1024  # pairs whose candidates are compared at once
_MOST = 0.95  # of the own partner's cosine: what is nearer may well be right (Moreira et al. 2024)


def with_mined_negatives(
    examples: Examples,
    near: NDArray[np.bool_],
    vectors: NDArray[np.float32],
    numbers: NDArray[np.int64],
    count: int,
    lowest: float,
) -> Examples:
    """The pairs, and after them for each pair that belongs together up to `count` with its first text and the
    partner of another text.

    Args:
        examples: Pairs of texts with scores.
        near: Which of them belong together, `(rows,)`.
        vectors: The vectors of the different texts, of length one, `(texts, dim)`.
        numbers: Which of them are those of each pair, `(rows, 2)`.
        count: The most negatives of a pair.
        lowest: Their score.
    """
    rows = np.flatnonzero(near)
    candidates, column = np.unique(numbers[rows, 1], return_inverse=True)
    of_first = np.argsort(numbers[rows, 0], kind="stable")
    firsts = numbers[rows, 0][of_first]
    mined_rows, mined = [], []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        first, own = numbers[block].T
        cosines = vectors[first] @ vectors[candidates].T
        limit = _MOST * np.einsum("rd,rd->r", vectors[first], vectors[own])
        for place, text in enumerate(first.tolist()):
            known = slice(*np.searchsorted(firsts, [text, text + 1]))
            cosines[place, column[of_first[known]]] = -np.inf
        cosines[(candidates == first[:, None]) | (cosines >= limit[:, None])] = -np.inf
        order = np.argpartition(-cosines, min(count, len(candidates)) - 1, axis=1)[:, :count]
        order = np.take_along_axis(
            order, np.argsort(-np.take_along_axis(cosines, order, axis=1), axis=1), axis=1
        )
        found, rank = np.nonzero(np.isfinite(np.take_along_axis(cosines, order, axis=1)))
        mined_rows += block[found].tolist()
        mined += candidates[order[found, rank]].tolist()
    texts = dict(zip(numbers.ravel().tolist(), examples.flat()))
    more = examples.take([*range(len(examples)), *mined_rows])
    labels = [*(examples.labels or ()), *[lowest] * len(mined)]
    seconds = [*examples.segments[1], *(texts[text] for text in mined)]
    return replace(more, segments=(more.segments[0], seconds), labels=labels)
