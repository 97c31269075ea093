"""A linear chain of tags over sentences: losses and gradients, how probable tags and segments are.

A path of tags y scores starts[y₁] + Σ emissions[t, yₜ] + Σ transitions[yₜ₋₁, yₜ] + ends[yₙ], and its
probability is e^score over Z, the sum over all paths (Lafferty, McCallum & Pereira 2001; Collobert et al.
2011, section 3.2.2). The passes over one sentence are in `forward_backward.py`, the best paths in
`viterbi.py`.

Sentences may be packed or padded, and may have no words. They are worked on in blocks, which depend on the
sentences alone and whose gradients are added up in their order: the answers are the same bits whatever the
number of threads. The caller passes a function that runs all jobs, on as many threads as it likes.

A sentence without any path that is allowed has Z = 0: its loss is infinite, and its gradient and all its
probabilities are zero.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

# Numba copies these into the machine code it caches: whoever changes them has to touch this file.
from .compiling import exact
from .forward_backward import Chain, new_factors, new_room, path_score, probability, sum_paths

_LEAST, _MOST = 16, 64  # sentences of a block, at least, and blocks, at most

Spread = Callable[[Sequence[Callable[[], None]]], object]
"""Runs all the jobs."""


class Sentences(NamedTuple):
    """Sentences of words.

    `emissions` (rows, tags) float32: the scores of tags. `begins` and `sizes` (sentences,) int64: the rows of
    sentence s are `begins[s] : begins[s] + sizes[s]`.
    """

    emissions: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray


def one_by_one(jobs: Sequence[Callable[[], None]]) -> None:
    """Run jobs one after the other."""
    for job in jobs:
        job()


def run_blocks(spread: Spread, kernel: Callable[..., None], sentences: Sentences, *arguments: Any) -> None:
    """Run `kernel(first, last, sentences, *arguments)` on all blocks."""
    spread([partial(kernel, *block, sentences, *arguments) for block in blocks(sentences)])


def blocks(sentences: Sentences) -> list[tuple[int, int]]:
    """The sentences that are worked on together: the first one of each block and the one behind its last."""
    count = len(sentences.begins)
    return list(pairwise([*range(0, count, max(_LEAST, -(-count // _MOST))), count]))


def likelihood(
    sentences: Sentences, tags: np.ndarray, chain: Chain, spread: Spread = one_by_one
) -> tuple[np.ndarray, np.ndarray, Chain]:
    """The negative log-likelihood of each sentence's tags, and the gradients of their sum.

    Args:
        sentences: The sentences.
        tags: The right tag of each row, `(rows,)` int64; rows of no sentence may have any number.
        chain: The weights.
        spread: How blocks are spread over threads.

    Returns:
        The losses `(sentences,)` float64, the gradients of emissions `(rows, tags)` float32, zero in rows of
        no sentence, and those of the weights, float32.
    """
    count, parts = len(chain.starts), blocks(sentences)
    losses, d_emissions = np.zeros(len(sentences.begins)), np.zeros(sentences.emissions.shape, np.float32)
    d_chain = np.zeros((len(parts), count + 2, count))
    arguments = (sentences, tags, chain, losses, d_emissions)
    spread([partial(_likelihood, *part, *arguments, sums) for part, sums in zip(parts, d_chain)])
    total = d_chain.sum(axis=0).astype(np.float32)
    return losses, d_emissions, Chain(total[:count], total[count], total[count + 1])


def marginals(sentences: Sentences, chain: Chain, spread: Spread = one_by_one) -> np.ndarray:
    """How probable each tag is at each word, `(rows, tags)` float32, zero in rows of no sentence."""
    result = np.zeros(sentences.emissions.shape, np.float32)
    run_blocks(spread, _likelihood, sentences, None, chain, None, result, None)
    return result


def segments(
    sentences: Sentences,
    chain: Chain,
    owners: np.ndarray,
    firsts: np.ndarray,
    offsets: np.ndarray,
    tags: np.ndarray,
    spread: Spread = one_by_one,
) -> np.ndarray:
    """How probable it is that the words of a segment have given tags, whatever the words around it have.

    The sum over the paths that pass through the segment's tags, over Z (Culotta & McCallum 2004).

    Args:
        sentences, chain, spread: As in `likelihood`.
        owners: The sentence of each segment, `(segments,)` int64.
        firsts: Its first word, counted from the beginning of the sentence, int64.
        offsets: Segment s has the tags `tags[offsets[s] : offsets[s + 1]]`, one a word and at least one,
            `(segments + 1,)` int64.
        tags: The tags of all segments, int64.

    Returns:
        The probabilities, `(segments,)` float64.
    """
    result, order = np.zeros(len(owners)), np.argsort(owners, kind="stable")
    bounds = np.searchsorted(owners[order], np.arange(len(sentences.begins) + 1))
    run_blocks(spread, _segments, sentences, chain, order, bounds, firsts, offsets, tags, result)
    return result


@exact
def _likelihood(first, last, sentences, tags, chain, losses, d_emissions, d_chain):
    """The losses of some sentences, and what they add to the gradients: `d_chain` has a row a tag, then those
    of starts and ends. Where `tags` is None, only the marginals are computed, into `d_emissions`.
    """
    emissions, begins, sizes = sentences
    count, room = len(chain.starts), new_room(max(1, sizes[first:last].max()), len(chain.starts))
    factors, gentle = new_factors(chain)
    for sentence in range(first, last):
        begin, size = begins[sentence], sizes[sentence]
        if size == 0:
            continue
        log_z, logarithms = sum_paths(emissions, begin, size, chain, factors, gentle, room)
        if tags is not None:
            score = path_score(emissions, begin, size, tags, chain)
            losses[sentence] = log_z - score if score != -np.inf else np.inf
            if not losses[sentence] < np.inf:
                continue
        for t in range(size):
            for j in range(count):
                d_emissions[begin + t, j] = probability(t, j, log_z, logarithms, room)
        if tags is not None:
            for i in range(count):
                for j in range(count):
                    d_chain[i, j] += room.pairs[i, j]
                d_chain[count, i] += probability(0, i, log_z, logarithms, room)
                d_chain[count + 1, i] += probability(size - 1, i, log_z, logarithms, room)
            for t in range(begin, begin + size):
                d_emissions[t, tags[t]] -= 1
                if t > begin:
                    d_chain[tags[t - 1], tags[t]] -= 1
            d_chain[count, tags[begin]] -= 1
            d_chain[count + 1, tags[begin + size - 1]] -= 1


@exact
def _segments(first, last, sentences, chain, order, bounds, firsts, offsets, tags, result):
    """`order[bounds[s] : bounds[s + 1]]` are the segments of sentence s."""
    emissions, begins, sizes = sentences
    room = new_room(max(1, sizes[first:last].max()), len(chain.starts))
    factors, gentle = new_factors(chain)
    for sentence in range(first, last):
        begin, size = begins[sentence], sizes[sentence]
        if size == 0 or bounds[sentence] == bounds[sentence + 1]:
            continue
        log_z, logarithms = sum_paths(emissions, begin, size, chain, factors, gentle, room)
        for segment in order[bounds[sentence] : bounds[sentence + 1]]:
            path, t = tags[offsets[segment] : offsets[segment + 1]], firsts[segment]
            if logarithms:
                value = room.alphas[t, path[0]] - log_z if log_z != -np.inf else -np.inf
                for k in range(1, len(path)):
                    value += chain.transitions[path[k - 1], path[k]]
                    value += emissions[begin + t + k, path[k]]
                result[segment] = np.exp(value + room.betas[t + len(path) - 1, path[-1]])
                continue
            share = room.alphas[t, path[0]]
            for k in range(1, len(path)):
                onward = factors.onward[path[k - 1], path[k]] * room.scores[t + k, path[k]]
                share *= onward * room.scales[t + k]
            result[segment] = share * room.betas[t + len(path) - 1, path[-1]]
