"""What a two-way language model reads: the lines of a corpus in parts, in batches that depend on the seed and
on their numbers alone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..embedders._elmo_network import SPECIAL_WORDS, PackedTexts, pack_texts, part_lengths
from ..embedders._elmo_options import ElmoOptions
from ..errors import DataError
from ..layers.sampled_softmax import draw_candidates
from ..text.corpus import Corpus

SPECIAL = ("<S>", "</S>", "<UNK>")  # the first words that can be predicted; the rest follows, frequent first
_UNKNOWN = 2
_HELD_OUT_LINES, _CANDIDATES, _ORDER = 0, 1, 2  # drawn with, beside the seed: no two draws are alike


class LmBatch(NamedTuple):
    """Texts, and the words that are to be predicted.

    Attributes:
        texts: The texts.
        sources: The packed words from which one is predicted, the same numbers in both directions,
            `(predictions,)`.
        targets: The number of the word that comes next in each direction, `(2, predictions)`.
        candidates: Numbers of the words that they are told from, `(samples,)`; empty: from all.
        draws: How many draws the candidates took, a scalar.
    """

    texts: PackedTexts
    sources: Tensor
    targets: Tensor
    candidates: Tensor
    draws: Tensor


class Parts(NamedTuple):
    """Where parts of lines begin among the corpus's numbers, and how many words they have."""

    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


class LmText:
    """A corpus as batches.

    Args:
        corpus: All its words, rare ones too.
        words: The words that can be predicted, without `SPECIAL`.
        options: The shape of the model; its `window` says how many words a part has at most.
        batch_words: About how many words a batch has.
        samples: Candidates of a batch; 0 draws none.
        held_out_words: About how many words are held out, as whole lines: at least one line, unless it is 0,
            and never all of them.
        seed: Start of everything random.

    Raises:
        DataError: the text has too few lines with words: two are needed, one where none is held out.
    """

    def __init__(
        self,
        corpus: Corpus,
        words: Sequence[str],
        options: ElmoOptions,
        *,
        batch_words: int,
        samples: int,
        held_out_words: int,
        seed: int,
    ) -> None:
        self._corpus, self._options, self._seed, self._samples = corpus, options, seed, samples
        self.classes = len(SPECIAL) + len(words)
        numbers = {word: len(SPECIAL) + i for i, word in enumerate(words)}
        surfaces = corpus.vocabulary.words
        self.outputs = np.fromiter(
            (numbers.get(word, _UNKNOWN) for word in surfaces), np.int64, len(surfaces)
        )
        ends = np.flatnonzero(corpus.ids == -1)
        starts = np.concatenate([[0], ends[:-1] + 1])
        full = ends > starts
        starts, lengths = starts[full], (ends - starts)[full]
        if not len(starts):
            raise DataError("pretraining needs lines of text to learn from; there are none")
        if len(starts) < 2 and held_out_words:
            raise DataError(
                "pretraining needs at least two lines of text: one to learn from and one held out; "
                f"there are {len(starts)}"
            )
        self.lines = len(starts)
        held = self._held_out_lines(lengths, held_out_words)
        self.train = _parts(starts[~held], lengths[~held], options.window)
        self.held_out = _parts(starts[held], lengths[held], options.window)
        self._rows = max(1, round(batch_words / float(self.train.lengths.mean())))
        self._order: dict[int, tuple[int, NDArray[np.int64]]] = {}

    def _held_out_lines(self, lengths: NDArray[np.int64], words: int) -> NDArray[np.bool_]:
        order = np.random.default_rng([self._seed, _HELD_OUT_LINES]).permutation(len(lengths))
        held = np.zeros(len(lengths), dtype=bool)
        if words:
            count = 1 + int(np.searchsorted(np.cumsum(lengths[order]), words))
            held[order[: min(count, len(lengths) - 1)]] = True
        return held

    @property
    def unknown_share(self) -> float:
        """The share of the corpus's words that cannot be predicted."""
        counts = self._corpus.vocabulary.counts
        if counts is None:
            return 0.0
        return float(counts[self.outputs == _UNKNOWN].sum() / counts.sum())

    def batch(self, step: int, part: int) -> LmBatch:
        """The batch of part `part` of step `step`. Each part of the steps goes through all parts of the text,
        again and again, every time in another order.
        """
        rows = min(self._rows, len(self.train.starts))
        epoch, place = divmod(step, len(self.train.starts) // rows)
        known = self._order.get(part)
        if known is None or known[0] != epoch:
            generator = np.random.default_rng([self._seed, _ORDER, part, epoch])
            known = self._order[part] = epoch, generator.permutation(len(self.train.starts))
        chosen = known[1][place * rows : (place + 1) * rows]
        generator = np.random.default_rng([self._seed, _CANDIDATES, part, step])
        return self._laid(_taken(self.train, chosen), generator)

    def held_out_batches(self) -> list[LmBatch]:
        """The held-out text, to be told from all words; none where nothing is held out."""
        if not len(self.held_out.lengths):
            return []
        order = np.argsort(-self.held_out.lengths, kind="stable")
        parts = -(-len(order) // self._rows)
        return [self._laid(_taken(self.held_out, rows), None) for rows in np.array_split(order, parts)]

    def _laid(self, parts: Parts, generator: np.random.Generator | None) -> LmBatch:
        places = np.repeat(parts.starts, parts.lengths) + _counted(parts.lengths)
        ids, surfaces = self._corpus.ids[places], self._corpus.vocabulary.words
        words = [surfaces[number] for number in ids.tolist()]
        read = pack_texts(words, parts.lengths, self._options)
        # Begin and end marks have the same numbers among the spelled words and among the predicted ones.
        following = torch.where(read.words < SPECIAL_WORDS, read.words, 0)
        following.scatter_(1, read.places, torch.from_numpy(self.outputs[ids]).expand(2, -1))
        counts = read.counts
        begins = np.cumsum(counts) - counts
        sources = np.repeat(begins[:-1], counts[1:]) + _counted(counts[1:])
        candidates, draws = np.empty(0, np.int64), 0
        if self._samples and generator is not None:
            candidates, draws = draw_candidates(generator, self.classes, self._samples)
        return LmBatch(
            read,
            torch.from_numpy(sources),
            following[:, int(counts[0]) :].contiguous(),
            torch.from_numpy(candidates),
            torch.tensor(draws),
        )


def _parts(starts: NDArray[np.int64], lengths: NDArray[np.int64], window: int | None) -> Parts:
    """Lines in parts of at most `window` words."""
    sizes = part_lengths(lengths, window)
    offsets = np.cumsum(sizes) - sizes
    before = np.cumsum(lengths) - lengths
    owner = np.searchsorted(before, offsets, side="right") - 1
    return Parts(starts[owner] + offsets - before[owner], sizes)


def _taken(parts: Parts, rows: NDArray[np.int64]) -> Parts:
    return Parts(parts.starts[rows], parts.lengths[rows])


def _counted(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … up to each length, one after another."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
