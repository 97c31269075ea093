"""Which pieces of a text are hidden from a masked language model, and what stands in their place.

Whole words, or runs of up to three words of which a run of n is as likely as 1/n (Lan et al. 2020, equation
1), are drawn until 15 % of the pieces of each row are chosen; of these 80 % become the mask, 10 % a random
piece, and 10 % stay (Devlin et al. 2019, section 3.1). All is drawn anew each time a text comes by.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

Ints = np.ndarray


class Masked(NamedTuple):
    """Pieces with some hidden (pieces,), which ones (masked,), ascending, and what they were (masked,)."""

    ids: Ints
    places: Ints
    labels: Ints


@dataclass(frozen=True)
class Masking:
    """How pieces are hidden.

    Attributes:
        mask: The number of the mask piece.
        ordinary: The numbers that a random piece is drawn from.
        share: Share of the pieces that are chosen.
        longest: Words in a run, at most.
    """

    mask: int
    ordinary: Ints
    share: float = 0.15
    longest: int = 1

    def hide(self, ids: Ints, opens: Ints, rows: Ints, chance: np.random.Generator) -> Masked:
        """Hide pieces.

        Args:
            ids: The pieces of all rows, one row after another, without special ones (pieces,).
            opens: Whether each begins a word (pieces,); the first piece of a row or of a segment must.
            rows: The row of each (pieces,), ascending.
            chance: Where chance comes from.
        """
        places = choose_pieces(opens, rows, self.share, self.longest, chance)
        labels = ids[places]
        draw = chance.random(len(places))
        instead = np.where(draw < 0.8, self.mask, labels)
        other = draw >= 0.9
        instead[other] = self.ordinary[chance.integers(len(self.ordinary), size=int(other.sum()))]
        hidden = ids.copy()
        hidden[places] = instead
        return Masked(hidden, places, labels)


def choose_pieces(opens: Ints, rows: Ints, share: float, longest: int, chance: np.random.Generator) -> Ints:
    """The places of the pieces to hide, ascending.

    All words are dealt into runs of random lengths, which end where a row ends; the runs of a row are put
    into a random order, and taken from its start as long as the run's middle is within the row's share. So
    the share is met in the mean, and every row has at least one piece.
    """
    word = np.cumsum(opens) - 1  # the word of each piece
    words = int(word[-1]) + 1 if len(word) else 0
    if not words:
        return np.zeros(0, dtype=np.int64)
    first = np.flatnonzero(opens)
    weights = 1.0 / np.arange(1, longest + 1)
    lengths = 1 + np.searchsorted(np.cumsum(weights / weights.sum())[:-1], chance.random(words), side="right")
    heads = np.zeros(words, dtype=bool)
    starts = np.cumsum(lengths) - lengths
    heads[starts[starts < words]] = True
    heads |= np.diff(rows[first], prepend=-1) != 0
    run = np.cumsum(heads) - 1  # the run of each word
    run_rows = rows[first][heads]
    sizes = np.bincount(run[word])
    order = np.argsort(run_rows + chance.random(len(sizes)), kind="stable")  # fast: rows are in order already
    reached = np.cumsum(sizes[order])
    openers = np.flatnonzero(np.diff(run_rows, prepend=-1))
    row_starts = np.repeat(openers, np.diff(openers, append=len(run_rows)))
    before = np.append(0, reached)[row_starts]
    row_sizes = np.bincount(rows)[run_rows]
    inside = reached - before
    taken = inside - sizes[order] / 2 <= share * row_sizes
    taken[openers] |= share > 0
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[taken]] = True
    return np.flatnonzero(chosen[run[word]])
