"""Which pieces of a text are masked for a masked language model, and what replaces them.

Whole words, or runs of up to three words of which a run of n has a probability proportional to 1/n (Lan et
al. 2020, equation 1), are drawn until 15 % of the pieces of each row are chosen; of these 80 % become the
mask, 10 % a random piece, and 10 % stay (Devlin et al. 2019, section 3.1). The draw is new each time a text
is read.
"""

from dataclasses import dataclass

import numpy as np

Ints = np.ndarray


@dataclass(frozen=True)
class Masking:
    """How pieces are masked.

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

    def mask_pieces(
        self, ids: Ints, opens: Ints, rows: Ints, chance: np.random.Generator
    ) -> tuple[Ints, Ints, Ints]:
        """Mask pieces.

        Args:
            ids: The pieces of all rows, one row after another, without special ones (pieces,).
            opens: Whether each begins a word (pieces,); the first piece of a row or of a segment must.
            rows: The row of each (pieces,), ascending.
            chance: The random generator.

        Returns:
            The pieces with some masked (pieces,), which ones (masked,), ascending, and what they were
            (masked,).
        """
        places = choose_pieces(opens, rows, self.share, self.longest, chance)
        labels, masked = ids[places], ids.copy()
        draw = chance.random(len(places))
        masked[places[draw < 0.8]] = self.mask
        other = places[draw >= 0.9]
        masked[other] = self.ordinary[chance.integers(len(self.ordinary), size=len(other))]
        return masked, places, labels


def choose_pieces(opens: Ints, rows: Ints, share: float, longest: int, chance: np.random.Generator) -> Ints:
    """The places of the pieces to mask, ascending.

    All words are dealt into runs of random lengths, which end where a row ends; the runs of a row are put
    into a random order, and taken from its start as long as the run's middle is within the row's share. So
    the share is met in the mean, and every row has at least one masked piece.
    """
    if not len(opens):
        return np.zeros(0, dtype=np.int64)
    word = np.cumsum(opens) - 1  # the word of each piece
    first = np.flatnonzero(opens)  # the first piece of each word
    weights = 1.0 / np.arange(1, longest + 1)
    draws = chance.random(len(first))
    lengths = 1 + np.searchsorted(np.cumsum(weights / weights.sum())[:-1], draws, side="right")
    heads = np.diff(rows[first], prepend=-1) != 0  # words that begin a run
    starts = np.cumsum(lengths) - lengths
    heads[starts[starts < len(first)]] = True
    run = np.cumsum(heads) - 1  # the run of each word
    run_rows = rows[first][heads]
    sizes = np.bincount(run[word])
    order = np.argsort(run_rows + chance.random(len(sizes)), kind="stable")  # fast: rows are in order already
    reached = np.cumsum(sizes[order])
    openers = np.flatnonzero(np.diff(run_rows, prepend=-1))
    row_starts = np.repeat(openers, np.diff(openers, append=len(run_rows)))
    inside = reached - np.append(0, reached)[row_starts]
    selected = inside - sizes[order] / 2 <= share * np.bincount(rows)[run_rows]
    selected[openers] |= share > 0
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[selected]] = True
    return np.flatnonzero(chosen[run[word]])
