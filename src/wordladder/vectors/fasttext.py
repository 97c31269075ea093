"""fastText: Word2Vec over the parts of words, so that words never seen have vectors too.

The arithmetic is in `kernels.subwordgram`, the hashing of n-grams in `subwords`.
"""

from typing import Literal, get_args

import numpy as np

from ..errors import SettingError
from ..progress import Progress, quiet
from ..text.corpus import Corpus
from ..text.subwords import Subwords
from ..word_vectors import WordVectors
from ._hogwild import (
    Learner,
    Pace,
    Stretch,
    check_run,
    check_settings,
    compiled,
    cores,
    facts_of,
    first_rows,
    padded,
    run,
    stretches,
    target_tables,
)
from ._words import Words

__all__ = ["FastText"]

Architecture = Literal["skipgram", "cbow"]
Loss = Literal["negative", "hierarchical"]
# fastText's own default is 0.05. On 24 M words of Wikipedia 0.04 gave analogies 0.609 and rare words 0.488,
# 0.05 gave 0.606 and 0.481.
_RATE = 0.04
_POWER = 0.5  # negatives are drawn in proportion to counts ** this, as in fastText; Word2Vec has 0.75


class FastText:
    """Trains one vector a word and one a character n-gram; a word is the mean of its own and its n-grams'.

    Source: Bojanowski et al. 2017, "Enriching Word Vectors with Subword Information".

    Args:
        model: `skipgram` predicts each neighbour from a word and is better on rare words; `cbow` predicts a
            word from its neighbours together.
        loss: `negative` tells each word from a few random ones; `hierarchical` finds it by the decisions of a
            Huffman tree.
        dim: Numbers in a vector.
        window: Words to each side that count as neighbours, at most; each word draws its own number up to it.
        negative: Random words that each word is told from.
        min_n: Characters of the shortest n-gram; the marks < and > around a word are characters of it.
        max_n: Characters of the longest n-gram; 0: no n-grams.
        buckets: How many buckets n-grams are hashed into; those in one bucket share a vector.
        han: Whether each Han character is a unit of its word, whatever `min_n` is; fastText's .bin files have
            no such units.
        min_count: Words that occur less often have no vector of their own.
        epochs: Times the corpus is read.
        sample: Words more frequent than this share of the text are thinned out; 0 keeps all. fastText's own
            default is 1e-4.
        learning_rate: Step at the start, from where it falls evenly to nearly nothing; left out, 0.04.
        lowercase: Whether the text is lower-cased first.
        max_vocabulary: Words that get a vector at most, the most frequent first.
        corpus: Files or folders of more text to learn from.

    Raises:
        SettingError: a setting has a value that cannot be used.
    """

    def __init__(
        self,
        *,
        model: Architecture = "skipgram",
        loss: Loss = "negative",
        dim: int = 100,
        window: int = 5,
        negative: int = 5,
        min_n: int = 3,
        max_n: int = 6,
        buckets: int = 2_000_000,
        han: bool = True,
        min_count: int = 5,
        epochs: int = 5,
        sample: float = 1e-4,
        learning_rate: float | None = None,
        lowercase: bool = False,
        max_vocabulary: int | None = None,
        corpus: str | list[str] | None = None,
    ) -> None:
        if max_n and not 1 <= min_n <= max_n:
            raise SettingError(f"min_n is {min_n} and max_n {max_n}; they must be 1 ≤ min_n ≤ max_n.")
        self.model, self.loss, self.dim, self.window, self.negative = model, loss, dim, window, negative
        self.min_n, self.max_n, self.buckets, self.han = min_n, max_n, buckets, han
        self.min_count, self.max_vocabulary, self.epochs = min_count, max_vocabulary, epochs
        self.sample, self.learning_rate = sample, learning_rate
        self.lowercase, self.corpus = lowercase, corpus
        counted = ("dim", "window", "negative", "min_count", "max_vocabulary", "epochs", "buckets")
        choices = {"model": get_args(Architecture), "loss": get_args(Loss)}
        check_settings(self, at_least_one=counted, choices=choices)

    def train(
        self,
        corpus: Corpus,
        *,
        threads: int | None = None,
        seed: int = 1,
        start: WordVectors | None = None,
        progress: Progress = quiet,
    ) -> WordVectors:
        """Train vectors for the corpus's vocabulary and its n-grams; see `Word2Vec.train`.

        Raises:
            SettingError: `threads`, `seed` or `start` cannot be used.
        """
        check_run(threads, seed)
        words = Words.of(corpus, start, self.dim)
        count = len(words.names)
        plan = stretches(corpus, self.epochs)
        threads = min(threads or cores(), len(plan) // self.epochs)
        parts = _Spelling(self, words.names)
        inputs = first_rows(count + len(parts.used), self.dim, 1 / self.dim, seed)
        outputs = padded(count, self.dim)
        if start is not None:
            self._go_on(start, words, parts, self._matrix(inputs), self._matrix(outputs))
        learn = self._learner(corpus.ids, words.counts, parts, inputs, outputs, seed, progress)
        losses = run("fasttext", corpus, plan, learn, threads, progress)
        rows, sizes = self._matrix(inputs), (self.min_n, self.max_n, self.han, self.buckets)
        subwords = Subwords(words.rows_in_order(rows[:count]), rows[count:][parts.order], *sizes, parts.used)
        names, counts, _ = words.in_order()
        settings = self._settings(corpus, seed, threads, losses, start)
        vectors = subwords.vectors(names, np.arange(count))
        others = words.rows_in_order(self._matrix(outputs))
        return WordVectors(names, vectors, counts, settings, subwords=subwords, outputs=others)

    def _matrix(self, flat: np.ndarray) -> np.ndarray:
        return flat.reshape(-1, -(-self.dim // 16) * 16)[:, : self.dim]

    def _go_on(
        self, start: WordVectors, words: Words, parts: "_Spelling", inputs: np.ndarray, outputs: np.ndarray
    ) -> None:
        """Take over the rows of an earlier training."""
        old = start.subwords
        if old is None:
            raise SettingError("the vectors to go on from have no subwords; fastText goes on from its own.")
        for name, before in (("min_n", old.min_n), ("max_n", old.max_n), ("han", old.han)):
            mine = getattr(self, name)
            if mine != before:
                raise SettingError(f"{name} is {mine}; the vectors to go on from have {before}.")
        if self.buckets != (old.total or len(old.buckets)):
            raise SettingError(f"buckets is {self.buckets}; the vectors to go on from have another number.")
        words.put(inputs[: len(words.names)], old.own)
        used = np.arange(len(old.buckets)) if old.used is None else old.used
        _, here, there = np.intersect1d(parts.used, used, return_indices=True)
        inputs[len(words.names) + parts.order[here]] = old.buckets[there]
        if start.outputs is not None and self.loss == "negative":  # another text has another tree
            words.put(outputs, start.outputs)

    def _learner(
        self,
        ids: np.ndarray,
        counts: np.ndarray,
        parts: "_Spelling",
        inputs: np.ndarray,
        outputs: np.ndarray,
        seed: int,
        progress: Progress,
    ) -> Learner:
        from ..kernels.sampling import Weights
        from ..kernels.simd import LANES
        from ..kernels.subword_skipgram import Parts, subwordgram

        ids = ids.view()
        ids.flags.writeable = False  # the kernels are compiled for numbers that stay as they are
        tables, size = target_tables(counts, self.sample, self.loss, self.negative, _POWER)
        stride = len(outputs) // len(counts)
        weights = Weights(inputs, outputs, stride, -(-self.dim // LANES) * LANES)
        spelling = Parts(parts.begins, parts.rows * stride)
        pace = Pace(self._rate, len(ids), self.epochs, seed)
        sizes = (self.window, self.negative, size)

        def learn(stretch: Stretch) -> tuple[float, int]:
            schedule, state = pace.at(stretch)
            where = (ids, stretch.start, stretch.end, tables, spelling, weights, schedule)
            return subwordgram(*where, *sizes, self.model == "cbow", state)

        compiled(learn, progress)
        return learn

    @property
    def _rate(self) -> float:
        return _RATE if self.learning_rate is None else self.learning_rate

    def _settings(
        self, corpus: Corpus, seed: int, threads: int, losses: list[float], start: WordVectors | None
    ) -> dict[str, object]:
        names = ["model", "loss", "dim", "window", "negative", "min_n", "max_n", "buckets", "han"]
        names += ["min_count", "epochs", "sample"]
        return {
            "kind": "fasttext",
            **{name: getattr(self, name) for name in names},
            "learning_rate": self._rate,
            **facts_of(corpus, seed, threads, losses, start),
        }


class _Spelling:
    """What words are made of: their own rows, and behind those the rows of the buckets that they use.

    Row `order[i]` behind the words is that of bucket `used[i]`.
    """

    def __init__(self, trainer: FastText, words: list[str]) -> None:
        from ..text.subwords import ngrams

        offsets, found = ngrams(words, trainer.min_n, trainer.max_n, trainer.buckets, han=trainer.han)
        self.used, first, places = np.unique(found, return_index=True, return_inverse=True)
        # the buckets in the order in which words meet them: those of a word lie together as far as they can
        self.order = np.empty(len(self.used), np.int64)
        self.order[np.argsort(first)] = np.arange(len(self.used))
        self.begins = offsets + np.arange(len(offsets))
        self.rows = np.empty(self.begins[-1], np.int64)
        own = np.zeros(len(self.rows), bool)
        own[self.begins[:-1]] = True
        self.rows[own] = np.arange(len(words))
        self.rows[~own] = len(words) + self.order[places]
