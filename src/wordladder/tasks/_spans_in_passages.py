"""The best spans of a passage, from what each of its words says of being the first and the last one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Candidate(NamedTuple):
    """A span of words and its probability, start and end taken together; `first` is -1 for no answer."""

    first: int
    last: int
    probability: float


def best_spans(starts: Floats, ends: Floats, longest: int, count: int) -> list[Candidate]:
    """The most probable spans of at most `longest` words, no two of them the same, the best first.

    Args:
        starts: The log-probability that each word is the first, `(words,)`.
        ends: The same of the last one.
        longest: Most words of a span.
        count: Most spans.
    """
    words = len(starts)
    longest = min(longest, words)
    table = np.full((longest, words), -np.inf)  # a span of `row + 1` words that starts at `column`
    for more in range(longest):
        table[more, : words - more] = starts[: words - more] + ends[more:]
    flat = table.ravel()
    count = min(count, flat.size)
    if not count:
        return []
    chosen = np.argpartition(-flat, count - 1)[:count]
    chosen = chosen[np.argsort(-flat[chosen], kind="stable")]
    extra, first = np.divmod(chosen, words)
    found = zip(first.tolist(), (first + extra).tolist(), np.exp(flat[chosen]).tolist())
    return [Candidate(*one) for one in found if one[2] > 0.0]
