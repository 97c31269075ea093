"""GloVe: vectors whose products tell how often two words occur near each other.

The arithmetic is in `kernels.glove`, the counting in `_cooccurrences`.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from ..errors import SettingError
from ..kernels.cores import cores
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..word_vectors import WordVectors
from ._cooccurrences import Cooccurrences, count_cooccurrences
from ._hogwild import Chunk, Run, Trainer, aligned_zeros, compile_kernel, train_chunks
from ._words import Words

__all__ = ["GloVe"]


@dataclass(kw_only=True)
class GloVe(Trainer):
    """Trains vectors whose dot product approximates the logarithm of the co-occurrence count.

    Source: Pennington et al. 2014, "GloVe: Global Vectors for Word Representation".

    Args:
        dim: Dimension of the vectors.
        window: Maximum distance of context words.
        symmetric: Whether the context is on both sides; otherwise only on the left.
        distance_weighting: Whether a context word at distance d counts 1/d.
        x_max: Co-occurrence count from which a pair has full weight.
        alpha: Exponent of the weight of rarer pairs, (count / x_max)^alpha.
        combine: `sum` adds the word and context vectors, as in the paper; `word` keeps the word vectors only.
        min_count: Words that occur less often have no vector.
        epochs: Passes over the counted pairs.
        learning_rate: Initial learning rate of AdaGrad.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: The most words in the vocabulary; the most frequent are kept.
        corpus: Files or folders of additional text to train on.
        start: What a recipe's vectors are initialised from: `"starter"`, the bundled English and Chinese
            vectors, if most of the text's words have one and `dim` is at most 128; `"none"`; or a file of
            word vectors.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    kind: ClassVar[str] = "glove"
    dim: int = 100
    window: int = 10
    symmetric: bool = True
    distance_weighting: bool = True
    x_max: float = 10.0
    alpha: float = 0.75
    combine: Literal["sum", "word"] = "sum"
    min_count: int = 5
    epochs: int = 15
    learning_rate: float = 0.05
    lowercase: bool = False
    max_vocabulary: int | None = None
    corpus: str | list[str] | None = None
    start: str = "starter"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.x_max <= 0 or self.alpha < 0:
            raise SettingError(
                f"x_max is {self.x_max} and alpha {self.alpha}; x_max must be above 0, alpha not below."
            )

    def _train(self, corpus: Corpus, start: WordVectors | None, run: Run) -> WordVectors:
        words = Words.from_corpus(corpus, start, self.dim)
        compile_kernel(self._train_on_two_words, run.progress)
        with count_cooccurrences(corpus.ids, len(words.names), self, run) as entries:
            threads = min(run.threads or cores(), len(entries.buckets))
            rows = self._random_rows(len(words.names), run.seed)
            inputs, outputs = rows[:, :, 0, : self.dim]
            if start is not None:
                before = start.vectors / 2 if start.outputs is None else start.outputs
                summed = start.settings.get("combine") == "sum"
                words.copy_known(inputs, start.vectors - before if summed else start.vectors)
                words.copy_known(outputs, before)
            losses = self._train_rows(entries, rows, threads, run.progress)
            settings = self.settings(corpus, run.seed, threads, losses, start) | {"entries": entries.size}
        vectors = inputs + outputs if self.combine == "sum" else inputs.copy()
        return words.by_frequency(vectors, settings, outputs.copy())

    def _train_on_two_words(self) -> None:
        ids = np.array([0, 1, -1], np.int32)
        with count_cooccurrences(ids, 2, self, Run(1, 1, quiet)) as entries:
            self._train_rows(entries, self._random_rows(2, 1), 1, quiet)

    def _random_rows(self, words: int, seed: int) -> np.ndarray:
        """Rows of words and of contexts: (2, words, 2, width), numbers and then sums of squared gradients.

        Behind the vector are the word's bias and a one for the other's bias; for a context the other way
        round.
        """
        from ..kernels.simd import LANES

        width = -(-(self.dim + 2) // LANES) * LANES
        rows = aligned_zeros(2 * words * 2 * width).reshape(2, words, 2, width)
        random = np.random.default_rng(seed)
        for side in range(2):
            for first in range(0, words, 1 << 12):
                part = rows[side, first : first + (1 << 12), 0]
                part[:, : self.dim] = (random.random((len(part), self.dim), np.float32) - 0.5) / self.dim
                part[:, self.dim + side] = (random.random(len(part), np.float32) - 0.5) / self.dim
                part[:, self.dim + 1 - side] = 1
        rows[:, :, 1] = 1
        return rows

    def _train_rows(
        self, entries: Cooccurrences, rows: np.ndarray, threads: int, progress: Progress
    ) -> list[float]:
        """Go through all entries `epochs` times: the mean loss of each."""
        from ..kernels.glove import train_glove
        from ..kernels.simd import LANES

        width = rows.shape[-1]
        masks = np.zeros((2, width), np.float32)
        masks[:, : self.dim] = masks[0, self.dim] = masks[1, self.dim + 1] = 1
        matrices = (rows[0].ravel(), rows[1].ravel(), masks.ravel())

        def learn(bucket: Chunk) -> tuple[float, int]:
            part = slice(bucket.start, bucket.end)
            lane = np.empty(LANES, np.float32)
            pairs, targets = entries.pairs[part], entries.targets[part]
            loss = train_glove(pairs, targets, *matrices, width, self.learning_rate, lane)
            return loss, bucket.end - bucket.start

        plan = [Chunk(epoch, *bucket) for epoch in range(self.epochs) for bucket in entries.buckets.tolist()]
        total = (entries.size * self.epochs, "entries")
        return train_chunks(self.kind, plan, learn, threads, progress, total)
