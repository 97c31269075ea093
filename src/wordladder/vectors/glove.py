"""GloVe: vectors whose products tell how often two words occur near each other.

The arithmetic is in `kernels.glove`, the counting in `_cooccurrences`.
"""

import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np

from ..errors import SettingError
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..word_vectors import WordVectors
from ._cooccurrences import Counting, Entries, count
from ._hogwild import aligned, check_run, check_settings, cores, facts_of
from ._words import Words

__all__ = ["GloVe"]


class GloVe:
    """Trains vectors whose product is the logarithm of how often their words occur near each other.

    Source: Pennington et al. 2014, "GloVe: Global Vectors for Word Representation".

    Args:
        dim: Numbers in a vector.
        window: Words to each side that count as neighbours.
        symmetric: Whether words to the right count as well as those to the left.
        distance_weighting: Whether a neighbour counts one over its distance.
        x_max: Count from which a pair has the full weight in training.
        alpha: Power of the count, relative to `x_max`, that weighs rarer pairs.
        combine: `sum` adds a word's vector and its vector as a neighbour, as the paper does; `word` takes the
            first alone.
        min_count: Words that occur less often have no vector.
        epochs: Times the counted pairs are gone through.
        learning_rate: Step at the start; AdaGrad makes it smaller, number by number.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: Words that get a vector at most, the most frequent first.
        corpus: Files or folders of more text to learn from.
        start: What a recipe's vectors go on from: `"starter"`, the vectors of English and Chinese that come
            with wordladder, where most of the text's words have one and `dim` is at most 128; `"none"`; or
            a file of word vectors.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    def __init__(
        self,
        *,
        dim: int = 100,
        window: int = 10,
        symmetric: bool = True,
        distance_weighting: bool = True,
        x_max: float = 10.0,
        alpha: float = 0.75,
        combine: Literal["sum", "word"] = "sum",
        min_count: int = 5,
        epochs: int = 15,
        learning_rate: float = 0.05,
        lowercase: bool = False,
        max_vocabulary: int | None = None,
        corpus: str | list[str] | None = None,
        start: str = "starter",
    ) -> None:
        self.dim, self.window, self.epochs = dim, window, epochs
        self.symmetric, self.distance_weighting = symmetric, distance_weighting
        self.x_max, self.alpha, self.combine = x_max, alpha, combine
        self.min_count, self.max_vocabulary = min_count, max_vocabulary
        self.learning_rate, self.lowercase = learning_rate, lowercase
        self.corpus, self.start = corpus, start
        counted = ("dim", "window", "min_count", "max_vocabulary", "epochs")
        check_settings(self, at_least_one=counted, choices={"combine": ("sum", "word")})
        if x_max <= 0 or alpha < 0:
            raise SettingError(f"x_max is {x_max} and alpha {alpha}; x_max must be above 0, alpha not below.")

    def train(
        self,
        corpus: Corpus,
        *,
        threads: int | None = None,
        seed: int = 1,
        start: WordVectors | None = None,
        progress: Progress = quiet,
    ) -> WordVectors:
        """Train vectors for the corpus's vocabulary; see `Word2Vec.train`.

        Raises:
            SettingError: `threads`, `seed` or `start` cannot be used.
            OutputError: the counts cannot be written to the temporary folder.
        """
        check_run(threads, seed)
        threads = threads or cores()
        words = Words.of(corpus, start, self.dim)
        names = len(words.names)
        self._compile(progress)
        with self._counted(corpus.ids, names, threads, seed, progress) as entries:
            threads = min(threads, len(entries.buckets))
            rows = self._first_rows(names, seed)
            if start is not None:
                self._go_on(start, words, rows)
            losses = self._learn(entries, rows, threads, progress)
            size = entries.size
        inputs, outputs = (words.rows_in_order(half[:, 0, : self.dim]) for half in rows)
        vectors = inputs + outputs if self.combine == "sum" else inputs.copy()
        names_in_order, counts, _ = words.in_order()
        settings = self._settings(corpus, seed, threads, losses, start) | {"entries": size}
        return WordVectors(names_in_order, vectors, counts, settings, outputs=outputs.copy())

    def _counted(self, ids: np.ndarray, words: int, threads: int, seed: int, progress: Progress) -> Entries:
        near = Counting(self.window, self.symmetric, self.distance_weighting, self.x_max, self.alpha)
        return count(ids, words, near, threads=threads, seed=seed, progress=progress)

    def _compile(self, progress: Progress) -> None:
        """Have the kernels compiled, on a text of two words."""
        started = time.perf_counter()
        progress("compiling", 0, 1)
        with self._counted(np.array([0, 1, -1], np.int32), 2, 1, 1, quiet) as entries:
            self._learn(entries, self._first_rows(2, 1), 1, quiet)
        progress("compiling", 1, 1, seconds=time.perf_counter() - started)

    def _go_on(self, start: WordVectors, words: Words, rows: np.ndarray) -> None:
        """Take over the vectors of an earlier training."""
        outputs = start.vectors / 2 if start.outputs is None else start.outputs
        inputs = start.vectors - outputs if start.settings.get("combine") == "sum" else start.vectors
        words.put(rows[0, :, 0, : self.dim], inputs)
        words.put(rows[1, :, 0, : self.dim], outputs)

    def _first_rows(self, words: int, seed: int) -> np.ndarray:
        """Rows of words and of contexts: (2, words, 2, width), numbers and then sums of squared gradients.

        Behind the vector stand the word's bias and a one for the other's bias; for a context the other way
        round.
        """
        from ..kernels.simd import LANES

        width = -(-(self.dim + 2) // LANES) * LANES
        rows = aligned(2 * words * 2 * width).reshape(2, words, 2, width)
        random = np.random.default_rng(seed)
        for side in range(2):
            for first in range(0, words, 1 << 12):
                part = rows[side, first : first + (1 << 12), 0]
                part[:, : self.dim] = (random.random((len(part), self.dim), np.float32) - 0.5) / self.dim
                part[:, self.dim + side] = (random.random(len(part), np.float32) - 0.5) / self.dim
                part[:, self.dim + 1 - side] = 1
        rows[:, :, 1] = 1
        return rows

    def _learn(self, entries: Entries, rows: np.ndarray, threads: int, progress: Progress) -> list[float]:
        """Go through all entries `epochs` times: the mean loss of each."""
        from ..kernels.glove import glove
        from ..kernels.simd import LANES

        width = rows.shape[-1]
        masks = np.zeros((2, width), np.float32)
        masks[:, : self.dim] = masks[0, self.dim] = masks[1, self.dim + 1] = 1
        words, contexts, learned = rows[0].ravel(), rows[1].ravel(), masks.ravel()

        def learn(bucket: np.ndarray) -> float:
            begin, end = bucket.tolist()
            lot = (entries.pairs[begin:end], entries.facts[begin:end])
            room = np.empty(LANES, np.float32)
            return glove(*lot, words, contexts, learned, width, self.learning_rate, room)

        started, done, losses = time.perf_counter(), 0, []
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(self.epochs):
                loss, here = 0.0, 0
                waiting = deque((bucket, pool.submit(learn, bucket)) for bucket in entries.buckets)
                try:
                    while waiting:
                        bucket, future = waiting.popleft()
                        loss += future.result()
                        here += int(bucket[1] - bucket[0])
                        speed = (done + here) / (time.perf_counter() - started)
                        facts = {"loss": loss / max(1, here), "entries_per_second": speed}
                        progress("training glove", done + here, entries.size * self.epochs, **facts)
                finally:
                    for _, future in waiting:
                        future.cancel()
                done += here
                losses.append(loss / max(1, here))
        return losses

    def _settings(
        self, corpus: Corpus, seed: int, threads: int, losses: list[float], start: WordVectors | None
    ) -> dict[str, object]:
        names = ["dim", "window", "symmetric", "distance_weighting", "x_max", "alpha", "combine"]
        names += ["min_count", "epochs", "learning_rate"]
        return {
            "kind": "glove",
            **{name: getattr(self, name) for name in names},
            **facts_of(corpus, seed, threads, losses, start),
        }
